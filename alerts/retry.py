"""When to try a delivery again: after 1 minute doubling to 24 hours, for about four days (RFC 5321 4.5.4.1)."""

from __future__ import annotations

import random
from datetime import timedelta

FIRST = timedelta(minutes=1)
LONGEST = timedelta(hours=24)
ATTEMPTS = 15
JITTER = 0.2  # of the delay, up or down


def delay(attempts: int, jitter: random.Random | None = None) -> timedelta | None:
    """The wait after that many failed attempts, or None: enough."""
    if attempts >= ATTEMPTS:
        return None
    plain = min(FIRST * (1 << max(attempts - 1, 0)), LONGEST)
    return plain * (1 + (jitter or random.Random()).uniform(-JITTER, JITTER))
