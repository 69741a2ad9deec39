"""From an act in any process to the screens of those concerned."""

import asyncio
import json

import pytest

from tests.servers.lineage import Lineage

STAFF = {"username": "staff", "is_staff": True, "permissions": ["posts.view_post"]}
READER = {"username": "reader"}

POSTS = """
from accounts.models import User
from posts.models import Post
author = User.objects.get(username="reader")

def make(title):
    Post.objects.bulk_create([Post(title=title, author=author)])
    return Post.objects.get(title=title)
"""

# Deletes `count` posts, one act each; `taken` of them are taken back, by an exception after the delete or a savepoint.
WRITER = """
import sys
from django.db import transaction
from accounts.models import User
from posts.models import Post

name, count, taken = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
author = User.objects.get(username="reader")

def act(number):
    title = f"{name} {number}"
    Post.objects.bulk_create([Post(title=title, author=author)])
    post = Post.objects.get(title=title)
    if number * taken // count == (number + 1) * taken // count:
        post.delete()
    elif number % 2:
        try:
            with transaction.atomic():
                post.delete()
                raise LookupError
        except LookupError:
            return
    else:
        with transaction.atomic():
            savepoint = transaction.savepoint()
            post.delete()
            transaction.savepoint_rollback(savepoint)

for number in range(count):
    act(number)
"""


