"""A WebSocket client as light as thousands need, and a test holds back its every byte: it reads, trickles or freezes.

A lineage like `tests.servers.lineage`, but it connects only when told. Frames are kept as they came and parsed later.
"""

import asyncio
import base64
import json
import os
import socket
import time
from contextlib import suppress
from typing import Any

from tests.servers.lineage import Server, Shown

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
HELLO, ALERTS = b'{"type":"hello"', b'{"type":"alerts"'


class Light(asyncio.Protocol):
    """`receive_buffer` in bytes (0: the system's) bounds what the kernel takes in for a client that does not read."""

    def __init__(self, server: Server, cookie: str, *, receive_buffer: int = 0) -> None:
        self.server = server
        self.epoch = ""
        self.position = -1
        self.is_open = False
        self.code = 0  # what the last socket was closed with
        self.caught_up_at = 0.0  # when the last alert came, by `time.monotonic()`
        self._cookie = cookie
        self._receive_buffer = receive_buffer
        self._alerts: list[tuple[str, float, bytes]] = []
        self._bytes = bytearray()
        self._greeted: asyncio.Future[None] | None = None
        self._is_upgraded = False

    async def connect(self, *, seconds: float = 30) -> None:
        """Resumes where it was, and returns with `hello`. Raises ConnectionError when it is refused."""
        loop = asyncio.get_running_loop()
        self._socket = socket.socket()
        self._socket.setblocking(False)
        if self._receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        host, port = self.server.url.removeprefix("http://").split(":")
        self._bytes.clear()
        self._is_upgraded = False
        self._greeted = loop.create_future()
        async with asyncio.timeout(seconds):
            try:
                await loop.sock_connect(self._socket, (host, int(port)))
            except BaseException:
                self._socket.close()
                raise
            self.transport, _ = await loop.create_connection(lambda: self, sock=self._socket)
            try:
                self.transport.write(self._handshake(f"{host}:{port}"))
                await self._greeted
            except BaseException:
                self.transport.abort()
                raise

    def cut(self) -> None:
        """Ends the TCP connection with no closing handshake."""
        self.transport.abort()

    def freeze(self) -> None:
        """Reads nothing from now on, and so answers nothing: as good as gone, but for its kernel."""
        self.transport.pause_reading()

    def thaw(self) -> None:
        self.transport.resume_reading()

    def trickle(self, size: int) -> None:
        """Takes a few bytes in while it is frozen."""
        with suppress(OSError):  # nothing there, or cut
            if data := self._socket.recv(size):
                self.data_received(data)

    @property
    def shown(self) -> list[Shown]:
        return [
            Shown(epoch, alert["position"], at, alert)
            for epoch, at, frame in self._alerts
            for alert in json.loads(frame)["alerts"]
        ]

    # --- the protocol ---

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if not self._is_upgraded:
            head, found, rest = bytes(self._bytes).partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(head.partition(b"\r\n")[0].decode())
                self.transport.abort()
                return
            self._is_upgraded = self.is_open = True
            self._bytes[:] = rest
        while (frame := self._next_frame()) is not None:
            self._hear(*frame)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._fail("closed before hello")

    def _next_frame(self) -> tuple[int, bytes] | None:
        known = self._bytes
        if len(known) < 2:
            return None
        start, size = 2, known[1]
        if size == 126:
            start, size = 4, int.from_bytes(known[2:4])
        elif size == 127:
            start, size = 10, int.from_bytes(known[2:10])
        if len(known) < start + size:
            return None
        opcode, payload = known[0] & 0xF, bytes(known[start : start + size])
        del known[: start + size]
        return opcode, payload

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(PONG, payload)
        elif opcode == CLOSE:
            self.code = int.from_bytes(payload[:2]) if payload else 1005
            self._send(CLOSE, payload[:2])
            self.transport.close()
        elif payload.startswith(ALERTS):
            self.caught_up_at = time.monotonic()
            self._alerts.append((self.epoch, time.time(), payload))
            self.position = int(payload[payload.rindex(b":") + 1 : -1])
            self._send(TEXT, b'{"type":"ack","position":%d,"seen":true}' % self.position)
        elif payload.startswith(HELLO):
            hello: dict[str, Any] = json.loads(payload)
            if not self.epoch:
                self.epoch, self.position = hello["epoch"], hello["position"]
            if self._greeted is not None and not self._greeted.done():
                self._greeted.set_result(None)
        elif payload.startswith(b'{"type":"gap"'):
            raise AssertionError(payload)

    def _send(self, opcode: int, payload: bytes) -> None:
        """Masked, as the protocol wants it, with a mask of nothing but zeros."""
        self.transport.write(bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload)

    def _fail(self, why: str) -> None:
        if self._greeted is not None and not self._greeted.done():
            self._greeted.set_exception(ConnectionError(f"{why} ({self.code})"))

    def _handshake(self, host: str) -> bytes:
        path = "/ws/feed/" + (f"?epoch={self.epoch}&position={self.position}" if self.epoch else "")
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Origin: {self.server.url}\r\nCookie: {self._cookie}\r\n\r\n"
        ).encode()
