"""`--stack`: what the in-process tests run on. A plugin, because Django reads its settings before any conftest."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import programs
from tests.servers.environment import DEFAULTS
from tests.servers.postgres import Postgres, private_postgres
from tests.servers.redis import Redis

POSTGRES_KEY = pytest.StashKey[Postgres]()
REDIS_KEY = pytest.StashKey[Redis]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="in-process tests on SQLite and the in-memory layer, or on a private PostgreSQL and Redis",
    )
    parser.addoption(
        "--acts", type=int, default=180, help="how many acts the pipeline's three writers do in all (the tests: 180)"
    )


# A wrapper runs before pytest-django's own hook of this name, which loads the settings.
@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    os.environ.update(DEFAULTS)
    if early_config.known_args_namespace.stack == "postgres":
        if lacking := programs.missing((programs.POSTGRES, programs.REDIS)):
            names = " and ".join(program.name for program in lacking)
            raise pytest.UsageError(f"--stack=postgres needs {names}. Type: script/test --install")
        _start(early_config)
    return (yield)


def pytest_report_header(config: pytest.Config) -> str:
    return f"stack: {config.getoption('stack')}"


def _start(config: pytest.Config) -> None:
    servers = ExitStack()
    config.add_cleanup(servers.close)
    directory = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="tests-redis-")))
    config.stash[POSTGRES_KEY] = postgres = servers.enter_context(private_postgres())
    config.stash[REDIS_KEY] = redis = servers.enter_context(Redis(directory))
    os.environ.update(DATABASE_URL=postgres.url("postgres"), REDIS_URL=redis.url)
