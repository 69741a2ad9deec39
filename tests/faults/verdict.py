"""The checker: what writers committed against what each client lineage was shown (promises.md, "Promises as tests").

lost: committed and in the audience, not shown. phantom: shown, neither committed nor unknown. twice: shown to one
lineage twice. order: a position that does not rise. An alert is known by the rows it tells of; writers give each row a
title of its own.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

from tests.faults.journal import COMMITTED, UNKNOWN, Act

Rows = frozenset[str]


class Shown(Protocol):
    @property
    def epoch(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def time(self) -> float: ...
    @property
    def alert(self) -> dict[str, Any]: ...


@dataclass
class Verdict:
    """`delays` is, for each alert, the longest time from its commit to a screen, in milliseconds."""

    commits: int = 0
    lost: list[Rows] = field(default_factory=list)
    phantom: list[Rows] = field(default_factory=list)
    twice: list[Rows] = field(default_factory=list)
    order: list[tuple[int, int]] = field(default_factory=list)
    delays: dict[Rows, float] = field(default_factory=dict)
    times: dict[Rows, float] = field(default_factory=dict)  # when each was known to be committed

    @property
    def silence(self) -> float:
        """The longest of all delays, in milliseconds."""
        return max(self.delays.values(), default=0.0)

    def silence_of(self, writer: str) -> float:
        """The longest delay among the alerts of one writer."""
        return max((delay for rows, delay in self.delays.items() if min(rows).startswith(f"{writer} ")), default=0.0)

    def silence_between(self, begin: float, end: float) -> float:
        """The longest delay among the alerts committed in that time, of `time.time()`."""
        return max((delay for rows, delay in self.delays.items() if begin <= self.times[rows] <= end), default=0.0)

    def percentile(self, share: float) -> float:
        """The delay that this share of all alerts, from 0 to 1, did not exceed."""
        delays = sorted(self.delays.values())
        return delays[min(int(len(delays) * share), len(delays) - 1)] if delays else 0.0

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.phantom or self.twice or self.order)

    def __str__(self) -> str:
        parts = {name: getattr(self, name) for name in ("lost", "phantom", "twice", "order")}
        return f"{self.commits} commits; " + ", ".join(f"{name} {len(v)}: {v[:5]}" for name, v in parts.items())


def rows_of(alert: dict[str, Any]) -> Rows:
    return frozenset(subject["label"] for subject in alert["subjects"])


def expected(acts: Iterable[Act]) -> dict[Rows, float]:
    """What must be shown, and when it was known to be committed."""
    return {act.gone: act.at for act in acts if act.outcome == COMMITTED}


def judge(acts: Sequence[Act], lineages: Sequence[Sequence[Shown]]) -> Verdict:
    must = expected(acts)
    # An act whose outcome nobody knows may have deleted any of the rows it meant to.
    unknown = [act.titles for act in acts if act.outcome == UNKNOWN]
    verdict = Verdict(commits=len(must), times=must)
    for lineage in lineages:
        seen: set[Rows] = set()
        ids: set[str] = set()
        last = ("", 0)
        for shown in lineage:
            rows = rows_of(shown.alert)
            if rows in seen or shown.alert["id"] in ids:
                verdict.twice.append(rows)
            elif rows not in must and not any(rows <= titles for titles in unknown):
                verdict.phantom.append(rows)
            if shown.epoch == last[0] and shown.position <= last[1]:
                verdict.order.append((last[1], shown.position))
            seen.add(rows)
            ids.add(shown.alert["id"])
            last = (shown.epoch, shown.position)
            if rows in must:
                delay = (shown.time - must[rows]) * 1000
                verdict.delays[rows] = max(verdict.delays.get(rows, 0.0), delay)
        verdict.lost += [rows for rows in must if rows not in seen]
    return verdict


def judge_rows(gone: Iterable[str], lineages: Sequence[Sequence[Shown]]) -> Verdict:
    """Where acts compete for rows, nobody can say beforehand which tells of a row; but one alert must, and only one."""
    must = set(gone)
    verdict = Verdict(commits=len(must))
    for lineage in lineages:
        told = Counter(row for shown in lineage for row in rows_of(shown.alert))
        verdict.lost += [frozenset({row}) for row in must - told.keys()]
        verdict.phantom += [frozenset({row}) for row in told.keys() - must]
        verdict.twice += [frozenset({row}) for row, count in told.items() if count > 1]
        positions = [shown.position for shown in lineage]
        verdict.order += [(a, b) for a, b in pairwise(positions) if b <= a]
    return verdict
