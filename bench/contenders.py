"""Who is measured: ours under each server, the textbook, the bare loop. Each runs, and can be told to raise alerts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench import native
from bench.conversation import Conversation
from bench.stage import Stage
from tests.servers.environment import PYTHON, ROOT
from tests.servers.ports import answers, free_port, wait_until
from tests.servers.shell import Shell
from tests.servers.web import WebServer

Engine = Literal["uvicorn", "daphne"]


@dataclass(frozen=True)
class Service:
    """One that runs: where its dashboards connect to, with which options, and whose CPU counts for what."""

    ports: Sequence[int]
    options: Sequence[str | Path]
    groups: Mapping[str, Sequence[int]]
    raise_alerts: Callable[[int, float], float]  # how many, how many in a second; gives the seconds it took
    directory: Path
    shell: Shell | None = None

    def with_act(self, raise_alerts: Callable[[int, float], float]) -> "Service":
        """The same service, whose alerts are raised another way."""
        return replace(self, raise_alerts=raise_alerts)


class Contender(ABC):
    """`name` is what the table calls it; `tries` is how often a dashboard may have to connect."""

    name: str
    tries = 1

    @abstractmethod
    def running(self, stage: Stage) -> AbstractContextManager[Service]:
        """The service, freshly started, with nobody connected."""


class Ours(Contender):
    """This service: PostgreSQL, Redis, the relay a process of its own; `processes` web processes."""

    def __init__(
        self, engine: Engine = "uvicorn", *, processes: int = 1, relay: Literal["off", "thread"] = "off"
    ) -> None:
        self.name = f"ours, {engine}" + (f", {processes} processes" if processes > 1 else "")
        self._engine = engine
        self._processes = processes
        self._relay = relay

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Service]:
        with ExitStack() as things:
            site = things.enter_context(stage.site("postgres", ALERTS_RELAY=self._relay))
            servers = [site.serve(self._engine) for _ in range(self._processes)]
            relay = site.relay() if self._relay == "off" else None
            if relay is not None:
                relay.wait_for_log("The relay runs")
            shell = things.enter_context(Shell(site))
            shell("from bench.writer import *")
            groups: dict[str, Sequence[int]] = {
                "web": [server.pid for server in servers],
                "database": stage.database_pids,
                "redis": [stage.redis.pid],
                "publisher": [shell.pid],
            }
            if relay is not None:
                groups["relay"] = [relay.pid]
            yield Service(
                ports=[server.port for server in servers],
                options=["--cookies", stage.people.cookies, "--acknowledge"],
                groups=groups,
                raise_alerts=lambda count, pace: float(shell(f"raise_alerts({count}, {pace})")),
                directory=site.directory,
                shell=shell,
            )


class Textbook(Contender):
    """A Channels consumer as tutorials write it; see bench/textbook/."""

    tries = 5  # it answers some of a thousand that come at once with a 500, or too late

    def __init__(self, engine: Engine, layer: Literal["core", "pubsub"]) -> None:
        self.name = f"textbook, {engine}, {layer} layer"
        self._engine: Engine = engine
        self._layer = layer

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Service]:
        with ExitStack() as things:
            site = things.enter_context(
                stage.site("postgres", DJANGO_SETTINGS_MODULE="bench.textbook.settings", TEXTBOOK_LAYER=self._layer)
            )
            log = site.directory / "textbook.log"
            server = things.enter_context(_TextbookServer(self._engine, environment=site.environment, log=log))
            shell = things.enter_context(Shell(site))
            shell("from bench.textbook.publisher import *")
            yield Service(
                ports=[server.port],
                options=["--cookies", stage.people.cookies],
                groups={"web": [server.pid], "database": stage.database_pids, "redis": [stage.redis.pid]}
                | {"publisher": [shell.pid]},
                raise_alerts=lambda count, pace: float(shell(f"raise_alerts({count}, {pace})")),
                directory=site.directory,
            )


class _TextbookServer(WebServer):
    def start(self) -> "_TextbookServer":
        self.command[-1] = "bench.textbook.asgi:application"
        super().start()
        return self


class Limit(Contender):
    """One send() of a prebuilt frame per socket, and nothing else. `size` is that of our frames, in bytes."""

    name = "limit"
    size = 436

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Service]:
        port = free_port()
        directory = stage.new_directory("limit")
        found = native.program("limit")
        run = [found] if found else [PYTHON, ROOT / "bench/native/limit.py"]
        with Conversation([*run, str(port)], log=directory / "limit.log") as limit:
            wait_until(lambda: answers(port), what="the bare loop")

            def raise_alerts(count: int, pace: float) -> float:
                limit.tell(f"raise {count} {round(pace)} {self.size}")
                return 0.0

            yield Service([port], [], {"web": [limit.pid]}, raise_alerts, directory)


USUAL: dict[str, Contender] = {
    "ours": Ours(),
    "limit": Limit(),
    "textbook": Textbook("daphne", "core"),
    "textbook-uvicorn": Textbook("uvicorn", "pubsub"),
    "ours-daphne": Ours("daphne"),
}
