"""Every command a browser may send: what it refuses, and that what docs/protocol.md shows is taken."""

import json
import re
from concurrent.futures import wait
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from accounts.models import User
from alerts import frames
from alerts.audiences import keys_of
from alerts.models import Alert
from alerts.outbox import record
from alerts.relay.bell import bell
from consumers.commands import MOST_IDS, BadCommand, parse, registered
from consumers.pool import command_lane

PROTOCOL = Path(__file__).parent.parent.parent / "docs" / "protocol.md"
UID = "00000000-0000-4000-8000-000000000000"
# One command as the protocol shows it, for each type. A new command adds itself here.
DOCUMENTED: dict[str, dict[str, Any]] = {
    "ack": {"position": 3, "seen": True},
    "read": {"ids": [UID]},
    "unread": {"ids": [UID]},
    "read_all": {"up_to": 3},
    "read_group": {"group": "Zx81-_ab90cD"},
    "sync": {"ids": [UID]},
    "ping": {},
}
NOT_IDS: tuple[Any, ...] = (
    None,
    UID,
    7,
    {},
    [],
    [7],
    [None],
    [[UID]],
    ["no id"],
    [UID, "no id"],
    [UID] * (MOST_IDS + 1),
)
NOT_POSITIONS: tuple[Any, ...] = (None, "3", 3.0, True, -1, 2**53, [3], {})
WRONG: dict[str, tuple[Any, ...]] = {
    "position": NOT_POSITIONS,
    "up_to": NOT_POSITIONS,
    "ids": NOT_IDS,
    "seen": (None, 1, "true", []),
    "group": (None, 7, "", "g" * 101, ["g"], {}),
}
COMMANDS = sorted(registered)


class UntouchedFeed:
    """A feed that must not be asked for anything: a command of the wrong shape gets no further than its fields."""

    def __getattr__(self, name):
        raise AssertionError(f"the feed was asked for {name!r}")


Untouched: Any = UntouchedFeed


def error_frame(error):
    """What the browser is answered."""
    return json.loads(frames.error(code=error.code, message=str(error), command=error.command))


def test_every_command_is_documented():
    text = PROTOCOL.read_text()
    assert set(DOCUMENTED) == set(registered)
    for command in COMMANDS:
        assert re.search(rf"`{command}`", text), f"docs/protocol.md says nothing of {command}"


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_found_by_its_type(name):
    command, fields = parse(json.dumps({"type": name, **DOCUMENTED[name], "unknown": [1]}))
    assert command is registered[name]
    assert fields == {"type": name, **DOCUMENTED[name], "unknown": [1]}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        pytest.param(name, field, value, id=f"{name} {field}={str(value)[:40]}")
        for name in COMMANDS
        for field in DOCUMENTED[name]
        for value in WRONG[field]
    ],
)
async def test_it_refuses_a_field_of_the_wrong_shape_with_an_error_frame(name, field, value):
    with pytest.raises(BadCommand) as raised:
        await registered[name].run(Untouched(), {"type": name, **DOCUMENTED[name], field: value})
    frame = error_frame(raised.value)
    assert (frame["type"], frame["code"], frame["command"]) == ("error", "bad_field", name)
    assert field in frame["message"]


@pytest.mark.parametrize("name", [name for name in COMMANDS if set(DOCUMENTED[name]) - {"seen"}])
async def test_it_refuses_to_go_without_its_fields(name):
    with pytest.raises(BadCommand) as raised:
        await registered[name].run(Untouched(), {"type": name})
    assert error_frame(raised.value)["code"] == "bad_field"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("{", "bad_json"),
        ("7", "bad_json"),
        ("[]", "bad_json"),
        ("null", "bad_json"),
        ('{"type": "ack", "position": NaN}', "bad_json"),
        ('{"type": "ack", "position": -Infinity}', "bad_json"),
        ('{"type": "ping", "type": "ping"}', "bad_json"),
        ("[" * 100_000, "bad_json"),
        ('{"type": "ack", "position": ' + "9" * 5_000 + "}", "bad_json"),
        ("{}", "bad_type"),
        ('{"type": 7}', "bad_type"),
        ('{"type": null}', "bad_type"),
        ('{"type": ["ack"]}', "bad_type"),
        ('{"type": "launch"}', "unknown_command"),
        ('{"type": "alerts.message"}', "unknown_command"),
        ('{"type": "__class__"}', "unknown_command"),
        ('{"type": "' + "x" * 3_000 + '"}', "unknown_command"),
    ],
)
def test_what_is_no_command_is_refused_with_an_error_frame(text, code):
    with pytest.raises(BadCommand) as raised:
        parse(text)
    frame = error_frame(raised.value)
    assert (frame["type"], frame["code"]) == ("error", code)
    assert frame["message"]
    assert len(frame["command"] or "") <= 50


class Desk:
    """What a command may ask of its socket."""

    def __init__(self, user):
        self.cursor = 3
        self.reader = SimpleNamespace(user=user, keys=keys_of(user), note_reads=self.note, hear_reads=self.hear)
        self.answers: list[dict[str, Any]] = []
        self.uids: list[str] = []
        self.group = ""

    def acknowledge(self, position):
        self.answers.append({"acknowledged": position})

    def beat(self):
        self.answers.append({"type": "heartbeat"})

    def say(self, frame):
        self.answers.append(json.loads(frame))

    def note(self, *_):
        pass

    def hear(self, *, frame, **_):
        self.say(frame)


@pytest.fixture
def desk():
    user = User.objects.create_user("ada")
    uids = [str(record(kind="test.news", audience="everyone", title="x").uid) for _ in range(8)]
    bell.number_all()
    desk = Desk(user)
    desk.uids = uids
    desk.group = Alert.objects.get(uid=uids[-1]).group
    yield desk
    bell._hints.clear()
    close_connections_of_the_pool()


def close_connections_of_the_pool():
    barrier = Barrier(command_lane.threads)

    def close():
        barrier.wait(10)
        connections.close_all()

    wait([command_lane.executor.submit(close) for _ in range(command_lane.threads)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", COMMANDS)
async def test_it_takes_what_the_protocol_shows_and_answers(name, desk):
    fields = {"type": name, **DOCUMENTED[name]}
    if "ids" in fields:
        fields["ids"] = desk.uids[:2]
    if "group" in fields:
        fields["group"] = desk.group
    await registered[name].run(desk, fields)
    await registered[name].run(desk, fields)
    kinds = {answer.get("type", "acknowledged") for answer in desk.answers}
    assert kinds == {{"ack": "acknowledged", "ping": "heartbeat"}.get(name, "reads")}
    assert len(desk.answers) == 2, "each is answered, also the one that changed nothing"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [name for name in COMMANDS if "ids" in DOCUMENTED[name]])
async def test_ids_one_may_not_see_change_nothing(name, desk):
    await registered[name].run(desk, {"type": name, "ids": [str(uuid4())]})
    for answer in desk.answers:
        assert (answer["read_ids"], answer["unread_ids"]) == ([], [])
