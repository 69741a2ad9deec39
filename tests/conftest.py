"""Fixtures for every test. Servers are started when a test first asks for one; tests/servers/ says what they can do."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import pytest
from django.db import connections
from playwright.async_api import Browser
from pytest_django import Settings

from tests.servers.chromium import running_chromium
from tests.servers.postgres import Postgres, private_postgres
from tests.servers.redis import Redis
from tests.servers.site import Site
from tests.servers.smtp import MailServer
from tests.servers.stack import POSTGRES_KEY, REDIS_KEY

TOGETHER = ("tests/browser", "tests/protocol")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which tests one process of `-n 2` keeps together: a file's, or a folder's that shares servers or a screen."""
    for item in items:
        folder, _, file = item.nodeid.partition("::")[0].rpartition("/")
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else f"{folder}/{file}"))


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Hashing is slow on purpose; in-process tests do not try it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In-process tests on SQLite get a file, as the site has: one in memory locks and shares in ways of its own."""
    settings = connections["default"].settings_dict
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        settings["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """A PostgreSQL for all tests; take a database of your own with `create_database()`, and do not stop it."""
    if POSTGRES_KEY in pytestconfig.stash:
        yield pytestconfig.stash[POSTGRES_KEY]
    else:
        with private_postgres() as server:
            yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own, to stop, crash and start again."""
    with private_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def shared_redis(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis for tests that only need one to be there."""
    if REDIS_KEY in pytestconfig.stash:
        yield pytestconfig.stash[REDIS_KEY]
    else:
        with Redis(tmp_path_factory.mktemp("redis")) as server:
            yield server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of this test's own, to stop, pause and flush."""
    with Redis(tmp_path) as server:
        yield server


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database to copy: migrating each anew would cost every test seconds."""
    directory = tmp_path_factory.mktemp("migrated")
    database = directory / "db.sqlite3"
    Site(directory, database_url=f"sqlite:///{database}").manage("migrate", "--verbosity=0")
    return database


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated, empty database to copy."""
    name = postgres.create_database()
    Site(tmp_path_factory.mktemp("migrated"), database_url=postgres.url(name)).manage("migrate", "--verbosity=0")
    return name


@pytest.fixture
def make_sqlite_site(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site on a fresh SQLite file and the in-memory layer. Takes settings, as `EMAIL_URL=mail_server.url`."""
    with ExitStack() as sites:

        def make(**settings: str) -> Site:
            directory = Path(mkdtemp(dir=tmp_path))
            database = shutil.copy(migrated_sqlite, directory)
            return sites.enter_context(Site(directory, database_url=f"sqlite:///{database}", **settings))

        yield make


@pytest.fixture
def make_postgres_site(
    tmp_path: Path, postgres: Postgres, migrated_postgres: str, redis: Redis
) -> Iterator[Callable[..., Site]]:
    """Makes a site on a fresh PostgreSQL database and a Redis of this test's own; takes settings."""
    with ExitStack() as sites:

        def make(**settings: str) -> Site:
            directory = Path(mkdtemp(dir=tmp_path))
            database_url = postgres.url(postgres.create_database(template=migrated_postgres))
            return sites.enter_context(Site(directory, database_url=database_url, redis_url=redis.url, **settings))

        yield make


@pytest.fixture
def site(make_sqlite_site: Callable[..., Site]) -> Site:
    """A site on SQLite and the in-memory layer, nothing running yet."""
    return make_sqlite_site()


@pytest.fixture
def postgres_site(make_postgres_site: Callable[..., Site]) -> Site:
    """A site on PostgreSQL and Redis, nothing running yet."""
    return make_postgres_site()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.pipeline)])
def any_site(request: pytest.FixtureRequest) -> Site:
    """The test once on each stack."""
    site: Site = request.getfixturevalue("site" if request.param == "sqlite" else "postgres_site")
    return site


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of this test's own."""
    async with running_chromium() as chromium:
        yield chromium
