"""The dashboards: `native/subscribers.c`, or its stand-in in Python where no compiler is."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import native
from bench.conversation import Conversation
from tests.servers.environment import ROOT

STILL = 3.0  # seconds without a single alert after which no more are expected


@dataclass(frozen=True)
class Heard:
    """What all dashboards together were shown since the last `reset`. Times in milliseconds."""

    open: int
    refused: int
    closed: int
    alerts: int
    frames: int
    bytes: int
    again: int
    acknowledged: int
    least: int  # alerts the worst served dashboard has seen
    most: int
    opening: float  # milliseconds from `open` or `resume` to the last dashboard's hello
    first_at: float  # unix time, seconds
    last_at: float
    p50: float
    p99: float
    max: float
    pong: float  # the longest a ping took
    pong_p99: float


class Audience(Conversation):
    """`count` dashboards on these ports of 127.0.0.1; `options` are those of subscribers.c."""

    def __init__(self, ports: Sequence[int], count: int, *, log: Path, options: Sequence[str | Path] = ()) -> None:
        self.count = count
        found = native.program("subscribers")
        # By its file: a stand-in that imports nothing of ours starts at once, and costs least.
        run = [found] if found else [sys.executable, ROOT / "bench/native/subscribers.py"]
        super().__init__([*run, ",".join(map(str, ports)), str(count), *options], log=log)

    def open(self, *, tries: int = 1) -> Heard:
        """Connects all; raises RuntimeError when one of them is not let in, after so many tries."""
        answer = self.tell("open")
        while answer["open"] < self.count and (tries := tries - 1):
            answer = self.tell("open")
        return self._all_open(answer)

    def resume(self, back: int = 0) -> Heard:
        """Connects all again, each from where it was, or from `back` positions before."""
        return self._all_open(self.tell(f"resume {back}"))

    def cut(self) -> None:
        """Ends every connection as a broken network does."""
        self.tell("cut")

    def reset(self) -> None:
        """Forget what was counted."""
        self.tell("reset")

    def wait(self, alerts: int, *, still: float = STILL) -> Heard:
        """What was heard, once these many alerts have come in all, or none for `still` seconds."""
        before = -1
        while True:
            heard = self._heard(self.tell(f"wait {alerts} {still}"))
            if heard.alerts >= alerts or heard.alerts == before:
                return heard
            before = heard.alerts

    def settle(self) -> None:
        """Returns once dashboards that acknowledge have done so: that belongs to what an alert costs."""
        self.tell(f"settle {STILL}")

    def _all_open(self, answer: dict[str, Any]) -> Heard:
        heard = self._heard(answer)
        if heard.open < self.count:
            raise RuntimeError(f"{heard.open} of {self.count} dashboards are open: {answer}\n{self._log.read_text()}")
        return heard

    def _heard(self, answer: dict[str, Any]) -> Heard:
        took, pongs = answer["took"], answer["pongs"]
        counts = {name: answer[name] for name in Heard.__dataclass_fields__ if name in answer}
        counts |= {"opening": answer["opening"] / 1e3}
        counts |= {"first_at": answer["first_at"] / 1e6, "last_at": answer["last_at"] / 1e6}
        times = {name: took[name] / 1e3 for name in ("p50", "p99", "max")}
        return Heard(**counts, **times, pong=pongs["max"] / 1e3, pong_p99=pongs["p99"] / 1e3)
