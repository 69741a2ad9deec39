"""`--soak`: faults too long for CI as well; `--long`: their long forms; `--fault-seed`: the same again; a report."""

import json
import secrets
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--soak", action="store_true", help="run the faults as well that are too long for CI")
    group.addoption("--long", action="store_true", help="run the long forms of the faults")
    group.addoption("--fault-seed", default=secrets.token_hex(4), help="replay a run of the faults (default: chance)")
    group.addoption("--fault-report", type=Path, help="append the outcome of each fault to this file, a JSON line each")


def pytest_report_header(config: pytest.Config) -> str:
    forms = "long" if config.getoption("long") else "short"
    return f"faults: {forms} forms, --fault-seed={config.getoption('fault_seed')}"


class Skips:
    """Notes down in the report what could not run, so that nobody takes it for passed."""

    def __init__(self, report: Path) -> None:
        self._report = report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            with self._report.open("a") as lines:
                lines.write(json.dumps({"skipped": report.nodeid, "reason": report.longrepr[2]}) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    if (report := config.getoption("fault_report")) is not None:
        config.pluginmanager.register(Skips(report))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
