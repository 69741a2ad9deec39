"""Python's garbage collector, tuned for a process with many sockets.

Each open socket is some hundred objects that live long, and a collection looks at all of them, while nothing is sent:
untuned it is most of what thousands of sockets cost. What was imported by the start lives as long as the process and is
looked at no more; the rest is looked at less often. Cycles are collected still, only later. A collection looks at ten
thousand objects, some at fifty thousand: with a million, the first after many had come made all of them wait for 0.4 s.
A full one looks at all, and comes after four hundred of the others at least.
"""

import gc

THRESHOLDS = (10_000, 5, 400)  # of new objects, and of collections of the younger generations


class Collector:
    """One per process. Idempotent."""

    def __init__(self) -> None:
        self._before: tuple[int, int, int] | None = None

    def tune(self) -> None:
        if self._before is None:
            self._before = gc.get_threshold()
            gc.collect()
            gc.freeze()
            gc.set_threshold(*THRESHOLDS)

    def restore(self) -> None:
        """Leave it as it was found: what was frozen is the process's again."""
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()
            self._before = None
