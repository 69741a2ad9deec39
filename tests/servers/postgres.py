"""A private PostgreSQL in a folder of its own, as an unprivileged user even for root (it refuses to run as root)."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from tests.servers import programs
from tests.servers.ports import free_port
from tests.servers.process import Process

# fsync off saves the disk and survives a crash of the server, which is what tests do to it. synchronous_commit
# stays on: without it an immediate stop loses acknowledged commits.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "10s",
}
_STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


@contextmanager
def private_postgres() -> Iterator["Postgres"]:
    """A new cluster, running; its folder goes with it."""
    postgres = programs.POSTGRES.require()
    account = _account()
    # Not below pytest's own folder: that is closed to the account it runs under.
    directory = Path(tempfile.mkdtemp(prefix="tests-postgres-"))
    try:
        if account:
            os.chown(directory, account["user"], account["group"])
        with Postgres(postgres, directory, account) as server:
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Postgres(Process):
    """One cluster. `stop()` and `start()` keep its data and its port, as an outage does."""

    name = "postgres"

    def __init__(self, program: Path, directory: Path, account: dict[str, Any]) -> None:
        data = directory / "data"
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [program.with_name("initdb"), "-D", data, *options],
            check=True,
            cwd=directory,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
            **account,
        )
        self.port = free_port()
        self._names = (f"test_{number}" for number in itertools.count(1))
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        super().__init__(
            [program, "-D", data, "-p", str(self.port), *settings],
            log=directory / "postgres.log",
            cwd=directory,
            environment={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **account,
        )

    def url(self, database: str = "postgres") -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, *, template: str = "template1") -> str:
        """A new database's name; a copy of `template`, which nobody may be connected to."""
        name = next(self._names)
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return name

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the test's own, in autocommit; close it, or use it in a `with`."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> int:
        """`fast` ends every session and shuts down, `immediate` crashes: the next start recovers from the log."""
        return self.end(_STOPS[mode])

    def terminate(self, *, seconds: float = 20) -> int:
        return self.end(signal.SIGINT, seconds=seconds)

    def kill(self) -> None:
        """Every process of it at once: SIGQUIT, because a postmaster killed by SIGKILL leaves its children behind."""
        if self.is_running:
            self.resume()
            self.end(signal.SIGQUIT)

    def is_ready(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _account() -> dict[str, Any]:
    """The user PostgreSQL runs as when we are root, as `Popen` takes it."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL does not run as root, and this system has neither a user postgres nor nobody.")
