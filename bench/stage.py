"""The servers of one run, private and started when a row first asks, and sites on fresh databases."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import psycopg

from tests.servers import programs
from tests.servers.postgres import Postgres, private_postgres
from tests.servers.redis import Redis
from tests.servers.shell import Shell
from tests.servers.site import Site

Stack = Literal["sqlite", "postgres"]
MODULES = "pg_stat_statements"  # counts statements, for the reads of the log


@dataclass(frozen=True)
class People:
    """Users who are signed in: their keys, and the file with a Cookie header for each, in the same order."""

    keys: Sequence[int]
    cookies: Path


class Stage:
    """Leaving `things` ends everything that was started. `most` is how many people a site may be asked for."""

    def __init__(self, directory: Path, things: ExitStack, most: int) -> None:
        self.directory = directory
        self._things = things
        self._most = most
        self._made = 0

    @cached_property
    def postgres(self) -> Postgres:
        server = self._things.enter_context(private_postgres())
        with server.connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [MODULES]).fetchone()
            if known:
                connection.execute(f"ALTER SYSTEM SET shared_preload_libraries = '{MODULES}'")
        if known:
            server.stop()
            server.start()
            with server.connect() as connection:
                connection.execute(f"CREATE EXTENSION {MODULES}")
        return server

    @cached_property
    def redis(self) -> Redis:
        return self._things.enter_context(Redis(self.directory))

    def new_directory(self, name: str) -> Path:
        self._made += 1
        directory = self.directory / f"{self._made}-{name}"
        directory.mkdir()
        return directory

    def site(self, stack: Stack, *, has_redis: bool = True, **settings: str) -> Site:
        """A site on a fresh, migrated database; the one on PostgreSQL has `self.people`. Use it in a `with`.

        DEBUG is off: with it on, Django keeps every query. The web processes have no relay unless `settings` say so.
        """
        directory = self.new_directory(stack)
        if stack == "postgres":
            name = self.postgres.create_database(template=self._people_database[0])
            url = self.postgres.url(name)
        else:
            url = f"sqlite:///{shutil.copy(self._sqlite, directory)}"
        settings = {"DEBUG": "off", "ALERTS_RELAY": "off"} | settings
        return Site(directory, database_url=url, redis_url=self.redis.url if has_redis else "", **settings)

    @property
    def people(self) -> People:
        """Staff who are signed in at each site on PostgreSQL."""
        return self._people_database[1]

    @property
    def database_pids(self) -> list[int]:
        return [self.postgres.pid]

    def count_reads(self) -> list[tuple[str, int]]:
        """Every statement since `forget_reads`, with how often it ran; empty where PostgreSQL cannot tell."""
        try:
            with self.postgres.connect() as connection:
                return connection.execute(f"SELECT query, calls FROM {MODULES}").fetchall()
        except psycopg.Error:
            return []

    def forget_reads(self) -> None:
        if self.count_reads():
            with self.postgres.connect() as connection:
                connection.execute(f"SELECT {MODULES}_reset()")

    @cached_property
    def _people_database(self) -> tuple[str, People]:
        directory = self.new_directory("people")
        name = self.postgres.create_database()
        cookies = directory / "cookies"
        with Site(directory, database_url=self.postgres.url(name), DEBUG="off") as site:
            site.manage("migrate", "--verbosity=0")
            with Shell(site) as shell:
                shell("from bench.people import make_people")
                keys = shell(f"make_people({self._most}, {str(cookies)!r})")
        with self.postgres.connect(name) as connection:
            connection.execute("VACUUM ANALYZE")
        return name, People(keys, cookies)

    @cached_property
    def _sqlite(self) -> Path:
        directory = self.new_directory("migrated")
        database = directory / "db.sqlite3"
        Site(directory, database_url=f"sqlite:///{database}").manage("migrate", "--verbosity=0")
        return database


def lacking() -> str:
    """The programs a run needs and this system does not have, in words."""
    return " and ".join(program.name for program in programs.missing((programs.POSTGRES, programs.REDIS)))


@cache
def collect_static() -> None:
    """With DEBUG off a page needs the names that `collectstatic` gives; they go into var/, as in production."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        Site(Path(directory), database_url="sqlite://:memory:", DEBUG="off").manage(
            "collectstatic", "--no-input", "--verbosity=0"
        )
