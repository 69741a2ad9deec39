"""One real process of a test: its log in a file, its end certain."""

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers.ports import wait_until


class Process:
    """A command started, killed, paused and started again on demand; whatever a test does, leaving the `with` ends it.

    `log` is the file that holds its standard output and error, of all its lives one after the other. A subclass says
    in `is_ready()` when a start is complete.
    """

    name = "process"

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path,
        environment: Mapping[str, str],
        **options: Any,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._cwd = cwd
        self._environment = dict(environment)
        self._options = options
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def is_ready(self) -> bool:
        return True

    def start(self) -> Self:
        """Starts it and waits until it is ready; raises RuntimeError with its log if it ends first."""
        if self.is_running:
            raise RuntimeError(f"{self.name} runs already")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._cwd,
                env=self._environment,
                **self._options,
            )
        self._wait(self.is_ready, "ready")
        return self

    def terminate(self, *, seconds: float = 20) -> int:
        """SIGTERM, and its exit code."""
        return self.end(signal.SIGTERM, seconds=seconds)

    def kill(self) -> None:
        """SIGKILL, as a crash does; nothing to do when it is gone already."""
        if self.is_running:
            self._running().send_signal(signal.SIGCONT)
            self.end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: alive, holding what it holds, doing nothing."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def restart(self) -> Self:
        """SIGTERM (or nothing, when it is gone already) and a new start."""
        if self.is_running:
            self.terminate()
        return self.start()

    def wait(self, *, seconds: float = 20) -> int:
        """Its exit code, once it ends by itself."""
        return self._running().wait(seconds)

    def end(self, how: signal.Signals, *, seconds: float = 20) -> int:
        popen = self._running()
        popen.send_signal(how)
        return popen.wait(seconds)

    def wait_for_log(self, text: str, *, seconds: float = 20) -> None:
        """Returns once `text` stands in its log."""
        self._wait(lambda: text in self.read_log(), f"{text!r} in the log", seconds)

    def read_log(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._popen is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._popen

    def _wait(self, condition: Callable[[], object], what: str, seconds: float = 30) -> None:
        popen = self._running()

        def is_met_or_over() -> bool:
            return bool(condition()) or popen.poll() is not None

        try:
            wait_until(is_met_or_over, seconds=seconds, what=f"{self.name}: {what}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.read_log()}") from None
        if popen.poll() is not None and not condition():
            raise RuntimeError(f"{self.name} ended with {popen.returncode}\n{self.read_log()}")
