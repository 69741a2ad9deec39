"""A client that does exactly what a test says: one socket, its frames in order, its close code."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
SOON = 8.0  # seconds


class Socket:
    """What holds for every frame is asserted for every frame of every test."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.texts: list[str] = []
        self.cursor = -1

    async def frame(self, seconds: float = SOON) -> Frame:
        """The next frame."""
        async with asyncio.timeout(seconds):
            return self._take(await self.connection.recv())

    async def until(self, kind: str, met: Callable[[Frame], bool] = lambda _: True, seconds: float = SOON) -> Frame:
        """The next frame of a type that meets a condition; the others are passed over."""
        async with asyncio.timeout(seconds):
            while True:
                frame = await self.frame(seconds)
                if frame["type"] == kind and met(frame):
                    return frame

    async def alerts(self, count: int, seconds: float = SOON, *, ack: bool = True) -> list[Frame]:
        """The next `count` alerts, acknowledged as they come."""
        found: list[Frame] = []
        while len(found) < count:
            frame = await self.until("alerts", seconds=seconds)
            found += frame["alerts"]
            if ack:
                await self.send(type="ack", position=frame["position"], seen=True)
        return found

    async def silence(self, seconds: float = 0.4, *, of: str = "") -> None:
        """Fails if a frame (of one type) comes within that time."""
        try:
            frame = await (self.until(of, seconds=seconds) if of else self.frame(seconds))
        except TimeoutError:
            return
        raise AssertionError(f"an unexpected frame: {frame}")

    async def send(self, **command: Any) -> None:
        await self.raw(json.dumps(command))

    async def raw(self, data: str | bytes) -> None:
        await self.connection.send(data)

    async def ask(self, **command: Any) -> Frame:
        """Sends a command that is refused, and gives the `error` frame."""
        await self.send(**command)
        return await self.until("error")

    async def closed(self, seconds: float = SOON) -> int:
        """Passes over what is left and gives the code the server closed with."""
        async with asyncio.timeout(seconds):
            try:
                while True:
                    self._take(await self.connection.recv())
            except ConnectionClosed as error:
                return error.rcvd.code if error.rcvd is not None else 1006

    async def said_bye(self, seconds: float = SOON) -> tuple[int, str]:
        """The code the server closed with, and the reason of the `bye` that came right before it."""
        code = await self.closed(seconds)
        last = json.loads(self.texts[-1])
        assert last["type"] == "bye", last
        assert last.keys() == {"type", "reason", "retry_after"}
        assert (last["retry_after"] > 0) == (code < 4500)
        return code, last["reason"]

    def _take(self, data: str | bytes) -> Frame:
        assert isinstance(data, str)
        assert data.startswith('{"type":"')
        frame = cast(Frame, json.loads(data))
        assert (frame["type"] == "hello") == (not self.texts) or frame["type"] == "bye"
        self.texts.append(data)
        if frame["type"] == "gap":
            self.cursor = frame["head"]
        elif frame["type"] in ("hello", "alerts", "heartbeat"):
            positions = [alert["position"] for alert in frame.get("alerts", ())]
            assert positions == sorted(set(positions))
            assert all(self.cursor < position <= frame["position"] for position in positions)
            assert self.cursor <= frame["position"]
            self.cursor = frame["position"]
        return frame
