"""One signed-in user in this process: their rights, their unread count, and all their open sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.reads import MOST

from .entrance import Arrival
from .role import Role
from .tail import Tail

if TYPE_CHECKING:
    from .feed import Feed


class Reader:
    """Shared by the sockets of one user. The tail wakes them; what is about the user comes here."""

    __slots__ = (
        "_counted_up_to",
        "_unread",
        "feeds",
        "is_behind",
        "own_key",
        "reads_version",
        "role",
        "signature",
        "tail",
        "user",
    )
    role: Role  # what they may see, but for what is their own

    def __init__(self, arrival: Arrival, tail: Tail) -> None:
        self.tail = tail
        self.feeds: set[Feed] = set()
        self.reads_version = -1
        self._unread = self._counted_up_to = 0
        self.is_behind = False  # the count of unread alerts is to be asked of the database anew
        self.adopt(arrival)

    def adopt(self, arrival: Arrival) -> None:
        """Take over what was read just now. The role is the tail's to give."""
        identity = arrival.identity
        self.user = identity.user
        self.own_key = identity.own_key
        self.signature = identity.signature
        self.note_reads(identity.reading.version, arrival.unread, arrival.counted_up_to)

    @property
    def keys(self) -> frozenset[str]:
        """Every audience this user is in."""
        return self.role.keys | {self.own_key}

    @property
    def unread(self) -> int:
        """The unread count, up to date with the tail: what came since the last count is unread."""
        if self._counted_up_to < self.tail.head:
            newer = self.tail.count_for(self, self._counted_up_to)
            if newer is None:
                self.is_behind = True
            else:
                self._unread = min(self._unread + newer, MOST)
            self._counted_up_to = self.tail.head
        return self._unread

    @property
    def head(self) -> int:
        """The head of the log up to which `unread` counts: the tail's, or a newer one the database told of."""
        return max(self.tail.head, self._counted_up_to)

    def hint(self, frame: str) -> None:
        for feed in self.feeds:
            feed.hint(frame)

    def look(self) -> None:
        # Positions of another epoch count for nothing here.
        self._counted_up_to = self.tail.head
        self.is_behind = True
        for feed in self.feeds:
            feed.look()

    def note_reads(self, version: int, unread: int, counted_up_to: int) -> None:
        """A count made by the database. One that a newer change overtook is let go, and made again."""
        if version < self.reads_version:
            self.is_behind = True
            return
        self.reads_version = version
        self._unread, self._counted_up_to = unread, counted_up_to

    def hear_reads(self, *, version: int, unread: int, counted_up_to: int, frame: str) -> None:
        """The user's reads changed here or elsewhere: every socket is told, once."""
        if version <= self.reads_version:
            return
        self.note_reads(version, unread, counted_up_to)
        for feed in self.feeds:
            feed.say(frame)
