"""What a browser may say, and what becomes of everything else."""

import json
import random
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.protocol.socket import Socket


@pytest.fixture
async def two_tabs(server, person, open_socket, shell):
    """Two sockets of one person who has three unread alerts, and the ids of those."""
    ann = person()
    tabs: list[Socket] = [await open_socket(server, ann) for _ in range(2)]
    for tab in tabs:
        await tab.frame()
    uids = shell(f"many({ann.key!r}, 3)")
    for tab in tabs:
        await tab.alerts(3)
    return *tabs, uids


async def test_a_read_is_told_to_every_tab(two_tabs):
    one, two, uids = two_tabs
    await one.send(type="read", ids=uids[:1])
    for tab in (one, two):
        reads = await tab.until("reads")
        assert (reads["read_ids"], reads["unread_ids"], reads["unread"]) == (uids[:1], [], 2)
        assert reads["reads_version"] == 1


async def test_an_unread_is_told_to_every_tab(two_tabs):
    one, two, uids = two_tabs
    await one.send(type="read", ids=uids)
    await one.until("reads")
    await one.send(type="unread", ids=uids[1:])
    for tab in (one, two):
        reads = await tab.until("reads", lambda reads: reads["unread_ids"])
        assert (sorted(reads["unread_ids"]), reads["unread"], reads["reads_version"]) == (sorted(uids[1:]), 2, 2)


async def test_read_all_reaches_up_to_a_position(two_tabs, server, settle):
    one, two, uids = two_tabs
    _, head, _ = await settle(server)
    await two.send(type="read_all", up_to=head - 1)
    for tab in (one, two):
        reads = await tab.until("reads")
        assert reads["read_up_to"] == head - 1
        assert reads["unread"] == 1
        assert "read_ids" not in reads
    await one.send(type="read_all", up_to=head)
    for tab in (one, two):
        assert (await tab.until("reads", lambda reads: reads.get("read_up_to") == head))["unread"] == 0
    assert len(uids) == 3


async def test_saying_it_twice_changes_nothing(two_tabs):
    one, two, uids = two_tabs
    await one.send(type="read", ids=uids[:1])
    first = await one.until("reads")
    await two.until("reads")
    await one.send(type="read", ids=uids[:1])
    again = await one.until("reads")
    assert (again["reads_version"], again["unread"]) == (first["reads_version"], 2)
    await two.silence(of="reads")


async def test_sync_says_which_are_read_and_which_are_not(two_tabs):
    one, two, uids = two_tabs
    await one.send(type="read", ids=uids[:1])
    await one.until("reads")
    await two.until("reads")
    await two.send(type="sync", ids=uids)
    reads = await two.until("reads")
    assert (reads["read_ids"], sorted(reads["unread_ids"])) == (uids[:1], sorted(uids[1:]))
    assert (reads["reads_version"], reads["unread"]) == (1, 2)


async def test_ping_is_answered_by_a_heartbeat(two_tabs):
    one, _, _ = two_tabs
    await one.send(type="ping")
    beat = await one.until("heartbeat", seconds=2)
    assert (beat["unread"], beat["reads_version"]) == (3, 0)
    assert beat["position"] == beat["head"]


async def test_ids_one_may_not_see_are_ignored_without_an_answer(server, person, open_socket, shell, two_tabs):
    one, _, uids = two_tabs
    bea = person()
    stranger = await open_socket(server, bea)
    await stranger.frame()
    for command in ("read", "unread"):
        await stranger.send(type=command, ids=[uids[0], str(uuid.uuid4())])
    await stranger.silence()
    await stranger.send(type="sync", ids=[uids[0]])
    reads = await stranger.until("reads")
    assert (reads["read_ids"], reads["unread_ids"]) == ([], [])
    await one.silence(of="reads")


async def test_unknown_fields_are_ignored(two_tabs):
    one, _, uids = two_tabs
    await one.send(type="read", ids=uids[:1], colour="blue", **{"0": None})
    assert (await one.until("reads"))["read_ids"] == uids[:1]


@pytest.mark.parametrize("name", ["open", "run", "__init__", "close", "_read", "READ", "", "x" * 200])
async def test_an_unknown_command_is_an_error_and_the_socket_stays(server, person, open_socket, name):
    socket = await open_socket(server, person())
    await socket.frame()
    error = await socket.ask(type=name)
    assert error.keys() == {"type", "code", "message", "command"}
    assert error["code"] == "unknown_command"
    await socket.send(type="ping")
    await socket.until("heartbeat")


