"""A program that is told a line and answers with one line of JSON: the subscribers, and the limit."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Conversation:
    """Leaving the `with` ends the program, and only it."""

    def __init__(self, command: Sequence[str | Path], *, log: Path) -> None:
        self._command = [str(part) for part in command]
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._popen.kill()
        self._popen.wait(10)
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def tell(self, line: str) -> dict[str, Any]:
        """Its answer; raises RuntimeError with the end of its log when it has ended instead."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(line + "\n")
        answer = self._popen.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._command[0]} ended at {line!r}\n{self._log.read_text()[-2000:]}")
        found: dict[str, Any] = json.loads(answer)
        return found
