"""`--soak`: the long forms of the faults; `--fault-seed`: the same run again; `--fault-report`: a line for each."""

import secrets
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--soak", action="store_true", help="run the long forms of the faults, and those too long for CI")
    group.addoption("--fault-seed", default=secrets.token_hex(4), help="replay a run of the faults (default: chance)")
    group.addoption("--fault-report", type=Path, help="append the outcome of each fault to this file, a JSON line each")


def pytest_report_header(config: pytest.Config) -> str:
    forms = "long" if config.getoption("soak") else "short"
    return f"faults: {forms} forms, --fault-seed={config.getoption('fault_seed')}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
