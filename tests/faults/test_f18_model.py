"""F18: random lives of sockets against a reference of a few lines: what one may see, in order, once, by windows."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from accounts.models import User
from alerts.events import muted
from alerts.models import Alert, LogHead, ReadMark, ReadState
from alerts.outbox import record
from alerts.relay.bell import bell
from consumers.service import Service
from tests.consumers.conftest import Browser, close_connections, session_of

pytestmark = [pytest.mark.fault("F18"), pytest.mark.django_db(transaction=True)]
WINDOW = 4
PERMISSION = "perm:posts.view_post"
Number = st.integers(min_value=0, max_value=1_000)


@dataclass
class Client:
    """A lineage: what it was shown in all its connections, and what it must be shown in this one."""

    user: User
    session: str
    browser: Browser | None = None
    epoch: str = ""
    position: int = 0
    shown: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)  # of this connection
    owed: list[int] = field(default_factory=list)  # of this connection, whatever the window holds back
    acknowledged: int = 0  # of `received`
    read: int = 0  # frames looked at

    @property
    def due(self) -> list[int]:
        """What a right server has sent by now, and no more."""
        return self.owed[: self.acknowledged + WINDOW]

    def look(self) -> None:
        """Take in the frames that came."""
        assert self.browser is not None
        frames = self.browser.frames
        for frame in frames[self.read :]:
            if frame["type"] == "alerts":
                self.received += [alert["position"] for alert in frame["alerts"]]
                self.shown += [alert["position"] for alert in frame["alerts"]]
            if frame["type"] in ("alerts", "heartbeat"):
                assert frame["position"] >= self.position, "the cursor never goes back"
                self.position = frame["position"]
        self.read = len(frames)


class Lives(RuleBasedStateMachine):
    """Everything here happens to a real Service on a real database; only the sockets are queues."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.log: dict[int, str] = {}  # position: audience
        self.oldest = 1
        self.clients: list[Client] = []
        with muted():
            self.users = [User.objects.create_user("ann", is_staff=True), User.objects.create_user("bea")]
        self.users[0].user_permissions.add(Permission.objects.get(codename="view_post"))
        self.audiences = ["staff", "everyone", PERMISSION, *(f"user:{user.pk}" for user in self.users)]
        self.service: Service = self.runner.run(self._start())

    async def _start(self) -> Service:
        service = Service()
        await service.start()
        return service

    # --- the reference ---

    def may_see(self, user: User, audience: str) -> bool:
        if audience in ("staff", PERMISSION):
            return user.is_staff and (audience == "staff" or user.username == "ann")
        return audience in ("everyone", f"user:{user.pk}")

    @property
    def head(self) -> int:
        return max(self.log, default=0)

    def visible(self, user: User, after: int) -> list[int]:
        return [
            position for position, audience in self.log.items() if position > after and self.may_see(user, audience)
        ]

    def connected(self, user: User | None = None) -> list[Client]:
        return [client for client in self.clients if client.browser and user in (None, client.user)]

    # --- what may happen ---

    @rule(which=Number)
    def connect(self, which: int) -> None:
        user = self.users[which % 2]
        client = Client(user, session_of(user), position=self.head)
        self.clients.append(client)
        self.open(client, "")

    @precondition(lambda self: any(client.browser is None for client in self.clients))
    @rule(which=Number)
    def resume(self, which: int) -> None:
        away = [client for client in self.clients if client.browser is None]
        client = away[which % len(away)]
        self.open(client, f"epoch={client.epoch}&position={client.position}")

    @precondition(lambda self: self.connected())
    @rule(which=Number)
    def cut(self, which: int) -> None:
        self.leave(self.connected()[which % len(self.connected())])

    @precondition(lambda self: self.connected())
    @rule(which=Number, part=Number)
    def acknowledge(self, which: int, part: int) -> None:
        client = self.connected()[which % len(self.connected())]
        if len(client.received) > client.acknowledged:
            client.acknowledged += 1 + part % (len(client.received) - client.acknowledged)
            assert client.browser is not None
            client.browser.say(type="ack", position=client.received[client.acknowledged - 1], seen=True)
            self.settle()

    @rule(which=Number, count=st.integers(min_value=1, max_value=7), is_taken_back=st.booleans())
    def publish(self, which: int, count: int, is_taken_back: bool) -> None:
        audience = self.audiences[which % len(self.audiences)]
        with transaction.atomic():
            for _ in range(count):
                record(kind="test.model", audience=audience, title="x")
            transaction.set_rollback(is_taken_back)
        bell.number_all()
        if not is_taken_back:
            new = range(self.head + 1, self.head + 1 + count)
            self.log |= dict.fromkeys(new, audience)
            for client in self.connected():
                client.owed += [position for position in new if self.may_see(client.user, audience)]
        self.settle()

    @rule(part=Number)
    def trim(self, part: int) -> None:
        """Never what a connected client has not had yet: those who are away find the gap."""
        behind = [client.due[-1] if client.due != client.owed else self.head for client in self.connected()]
        upto = min([self.oldest + part % 6, self.head, *behind])
        if upto > self.oldest:
            Alert.objects.filter(position__lt=upto).delete()
            LogHead.objects.update(oldest=upto)
            self.oldest = upto
            self.log = {position: audience for position, audience in self.log.items() if position >= upto}
            self.settle()

    @rule(which=Number)
    def change_rights(self, which: int) -> None:
        user = self.users[which % 2]
        User.objects.filter(pk=user.pk).update(is_staff=not user.is_staff)
        user.is_staff = not user.is_staff
        if user.is_staff:
            for client in self.connected(user):
                self.leave(client)  # a gain counts from the next connection on
            return
        losers = self.connected(user)
        self.runner.run(self.service._watch.look(self.service.readers))
        for client in losers:
            self.runner.run(self._closed(client))
            client.browser = None

    # --- how it is checked ---

    def open(self, client: Client, query: str) -> None:
        client.read, client.received, client.acknowledged = 0, [], 0
        is_gap = bool(query) and client.position + 1 < self.oldest
        client.owed = [] if is_gap else self.visible(client.user, client.position)
        browser = self.runner.run(self._open(client.session, query))
        hello = browser.frames[0]
        assert hello["type"] == "hello"
        client.browser, client.epoch = browser, hello["epoch"]
        if is_gap:
            self.runner.run(browser.until(lambda: len(browser.frames) > 1))
            gap = browser.frames[1]
            assert (gap["type"], gap["reason"], gap["head"]) == ("gap", "trimmed", self.head)
            client.position = gap["head"]
        else:
            assert hello["position"] == client.position
        self.settle()

    async def _open(self, session: str, query: str) -> Browser:
        await self.service.tail.refresh()
        browser = Browser(self.service, session, query)
        await browser.until(lambda: browser.frames or browser.code is not None)
        return browser

    async def _closed(self, client: Client) -> None:
        browser = client.browser
        assert browser is not None
        await browser.until(lambda: browser.code is not None)
        assert browser.code == 4503
        client.look()
        assert client.received == client.due, "nothing after the right was lost"
        await browser.leave()

    def leave(self, client: Client) -> None:
        assert client.browser is not None
        self.runner.run(client.browser.leave())
        client.look()
        client.browser = None

    def settle(self) -> None:
        self.runner.run(self._settle())

    async def _settle(self) -> None:
        """Every client has what is due to it, in that order, and no more."""
        await self.service.tail.refresh()
        until = time.monotonic() + 2
        for client in self.connected():
            client.look()
            while client.received != client.due and time.monotonic() < until:
                await asyncio.sleep(0.001)
                client.look()
        await asyncio.sleep(0.003)
        for client in self.connected():
            client.look()
            assert client.received == client.due
            assert len(client.shown) == len(set(client.shown)), "twice in one lineage"

    def teardown(self) -> None:
        for client in self.connected():
            self.leave(client)
        self.runner.run(self._stop())
        self.runner.close()
        for model in (ReadMark, ReadState, Alert, LogHead, Session):
            model._default_manager.all().delete()
        with muted():
            User.objects.all().delete()

    async def _stop(self) -> None:
        await self.service.stop()
        await asyncio.get_running_loop().run_in_executor(None, close_connections)


def test_random_lives_of_sockets_are_those_of_the_reference(settings: Any, is_long: bool):
    settings.ALERTS = settings.ALERTS | {"WINDOW": WINDOW}
    run_state_machine_as_test(Lives, settings=limits(300 if is_long else 15))


def limits(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
