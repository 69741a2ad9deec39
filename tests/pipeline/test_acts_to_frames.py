"""From an act in any process to the screens of those concerned."""

import asyncio
import json

import pytest

from tests.servers.lineage import Lineage

STAFF = {"username": "staff", "is_staff": True, "permissions": ["posts.view_post"]}
READER = {"username": "reader"}

# Acts numbered by argv: every third is taken back, by an exception after the delete or by a savepoint.
WRITER = """
import sys
from django.db import transaction
from accounts.models import User
from posts.models import Post

name, count = sys.argv[1], int(sys.argv[2])
author = User.objects.get(username="reader")

def act(number):
    title = f"{name} {number}"
    Post.objects.bulk_create([Post(title=title, author=author)])
    post = Post.objects.get(title=title)
    if number % 10 in (0, 1):
        try:
            with transaction.atomic():
                post.delete()
                raise LookupError
        except LookupError:
            return
    elif number % 10 == 2:
        with transaction.atomic():
            savepoint = transaction.savepoint()
            post.delete()
            transaction.savepoint_rollback(savepoint)
    else:
        post.delete()

for number in range(count):
    act(number)
"""


def survivors(name: str, count: int) -> set[str]:
    return {f"Post titled '{name} {number}' was deleted" for number in range(count) if number % 10 > 2}


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


async def test_three_processes_write_and_a_client_cut_ten_times_sees_exactly_what_was_committed(any_site):
    count = 60
    any_site.create_users(STAFF, READER)
    server = any_site.serve()
    reader = any_site.sign_in(server, "reader")

    def write_by_page() -> None:
        for number in range(count):
            # A post that is published and then deleted in a request of its own each.
            page = reader.post("/posts/new/", {"title": f"web {number}"})
            if number % 10 > 2:
                reader.post(page.url.removeprefix(server.url) + "delete/")

    async with Lineage(server, any_site.sign_in(server, "staff")) as client:
        script = any_site.start_python(WRITER, "script", str(count))
        shell = any_site.start_manage(
            "shell", "--no-imports", "--command", WRITER.replace("sys.argv[1:]", "").replace(
                "name, count = sys.argv[1], int(sys.argv[2])", f"name, count = 'shell', {count}"
            )
        )  # fmt: skip
        web = asyncio.create_task(asyncio.to_thread(write_by_page))
        for _ in range(10):
            await asyncio.sleep(0.2)
            client.cut()
        await web
        assert await asyncio.to_thread(script.wait, seconds=60) == 0, script.read_log()
        assert await asyncio.to_thread(shell.wait, seconds=60) == 0, shell.read_log()
        expected = set().union(*(survivors(name, count) for name in ("web", "script", "shell")))

        def deletions() -> set[str]:
            return {title for title in client.titles if title.startswith("Post titled")}

        await client.until(lambda: deletions() >= expected, "everything committed")
        await asyncio.sleep(0.5)
        client.verify()
        assert deletions() == expected
        assert sum(title.startswith("Post titled") for title in client.titles) == len(expected)
        assert client.connections >= 5


async def test_a_server_killed_while_another_process_deletes_shows_each_alert_once(any_site):
    any_site.create_users(STAFF, READER)
    server = any_site.serve()
    async with Lineage(server, any_site.sign_in(server, "staff")) as client:
        writer = any_site.start_python(WRITER, "script", "120")
        for _ in range(3):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        assert await asyncio.to_thread(writer.wait, seconds=60) == 0, writer.read_log()
        await client.until(lambda: len(client.titles) >= 84, "everything committed")
        await asyncio.sleep(0.5)
        client.verify()
        assert set(client.titles) == survivors("script", 120)
        assert len(client.titles) == 84


async def test_a_separate_relay_serves_web_processes_that_have_none(any_site):
    any_site.create_users(STAFF, READER)
    server = any_site.serve(ALERTS_RELAY="off")
    any_site.relay().wait_for_log("The relay runs")
    async with Lineage(server, any_site.sign_in(server, "staff")) as client:
        any_site.python(WRITER, "script", "10")
        await client.until(lambda: len(client.titles) == 7, "what was committed")
    state = "from alerts.models import Alert; print(Alert.objects.filter(position=None).count())"
    assert any_site.python(state).strip() == "0"


@pytest.mark.pipeline
async def test_two_web_processes_show_the_same(postgres_site):
    postgres_site.create_users(STAFF, READER)
    first, second = postgres_site.serve("uvicorn"), postgres_site.serve("daphne")
    staff = postgres_site.sign_in(first, "staff")
    async with Lineage(first, staff) as one, Lineage(second, staff) as two:
        postgres_site.python(WRITER, "script", "30")
        await one.until(lambda: len(one.titles) >= 21, "all of them")
        await two.until(lambda: len(two.titles) >= 21, "all of them")
        assert [shown.position for shown in one.shown] == [shown.position for shown in two.shown]
        assert set(one.titles) == survivors("script", 30)
        one.verify()


@pytest.mark.pipeline
async def test_without_redis_alerts_go_on_and_no_socket_is_closed(postgres_site, redis):
    postgres_site.create_users(STAFF, READER)
    server = postgres_site.serve()
    async with Lineage(server, postgres_site.sign_in(server, "staff")) as client:
        postgres_site.python(WRITER, "before", "4")
        await client.until(lambda: len(client.titles) == 1, "an alert with Redis")
        await asyncio.to_thread(redis.kill)
        postgres_site.python(WRITER, "without", "4")
        await client.until(lambda: len(client.titles) == 2, "an alert without Redis")
        await asyncio.to_thread(redis.start)
        postgres_site.python(WRITER, "after", "4")
        await client.until(lambda: len(client.titles) == 3, "an alert with Redis again")
        client.verify()
        assert client.connections == 1


async def test_a_read_in_one_tab_is_told_to_the_other(any_site):
    any_site.create_users(STAFF, READER)
    server = any_site.serve()
    staff = any_site.sign_in(server, "staff")
    async with Lineage(server, staff) as one, Lineage(server, staff) as two:
        any_site.python(WRITER, "script", "4")
        await two.until(lambda: two.titles, "the alert")
        await one.until(lambda: one.titles, "the alert")
        uid = one.shown[0].alert["id"]
        assert one.socket is not None
        await one.socket.send(json.dumps({"type": "read", "ids": [uid]}))
        await two.until(lambda: any(frame["type"] == "reads" for frame in two.frames), "the news of it")
        told = next(frame for frame in two.frames if frame["type"] == "reads")
        assert (told["read_ids"], told["unread"]) == ([uid], 0)
