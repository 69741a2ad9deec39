"""What a writer meant to do, and what came of it: a file of lines that a killed process leaves behind whole."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMITTED = "committed"
TAKEN_BACK = "taken back"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Act:
    """One act. `titles` are the rows it meant to delete, `gone` those it did; `at` is when that was known."""

    kind: str
    titles: frozenset[str]
    outcome: str = UNKNOWN
    gone: frozenset[str] = frozenset()
    at: float = 0.0


class Journal:
    """One writer's; each line is written with one system call, so that it is there whole or not at all."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def intend(self, kind: str, titles: list[str]) -> None:
        self._write({"kind": kind, "titles": titles})

    def settle(self, outcome: str, gone: list[str]) -> None:
        self._write({"outcome": outcome, "gone": gone, "at": time.time()})

    def read(self) -> list[Act]:
        """The acts so far, in order; those without an outcome are unknown."""
        acts: list[Act] = []
        for line in self.file.read_text().splitlines():
            entry = json.loads(line)
            if "kind" in entry:
                acts.append(Act(entry["kind"], frozenset(entry["titles"])))
            else:
                intent = acts[-1]
                acts[-1] = Act(intent.kind, intent.titles, entry["outcome"], frozenset(entry["gone"]), entry["at"])
        return acts

    def _write(self, entry: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(entry).encode() + b"\n")
