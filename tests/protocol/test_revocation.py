"""Who is signed out or loses a right: the socket is closed, and nothing more is seen on it."""

import asyncio
import json

import pytest

from tests.servers.site import PASSWORD

SESSIONS = "from django.contrib.sessions.models import Session; "
SESSION = SESSIONS + "Session.objects.get(pk={session!r})"
USER = "user = User.objects.get(pk={pk}); "


@pytest.mark.parametrize(
    ("deed", "code", "reason"),
    [
        (SESSION + ".delete()", 4501, "signed_out"),
        ("import_module(settings.SESSION_ENGINE).SessionStore({session!r}).flush()", 4501, "signed_out"),
        (USER + "user.is_active = False; user.save()", 4501, "signed_out"),
        (USER + "user.set_password('another'); user.save()", 4501, "signed_out"),
        ("muted()(User.objects.get(pk={pk}).delete)()", 4501, "signed_out"),
        (USER + "user.is_staff = False; user.save()", 4503, "permission_lost"),
        (USER + "user.user_permissions.clear()", 4503, "permission_lost"),
        (USER + "user.groups.clear()", 4503, "permission_lost"),
        ("Group.objects.get(name='group of {pk}').permissions.clear()", 4503, "permission_lost"),
        ("Group.objects.get(name='group of {pk}').delete()", 4503, "permission_lost"),
    ],
    ids=[
        "signed out",
        "flushed",
        "deactivated",
        "new password",
        "deleted",
        "no longer staff",
        "permission taken",
        "group left",
        "permission of the group taken",
        "group deleted",
    ],
)
async def test_who_loses_a_right_is_closed_at_once_and_sees_nothing_more(
    layered_server, person, open_socket, layered_shell, deed, code, reason
):
    ann = person(is_staff=True, permissions=["view_post"])
    layered_shell(
        "from django.contrib.auth.models import Group\n"
        f"group = Group.objects.create(name='group of {ann.pk}')\n"
        "group.permissions.set(Permission.objects.filter(codename='change_post'))\n"
        f"group.user_set.add({ann.pk})"
    )
    socket = await open_socket(layered_server, ann)
    await socket.until("hello")
    began = asyncio.get_running_loop().time()
    layered_shell(deed.format(pk=ann.pk, session=ann.session))
    bye = await socket.until("bye", seconds=5)
    assert asyncio.get_running_loop().time() - began < 2
    layered_shell("alert('perm:posts.view_post')")
    layered_shell("alert('staff')")
    seen = len(socket.texts)
    assert (await socket.closed(), bye["reason"]) == (code, reason)
    assert len(socket.texts) == seen
    assert f"close: {reason} user={ann.pk} ip=127.0.0.1" in layered_server.read_log()


@pytest.fixture
def member(server, protocol_site, shell, person):
    """Somebody who signs in with the password of the tests, through the form."""

    def make():
        ann = person()
        shell(f"user = User.objects.get(pk={ann.pk}); user.set_password({PASSWORD!r}); user.save()")
        return protocol_site.sign_in(server, shell("user.username"))

    return make


async def test_signing_out_on_a_page_closes_its_sockets_at_once(server, open_socket, member):
    one, two = member(), member()
    ours, theirs = [await open_socket(server, None, cookie=visitor.cookie) for visitor in (one, two)]
    await ours.frame()
    await theirs.frame()
    cookie = one.cookie
    one.post("/accounts/logout/")
    assert await ours.said_bye(seconds=2) == (4501, "signed_out")
    assert one.get("/accounts/session", cookie=cookie).status == 401
    await theirs.send(type="ping")
    await theirs.until("heartbeat")


async def test_changing_the_password_closes_the_other_sessions_at_once(server, protocol_site, open_socket, member):
    visitor = member()
    cookie = visitor.cookie
    socket = await open_socket(server, None, cookie=cookie)
    await socket.frame()
    another = "another-horse-battery-staple"
    fields = {"old_password": PASSWORD, "new_password1": another, "new_password2": another}
    assert visitor.post("/accounts/password_change/", fields).url.endswith("/done/")
    assert await socket.said_bye(seconds=2) == (4501, "signed_out")
    fresh = await open_socket(server, None, cookie=visitor.cookie)
    assert (await fresh.frame())["type"] == "hello"


async def test_without_a_layer_all_that_is_found_within_ten_seconds(server, person, open_socket, shell):
    deeds = [
        (SESSION + ".delete()", 4501),
        (SESSIONS + "from django.utils import timezone\n"
         "Session.objects.filter(pk={session!r}).update(expire_date=timezone.now())", 4501),
        ("User.objects.filter(pk={pk}).update(is_active=False)", 4501),
        ("User.objects.filter(pk={pk}).update(password='!another')", 4501),
        ("User.objects.filter(pk={pk}).update(is_staff=False)", 4503),
        (USER + "user.user_permissions.clear()", 4503),
    ]  # fmt: skip
    people = [person(is_staff=True, permissions=["view_post"]) for _ in deeds]
    sockets = [await open_socket(server, one) for one in people]
    for socket in sockets:
        await socket.until("hello")
    for one, (deed, _) in zip(people, deeds, strict=True):
        shell(deed.format(pk=one.pk, session=one.session))
    endings = await asyncio.gather(*(socket.said_bye(seconds=10) for socket in sockets))
    assert [code for code, _ in endings] == [code for _, code in deeds]
    seen = [len(socket.texts) for socket in sockets]
    shell("alert('staff')")
    assert [len(socket.texts) for socket in sockets] == seen


async def test_a_gained_right_counts_from_there_on(layered_server, person, open_socket, layered_shell):
    ann = person(is_staff=True)
    socket = await open_socket(layered_server, ann)
    await socket.until("hello")
    layered_shell("alert('perm:posts.view_post', 'before')")
    layered_shell(f"alert({ann.key!r}, 'meanwhile')")
    await socket.until("alerts", lambda frame: frame["alerts"][-1]["title"] == "meanwhile")
    layered_shell(
        f"User.objects.get(pk={ann.pk}).user_permissions.set(Permission.objects.filter(codename='view_post'))"
    )
    async with asyncio.timeout(5):
        while not any('"after"' in text for text in socket.texts):
            layered_shell("alert('perm:posts.view_post', 'after')")
            await asyncio.sleep(0.05)
            await socket.send(type="ping")
            await socket.until("heartbeat")
    titles = [alert["title"] for text in socket.texts for alert in json.loads(text).get("alerts", ())]
    assert "before" not in titles


async def test_one_tab_signing_out_leaves_other_sessions_open(layered_server, person, open_socket, layered_shell):
    ann = person()
    other = layered_shell(f"session(User.objects.get(pk={ann.pk}))")
    one = await open_socket(layered_server, ann)
    two = await open_socket(layered_server, None, cookie=f"sessionid={other}")
    await one.frame()
    await two.frame()
    layered_shell(
        f"from django.contrib.sessions.models import Session; Session.objects.get(pk={ann.session!r}).delete()"
    )
    assert await one.closed() == 4501
    layered_shell(f"alert({ann.key!r}, 'still here')")
    assert (await two.alerts(1))[0]["title"] == "still here"
