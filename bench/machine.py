"""What was measured on: the machine, and the version of everything that takes part."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench import native
from tests.servers import programs
from tests.servers.environment import ROOT

PACKAGES = ("Django", "channels", "channels-redis", "redis", "daphne", "uvicorn", "uvloop", "websockets", "psycopg")


def describe() -> dict[str, str]:
    """In the order it is printed."""
    compiler = native.compiler()
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory():.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "load before": load,
        "commit": _first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "PostgreSQL": _first_line([str(programs.POSTGRES.require()), "--version"]),
        "Redis": _first_line([str(programs.REDIS.require()), "--version"]),
        "subscribers and the bare loop": native.language(),
        "C compiler": _first_line([compiler, "--version"]) if compiler else "none",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _first_line(command: list[str]) -> str:
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.splitlines()
    except OSError:
        return "unknown"
    return lines[0] if lines else "unknown"
