"""Too big, too many, too often; and what closes a socket."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed


async def test_a_frame_over_4_kib_closes_with_4522(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw('{"type": "ping", "x": "' + "x" * (4096 - 25) + '"}')
    await socket.until("heartbeat")
    await socket.raw('{"type": "ping", "x": "' + "x" * 4096 + '"}')
    bye = await socket.until("bye")
    assert bye.keys() == {"type", "reason", "retry_after"}
    assert await socket.closed() == 4522


async def test_a_frame_is_measured_in_bytes(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw('{"type": "ping", "x": "' + "é" * 2100 + '"}')
    assert await socket.closed() == 4522


async def test_a_frame_beyond_every_measure_ends_the_socket(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw("x" * 200_000)
    assert await socket.closed() in (1009, 1006, 4522)


async def test_a_binary_frame_closes_with_4520(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw(b'{"type": "ping"}')
    assert await socket.closed() == 4520


async def test_a_text_that_is_no_utf8_closes(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.connection.send(b"\xff\xfe", text=True)
    assert await socket.closed() in (1006, 1007, 4521)


async def test_more_than_100_commands_a_minute_are_errors(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    for _ in range(110):
        await socket.send(type="ping")
    error = await socket.until("error")
    assert error["code"] == "too_many"
    assert sum('"heartbeat"' in text for text in socket.texts) in range(99, 104)


async def test_a_flood_closes_with_4029_within_a_second(server, person, open_socket):
    ann, bea = person(), person()
    socket, other = await open_socket(server, ann), await open_socket(server, bea)
    await socket.frame()
    await other.frame()
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        for _ in range(2_000):
            await socket.send(type="ping")
    except ConnectionClosed:
        pass
    assert await socket.closed() == 4029
    assert loop.time() - began < 3
    await other.send(type="ping")
    await other.until("heartbeat", seconds=2)
    assert f"too_many_commands user={ann.pk} ip=127.0.0.1" in server.read_log()


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("from django.contrib.sessions.models import Session; Session.objects.get(pk={session!r}).delete()", 4501),
        ("user = User.objects.get(pk={pk}); user.is_active = False; user.save()", 4501),
        ("user = User.objects.get(pk={pk}); user.set_password('another'); user.save()", 4501),
        ("muted()(User.objects.get(pk={pk}).delete)()", 4501),
        ("user = User.objects.get(pk={pk}); user.is_staff = False; user.save()", 4503),
        ("User.objects.get(pk={pk}).user_permissions.clear()", 4503),
    ],
    ids=["signed out", "deactivated", "new password", "deleted", "no longer staff", "permission taken"],
)
async def test_who_loses_a_right_is_closed_at_once_and_sees_nothing_more(
    server, person, open_socket, shell, settle, deed, code
):
    await settle(server)
    ann = person(is_staff=True, permissions=["view_post"])
    socket = await open_socket(server, ann)
    await socket.frame()
    shell(deed.format(pk=ann.pk, session=ann.session))
    bye = await socket.until("bye", seconds=5)
    assert bye["reason"] == ("signed_out" if code == 4501 else "permission_lost")
    shell("alert('perm:posts.view_post')")
    shell("alert('staff')")
    assert await socket.closed() == code
    assert not [text for text in socket.texts if text.startswith('{"type":"alerts"')]


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("User.objects.filter(pk={pk}).update(is_active=False)", 4501),
        (
            "from django.contrib.sessions.models import Session; from django.utils import timezone\n"
            "Session.objects.filter(pk={session!r}).update(expire_date=timezone.now())",
            4501,
        ),
        ("User.objects.filter(pk={pk}).update(is_staff=False)", 4503),
    ],
    ids=["deactivated", "session expired", "no longer staff"],
)
async def test_what_no_signal_tells_of_is_found_within_ten_seconds(server, person, open_socket, shell, deed, code):
    ann = person(is_staff=True, permissions=["view_post"])
    socket = await open_socket(server, ann)
    await socket.frame()
    shell(deed.format(pk=ann.pk, session=ann.session))
    assert await socket.closed(seconds=10) == code


async def test_a_gained_right_counts_from_there_on(server, person, open_socket, shell):
    ann = person(is_staff=True)
    socket = await open_socket(server, ann)
    await socket.frame()
    shell("alert('perm:posts.view_post', 'before')")
    shell(f"User.objects.get(pk={ann.pk}).user_permissions.set(Permission.objects.filter(codename='view_post'))")
    async with asyncio.timeout(10):
        while True:
            shell("alert('perm:posts.view_post', 'after')")
            try:
                [alert] = await socket.alerts(1, seconds=0.5)
                break
            except TimeoutError:
                continue
    assert alert["title"] == "after"


async def test_one_tab_signing_out_leaves_other_sessions_open(server, person, open_socket, shell):
    ann = person()
    other = shell(f"session(User.objects.get(pk={ann.pk}))")
    one = await open_socket(server, ann)
    two = await open_socket(server, None, cookie=f"sessionid={other}")
    await one.frame()
    await two.frame()
    shell(f"from django.contrib.sessions.models import Session; Session.objects.get(pk={ann.session!r}).delete()")
    assert await one.closed() == 4501
    shell(f"alert({ann.key!r}, 'still here')")
    assert (await two.alerts(1))[0]["title"] == "still here"


async def test_sigterm_closes_with_a_code_that_says_reconnect(protocol_site, request, person, open_socket):
    for engine, codes in (("uvicorn", (1012, 4012)), ("daphne", (1006, 1012, 4012))):
        server = protocol_site.serve(engine)
        socket = await open_socket(server, person())
        await socket.frame()
        ending = asyncio.to_thread(server.terminate)
        task = asyncio.ensure_future(ending)
        assert await socket.closed(seconds=15) in codes
        await task
        assert "Traceback" not in server.read_log()
