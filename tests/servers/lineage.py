"""A client and its resumes, as promises.md counts them: what it was shown, in which order, and when."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
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
    """Connects, acknowledges and, whenever it is cut, resumes where it was, until left. `seconds` between two tries.

    With `others` each connection goes to any of them, as behind a load balancer. A `gap` fails the lineage, unless it
    `may_gap`: then it goes on from the head, as a page does that loads its list anew.
    """

    server: Server
    visitor: Visitor
    seconds: float = 0.1
    others: Sequence[Server] = ()
    may_gap: bool = False
    shown: list[Shown] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)  # those that are no alerts
    codes: list[int] = field(default_factory=list)  # what its sockets were closed with
    heard_at: float = 0.0  # when the last frame came, by `time.monotonic()`
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
            self.raise_if_dead()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {seconds} s; shown: {self.titles[-30:]} ({len(self.titles)})")
            await asyncio.sleep(0.01)

    def raise_if_dead(self) -> None:
        """Raises what the lineage died of, if it did."""
        if self._task.done():
            self._task.result()

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
            server = random.choice((self.server, *self.others))
            url = server.websocket_url + resume
            try:
                async with connect(
                    url, additional_headers=headers, origin=Origin(server.url), proxy=None, ping_interval=None
                ) as socket:
                    self.socket = socket
                    self.connections += 1
                    while True:
                        await self._hear(json.loads(await socket.recv()), socket)
            except ConnectionClosed as error:
                self.codes.append(error.rcvd.code if error.rcvd is not None else 1006)
            except (InvalidHandshake, OSError, EOFError):
                pass
            self.socket = None
            await asyncio.sleep(self.seconds)

    async def _hear(self, frame: dict[str, Any], socket: ClientConnection) -> None:
        self.heard_at = time.monotonic()
        if frame["type"] != "alerts":
            self.frames.append(frame)
        if frame["type"] == "gap":
            assert self.may_gap, frame
            self.epoch, self.position = frame["epoch"], frame["head"]
        elif frame["type"] == "hello" and not self.epoch:
            self.epoch, self.position = frame["epoch"], frame["position"]
        elif frame["type"] == "alerts":
            now = time.time()
            self.shown += [Shown(self.epoch, alert["position"], now, alert) for alert in frame["alerts"]]
            self.position = frame["position"]
            await socket.send(json.dumps({"type": "ack", "position": frame["position"], "seen": True}))
