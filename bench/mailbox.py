"""A mail server that only counts, at a distance: every answer takes one round trip, as over a long line."""

import asyncio
import threading
import time
from types import TracebackType
from typing import Self

from tests.servers.ports import free_port

FEATURES = b"250-mailbox\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"


class Mailbox:
    """`arrivals` are the moments (`time.monotonic()`) at which mails were taken. `round_trip` in seconds."""

    def __init__(self, round_trip: float = 0.0) -> None:
        self.round_trip = round_trip
        self.port = free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.arrivals: list[float] = []
        self.connections = 0
        self.transports: set[asyncio.Transport] = set()  # of those that are open
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = self._loop.create_server(lambda: _Conversation(self), "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for transport in list(self.transports):
            transport.abort()
        await asyncio.sleep(0)  # in which they tell that they are gone

    def wait_for(self, count: int, *, seconds: float) -> float:
        """Mails a second, from the first that came to the one that makes `count`. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while len(self.arrivals) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.arrivals)} of {count} mails within {seconds:.0f} s")
            time.sleep(0.01)
        return (count - 1) / (self.arrivals[count - 1] - self.arrivals[0])


class _Conversation(asyncio.Protocol):
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._input = b""
        self._is_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._mailbox.connections += 1
        self._mailbox.transports.add(transport)
        # One round trip to connect, and half of one each way for the greeting.
        self._answer(b"220 mailbox ESMTP\r\n", 2 * self._mailbox.round_trip)

    def connection_lost(self, error: Exception | None) -> None:
        self._mailbox.transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._input += data
        while True:
            end = b"\r\n.\r\n" if self._is_data else b"\r\n"
            part, found, rest = self._input.partition(end)
            if not found:
                return
            self._input = rest
            if self._is_data:
                self._is_data = False
                self._mailbox.arrivals.append(time.monotonic())
                self._answer(b"250 taken\r\n")
            else:
                self._obey(part[:4].upper())

    def _obey(self, command: bytes) -> None:
        if command == b"EHLO":
            self._answer(FEATURES)
        elif command == b"DATA":
            self._is_data = True
            self._answer(b"354 go on\r\n")
        elif command == b"QUIT":
            self._answer(b"221 bye\r\n")
        else:
            self._answer(b"250 so be it\r\n")

    def _answer(self, text: bytes, after: float | None = None) -> None:
        pause = self._mailbox.round_trip if after is None else after
        if pause:
            asyncio.get_running_loop().call_later(pause, self._write, text)
        else:
            self._write(text)

    def _write(self, text: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(text)
