"""The programs in C, compiled when first needed into var/bench/."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.servers.environment import ROOT

SOURCES = Path(__file__).with_name("native")
BUILT = ROOT / "var/bench"


def compiler() -> str | None:
    """The path of the C compiler, or None where there is none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@cache
def program(name: str) -> Path | None:
    """The compiled program of this name, or None without a compiler or its headers."""
    source, target = SOURCES / f"{name}.c", BUILT / name
    command = compiler()
    if command is None:
        return None
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        BUILT.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(".new")
        built = subprocess.run([command, "-O2", "-o", fresh, source], capture_output=True, text=True)
        if built.returncode:
            print(f"{source.name} could not be compiled, Python stands in for it:\n{built.stderr}")
            return None
        fresh.replace(target)
    return target


def language() -> str:
    """What the subscribers and the limit are written in, here."""
    return "C" if program("subscribers") and program("limit") else "Python"