ID = "0fd8f3fd-83f0-4a53-9b8e-3d6a2c1b7e55"
WRONG = [
    {"type": "read"},
    {"type": "read", "ids": []},
    {"type": "read", "ids": ID},
    {"type": "read", "ids": [1]},
    {"type": "read", "ids": ["nonsense"]},
    {"type": "read", "ids": [None]},
    {"type": "unread", "ids": [ID] * 91},
    {"type": "sync", "ids": {"0": ID}},
    {"type": "sync"},
    {"type": "read_all"},
    {"type": "read_all", "up_to": "1"},
    {"type": "read_all", "up_to": -1},
    {"type": "read_all", "up_to": 1.5},
    {"type": "read_all", "up_to": 2**53},
    {"type": "read_all", "up_to": True},
    {"type": "read_all", "up_to": 10**400},
    {"type": "ack"},
    {"type": "ack", "position": None},
    {"type": "ack", "position": -1},
    {"type": "ack", "position": 0, "seen": "yes"},
    {"type": ["read"]},
    {"type": None},
    {"type": {}},
    {},
]


@pytest.mark.parametrize("command", WRONG, ids=lambda command: json.dumps(command)[:40])
async def test_a_command_of_the_wrong_shape_is_an_error(server, person, open_socket, command):
    socket = await open_socket(server, person())
    await socket.frame()
    error = await socket.ask(**command)
    assert error["code"] in ("bad_field", "bad_type")
    assert error["message"]
    await socket.send(type="ping")
    await socket.until("heartbeat")


TEXTS = [
    "[]",
    "1",
    "null",
    '"ping"',
    "true",
    "NaN",
    "",
    " ",
    "{",
    "ping",
    '{"type": NaN}',
    '{"type": "ack", "position": Infinity}',
    '{"type": "ping", "type": "ping"}',
    '{"type": "read", "ids": [], "ids": []}',
    "[" * 2000,
    '{"a":' * 800,
    '{"type": "ack", "position": ' + "9" * 4000 + "}",
    "\u0000",
    '{"type": "\\ud800"}',
    '{"\\u0074ype": "nonsense"}',
    "\ufeff{}",
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:30])
async def test_a_text_that_is_no_command_is_an_error(server, person, open_socket, text):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw(text)
    if text:  # Daphne passes on no empty text
        assert (await socket.until("error"))["message"]
    await socket.send(type="ping")
    await socket.until("heartbeat")


async def test_junk_of_every_kind_is_an_error_and_nothing_else(server, person, open_socket):
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )
    commands = st.fixed_dictionaries(
        {"type": st.sampled_from(["ack", "read", "unread", "read_all", "sync", "ping", "x"]) | values},
        optional={"ids": values, "position": values, "up_to": values, "seen": values},
    )
    found: list[str] = []

    @settings(max_examples=90, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given((commands | values).map(json.dumps) | st.text(max_size=300))
    def collect(text: str) -> None:
        if text.strip() and len(text.encode("utf-8", "replace")) < 4096:
            found.append(text.encode("utf-8", "replace").decode())

    collect()
    socket = await open_socket(server, person())
    await socket.frame()
    for text in found[:90]:
        await socket.raw(text)
    await socket.send(type="the last")
    while (frame := await socket.frame()).get("command") != "the last":
        assert frame["type"] in ("error", "heartbeat", "reads")
    await socket.send(type="ping")
    await socket.until("heartbeat")


async def test_after_any_commands_the_unread_count_is_the_databases(server, person, open_socket, shell, settle):
    ann = person()
    shell("from alerts import reads; from alerts.audiences import keys_of; from alerts.relay.head import read_head")
    tabs = [await open_socket(server, ann) for _ in range(2)]
    for tab in tabs:
        await tab.frame()
    dice, uids = random.Random(7), []
    for _ in range(40):
        tab = dice.choice(tabs)
        uids += shell(f"many({ann.key!r}, {dice.randrange(3)})")
        some = dice.sample(uids, min(len(uids), dice.randint(1, 5)))
        up_to = max(tab.cursor - dice.randrange(4), 0)
        match dice.choice(["read", "unread", "unread", "sync", "read_all"]):
            case "read_all":
                await tab.send(type="read_all", up_to=up_to)
            case command if some:
                await tab.send(type=command, ids=some)
        await tab.send(type="ping")
        await tab.until("heartbeat")
    _, head, _ = await settle(server)
    shell(f"user = User.objects.get(pk={ann.pk}); state = reads.state_of(user)")
    expected = shell(f"[reads.unread_count(state, keys_of(user), {head}), state.version]")
    for tab in tabs:
        while True:
            await tab.send(type="ping")
            beat = await tab.until("heartbeat")
            if beat["head"] >= head:
                break
        assert [beat["unread"], beat["reads_version"]] == expected


async def test_others_never_hear_what_one_reads(server, person, open_socket, shell):
    ann, bea = person(), person()
    mine, hers = await open_socket(server, ann), await open_socket(server, bea)
    await mine.frame()
    await hers.frame()
    uid = shell("alert('everyone')")
    for socket in (mine, hers):
        await socket.until("alerts", lambda frame: frame["alerts"][-1]["id"] == uid)
    await mine.send(type="read", ids=[uid])
    await mine.until("reads")
    await hers.silence(of="reads")
    await hers.send(type="sync", ids=[uid])
    assert (await hers.until("reads"))["unread_ids"] == [uid]
