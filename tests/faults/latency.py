"""How long alerts took, from the moment their writer knew them committed to the moment a client had them."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from tests.faults.journal import Act
from tests.faults.verdict import Shown, expected, rows_of


class Watcher(Protocol):
    @property
    def shown(self) -> Sequence[Shown]: ...


def p99(acts: Iterable[Act], watchers: Iterable[Watcher], *, of: str = "") -> float:
    """In milliseconds; `of` takes only the alerts of the writer of that name."""
    committed = expected(acts)
    took = sorted(
        (shown.time - committed[rows]) * 1000
        for watcher in watchers
        for shown in watcher.shown
        if (rows := rows_of(shown.alert)) in committed and all(title.startswith(of) for title in rows)
    )
    return took[int(len(took) * 0.99)]
