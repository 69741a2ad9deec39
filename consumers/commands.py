"""The commands a browser may send. A new one is one class with a `type`: it is registered by being defined."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from uuid import UUID

from alerts import clean, reads
from alerts.hints import frame, tell_reads

from .pool import command_lane

if TYPE_CHECKING:
    from .feed import Feed

LARGEST_FRAME = 4 * 1024  # bytes
MOST_IDS = 90
LONGEST_GROUP = 100
LARGEST_POSITION = 2**53 - 1


class BadCommand(Exception):
    """Answered with an `error` frame; the socket stays open."""

    def __init__(self, code: str, message: str, command: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.command = command


registered: dict[str, Command] = {}


class Command(ABC):
    """One kind of command. Its one object is shared by all sockets and keeps nothing."""

    type: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.type:
            registered[cls.type] = cls()

    @abstractmethod
    async def run(self, feed: Feed, fields: Mapping[str, Any]) -> None:
        """Carry it out for one socket. Raises BadCommand for fields of the wrong shape."""

    def is_free(self, feed: Feed, fields: Mapping[str, Any]) -> bool:
        """Whether it does not count as one of the commands a minute."""
        return False

    def refuse(self, message: str) -> NoReturn:
        raise BadCommand("bad_field", message, self.type)

    def position(self, fields: Mapping[str, Any], name: str) -> int:
        value = fields.get(name)
        if type(value) is not int or not 0 <= value <= LARGEST_POSITION:
            self.refuse(f"{name} is a position, an integer from 0 to 2^53-1.")
        return value

    def ids(self, fields: Mapping[str, Any]) -> list[UUID]:
        values = fields.get("ids")
        if not isinstance(values, list) or not 1 <= len(values) <= MOST_IDS:
            self.refuse(f"ids is a list of 1 to {MOST_IDS} alert ids.")
        try:
            return [UUID(value) for value in values]
        except (ValueError, AttributeError, TypeError):
            self.refuse("ids holds something that is no alert id.")


class Ack(Command):
    type = "ack"

    async def run(self, feed: Feed, fields: Mapping[str, Any]) -> None:
        seen = fields.get("seen", False)
        if not isinstance(seen, bool):
            self.refuse("seen is true or false.")
        position = self.position(fields, "position")
        if position > feed.cursor:
            raise BadCommand("beyond", f"Nothing beyond position {feed.cursor} has been sent.", self.type)
        feed.acknowledge(position)

    def is_free(self, feed: Feed, fields: Mapping[str, Any]) -> bool:
        position = fields.get("position")
        return type(position) is int and feed.frees(position)


class Mark(Command):
    """`read` and `unread`: ids one may not see are ignored without an answer."""

    is_read: ClassVar[bool]

    async def run(self, feed: Feed, fields: Mapping[str, Any]) -> None:
        ids = self.ids(fields)
        user, keys = feed.reader.user, feed.reader.keys
        change = await command_lane(reads.mark, user, keys, ids, is_read=self.is_read)
        if change is not None:
            await answer(feed, change)


class Read(Mark):
    type = "read"
    is_read = True


class Unread(Mark):
    type = "unread"
    is_read = False


class ReadAll(Command):
    type = "read_all"

    async def run(self, feed: Feed, fields: Mapping[str, Any]) -> None:
        up_to = self.position(fields, "up_to")
        await answer(feed, await command_lane(reads.mark_all_read, feed.reader.user, feed.reader.keys, up_to))


class ReadGroup(Command):
    type = "read_group"

    async def run(self, feed: Feed, fields: Mapping[str, Any]) -> None:
        group = fields.get("group")
        if not isinstance(group, str) or not 1 <= len(group) <= LONGEST_GROUP:
            self.refuse(f"group is a text of 1 to {LONGEST_GROUP} characters.")
        change = await command_lane(reads.mark_group_read, feed.reader.user, feed.reader.keys, clean.text(group, 100))
        if change is not None:
            await answer(feed, change)


class Sync(Command):
    type = "sync"

    async def run(self, feed: Feed, fields: Mapping[str, Any]) -> None:
        ids = self.ids(fields)
        change = await command_lane(reads.sync, feed.reader.user, feed.reader.keys, ids)
        feed.reader.note_reads(change.version, change.unread, change.counted_up_to)
        feed.say(frame(change))


class Ping(Command):
    type = "ping"

    async def run(self, feed: Feed, fields: Mapping[str, Any]) -> None:
        feed.beat()


async def answer(feed: Feed, change: reads.Change) -> None:
    """A change goes to every socket of the user, here at once; one that changed nothing only to who asked."""
    if change.is_new:
        feed.reader.hear_reads(
            version=change.version, unread=change.unread, counted_up_to=change.counted_up_to, frame=frame(change)
        )
        await command_lane(tell_reads, feed.reader.user, change)
    else:
        feed.say(frame(change))


def parse(text: str) -> tuple[Command, dict[str, Any]]:
    """The command of a text frame. Raises BadCommand; nothing of the wrong shape gets further than this (trap C4)."""
    try:
        fields = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise BadCommand("bad_json", "A frame is one JSON object without NaN, Infinity or doubled keys.") from error
    if not isinstance(fields, dict):
        raise BadCommand("bad_json", "A frame is one JSON object.")
    name = fields.get("type")
    if not isinstance(name, str):
        raise BadCommand("bad_type", "type is a text: the name of a command.")
    command = registered.get(name)
    if command is None:
        raise BadCommand(
            "unknown_command", f"There is no such command. There are: {', '.join(registered)}.", clean.text(name, 50)
        )
    return command, fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a doubled key")
    return fields


DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