def survivors(name: str, count: int, taken: int = 0) -> set[str]:
    """The titles of the alerts that must come of it."""
    kept = (n for n in range(count) if n * taken // count == (n + 1) * taken // count)
    return {f"Post titled '{name} {number}' was deleted" for number in kept}


@pytest.mark.parametrize("engine", ["uvicorn", "daphne"])
async def test_an_act_in_a_web_request_reaches_every_dashboard_that_may_see_it(any_site, engine):
    any_site.create_users(STAFF, {"username": "second", "is_superuser": True, "is_staff": True}, READER)
    server = any_site.serve(engine)
    staff, second, reader = (any_site.sign_in(server, name) for name in ("staff", "second", "reader"))
    async with Lineage(server, staff) as one, Lineage(server, second) as two, Lineage(server, reader) as three:
        await asyncio.to_thread(reader.post, "/posts/new/", {"title": "First", "body": "Words"})
        await one.until(lambda: one.titles, "the alert")
        await two.until(lambda: two.titles, "the alert")
        assert one.titles == two.titles == ["reader published 'First'"]
        assert one.shown[0].alert["actor"]["label"] == "reader"
        await asyncio.to_thread(reader.post, one.shown[0].alert["url"] + "delete/")
        await one.until(lambda: len(one.titles) == 2, "the deletion")
        assert one.titles[1] == "Post titled 'First' was deleted"
        assert three.titles == []
    assert "Post titled 'First' is about to be deleted." in server.read_log()
    assert "Traceback" not in server.read_log()


async def test_three_processes_write_and_a_client_cut_ten_times_sees_exactly_what_was_committed(any_site, pytestconfig):
    acts = pytestconfig.getoption("acts")
    count, taken = acts // 3, acts * 3 // 20
    by_web = acts - 2 * count
    any_site.create_users(STAFF, READER)
    server = any_site.serve()
    reader = any_site.sign_in(server, "reader")
    titles = ", ".join(f"'web {number}'" for number in range(by_web))
    keys = eval(any_site.python(f"{POSTS}\nprint([make(title).pk for title in [{titles}]])"))

    def write_by_page() -> None:
        for key in keys:
            assert reader.post(f"/posts/{key}/delete/").status == 200

    async with Lineage(server, any_site.sign_in(server, "staff")) as client:
        script = any_site.start_python(WRITER, "script", str(count), str(taken))
        shell_code = WRITER.replace("sys.argv[1], int(sys.argv[2]), int(sys.argv[3])", f"'shell', {count}, {taken}")
        shell = any_site.start_manage("shell", "--no-imports", "--command", shell_code)
        web = asyncio.create_task(asyncio.to_thread(write_by_page))
        for _ in range(10):
            await asyncio.sleep(acts / 900)
            await client.until(lambda: client.socket is not None, "a connection to cut")
            client.cut()
        await web
        assert await asyncio.to_thread(script.wait, seconds=120) == 0, script.read_log()
        assert await asyncio.to_thread(shell.wait, seconds=120) == 0, shell.read_log()
        expected = survivors("web", by_web) | survivors("script", count, taken) | survivors("shell", count, taken)
        assert len(expected) == acts - 2 * taken
        await client.until(lambda: len(client.titles) >= len(expected), "everything committed")
        await asyncio.sleep(0.5)
        client.verify()
        assert set(client.titles) == expected
        assert len(client.titles) == len(expected)
        assert client.connections == 11


async def test_a_server_killed_while_another_process_deletes_shows_each_alert_once(any_site):
    any_site.create_users(STAFF, READER)
    server = any_site.serve()
    async with Lineage(server, any_site.sign_in(server, "staff")) as client:
        writer = any_site.start_python(WRITER, "script", "120", "36")
        for _ in range(3):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        assert await asyncio.to_thread(writer.wait, seconds=60) == 0, writer.read_log()
        await client.until(lambda: len(client.titles) >= 84, "everything committed")
        await asyncio.sleep(0.5)
        client.verify()
        assert set(client.titles) == survivors("script", 120, 36)
        assert len(client.titles) == 84


async def test_a_separate_relay_serves_web_processes_that_have_none(any_site):
    any_site.create_users(STAFF, READER)
    server = any_site.serve(ALERTS_RELAY="off")
    any_site.relay().wait_for_log("The relay runs")
    async with Lineage(server, any_site.sign_in(server, "staff")) as client:
        any_site.python(WRITER, "script", "10", "3")
        await client.until(lambda: len(client.titles) == 7, "what was committed")
    state = "from alerts.models import Alert; print(Alert.objects.filter(position=None).count())"
    assert any_site.python(state).strip() == "0"


@pytest.mark.pipeline
async def test_two_web_processes_show_the_same(postgres_site):
    postgres_site.create_users(STAFF, READER)
    first, second = postgres_site.serve("uvicorn"), postgres_site.serve("daphne")
    staff = postgres_site.sign_in(first, "staff")
    async with Lineage(first, staff) as one, Lineage(second, staff) as two:
        postgres_site.python(WRITER, "script", "30", "9")
        await one.until(lambda: len(one.titles) >= 21, "all of them")
        await two.until(lambda: len(two.titles) >= 21, "all of them")
        assert [shown.position for shown in one.shown] == [shown.position for shown in two.shown]
        assert set(one.titles) == survivors("script", 30, 9)
        one.verify()


@pytest.mark.pipeline
async def test_without_redis_alerts_go_on_and_no_socket_is_closed(postgres_site, redis):
    postgres_site.create_users(STAFF, READER)
    server = postgres_site.serve()
    async with Lineage(server, postgres_site.sign_in(server, "staff")) as client:
        postgres_site.python(WRITER, "before", "2", "1")
        await client.until(lambda: len(client.titles) == 1, "an alert with Redis")
        await asyncio.to_thread(redis.kill)
        postgres_site.python(WRITER, "without", "2", "1")
        await client.until(lambda: len(client.titles) == 2, "an alert without Redis")
        await asyncio.to_thread(redis.start)
        postgres_site.python(WRITER, "after", "2", "1")
        await client.until(lambda: len(client.titles) == 3, "an alert with Redis again")
        client.verify()
        assert client.connections == 1


async def test_a_read_in_one_tab_is_told_to_the_other(any_site):
    any_site.create_users(STAFF, READER)
    server = any_site.serve()
    staff = any_site.sign_in(server, "staff")
    async with Lineage(server, staff) as one, Lineage(server, staff) as two:
        any_site.python(WRITER, "script", "1", "0")
        await two.until(lambda: two.titles, "the alert")
        await one.until(lambda: one.titles, "the alert")
        uid = one.shown[0].alert["id"]
        assert one.socket is not None
        await one.socket.send(json.dumps({"type": "read", "ids": [uid]}))
        await two.until(lambda: any(frame["type"] == "reads" for frame in two.frames), "the news of it")
        told = next(frame for frame in two.frames if frame["type"] == "reads")
        assert (told["read_ids"], told["unread"]) == ([uid], 0)
