"""Who does it: the signed-in user of the request at hand, else the command or the process. Text, never a reference."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.http import HttpRequest

logger = logging.getLogger(__name__)
request_at_hand: ContextVar[HttpRequest | None] = ContextVar("alerts_request", default=None)


class Actor(NamedTuple):
    id: str
    label: str


@cache
def process_actor() -> Actor:
    """`manage.py <command>`, or the name of the script this process runs."""
    script = Path(sys.argv[0] or "python").name
    if script == "-c":
        script = "python -c"
    if script in ("manage.py", "django-admin", "__main__.py") and len(sys.argv) > 1:
        return Actor("", f"{script} {sys.argv[1]}")
    return Actor("", script or "python")


def current_actor() -> Actor:
    """Whoever acts in this context. Never raises: a user that cannot be read is logged and named as unknown."""
    request = request_at_hand.get()
    if request is None:
        return process_actor()
    try:
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            return Actor(str(user.pk), user.get_username())
    except Exception:
        logger.exception("The user of the request could not be read; the alert names nobody.")
        return Actor("", "unknown")
    return Actor("", "anonymous visitor")
