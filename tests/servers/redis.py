"""A private Redis: nothing on disk, one free port for its whole life, so a restart is an outage and not a move."""

from pathlib import Path

import redis

from tests.servers import programs
from tests.servers.ports import free_port
from tests.servers.process import Process


class Redis(Process):
    """Empty at each start. `kill()` cuts every connection; `pause()` leaves them open and answers nothing."""

    name = "redis"

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(directory)]
        super().__init__(
            [programs.REDIS.require(), *options, "--save", "", "--appendonly", "no", *arguments],
            log=directory / "redis.log",
            cwd=directory,
            environment={},
        )

    def client(self) -> redis.Redis:
        """A client for the test itself; close it."""
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def is_ready(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False
