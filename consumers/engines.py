"""What the servers below us make of a client's fault: a line in the log, no traceback, and no memory kept for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

FAULT = "Invalid UTF-8 sequence received from client."
CLOSED = "after sending 'websocket.close'"
CLOSED_BY_DAPHNE = "Attempt to send on a closed protocol"
SAID_BY_US = frozenset({'%s - "WebSocket %s" [accepted]', "connection open", "connection closed"})
NOT_OPEN = "Expected ASGI message 'websocket.accept'"
LINGER = 15.0  # seconds a client has to read what is left after the end; uvicorn itself waits 10 for its answer
Send = Callable[[dict[str, Any]], Awaitable[None]]


class OneLine(logging.Filter):
    """For each socket one line, which is ours; for a client's fault one line without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg in SAID_BY_US:
            return False
        if record.msg == FAULT:
            record.exc_info = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def quieten() -> None:
    """Idempotent."""
    logger = logging.getLogger("uvicorn.error")
    if not any(isinstance(known, OneLine) for known in logger.filters):
        logger.addFilter(OneLine())


def dropping(send: Send) -> Send:
    """What is sent into a closed socket is dropped in silence: a disconnect message tells of it.

    Daphne drops it as well, but raises between its own closing and telling of it. uvicorn raises OSError once the
    client is gone, and RuntimeError while it has not told us yet: it has closed the socket itself over a frame it
    refuses, or the client left before the accept could be sent.
    """
    is_accepted = False

    async def send_or_drop(message: dict[str, Any]) -> None:
        nonlocal is_accepted
        try:
            await send(message)
        except OSError:
            pass
        except Exception as error:
            text = str(error)
            if not (CLOSED in text or CLOSED_BY_DAPHNE in text or (is_accepted and NOT_OPEN in text)):
                raise
        is_accepted = is_accepted or message["type"] == "websocket.accept"

    return send_or_drop


class Connection:
    """The TCP connection below a socket, where the server lets us reach it: uvicorn does, Daphne needs no help.

    uvicorn gives up a peer that answers no ping, but closes only once the peer has read what is still unsent. One that
    is gone never reads it, and would hold its socket, its feed and its memory for hours.
    """

    def __init__(self, send: Send) -> None:
        self._transport: asyncio.Transport | None = getattr(getattr(send, "__self__", None), "transport", None)

    @property
    def is_given_up(self) -> bool:
        return self._transport is not None and self._transport.is_closing()

    def cut(self) -> None:
        """Drop what is unsent and end at once. Idempotent."""
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> None:
        """The socket is over: what is unsent may still be read, but not for ever. Idempotent."""
        if self._transport is not None and self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(LINGER, self._transport.abort)
