"""How many commands a socket may send: 100 at once, then 100 a minute; a flood ends it."""

PER_MINUTE = 100
FLOOD = 100  # refused commands, draining 10 a second


class Pace:
    """A token bucket, and a second one that counts what the first refused. `now` in seconds, monotonic."""

    def __init__(self) -> None:
        self._left = float(PER_MINUTE)
        self._refused = 0.0
        self._at = 0.0

    def allows(self, now: float) -> bool:
        """Whether one more command is within the pace; counts it."""
        passed = now - self._at
        self._at = now
        self._left = min(self._left + passed * PER_MINUTE / 60, PER_MINUTE)
        self._refused = max(self._refused - passed * FLOOD / 10, 0)
        if self._left >= 1:
            self._left -= 1
            return True
        self._refused += 1
        return False

    def is_flood(self) -> bool:
        return self._refused > FLOOD
