"""Fixtures of the faults: a stage on each stack, and the report of what became of it."""

import json
import time
from collections.abc import Callable

import pytest

from tests.faults.stage import Stage
from tests.faults.verdict import Verdict
from tests.servers.site import Site

Report = Callable[..., None]


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> str:
    return str(pytestconfig.getoption("fault_seed"))


@pytest.fixture
def is_long(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("long"))


@pytest.fixture
def make_stage(seed: str, is_long: bool) -> Callable[[Site], Stage]:
    def make(site: Site) -> Stage:
        return Stage(site, seed=seed, is_long=is_long)

    return make


@pytest.fixture
def stage(any_site: Site, make_stage: Callable[[Site], Stage]) -> Stage:
    """The fault once on each stack."""
    return make_stage(any_site)


@pytest.fixture
def postgres_stage(postgres_site: Site, make_stage: Callable[[Site], Stage]) -> Stage:
    return make_stage(postgres_site)


@pytest.fixture
def sqlite_stage(site: Site, make_stage: Callable[[Site], Stage]) -> Stage:
    return make_stage(site)


@pytest.fixture
def report(request: pytest.FixtureRequest, record_property: Callable[[str, object], None], seed: str) -> Report:
    """Asserts that a verdict is clean, and writes it down with further figures (`name=value`)."""
    marker = request.node.get_closest_marker("fault")
    began = time.monotonic()

    def write(verdict: Verdict, *, stack: str = "", **figures: float) -> None:
        outcome = {
            "fault": marker.args[0],
            "test": request.node.name,
            "stack": stack or ("postgres" if "postgres" in request.node.name else ""),
            "commits": verdict.commits,
            **{name: len(getattr(verdict, name)) for name in ("lost", "phantom", "twice", "order")},
            "silence": round(verdict.silence),
            "seconds": round(time.monotonic() - began, 1),
            "figures": {name: round(value, 1) for name, value in figures.items()},
            "seed": seed,
        }
        record_property("fault", json.dumps(outcome))
        if (file := request.config.getoption("fault_report")) is not None:
            with file.open("a") as lines:
                lines.write(json.dumps(outcome) + "\n")
        assert verdict.is_clean, f"{verdict} (replay with --fault-seed={seed})"

    return write
