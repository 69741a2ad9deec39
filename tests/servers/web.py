"""A real web server process, uvicorn as script/server starts it or Daphne."""

import http.client
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tests.servers.environment import PYTHON, ROOT
from tests.servers.ports import free_port
from tests.servers.process import Process

# After the application's name, script/server has nothing but options.
_COMMAND = (ROOT / "script/server").read_text().replace("\\\n", " ").partition("realtime.asgi:application")[2]
DAPHNE_OPTIONS = ["--ping-interval", "10", "--ping-timeout", "10", "--websocket-max-message-size", "65536"]


def uvicorn_options(port: int) -> list[str]:
    """The very options script/server gives uvicorn."""
    return [option.replace("$port", str(port)) for option in shlex.split(_COMMAND)]


class WebServer(Process):
    """One port for its whole life, so `kill()` and `start()` are a crash and a restart to its clients.

    `url` is where it answers ("http://127.0.0.1:PORT"), `websocket_url` the same for the feed; SITE_URL is `url`.
    """

    def __init__(
        self, engine: Literal["uvicorn", "daphne"], *, environment: Mapping[str, str], log: Path, port: int = 0
    ) -> None:
        self.name = engine
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.websocket_url = f"ws://127.0.0.1:{self.port}/ws/feed/"
        if engine == "uvicorn":
            options = uvicorn_options(self.port)
        else:
            options = ["--bind", "127.0.0.1", "--port", str(self.port), *DAPHNE_OPTIONS]
        super().__init__(
            [PYTHON, "-m", engine, *options, "realtime.asgi:application"],
            log=log,
            cwd=ROOT,
            environment={**environment, "SITE_URL": self.url},
        )

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/accounts/session")
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()
