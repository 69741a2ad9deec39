"""A bad network: a TCP proxy that delays, trickles, cuts at random and resets in the middle of a frame."""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK = 16 * 1024


@dataclass(frozen=True)
class Weather:
    """What happens to the bytes. `delay` in seconds, for each chunk; `cut_every` in seconds, on the average.

    `trickle` bytes at a time (0: as they come). Of those connections that are cut, `resets` are reset after half of
    the chunk at hand, the others just end there.
    """

    delay: float = 0.0
    trickle: int = 0
    cut_every: float = 0.0
    resets: float = 0.5


class Proxy:
    """Stands before a port of this machine. `weather` may be changed at any time."""

    def __init__(self, port: int, weather: Weather, chance: random.Random) -> None:
        self.weather = weather
        self.cuts = 0
        self.resets = 0
        self._to = port
        self.chance = chance
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.websocket_url = f"ws://127.0.0.1:{self.port}/ws/feed/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: asyncio.StreamWriter | None = None
        try:
            beyond, there = await asyncio.open_connection("127.0.0.1", self._to)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, there, writer))
                ways.create_task(self._carry(beyond, writer, there))
        except* (OSError, EOFError):
            pass  # cut, by us or by one of the two
        finally:
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        """One direction. Ends with EOFError, so that the other ends as well."""
        loop = asyncio.get_running_loop()
        # Cuts belong to the connection's life, not to a chunk: a quiet one is cut as well.
        until = loop.time() + self._life()
        while True:
            data = b""
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    data = await source.read(self.weather.trickle or CHUNK)
                    if not data:
                        raise EOFError
                    await asyncio.sleep(self.chance.uniform(0, 2) * self.weather.delay)
            if loop.time() >= until:
                self._cut(data, to, back)
                raise EOFError
            to.write(data)
            await to.drain()

    def _life(self) -> float:
        return self.chance.expovariate(1 / self.weather.cut_every) if self.weather.cut_every else 1e6

    def _cut(self, data: bytes, to: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        """Half of what is at hand still goes through: a frame that ends in its middle."""
        self.cuts += 1
        to.write(data[: len(data) // 2])
        if self.chance.random() < self.weather.resets:
            self.resets += 1
            for end in (to, back):
                # Closing with a linger of nothing sends RST instead of FIN.
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            to.close()
