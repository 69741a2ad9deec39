"""The wall clock of one process, set wrong while it runs: libfaketime, with the monotonic clock left alone."""

from pathlib import Path

from tests.servers import programs


class Clock:
    """Start a process with `clock.settings` among its settings; `jump("+25h")` then holds for it, and only for it.

    An offset is a number of seconds, or of m, h, d, y ("-1y"); "+0" is the right time. Linux only.
    """

    def __init__(self, directory: Path) -> None:
        library = programs.FAKETIME.require()
        self._file = directory / "clock"
        self.jump("+0")
        self.settings = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def jump(self, offset: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.replace(self._file)
