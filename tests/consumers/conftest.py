"""The edge in this process: one Service, and browsers that are two queues."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from importlib import import_module
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections

from accounts.models import User
from alerts.events import muted
from consumers.feed import Feed
from consumers.pool import LANES, Lane, people_lane
from consumers.service import Service


def session_of(user: User) -> str:
    store = import_module(django_settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), django_settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


@pytest.fixture
def ann(transactional_db: None) -> User:
    with muted():
        return User.objects.create_user("ann")


@pytest.fixture
async def service(transactional_db: None) -> AsyncIterator[Service]:
    service = Service()
    await service.start()
    yield service
    await service.stop()
    await asyncio.get_running_loop().run_in_executor(None, close_connections)


def close_connections() -> None:
    """Each thread of the pool has its own, which would keep the test database from going."""
    for lane in LANES:
        close_connections_of(lane)


def close_connections_of(lane: Lane) -> None:
    together = Barrier(lane.threads)

    def close() -> None:
        together.wait(10)
        connections.close_all()

    for closing in [lane.executor.submit(close) for _ in range(lane.threads)]:
        closing.result()


class Browser:
    """One handshake and what follows. `sent` are ASGI messages, oldest first; it takes none while `takes` is clear."""

    def __init__(self, service: Service, session: str, query: str = "", **headers: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self._news = asyncio.Event()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.feed = Feed(service, scope(session, query, **headers), self._said.get, self._hear)
        self._said.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(self.feed.run())

    async def _hear(self, message: dict[str, Any]) -> None:
        await self.takes.wait()
        self.sent.append(message)
        self._news.set()

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(message["text"]) for message in self.sent if message["type"] == "websocket.send"]

    @property
    def code(self) -> int | None:
        return next((message.get("code", 0) for message in self.sent if message["type"] == "websocket.close"), None)

    def say(self, **command: Any) -> None:
        self._said.put_nowait({"type": "websocket.receive", "text": json.dumps(command)})

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await self.task


def scope(session: str, query: str = "", **headers: str) -> dict[str, Any]:
    given = {"host": "testserver", "origin": "http://testserver", "cookie": f"sessionid={session}"} | headers
    return {
        "type": "websocket",
        "path": "/ws/feed/",
        "scheme": "ws",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("203.0.113.7", 5000),
        "subprotocols": [],
    }


@pytest.fixture
async def browse(service: Service) -> AsyncIterator[Callable[..., Awaitable[Browser]]]:
    """Opens a browser of a user and waits for its first frame, or its end. `says` is said with the handshake."""
    opened: list[Browser] = []

    async def open_one(user: User, query: str = "", *, says: Iterable[dict[str, Any]] = ()) -> Browser:
        session = await people_lane(session_of, user)
        browser = Browser(service, session, query)
        opened.append(browser)
        for command in says:
            browser.say(**command)
        await browser.until(lambda: browser.frames or browser.code is not None)
        return browser

    yield open_one
    for browser in opened:
        await browser.leave()


async def until(condition: Callable[[], object], *, seconds: float = 5) -> None:
    """Returns once `condition()` is true; others in this loop have turns meanwhile."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.001)
