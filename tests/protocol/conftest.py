"""One server of each engine for all protocol tests, people made in milliseconds, sockets that close by themselves."""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import connect

from tests.protocol.socket import Socket
from tests.servers.redis import Redis
from tests.servers.shell import Shell
from tests.servers.site import Site
from tests.servers.web import WebServer

ENGINES = ("uvicorn", "daphne")
ORIGIN = "https://intranet.example.org"
PREPARE = """
import uuid
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Permission
from django.db import transaction
from accounts.models import User
from alerts.events import muted
from alerts.models import *
from alerts.outbox import record
from alerts.relay.bell import bell

def person(username, permissions=(), **fields):
    with muted(), transaction.atomic():
        user = User.objects.create(username=username, password="!" + uuid.uuid4().hex, **fields)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return [user.pk, session(user)]

def session(user):
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return store.session_key

def alert(audience, title="An alert", **fields):
    return str(record(kind="test.alert", audience=audience, title=title, **fields).uid)

def many(audience, count, **fields):
    with transaction.atomic():
        return [alert(audience, f"Alert {number}", **fields) for number in range(count)]

def head():
    bell.number_all()
    return list(LogHead.objects.values_list("epoch", "position", "oldest").get())
"""


class Person(NamedTuple):
    pk: int
    session: str

    @property
    def cookie(self) -> str:
        return f"sessionid={self.session}"

    @property
    def key(self) -> str:
        return f"user:{self.pk}"


class Head(NamedTuple):
    epoch: str
    position: int
    oldest: int


Opener = Callable[..., Awaitable[Socket]]


@pytest.fixture(scope="session")
def protocol_site(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("protocol")
    database = shutil.copy(migrated_sqlite, directory)
    with Site(directory, database_url=f"sqlite:///{database}", ALERTS_ORIGINS=ORIGIN) as site:
        yield site


@pytest.fixture(scope="session")
def layered_site(protocol_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same database, its processes joined by a Redis: what one does the others hear of at once."""
    directory = tmp_path_factory.mktemp("layered")
    with (
        Redis(directory) as redis,
        Site(directory, database_url=protocol_site.environment["DATABASE_URL"], redis_url=redis.url) as site,
    ):
        yield site


@pytest.fixture(scope="session")
def shell(protocol_site: Site) -> Iterator[Shell]:
    """Another process, which the servers hear of through the database alone."""
    with Shell(protocol_site) as shell:
        shell(PREPARE)
        yield shell


@pytest.fixture(scope="session")
def layered_shell(layered_site: Site) -> Iterator[Shell]:
    with Shell(layered_site) as shell:
        shell(PREPARE)
        yield shell


class Servers:
    """Started when first asked for."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._started: dict[str, WebServer] = {}

    @contextmanager
    def serving(self, engine: Any, **settings: str) -> Iterator[WebServer]:
        """One with these settings; whatever a client does meanwhile, it logs no traceback."""
        key = f"{engine} {settings}"
        if key not in self._started:
            self._started[key] = self._site.serve(engine, **settings)
        server = self._started[key]
        before = len(server.read_log())
        yield server
        assert "Traceback" not in server.read_log()[before:]


@pytest.fixture(scope="session")
def servers(protocol_site: Site) -> Servers:
    return Servers(protocol_site)


@pytest.fixture(scope="session")
def layered_servers(layered_site: Site) -> Servers:
    return Servers(layered_site)


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest, servers: Servers) -> Iterator[WebServer]:
    """One as installed: SQLite, and a channel layer of its own."""
    with servers.serving(request.param) as server:
        yield server


@pytest.fixture(params=ENGINES)
def small_server(request: pytest.FixtureRequest, servers: Servers) -> Iterator[WebServer]:
    """One with a window of 4 alerts and 4 KiB, and a heartbeat a second."""
    with servers.serving(request.param, ALERTS_WINDOW="4", ALERTS_HEARTBEAT="1") as server:
        yield server


@pytest.fixture(params=ENGINES)
def crowded_server(request: pytest.FixtureRequest, servers: Servers) -> Iterator[WebServer]:
    """One that takes 3 sockets of a user and 6 in all, behind a proxy on this machine."""
    settings = {"DJANGO_SETTINGS_MODULE": "tests.protocol.crowded", "ALERTS_TRUSTED_PROXY": "127.0.0.1"}
    with servers.serving(request.param, **settings) as server:
        yield server


@pytest.fixture(params=ENGINES)
def layered_server(request: pytest.FixtureRequest, layered_servers: Servers) -> Iterator[WebServer]:
    """One that hears of other processes through Redis."""
    with layered_servers.serving(request.param) as server:
        yield server


@pytest.fixture
def person(shell: Shell, request: pytest.FixtureRequest) -> Callable[..., Person]:
    """Makes somebody new, signed in: `person(is_staff=True, permissions=["view_post"])`."""
    numbers = itertools.count(1)

    def make(**fields: Any) -> Person:
        name = f"{abs(hash(request.node.nodeid))}-{next(numbers)}"
        return Person(*shell(f"person({name!r}, **{fields!r})"))

    return make


@pytest.fixture
async def open_socket() -> AsyncIterator[Opener]:
    """Opens sockets that the end of the test closes. `person=None` sends no cookie; `query` without the mark."""
    async with AsyncExitStack() as sockets:

        async def open_one(
            server: WebServer,
            person: Person | None,
            query: str = "",
            *,
            cookie: str | None = None,
            headers: list[tuple[str, str]] | None = None,
            origin: str | None = "own",
            path: str = "/ws/feed/",
            uri_host: str = "127.0.0.1",
            **options: Any,
        ) -> Socket:
            sent = list(headers or [])
            if cookie is None and person is not None:
                cookie = person.cookie
            if cookie:
                sent.append(("Cookie", cookie))
            if origin is not None:
                sent.append(("Origin", server.url if origin == "own" else origin))
            url = f"ws://{uri_host}:{server.port}{path}" + (f"?{query}" if query else "")
            # Whatever name the URI has, and so the Host header: the server is on this machine.
            options = {"host": "127.0.0.1", "proxy": None, "ping_interval": None, "close_timeout": 1} | options
            return Socket(await sockets.enter_async_context(connect(url, additional_headers=sent, **options)))

        yield open_one


@pytest.fixture
def settle(shell: Shell, person: Callable[..., Person], open_socket: Opener) -> Callable[..., Awaitable[Head]]:
    """Numbers what there is and waits until a server has heard of it; gives the head."""

    async def settled(server: WebServer) -> Head:
        head = Head(*shell("head()"))
        # A position beyond what the server knows makes it ask the database.
        probe = await open_socket(server, person(), f"epoch={head.epoch}&position={head.position}")
        while (await probe.frame())["type"] != "hello":
            pass
        await probe.connection.close()
        return head

    return settled
