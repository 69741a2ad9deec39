"""The way out to one client.

Servers mask nothing, so a text frame is the same bytes for every client (RFC 6455, 5.1). ASGI hands each server a text,
of which it builds those bytes anew for every socket: most of what a delivery costs. Here they are built once, and given
to the connection below, where we know the server and nothing stands between: no compression, no wrapped `send`. Else
each frame goes through ASGI.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from struct import pack
from typing import Any

from .engines import Send, dropping

logger = logging.getLogger(__name__)
Later = Callable[[], Awaitable[None]]
PING = b"\x89\x04life"
SILENCE = 15.0  # seconds after which a peer is pinged
ANSWER = 8.0  # seconds it has to answer
LINGER = 15.0  # seconds a client has to read what is left after the end; uvicorn itself waits 10 for its answer


class Frame:
    """A text frame: the text as ASGI takes it, and its bytes on the wire."""

    __slots__ = ("text", "wire")

    def __init__(self, text: str) -> None:
        payload = text.encode()
        size = len(payload)
        if size < 126:
            head = pack("!BB", 0x81, size)
        elif size < 65536:
            head = pack("!BBH", 0x81, 126, size)
        else:
            head = pack("!BBQ", 0x81, 127, size)
        self.text, self.wire = text, head + payload


class Together:
    """Writes that go to the system back to back. One per process.

    Between two of them there is else what it takes to find out what the next socket is to be sent: time enough for the
    process at the other end, a proxy, to fall asleep, and to be woken by each single write costs more than the write.
    """

    def __init__(self) -> None:
        self._held: list[tuple[asyncio.WriteTransport, bytes]] | None = None

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        if self._held is None:
            transport.write(data)
        else:
            self._held.append((transport, data))

    def __enter__(self) -> None:
        self._held = []

    def __exit__(self, *_: object) -> None:
        held, self._held = self._held or [], None
        for transport, data in held:
            try:
                transport.write(data)
            except Exception as error:
                # Closed since, most likely: a disconnect message tells of it, and the others are sent theirs.
                logger.info("A frame could not be written (%s: %s).", type(error).__name__, error)


together = Together()


class Connection:
    """Through ASGI, whatever the server."""

    __slots__ = ("send",)

    def __init__(self, send: Send) -> None:
        self.send = dropping(send)

    def write(self, frame: Frame) -> Later | None:
        """Send a frame. None when it is on its way, else what to call and await: it goes, and then may the next."""
        return partial(self.send, {"type": "websocket.send", "text": frame.text})

    def heard(self) -> None:
        """The peer has said something."""

    def is_dead(self, now: float) -> bool:
        """Whether the peer gave no sign of life for too long. Where the server leaves that to us, it is asked for one.

        To be called every second or so, with the loop's time.
        """
        return False

    def cut(self) -> None:
        """Drop what is unsent and end at once. Idempotent."""

    def end(self) -> None:
        """The socket is over: what is unsent may still be read, but not for ever. Idempotent."""


class UvicornConnection(Connection):
    """To the transport below uvicorn's protocol; through ASGI, which may wait, while anything is unsent.

    Whenever its protocol or the client closes, but by our own `websocket.close`, it closes the transport in the same
    breath: nothing is written after that.

    uvicorn's own pings (`--ws-ping-interval`) wake the loop twice for each, and cost more than all else while nothing
    happens. Switched off, only those who are silent are pinged, many in one go with their heartbeats; its protocol
    still tells whether a ping was answered. It gives up a peer, too, but closes only once the peer has read what is
    still unsent: one that is gone never reads it, and would hold its socket, its feed and its memory for hours.
    """

    __slots__ = ("_alive_at", "_is_plain", "_protocol", "_transport")
    MODULE = "uvicorn.protocols.websockets.websockets_sansio_impl"
    NEEDED = ("transport", "conn", "ping_interval", "pending_ping_payload")

    @classmethod
    def of(cls, send: Send) -> UvicornConnection | None:
        protocol = getattr(send, "__self__", None)
        return cls(send, protocol) if _is(protocol, cls.MODULE, cls.NEEDED) else None

    def __init__(self, send: Send, protocol: Any) -> None:
        super().__init__(send)
        self._protocol = protocol
        self._transport: asyncio.Transport = protocol.transport
        # When it last showed that it lives, and when it was asked to, if that is later.
        self._alive_at = asyncio.get_running_loop().time()
        self._is_plain = not protocol.conn.available_extensions  # else frames may be compressed, each anew

    def write(self, frame: Frame) -> Later | None:
        transport = self._transport
        if self._is_plain and not transport.is_closing() and not transport.get_write_buffer_size():
            together.write(transport, frame.wire)
            return None
        return super().write(frame)

    def heard(self) -> None:
        self._alive_at = asyncio.get_running_loop().time()

    def is_dead(self, now: float) -> bool:
        if self._transport.is_closing():
            return True
        silence, protocol = now - self._alive_at, self._protocol
        if silence < ANSWER or protocol.ping_interval:
            return False
        if protocol.pending_ping_payload is not None:
            return True
        if silence >= SILENCE:
            self._alive_at, protocol.pending_ping_payload = now, PING[2:]
            together.write(self._transport, PING)
        return False

    def cut(self) -> None:
        self._transport.abort()

    def end(self) -> None:
        if self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(LINGER, self._transport.abort)


class DaphneConnection(Connection):
    """To the transport below Daphne's protocol, which never makes anybody wait."""

    __slots__ = ("_protocol",)
    MODULE = "daphne.ws_protocol"
    NEEDED = ("transport", "state", "_perMessageCompress")
    OPEN = 3  # Autobahn's state of a connection that is neither connecting nor closing

    @classmethod
    def of(cls, send: Send) -> DaphneConnection | None:
        protocol = send.args[0] if isinstance(send, partial) and send.args else None
        return cls(send, protocol) if _is(protocol, cls.MODULE, cls.NEEDED) else None

    def __init__(self, send: Send, protocol: Any) -> None:
        super().__init__(send)
        self._protocol = protocol

    def write(self, frame: Frame) -> Later | None:
        protocol = self._protocol
        if protocol.state == self.OPEN and protocol._perMessageCompress is None:
            together.write(protocol.transport, frame.wire)
            return None
        return super().write(frame)


def _is(protocol: object, module: str, needed: tuple[str, ...]) -> bool:
    """Whether this is the protocol we know, with all we need of it: another version may lack something."""
    return type(protocol).__module__ == module and all(hasattr(protocol, name) for name in needed)


def connect(send: Send) -> Connection:
    """The shortest way there is."""
    return UvicornConnection.of(send) or DaphneConnection.of(send) or Connection(send)
