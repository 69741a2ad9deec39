"""One socket: a cursor. It sends from the cursor to the head of the log, waits for what concerns it, and repeats.

The life of a socket: the handshake is checked, the session identified, `hello` sent. Then two coroutines: one reads
commands, one writes. The writer takes what the tail holds after the cursor, as long as the client acknowledges; a slow
reader is only a cursor that lags. When nothing is left it sleeps, and the tail wakes it for an alert of its audience:
what it slept through did not concern it. Live, lagging and resumed sockets run the same lines.
"""

from __future__ import annotations

import asyncio
import logging
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError

from alerts import frames, reads
from alerts.conf import conf
from alerts.reads import Reading

from .close_codes import CloseCode
from .commands import LARGEST_FRAME, BadCommand, parse
from .engines import Connection, Send, dropping
from .entrance import Arrival
from .handshake import SUBPROTOCOL, Refused, Resume, client_address, resume_of, verify_origin
from .pace import Pace
from .pool import people_lane
from .sessions import digest, session_key_of
from .tail import Batch

if TYPE_CHECKING:
    from .reader import Reader
    from .service import Service

logger = logging.getLogger(__name__)
Receive = Callable[[], Awaitable[dict[str, Any]]]
MOST_HINTS = 20  # control frames that wait, above which no hint is added
MOST_UNSENT = 500  # control frames that wait for a reader who does not read
# Bytes of alerts in one frame, one alert at least. Daphne's limit on a message's size holds for what it sends as well.
MOST_IN_A_FRAME = 60 * 1024
PATIENCE = 60.0  # seconds a full window may stay full


