"""One socket: a cursor. It sends from the cursor to the head of the log, waits for what concerns it, and repeats.

The life of a socket: the handshake is checked, the session identified, `hello` sent. Then commands are read, and
whatever brings something to send pushes: what the tail holds after the cursor goes out at once, as long as the client
acknowledges and its connection takes it; only what has to be waited for, a page of the database or a slow connection,
gets a task. When nothing is left the feed is idle, and woken for an alert of its audience: what came meanwhile did not
concern it. Live, lagging and resumed sockets run the same lines.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError

from alerts import frames, reads
from alerts.conf import conf
from alerts.reads import Reading

from .batch import Batch
from .close_codes import CloseCode
from .commands import LARGEST_FRAME, BadCommand, parse
from .connection import Frame, Later, connect
from .engines import Send
from .entrance import Arrival
from .handshake import SUBPROTOCOL, Refused, Resume, client_address, resume_of, verify_origin
from .pace import Pace
from .pool import people_lane
from .sessions import digest, session_key_of
from .window import Window

if TYPE_CHECKING:
    from .reader import Reader
    from .service import Service

logger = logging.getLogger(__name__)
Receive = Callable[[], Awaitable[dict[str, Any]]]
MOST_HINTS = 20  # control frames that wait, above which no hint is added
MOST_UNSENT = 500  # control frames that wait for a reader who does not read
PATIENCE = 60.0  # seconds a full window may stay full


class Feed:
    """The socket of one browser. Every method belongs to the server's loop."""

    __slots__ = (
        "_closing",
        "_early",
        "_epoch",
        "_gap",
        "_is_idle",
        "_is_open",
        "_pace",
        "_read_before",
        "_receive",
        "_said",
        "_scope",
        "_warns_at",
        "_writer",
        "address",
        "beat_at",
        "connection",
        "cursor",
        "reader",
        "service",
        "session_digest",
        "session_key",
        "tail",
        "window",
    )
    reader: Reader

    def __init__(self, service: Service, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.service = service
        self.tail = service.tail
        self.connection = connect(send)
        self.address = client_address(scope)
        self.session_key = ""
        self.session_digest = ""
        self.cursor = 0  # all this socket may see up to here has been sent
        self.beat_at = math.inf  # none before `hello`
        self.window = Window(conf().WINDOW, conf().WINDOW * 1024)
        self._scope = scope
        self._receive = receive
        self._early: dict[str, Any] | None = None  # a message that came during the handshake
        self._epoch = ""
        self._gap = ""
        self._said: list[Frame | None] = []  # None: a heartbeat, which tells where the cursor is when its turn has come
        self._closing: CloseCode | None = None
        self._is_open = False  # between `hello` and `bye`
        self._is_idle = False
        self._writer: asyncio.Task[None] | None = None
        self._pace = Pace()
        self._warns_at = 0.0  # not again before; a line in the log a minute at most
        self._read_before: dict[int, str] = {}

    async def run(self) -> None:
        """From handshake to close. Never raises for what a client does."""
        entered = await self._enter()
        if entered is None:
            return
        try:
            await self._begin(*entered)
            del entered  # it would be kept as long as the socket is open
            self._is_open = True
            self.push()
            await self._read()
        except DatabaseError as error:
            self._fall_out()
            self._log_failure("socket", error)
            await self._say_bye(CloseCode.RESTARTING)
        finally:
            self._is_open = False
            self.service.leave(self)
            if self._writer is not None:
                self._writer.cancel()
                await asyncio.gather(self._writer, return_exceptions=True)
            self.connection.end()

    async def _enter(self) -> tuple[Resume, Reading] | None:
        """The handshake. Gives where the client wants to go on and what it has read, or None: it was refused."""
        await self._receive()  # websocket.connect
        scope, self._scope = self._scope, {}
        try:
            verify_origin(scope)
            resume = resume_of(scope)
            self.session_key = session_key_of(scope)
            arrival = await self._identify()
        except Refused as refused:
            logger.info("refused: %s ip=%s", refused, self.address)
            await self.connection.send({"type": "websocket.close"})
            return None
        except DatabaseError as error:
            # The client learns from its page that it is signed in still, and tries again.
            logger.warning("refused: the database does not answer (%s) ip=%s", type(error).__name__, self.address)
            await self.connection.send({"type": "websocket.close"})
            return None
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
        await self.connection.send({"type": "websocket.accept", "subprotocol": subprotocol})
        self.session_digest = digest(self.session_key)
        refusal = self.service.admit(self, arrival)
        if refusal is not None:
            logger.warning("limit: %s user=%s ip=%s", refusal.reason, arrival.identity.user.pk, self.address)
            await self._say_bye(refusal)
            return None
        logger.info("connect: user=%s ip=%s", arrival.identity.user.pk, self.address)
        return resume, arrival.identity.reading

    async def _identify(self) -> Arrival:
        """Who comes. Thousands may come at once: whoever gives up before it is their turn is not asked about any more.

        Daphne drops a handshake after 5 s; without this the next tries would wait behind those that are over.
        """
        if not self.session_key:
            raise Refused("not signed in")
        asking = self.service.entrance.ask(self.session_key)
        leaving = asyncio.ensure_future(self._receive())
        leaving.add_done_callback(lambda _: _is_gone(leaving) and asking.cancel())
        try:
            arrival = await asking
        except asyncio.CancelledError:
            if not _is_gone(leaving):
                raise
            raise Refused("gone before its turn") from None
        finally:
            if leaving.done():
                self._early = leaving.result()
            leaving.cancel()
        if arrival is None:
            raise Refused("not signed in")
        return arrival

    # --- what the tail, the ticker and the commands ask of it: none of these waits ---

    def wake(self, position: int) -> None:
        """An entry that concerns this socket is in the tail; none before it does that has not been told of."""
        self._fall_out()
        if self._is_idle:
            self.cursor = max(self.cursor, position - 1)
            self._is_idle = False
        self.push()

    def wait(self, later: Later) -> None:
        """What was to be written has to be waited for."""
        self._is_idle = False
        self._writer = asyncio.create_task(self._write(later))

    def look(self) -> None:
        """Something about the log itself changed."""
        self._fall_out()
        self._is_idle = False
        self.push()

    def say(self, text: str) -> None:
        """Send a frame after those that wait already."""
        self._say(Frame(text))

    def _say(self, frame: Frame | None) -> None:
        self._fall_out()
        self._said.append(frame)
        if len(self._said) > MOST_UNSENT:
            self._said.clear()
            self.close(CloseCode.NEVER_ACKNOWLEDGED)
        self.push()

    def hint(self, text: str) -> None:
        """Send a frame that may as well be lost: whoever does not read hears none."""
        if len(self._said) < MOST_HINTS:
            self.say(text)

    def beat(self) -> None:
        """A heartbeat: the cursor, read from the same path as the alerts."""
        self.beat_at = asyncio.get_running_loop().time() + conf().HEARTBEAT
        self._say(None)

    def close(self, code: CloseCode) -> None:
        """End the socket; nothing but `bye` is sent after this."""
        if self._closing is None:
            self._fall_out()
            self._closing = code
            logger.info("close: %s user=%s ip=%s", code.reason, self.reader.user.pk, self.address)
            self.push()

    def frees(self, position: int) -> bool:
        """Whether an acknowledgement up to this position frees a part of the window."""
        self._fall_out()
        return position <= self.cursor and self.window.frees(position)

    def acknowledge(self, position: int) -> None:
        """The client has received everything up to this position."""
        self._fall_out()
        self.window.acknowledge(position)
        self.push()

    def _fall_out(self) -> None:
        """Whatever happens to this socket alone, happens out of step, and from where everybody was told.

        What an idle socket was not woken for does not concern it.
        """
        self.reader.role.fall_out(self)
        if self._is_idle and self._epoch == self.tail.epoch:
            self.cursor = max(self.cursor, self.tail.waiting.told)

    # --- writing ---

    async def _begin(self, resume: Resume, reading: Reading) -> None:
        """`hello`, and the cursor where the client wants it, or a gap where that is impossible."""
        tail = self.tail
        if resume.position is not None and resume.epoch == tail.epoch and resume.position > tail.head:
            await tail.refresh()  # the page may have read a newer head than this process has heard of
        self._epoch = tail.epoch
        head = tail.head
        position = head if resume.position is None else resume.position
        if resume.position is not None:
            if resume.epoch != tail.epoch or position > head:
                self._gap = "epoch"
            elif position + 1 < tail.oldest:
                self._gap = "trimmed"
        self.cursor = head if self._gap else position
        if self.cursor < head:
            self._read_before = await self._read_among_missed(reading, head)
        # The first one early: thousands who came at once are spread over half the time, and stay so.
        self.beat_at = asyncio.get_running_loop().time() + conf().HEARTBEAT * random.uniform(0.5, 1)
        hello = Frame(
            frames.hello(
                epoch=self._epoch,
                position=position,
                head=self.reader.head,
                unread=self.reader.unread,
                reads_version=self.reader.reads_version,
                heartbeat=conf().HEARTBEAT,
                window=(self.window.alerts, self.window.bytes),
                user=(str(self.reader.user.pk), self.reader.user.name),
            )
        )
        await self._send(hello)

    async def _read_among_missed(self, reading: Reading, head: int) -> dict[int, str]:
        """Which of the alerts up to the head this user has read already, elsewhere."""
        if self.cursor >= reading.read_up_to and not reading.has_marks:
            return {}
        entries = self.tail.entries_after(self.cursor, self.reader.keys)
        read = None if entries is None else reading.read_among(entry.position for entry in entries)
        if entries is None or read is None:
            return await people_lane(reads.read_ids_between, reading, self.reader.keys, self.cursor, head)
        return {entry.position: entry.uid for entry in entries if entry.position in read}

    def push(self) -> None:
        """Send what is next, until there is nothing, or something has to be waited for: that is the writer's."""
        if self._writer is None and self._is_open:
            try:
                later = self._send_on()
            except Exception as error:
                later = partial(self._break_off, error)
            if later is not None:
                self.wait(later)

    async def _write(self, later: Later | None) -> None:
        try:
            while later is not None:
                await later()
                later = self._send_on()
        except Exception as error:
            await self._break_off(error)
        self._writer = None

    def _send_on(self) -> Later | None:
        """Send what is next. Gives what has to be waited for before the rest, or None when nothing is left."""
        tail, window = self.tail, self.window
        later: Later | None = None
        while later is None:
            if self._closing is not None:
                return partial(self._say_bye, self._closing) if self._is_open else None
            if self._said:
                later = self.connection.write(self._said.pop(0) or self._heartbeat())
            elif self._lost_its_place():
                later = self._write_gap()
            elif window.is_full:
                window.full_since = window.full_since or asyncio.get_running_loop().time()
                return None
            elif self.cursor >= tail.head:
                self._is_idle = True
                self._read_before.clear()  # whatever is left of it was not sent
                self.reader.role.fall_in(self)
                return None
            else:
                self._is_idle = False
                batch = tail.read_at_once(self.cursor, self.reader, window.alerts, window.bytes)
                later = self._read_back if batch is None else self._write_batch(batch)
        return later

    def _heartbeat(self) -> Frame:
        reader = self.reader
        return Frame(
            frames.heartbeat(
                position=self.cursor, head=reader.head, unread=reader.unread, reads_version=reader.reads_version
            )
        )

    async def _read_back(self) -> None:
        """Send what comes next, further back than the tail reaches."""
        batch = await self.tail.read(self.cursor, self.reader.keys, self.window.alerts, self.window.bytes)
        if not self._lost_its_place() and self._closing is None and (later := self._write_batch(batch)) is not None:
            await later()

    def _write_batch(self, batch: Batch) -> Later | None:
        self.cursor = batch.position
        if not batch.entries:
            return None
        self.window.add(batch)
        if self._read_before:
            self._name_those_read(batch)
        return self.connection.write(batch.frame)

    def _name_those_read(self, batch: Batch) -> None:
        """After a resume: a frame that names which alerts of this batch are read already, next after it."""
        found = (self._read_before.pop(position, None) for position in batch.positions)
        if read := [uid for uid in found if uid is not None]:
            version, unread = self.reader.reads_version, self.reader.unread
            self._said.insert(0, Frame(frames.reads(version=version, unread=unread, read_ids=read)))

    def _lost_its_place(self) -> bool:
        tail = self.tail
        if self._epoch != tail.epoch:
            self._gap = self._gap or "epoch"
        elif self.cursor + 1 < tail.oldest and self.cursor < tail.head:
            self._gap = self._gap or "trimmed"
        return self._gap != ""

    def _write_gap(self) -> Later | None:
        tail = self.tail
        reason, self._gap = self._gap, ""
        self._epoch, self.cursor = tail.epoch, tail.head
        self.window.clear()
        self._read_before.clear()
        return self.connection.write(
            Frame(frames.gap(reason=reason, epoch=tail.epoch, oldest=tail.oldest, head=tail.head))
        )

    async def _send(self, frame: Frame) -> None:
        later = self.connection.write(frame)
        if later is not None:
            await later()

    async def _say_bye(self, code: CloseCode) -> None:
        self._is_open = False
        await self._send(Frame(frames.bye(reason=code.reason, retry_after=code.retry_after)))
        await self.connection.send({"type": "websocket.close", "code": int(code)})

    async def _break_off(self, error: Exception) -> None:
        """The log could not be read: the client comes back and resumes."""
        self._log_failure("socket", error)
        await self._say_bye(CloseCode.RESTARTING)

    def _log_failure(self, what: str, error: Exception) -> None:
        is_expected = isinstance(error, DatabaseError)
        logger.error("The %s of user %s failed: %s", what, self.reader.user.pk, error, exc_info=not is_expected)

    # --- reading ---

    async def _read(self) -> None:
        while True:
            message, self._early = self._early or await self._receive(), None
            if message["type"] == "websocket.disconnect":
                return
            self.connection.heard()
            if self._closing is not None:
                continue
            text = message.get("text")
            if text is None:
                self.close(CloseCode.BINARY)
            elif len(text) > LARGEST_FRAME or len(text.encode("utf-8", "surrogatepass")) > LARGEST_FRAME:
                self.close(CloseCode.TOO_BIG)
            else:
                await self._obey(text)

    async def _obey(self, text: str) -> None:
        self._fall_out()
        name: str | None = None
        try:
            try:
                command, fields = parse(text)
                name = command.type
                is_free = command.is_free(self, fields)
            except BadCommand:
                self._verify_pace(None)
                raise
            if not is_free:
                self._verify_pace(name)
            await command.run(self, fields)
        except BadCommand as error:
            if self._closing is None:
                self.say(frames.error(code=error.code, message=str(error), command=error.command or name))
        except Exception as error:
            self._log_failure(f"command {name}", error)
            self.say(frames.error(code="failed", message="That did not work just now. Try it again.", command=name))

    def _verify_pace(self, name: str | None) -> None:
        now = asyncio.get_running_loop().time()
        if self._pace.allows(now):
            return
        if now >= self._warns_at:
            self._warns_at = now + 60
            logger.warning("limit: too_many user=%s ip=%s", self.reader.user.pk, self.address)
        if self._pace.is_flood():
            self.close(CloseCode.TOO_MANY_COMMANDS)
        raise BadCommand("too_many", "More than 100 commands a minute. Wait a moment.", name)


def _is_gone(leaving: asyncio.Future[dict[str, Any]]) -> bool:
    is_message = leaving.done() and not leaving.cancelled() and leaving.exception() is None
    return is_message and leaving.result()["type"] == "websocket.disconnect"
