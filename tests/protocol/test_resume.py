"""From a position to the head: in order, without a hole, or with a `gap` that says so."""

import re

import pytest

from tests.servers.visitor import Visitor


async def test_everything_after_the_position_comes_in_order(server, person, open_socket, shell, settle):
    ann, bea = person(), person()
    epoch, position, _ = await settle(server)
    mine = [uid for _ in range(3) for uid in (shell(f"alert({ann.key!r})"), shell(f"alert({bea.key!r})"))][::2]
    _, head, _ = await settle(server)
    socket = await open_socket(server, ann, f"epoch={epoch}&position={position}")
    hello = await socket.frame()
    assert (hello["position"], hello["head"]) == (position, head)
    frame = await socket.until("alerts")
    assert [alert["id"] for alert in frame["alerts"]] == mine
    assert [alert["position"] for alert in frame["alerts"]] == [position + 1, position + 3, position + 5]
    assert frame["position"] == head, "the cursor passes what others see"
    await socket.silence(of="alerts")


@pytest.mark.parametrize("query", ["", "epoch={epoch}", "epoch=another"])
async def test_without_a_position_it_goes_on_from_the_head(server, person, open_socket, shell, settle, query):
    ann = person()
    shell(f"alert({ann.key!r}, 'before')")
    epoch, head, _ = await settle(server)
    socket = await open_socket(server, ann, query.format(epoch=epoch))
    assert (await socket.frame())["position"] == head
    shell(f"alert({ann.key!r}, 'after')")
    assert [alert["title"] for alert in await socket.alerts(1)] == ["after"]


@pytest.mark.parametrize("count", [300, 1500])
async def test_a_long_absence_comes_whole(server, person, open_socket, shell, settle, count):
    ann = person()
    epoch, position, _ = await settle(server)
    shell(f"many({ann.key!r}, {count})")
    await settle(server)
    socket = await open_socket(server, ann, f"epoch={epoch}&position={position}", max_size=None)
    alerts = await socket.alerts(count, seconds=20)
    assert [alert["title"] for alert in alerts] == [f"Alert {number}" for number in range(count)]
    assert [alert["position"] for alert in alerts] == list(range(position + 1, position + 1 + count))


@pytest.mark.parametrize("query", ["epoch={epoch}&position={beyond}", "epoch=another&position=1", "position=1"])
async def test_where_it_cannot_resume_it_says_gap_and_goes_on_from_the_head(
    server, person, open_socket, shell, settle, query
):
    ann = person()
    shell(f"alert({ann.key!r}, 'before')")
    epoch, head, oldest = await settle(server)
    socket = await open_socket(server, ann, query.format(epoch=epoch, beyond=head + 1))
    assert (await socket.frame())["type"] == "hello"
    assert await socket.frame() == {"type": "gap", "reason": "epoch", "epoch": epoch, "oldest": oldest, "head": head}
    shell(f"alert({ann.key!r}, 'after')")
    assert [alert["title"] for alert in await socket.alerts(1)] == ["after"]


async def test_a_position_that_was_trimmed_away_is_a_gap(server, person, open_socket, shell, settle):
    ann = person()
    epoch, position, _ = await settle(server)
    shell(f"many({ann.key!r}, 3)")
    _, head, _ = await settle(server)
    shell(f"LogHead.objects.update(oldest={head})")
    try:
        shell(f"alert({ann.key!r}, 'news')")  # with it the server reads the head anew
        await settle(server)
        socket = await open_socket(server, ann, f"epoch={epoch}&position={position}")
        assert (await socket.frame())["position"] == position
        gap = await socket.frame()
        assert (gap["type"], gap["reason"], gap["oldest"], gap["head"]) == ("gap", "trimmed", head, head + 1)
    finally:
        shell("LogHead.objects.update(oldest=1)")
        shell("alert('superusers')")


async def test_a_new_epoch_is_a_gap_for_those_who_are_there(server, person, open_socket, shell, settle):
    ann = person()
    socket = await open_socket(server, ann)
    await socket.frame()
    shell("from django.core.management import call_command; call_command('new_epoch')")
    epoch, _, _ = await settle(server)
    assert (await socket.until("gap"))["epoch"] == epoch
    shell(f"alert({ann.key!r}, 'after')")
    assert [alert["title"] for alert in await socket.alerts(1)] == ["after"]


async def test_the_cursor_follows_the_head_past_what_others_see(server, person, open_socket, shell, settle):
    ann, bea = person(), person()
    socket = await open_socket(server, ann)
    before = (await socket.frame())["position"]
    shell(f"many({bea.key!r}, 5)")
    _, head, _ = await settle(server)
    assert head >= before + 5
    watcher = await open_socket(server, bea)
    await watcher.until("hello")
    for _ in range(50):
        await socket.send(type="ping")
        beat = await socket.until("heartbeat")
        if beat["head"] == head:
            break
    assert (beat["position"], beat["head"]) == (head, head)


async def test_after_a_resume_one_is_told_which_of_them_are_read(server, person, open_socket, shell, settle):
    ann = person()
    first = await open_socket(server, ann)
    hello = await first.frame()
    uids = shell(f"many({ann.key!r}, 3)")
    await first.alerts(3)
    await first.send(type="read", ids=uids[:2])
    version = (await first.until("reads"))["reads_version"]
    second = await open_socket(server, ann, f"epoch={hello['epoch']}&position={hello['position']}")
    hello = await second.frame()
    assert (hello["unread"], hello["reads_version"]) == (1, version)
    assert len((await second.until("alerts"))["alerts"]) == 3
    reads = await second.until("reads")
    assert (sorted(reads["read_ids"]), reads["unread"]) == (sorted(uids[:2]), 1)


async def test_a_page_and_its_socket_leave_nothing_between_them(server, person, open_socket, shell, settle):
    ann = person()
    shell(f"alert({ann.key!r}, 'on the page')")
    visitor = Visitor(server.url)
    await settle(server)
    text = visitor.get("/", cookie=ann.cookie).text
    assert "on the page" in text
    [epoch], [position] = (re.findall(rf'data-{name}="([^"]*)"', text)[:1] for name in ("epoch", "position"))
    shell(f"alert({ann.key!r}, 'between')")
    await settle(server)
    socket = await open_socket(server, ann, f"epoch={epoch}&position={position}")
    assert [alert["title"] for alert in await socket.alerts(1)] == ["between"]
