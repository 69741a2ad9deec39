"""What the servers below us log of a client's fault: a line, and no traceback."""

import logging

FAULT = "Invalid UTF-8 sequence received from client."


class OneLine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg == FAULT:
            record.exc_info = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def quieten() -> None:
    """Idempotent."""
    logger = logging.getLogger("uvicorn.error")
    if not any(isinstance(known, OneLine) for known in logger.filters):
        logger.addFilter(OneLine())
