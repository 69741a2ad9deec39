"""A client and its resumes, as promises.md counts them: what it was shown, in which order, and when."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin

from tests.servers.visitor import Visitor


class Server(Protocol):
    """Where a client connects to."""

    url: str
    websocket_url: str


class Shown(NamedTuple):
    """One alert as it came. `time` is this process's `time.time()`, in seconds."""

    epoch: str
    position: int
    time: float
    alert: dict[str, Any]


@dataclass
class Lineage:
    """Connects, acknowledges and, whenever it is cut, resumes where it was, until left. `seconds` between two tries."""

    server: Server
    visitor: Visitor
    seconds: float = 0.1
    shown: list[Shown] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)  # those that are no alerts
    connections: int = 0
    epoch: str = ""
    position: int = -1
    socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        await self.until(lambda: self.epoch, "a first hello")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def titles(self) -> list[str]:
        return [shown.alert["title"] for shown in self.shown]

    def cut(self) -> None:
        """Ends the TCP connection with no closing handshake, as a broken network does."""
        if self.socket is not None:
            self.socket.transport.abort()
            self.socket = None

    async def until(self, condition: Any, what: str, *, seconds: float = 20) -> None:
        """Waits until `condition()` holds; raises what the lineage died of, or TimeoutError with what it was shown."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self._task.done():
                self._task.result()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {seconds} s; shown: {self.titles[-30:]} ({len(self.titles)})")
            await asyncio.sleep(0.01)

    def verify(self) -> None:
        """Nothing twice, and positions strictly rising."""
        positions = [shown.position for shown in self.shown]
        assert positions == sorted(set(positions)), "out of order, or twice"
        ids = [shown.alert["id"] for shown in self.shown]
        assert len(ids) == len(set(ids)), "twice"

    async def _run(self) -> None:
        while True:
            resume = f"?epoch={self.epoch}&position={self.position}" if self.epoch else ""
            headers = {"Cookie": self.visitor.cookie}
            url = self.server.websocket_url + resume
            try:
                async with connect(
                    url, additional_headers=headers, origin=Origin(self.server.url), proxy=None, ping_interval=None
                ) as socket:
                    self.socket = socket
                    self.connections += 1
                    async for text in socket:
                        await self._hear(json.loads(text), socket)
            except (ConnectionClosed, InvalidHandshake, OSError):
                pass
            self.socket = None
            await asyncio.sleep(self.seconds)

    async def _hear(self, frame: dict[str, Any], socket: ClientConnection) -> None:
        if frame["type"] != "alerts":
            self.frames.append(frame)
        assert frame["type"] != "gap", frame
        if frame["type"] == "hello" and not self.epoch:
            self.epoch, self.position = frame["epoch"], frame["position"]
        elif frame["type"] == "alerts":
            now = time.time()
            self.shown += [Shown(self.epoch, alert["position"], now, alert) for alert in frame["alerts"]]
            self.position = frame["position"]
            await socket.send(json.dumps({"type": "ack", "position": frame["position"], "seen": True}))
