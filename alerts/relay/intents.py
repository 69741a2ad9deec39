"""Acts that have begun and are not committed: hints that are sent a moment later, for most acts are over by then."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

HOLD = 0.025  # seconds an act may take without anybody being told that it has begun
MOST = 1_000


class Intents:
    """Any thread may call any of it; it never waits. Losing one is no harm: the alert itself is in the log."""

    def __init__(self) -> None:
        self._held: dict[UUID, tuple[float, dict[str, Any]]] = {}

    def announce(self, uid: UUID, hint: dict[str, Any], *, at_once: bool) -> None:
        """The act whose alert will have this id goes on; a newer hint takes the place of one still held."""
        if len(self._held) >= MOST:
            self._held.clear()
        held = self._held.get(uid)
        due = held[0] if held is not None else time.monotonic() + (0 if at_once else HOLD)
        self._held[uid] = (due, hint)

    def settle(self, uid: UUID) -> None:
        """The act is over."""
        self._held.pop(uid, None)

    def take_due(self) -> list[dict[str, Any]]:
        """The hints to send now, each once."""
        if not self._held:
            return []
        now = time.monotonic()
        due = [uid for uid, (at, _) in list(self._held.items()) if at <= now]
        return [hint for _, hint in filter(None, (self._held.pop(uid, None) for uid in due))]

    def pause(self) -> float | None:
        """Seconds until the next one is due."""
        held = list(self._held.values())
        return max(min(at for at, _ in held) - time.monotonic(), 0.0) if held else None
