"""Who may open the feed, and what is refused before the upgrade."""

import asyncio
from http.client import HTTPConnection

import pytest
from websockets.exceptions import InvalidStatus

from tests.protocol.conftest import ORIGIN
from tests.protocol.socket import Frame

HELLO = {
    "type", "protocol", "epoch", "position", "head", "unread", "reads_version", "heartbeat", "window", "user",
}  # fmt: skip


async def refused(opening) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await opening
    return caught.value.response.status_code


async def test_hello_comes_first_with_all_its_fields(server, person, open_socket, settle):
    ann = person()
    epoch, position, _ = await settle(server)
    socket = await open_socket(server, ann)
    hello: Frame = await socket.frame()
    assert hello.keys() == HELLO
    assert (hello["type"], hello["protocol"], hello["epoch"]) == ("hello", 1, epoch)
    assert hello["position"] == hello["head"] == position
    assert (hello["unread"], hello["reads_version"], hello["heartbeat"]) == (0, 0, 15)
    assert hello["window"] == {"alerts": 256, "bytes": 262144}
    assert hello["user"]["id"] == str(ann.pk)


async def test_type_comes_first_in_every_frame(server, person, open_socket, shell):
    ann = person()
    socket = await open_socket(server, ann)
    await socket.frame()
    uid = shell(f"alert({ann.key!r})")
    await socket.alerts(1)
    for command in ({"type": "ping"}, {"type": "read", "ids": [uid]}, {"type": "nonsense"}):
        await socket.send(**command)
        await socket.frame()
    assert len(socket.texts) == 5
    assert all(text.startswith('{"type":"') for text in socket.texts)


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["alerts.v1"], "alerts.v1"), (["x", "alerts.v1"], "alerts.v1"), (None, None)]
)
async def test_the_sub_protocol_is_optional(server, person, open_socket, offered, chosen):
    socket = await open_socket(server, person(), subprotocols=offered)
    assert (await socket.frame())["type"] == "hello"
    assert socket.connection.subprotocol == chosen


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "ws://127.0.0.1:{port}",
        "ftp://127.0.0.1:{port}",
        "HTTP://127.0.0.1:{port}",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}.evil.example",
        "http://evil.example",
        "http://evil.example:{port}",
        "http://user@127.0.0.1:{port}",
        "http://127.0.0.1:{port}@evil.example",
        "http://127.0.0.1:0{port}",
        "http://sub.localhost:{port}",
        "https://intranet.example.org:8443",
        "http://intranet.example.org",
        "https://INTRANET.example.org",
        "https://sub.intranet.example.org",
        "https://example.org",
        "https://intranet.example.org.",
        "https://xn--intrnet-cza.example.org",
    ],
)
async def test_any_other_origin_is_refused_before_the_upgrade(server, person, open_socket, origin):
    given = origin.format(port=server.port) if origin else origin
    # 400: what is no URL at all is refused by the engine itself.
    assert await refused(open_socket(server, person(), origin=given)) in (400, 403)


async def test_two_origins_are_refused(server, person, open_socket):
    assert await refused(open_socket(server, person(), headers=[("Origin", server.url)])) in (400, 403)


async def test_the_own_host_site_url_and_declared_origins_are_let_in(server, person, open_socket):
    ann = person()
    localhost = f"http://localhost:{server.port}"
    # SITE_URL is the server's own address: the third page was reached by another name.
    for origin, host in (
        (server.url, "127.0.0.1"),
        (localhost, "localhost"),
        (server.url, "localhost"),
        (ORIGIN, "localhost"),
    ):
        socket = await open_socket(server, ann, origin=origin, uri_host=host)
        assert (await socket.frame())["type"] == "hello"


async def test_a_host_that_is_not_allowed_is_refused(server, person, open_socket):
    opening = open_socket(server, person(), origin="http://evil.example", uri_host="evil.example")
    assert await refused(opening) in (400, 403)


@pytest.mark.parametrize(
    "cookie", ["", "sessionid=", "sessionid=forged0123456789abcdefghijklmnop", "other=1", "a;;=", '"=']
)
async def test_without_a_session_it_is_refused(server, open_socket, cookie):
    assert await refused(open_socket(server, None, cookie=cookie)) == 403


async def test_an_expired_a_flushed_and_an_inactive_session_are_refused(server, person, open_socket, shell):
    shell("from django.contrib.sessions.models import Session; from django.utils import timezone")
    expired, flushed, inactive, changed = (person() for _ in range(4))
    shell(f"Session.objects.filter(pk={expired.session!r}).update(expire_date=timezone.now())")
    shell(f"Session.objects.filter(pk={flushed.session!r}).delete()")
    shell(f"User.objects.filter(pk={inactive.pk}).update(is_active=False)")
    shell(f"User.objects.filter(pk={changed.pk}).update(password='!another')")
    for nobody in (expired, flushed, inactive, changed):
        assert await refused(open_socket(server, nobody)) == 403


async def test_another_cookie_beside_the_session_does_no_harm(server, person, open_socket):
    ann = person()
    for other in ("a=1; {}", '{}; bad cookie; x="y', "=; {}", "[x]=1; {}"):
        socket = await open_socket(server, None, cookie=other.format(ann.cookie))
        assert (await socket.frame())["user"]["id"] == str(ann.pk)


@pytest.mark.parametrize(
    "position",
    ["-1", "x", "", "1.0", "+1", "%201", "1e3", str(2**53), "9" * 40, "%D9%A1", "0x1", "1_0", "true", "null"],
)
async def test_a_position_that_is_none_is_refused(server, person, open_socket, position):
    assert await refused(open_socket(server, person(), f"epoch=x&position={position}")) == 403


async def test_another_path_is_refused(server, person, open_socket):
    for path in ("/", "/ws/", "/ws/feed", "/ws/feed/x", "/ws/other/"):
        assert await refused(open_socket(server, person(), path=path)) in (403, 404)


async def test_what_a_client_says_of_proxies_and_paths_has_no_effect(server, person, open_socket):
    ann = person()
    headers = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("Daphne-Root-Path", "/evil"),
    ]
    socket = await open_socket(server, ann, headers=headers)
    assert (await socket.frame())["type"] == "hello"
    assert f"connect: user={ann.pk} ip=127.0.0.1" in server.read_log()
    assert "203.0.113.9" not in server.read_log()


async def test_no_page_believes_a_root_path_of_the_client(server, person):
    ann = person()
    for path in ("/", "/accounts/login/"):
        headers = {"Daphne-Root-Path": "/evil", "X-Forwarded-Host": "evil.example", "X-Script-Name": "/evil"}
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", path, headers=headers | {"Cookie": ann.cookie})
        answer = connection.getresponse()
        text = answer.read().decode() + str(answer.headers)
        connection.close()
        assert answer.status in (200, 302)
        assert "evil" not in text


async def test_connect_and_refuse_are_one_line_each_without_cookie_or_body(server, person, open_socket):
    before = len(server.read_log())
    ann = person()
    await (await open_socket(server, ann)).frame()
    assert await refused(open_socket(server, ann, origin="http://evil.example")) == 403
    socket = await open_socket(server, ann)
    await socket.ask(type="canary", body="canary")
    await asyncio.sleep(0.1)
    log = server.read_log()[before:]
    assert log.count(f"connect: user={ann.pk} ip=127.0.0.1") == 2
    assert log.count("refused: foreign Origin ip=127.0.0.1") == 1
    assert ann.session not in log
    assert "canary" not in log
