"""What the servers below us make of a client's fault: a line in the log, no traceback, and no memory kept for it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

FAULT = "Invalid UTF-8 sequence received from client."
CLOSED = "after sending 'websocket.close'"
CLOSED_BY_DAPHNE = "Attempt to send on a closed protocol"
SAID_BY_US = frozenset({'%s - "WebSocket %s" [accepted]', "connection open", "connection closed"})
NOT_OPEN = "Expected ASGI message 'websocket.accept'"
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