class Feed:
    """The socket of one browser. Every method belongs to the server's loop."""

    def __init__(self, service: Service, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.service = service
        self.tail = service.tail
        self.connection = Connection(send)
        self.address = client_address(scope)
        self.session_key = ""
        self.session_digest = ""
        self.reader: Reader
        self.cursor = 0  # all this socket may see up to here has been sent
        self.beat_at = math.inf  # none before `hello`
        self.full_since: float | None = None
        self._scope = scope
        self._receive = receive
        self._send = dropping(send)
        self._early: dict[str, Any] | None = None  # a message that came during the handshake
        self._epoch = ""
        self._gap = ""
        self._window = (conf().WINDOW, conf().WINDOW * 1024)
        self._unacknowledged: deque[tuple[Sequence[int], Sequence[int]]] = deque()
        self._count = 0
        self._bytes = 0
        self._said: deque[str] = deque()
        self._closing: CloseCode | None = None
        self._is_idle = False
        self._woken = asyncio.Event()
        self._pace = Pace()
        self._warns_at = 0.0  # not again before; a line in the log a minute at most
        self._read_before: dict[int, str] = {}

    async def run(self) -> None:
        """From handshake to close. Never raises for what a client does."""
        entered = await self._enter()
        if entered is None:
            return
        writer: asyncio.Task[None] | None = None
        try:
            await self._begin(*entered)
            del entered  # it would be kept as long as the socket is open
            writer = asyncio.create_task(self._write())
            await self._read()
        except DatabaseError as error:
            self._log_failure("socket", error)
            await self._say_bye(CloseCode.RESTARTING)
        finally:
            self.service.leave(self)
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)
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
            await self._send({"type": "websocket.close"})
            return None
        except DatabaseError as error:
            # The client learns from its page that it is signed in still, and tries again.
            logger.warning("refused: the database does not answer (%s) ip=%s", type(error).__name__, self.address)
            await self._send({"type": "websocket.close"})
            return None
        offered = scope.get("subprotocols", ())
        await self._send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None})
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
        """An entry that concerns this socket is in the tail."""
        if self._is_idle:
            # Whatever lies between did not concern it.
            self.cursor = max(self.cursor, position - 1)
            self._is_idle = False
        self._woken.set()

    def look(self) -> None:
        """Something about the log itself changed."""
        self._is_idle = False
        self._woken.set()

    def say(self, frame: str) -> None:
        """Send a frame after those that wait already."""
        self._said.append(frame)
        if len(self._said) > MOST_UNSENT:
            self._said.clear()
            self.close(CloseCode.NEVER_ACKNOWLEDGED)
        self._woken.set()

    def hint(self, frame: str) -> None:
        """Send a frame that may as well be lost: whoever does not read hears none."""
        if len(self._said) < MOST_HINTS:
            self.say(frame)

    def beat(self) -> None:
        """A heartbeat: the cursor, read from the same path as the alerts."""
        self.beat_at = asyncio.get_running_loop().time() + conf().HEARTBEAT
        if self._is_idle and self._epoch == self.tail.epoch:
            self.cursor = max(self.cursor, self.tail.head)
        self.say(
            frames.heartbeat(
                position=self.cursor,
                head=self.reader.head,
                unread=self.reader.unread,
                reads_version=self.reader.reads_version,
            )
        )

    def close(self, code: CloseCode) -> None:
        """End the socket; nothing but `bye` is sent after this."""
        if self._closing is None:
            self._closing = code
            logger.info("close: %s user=%s ip=%s", code.reason, self.reader.user.pk, self.address)
            self._woken.set()

    def frees(self, position: int) -> bool:
        """Whether an acknowledgement up to this position frees a part of the window."""
        return bool(self._unacknowledged) and self._unacknowledged[0][0][0] <= position <= self.cursor

    def acknowledge(self, position: int) -> None:
        """The client has received everything up to this position."""
        while self._unacknowledged:
            positions, sizes = self._unacknowledged[0]
            got = bisect_right(positions, position)
            self._count -= got
            self._bytes -= sum(sizes[:got])
            if got < len(positions):
                self._unacknowledged[0] = (positions[got:], sizes[got:])
                break
            self._unacknowledged.popleft()
        if not self._is_full:
            self.full_since = None
            self._woken.set()

    # --- writing ---

    @property
    def _is_full(self) -> bool:
        return self._count >= self._window[0] or self._bytes >= self._window[1]

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
        self.beat_at = asyncio.get_running_loop().time() + conf().HEARTBEAT
        await self._send_text(
            frames.hello(
                epoch=self._epoch,
                position=position,
                head=self.reader.head,
                unread=self.reader.unread,
                reads_version=self.reader.reads_version,
                heartbeat=conf().HEARTBEAT,
                window=self._window,
                user=(str(self.reader.user.pk), self.reader.user.name),
            )
        )

    async def _read_among_missed(self, reading: Reading, head: int) -> dict[int, str]:
        """Which of the alerts up to the head this user has read already, elsewhere."""
        if self.cursor >= reading.read_up_to and not reading.has_marks:
            return {}
        entries = self.tail.entries_after(self.cursor, self.reader.keys)
        read = None if entries is None else reading.read_among(entry.position for entry in entries)
        if entries is None or read is None:
            return await people_lane(reads.read_ids_between, reading, self.reader.keys, self.cursor, head)
        return {entry.position: entry.uid for entry in entries if entry.position in read}

    async def _write(self) -> None:
        try:
            while self._closing is None:
                self._woken.clear()
                if not await self._write_next():
                    await self._woken.wait()
            await self._say_bye(self._closing)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # The log could not be read: the client comes back and resumes.
            self._log_failure("socket", error)
            await self._say_bye(CloseCode.RESTARTING)

    async def _write_next(self) -> bool:
        """Send what is next. Gives False when there is nothing to send."""
        if self._said:
            await self._send_text(self._said.popleft())
            return True
        if self._lost_its_place():
            await self._say_gap()
            return True
        if self._is_full:
            if self.full_since is None:
                self.full_since = asyncio.get_running_loop().time()
            return False
        count, size = self._window[0] - self._count, min(self._window[1] - self._bytes, MOST_IN_A_FRAME)
        batch = self.tail.read_at_once(self.cursor, self.reader.keys, count, size)
        if batch is None:
            batch = await self.tail.read(self.cursor, self.reader.keys, count, size)
            if self._lost_its_place() or self._closing is not None:
                return True
        if batch.entries:
            await self._send_alerts(batch)
            return True
        self.cursor = batch.position
        if self.cursor < self.tail.head:
            return True
        self._is_idle = True
        return False

    def _lost_its_place(self) -> bool:
        if not self._gap:
            if self._epoch != self.tail.epoch:
                self._gap = "epoch"
            elif self.cursor + 1 < self.tail.oldest and self.cursor < self.tail.head:
                self._gap = "trimmed"
        return bool(self._gap)

    async def _say_gap(self) -> None:
        tail = self.tail
        reason, self._gap = self._gap, ""
        self._epoch, self.cursor = tail.epoch, tail.head
        self._unacknowledged.clear()
        self._count = self._bytes = 0
        self.full_since = None
        self._read_before.clear()
        await self._send_text(frames.gap(reason=reason, epoch=tail.epoch, oldest=tail.oldest, head=tail.head))

    async def _send_alerts(self, batch: Batch) -> None:
        entries = batch.entries
        self.cursor = batch.position
        self._unacknowledged.append(([e.position for e in entries], [e.size for e in entries]))
        self._count += len(entries)
        self._bytes += sum(entry.size for entry in entries)
        await self._send_text(self.tail.frame(batch))
        if self._read_before:
            read = [uid for entry in entries if (uid := self._read_before.pop(entry.position, None)) is not None]
            if read:
                version, unread = self.reader.reads_version, self.reader.unread
                await self._send_text(frames.reads(version=version, unread=unread, read_ids=read))

    async def _send_text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def _say_bye(self, code: CloseCode) -> None:
        await self._send_text(frames.bye(reason=code.reason, retry_after=code.retry_after))
        await self._send({"type": "websocket.close", "code": int(code)})

    def _log_failure(self, what: str, error: Exception) -> None:
        is_expected = isinstance(error, DatabaseError)
        logger.error("The %s of user %s failed: %s", what, self.reader.user.pk, error, exc_info=not is_expected)

    # --- reading ---

    async def _read(self) -> None:
        while True:
            message, self._early = self._early or await self._receive(), None
            if message["type"] == "websocket.disconnect":
                return
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
