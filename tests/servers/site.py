"""One installation of the site under test: a database, perhaps a Redis, settings; and all that runs on it."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.servers.environment import PYTHON, ROOT, environment_of_a_process
from tests.servers.process import Process
from tests.servers.visitor import Visitor
from tests.servers.web import WebServer

PASSWORD = "correct-horse-battery-staple"

_CREATE_USERS = """
import json, sys
from django.contrib.auth import get_user_model
from django.db import transaction
for fields in json.load(sys.stdin):
    permissions = fields.pop("permissions", [])
    with transaction.atomic():
        user = get_user_model().objects.create_user(**fields)
        for name in permissions:
            from django.contrib.auth.models import Permission
            label, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))
"""


class Site:
    """What its web servers, relays, commands and scripts share. Leaving the `with` ends all of them.

    The database is migrated already (fixtures `site` and `postgres_site` see to that). `settings` are environment
    variables over the defaults of tests/servers/environment.py; the relay runs inside the web servers unless
    `ALERTS_RELAY="off"` is among them. Logs and whatever else the site writes are in `directory`.
    """

    def __init__(self, directory: Path, *, database_url: str, redis_url: str = "", **settings: str) -> None:
        self.directory = directory
        self.environment = environment_of_a_process(
            **{
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "ALERTS_RELAY": "thread",
                "EMAIL_BACKEND": f"django.core.mail.backends.{'smtp' if settings.get('EMAIL_URL') else 'dummy'}"
                ".EmailBackend",
            }
            | settings
        )
        self._processes = ExitStack()
        self._started = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._processes.close()

    # --- processes that stay ---

    def serve(self, engine: Literal["uvicorn", "daphne"] = "uvicorn", **settings: str) -> WebServer:
        """A web server of its own port, answering; call it again for another one on the same database."""
        log = self._log(engine)
        return self._processes.enter_context(WebServer(engine, environment=self.environment | settings, log=log))

    def relay(self, **settings: str) -> Process:
        """`manage.py relay`, a process of its own. Give the site ALERTS_RELAY="off" to make it the only one."""
        return self.start_manage("relay", **settings)

    def start_manage(self, *arguments: str, **settings: str) -> Process:
        """`manage.py ...` in the background."""
        return self._start([PYTHON, "manage.py", *arguments], self._log(arguments[0]), settings)

    def start_python(self, code: str, *arguments: str, **settings: str) -> Process:
        """A plain script in the background, with Django set up; `arguments` are its `sys.argv[1:]`."""
        return self._start([PYTHON, "-c", _SET_UP + code, *arguments], self._log("script"), settings)

    def start_module(self, name: str, *arguments: str, **settings: str) -> Process:
        """`python -m name ...` in the background."""
        return self._start([PYTHON, "-m", name, *arguments], self._log(name.rpartition(".")[2]), settings)

    # --- processes that end by themselves ---

    def manage(self, *arguments: str, stdin: str = "", check: bool = True) -> "subprocess.CompletedProcess[str]":
        """`manage.py ...` to its end, output captured; raises AssertionError with its output when it fails."""
        return self._run([PYTHON, "manage.py", *arguments], stdin, check)

    def python(self, code: str, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """The standard output of a plain script with Django set up; `arguments` are its `sys.argv[1:]`."""
        return self._run([PYTHON, "-c", _SET_UP + code, *arguments], stdin, check).stdout

    # --- people ---

    def create_user(self, username: str, **fields: Any) -> None:
        """One user; see `create_users`."""
        self.create_users({"username": username, **fields})

    def create_users(self, *users: dict[str, Any]) -> None:
        """Users by the fields of the model; PASSWORD unless they name one. `permissions` is a list of
        "app.codename". One process for all of them, so create them together."""
        self.python(_CREATE_USERS, stdin=json.dumps([{"password": PASSWORD} | fields for fields in users]))

    def sign_in(self, server: WebServer, username: str, password: str = PASSWORD) -> Visitor:
        """A visitor who went through the sign-in form of `server`; `.cookie` is their Cookie header."""
        visitor = Visitor(server.url)
        visitor.sign_in(username, password)
        return visitor

    def _start(self, command: list[str | Path], log: Path, settings: dict[str, str]) -> Process:
        process = Process(command, log=log, cwd=ROOT, environment=self.environment | settings)
        return self._processes.enter_context(process)

    def _log(self, name: str) -> Path:
        self._started += 1
        return self.directory / f"{self._started}-{name}.log"

    def _run(self, command: list[str | Path], stdin: str, check: bool) -> "subprocess.CompletedProcess[str]":
        result = subprocess.run(
            command, input=stdin, capture_output=True, text=True, cwd=ROOT, env=self.environment, timeout=120
        )
        if check and result.returncode:
            raise AssertionError(f"{command[1:]} ended with {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result


_SET_UP = "import django; django.setup()\n"
