"""What an alert looks like on the wire, and who gets it."""

import asyncio
import random
import re
from datetime import datetime
from typing import Any

NAMES = "id position kind level title body url actor subjects count cause group created"


async def test_an_alert_has_exactly_its_fields_and_nothing_of_its_snapshot(server, person, open_socket, shell, settle):
    ann = person()
    socket = await open_socket(server, ann)
    await socket.frame()
    subject = {"model": "posts.post", "pk": "7", "label": "First"}
    uid = shell(
        f"alert({ann.key!r}, 'Title', body='Body', level='warning', url='/posts/7/', data={{'secret': 'canary'}},"
        f" subjects=[{subject!r}] * 21, cause={subject!r})"
    )
    [alert] = await socket.alerts(1)
    assert " ".join(alert) == NAMES
    assert (alert["id"], alert["kind"], alert["level"]) == (uid, "test.alert", "warning")
    assert (alert["title"], alert["body"], alert["url"]) == ("Title", "Body", "/posts/7/")
    assert (alert["subjects"], alert["count"], alert["cause"]) == ([subject] * 20, 21, subject)
    assert alert["actor"].keys() == {"id", "label"}
    assert alert["group"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", alert["created"])
    datetime.fromisoformat(alert["created"])
    assert "canary" not in "".join(socket.texts)


async def test_each_audience_gets_its_own_live_and_resumed(server, person, open_socket, shell, settle):
    people = {
        "root": person(is_superuser=True, is_staff=True),
        "staff": person(is_staff=True),
        "moderator": person(is_staff=True, permissions=["view_post"]),
        "stray": person(permissions=["view_post"]),
        "plain": person(),
    }
    live = {name: await open_socket(server, one) for name, one in people.items()}
    [start, *_] = [await socket.frame() for socket in live.values()]
    audiences = ["staff", "everyone", "perm:posts.view_post", "superusers", people["plain"].key, people["staff"].key]
    for audience in audiences:
        shell(f"alert({audience!r}, {audience!r})")
    shell("alert('everyone', 'end')")
    expected = {
        "root": ["staff", "everyone", "perm:posts.view_post", "superusers", "end"],
        "staff": ["staff", "everyone", people["staff"].key, "end"],
        "moderator": ["staff", "everyone", "perm:posts.view_post", "end"],
        "stray": ["everyone", "end"],
        "plain": ["everyone", people["plain"].key, "end"],
    }
    await settle(server)
    for name, titles in expected.items():
        shown = await live[name].alerts(len(titles))
        assert [alert["title"] for alert in shown] == titles
        await live[name].silence(0.05)
        resumed = await open_socket(server, people[name], f"epoch={start['epoch']}&position={start['position']}")
        assert [alert["title"] for alert in await resumed.alerts(len(titles))] == titles
        assert (await open_socket(server, people[name])) is not None


async def test_unread_counts_only_what_one_may_see(server, person, open_socket, shell, settle):
    ann, bea = person(), person()
    for one in (ann, bea):
        await (await open_socket(server, one)).frame()
    shell(f"many({ann.key!r}, 3)")
    shell(f"many({bea.key!r}, 2)")
    await settle(server)
    assert (await (await open_socket(server, ann)).until("hello"))["unread"] == 3
    assert (await (await open_socket(server, bea)).until("hello"))["unread"] == 2


async def test_what_is_rolled_back_is_never_shown(server, person, open_socket, shell, settle):
    ann = person()
    socket = await open_socket(server, ann)
    await socket.frame()
    shell(
        f"""
with transaction.atomic():
    alert({ann.key!r}, "kept")
    point = transaction.savepoint()
    alert({ann.key!r}, "taken back")
    transaction.savepoint_rollback(point)
with transaction.atomic():
    alert({ann.key!r}, "taken back")
    transaction.set_rollback(True)
"""
    )
    assert [alert["title"] for alert in await socket.alerts(1)] == ["kept"]
    await socket.silence()


async def test_ten_thousand_pairs_of_person_and_alert_leak_nothing(server, person, open_socket, shell, settle):
    both = {"perm:posts.view_post", "perm:posts.change_post"}
    roles: list[tuple[dict[str, Any], set[str]]] = [
        ({"is_superuser": True}, {"staff", "superusers"} | both),
        ({"is_staff": True, "permissions": ["view_post", "change_post"]}, {"staff"} | both),
        ({"is_staff": True}, {"staff"}),
        ({"is_staff": True, "permissions": ["view_post"]}, {"staff", "perm:posts.view_post"}),
        ({"is_staff": True, "permissions": ["change_post"]}, {"staff", "perm:posts.change_post"}),
        ({"permissions": ["view_post", "change_post"]}, set()),
        *[({}, set())] * 4,
    ]
    people = [(one := person(**fields), {"everyone", one.key} | keys) for fields, keys in roles]
    epoch, start, _ = await settle(server)
    live = [await open_socket(server, one, f"epoch={epoch}&position={start}") for one, _ in people]
    dice = random.Random(5)
    keys = ["staff", "superusers", "everyone", "perm:posts.view_post", "perm:posts.change_post", "user:0"]
    log = dice.choices(keys + [one.key for one, _ in people], k=1_000)
    shell(f"with transaction.atomic():\n    for number, key in enumerate({log!r}): alert(key, str(number))")
    await settle(server)

    async def shown(socket, place: int, seen: set[str]) -> None:
        expected = [str(number) for number, key in enumerate(log) if number >= place and key in seen]
        assert [alert["title"] for alert in await socket.alerts(len(expected))] == expected
        await socket.send(type="ping")
        await socket.until("heartbeat", lambda beat: beat["position"] == start + len(log))
        assert sum(text.startswith('{"type":"alerts"') for text in socket.texts) <= len(expected)

    await asyncio.gather(*(shown(socket, 0, seen) for socket, (_, seen) in zip(live, people, strict=True)))
    for one, seen in people:
        place = dice.randrange(1_000)
        await shown(await open_socket(server, one, f"epoch={epoch}&position={start + place}"), place, seen)
