"""What the browser tests share: people, and dashboards whose console is listened to."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.servers.chromium import open_window
from tests.servers.shell import Shell
from tests.servers.site import Site

ADMIN = {"username": "admin", "is_staff": True, "is_superuser": True}
STAFF = {"username": "staff", "is_staff": True, "permissions": ["posts.view_post"]}
SET_UP = """
import time
from alerts.outbox import record
from accounts.models import User
from django.db import transaction
from posts.models import Post

author = User.objects.get(username="admin")

def write(*titles):
    Post.objects.bulk_create([Post(title=title, author=author) for title in titles])

def delete_one_by_one(pause=0):
    for post in Post.objects.order_by("pk"):
        post.delete()
        time.sleep(pause)

def delete_slowly(title, seconds, take_back=False):
    with transaction.atomic():
        Post.objects.get(title=title).delete()
        time.sleep(seconds)
        transaction.set_rollback(take_back)

def tell(count, kind="test.kind", audience="staff", **fields):
    with transaction.atomic():
        for number in range(count):
            record(kind=kind, audience=audience, title=f"Number {number}", **fields)
"""


class Dashboard:
    """One tab on `/`, with everything its console said that was no expected loss of the network."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "ERR_" not in text and "WebSocket connection" not in text:
            self.complaints.append(text)

    @property
    def titles(self):
        return self.page.locator("#alerts .alert-link")

    @property
    def warnings(self):
        return self.page.locator("#warnings .warning-title")

    async def open(self, path: str = "/") -> "Dashboard":
        await self.page.goto(path)
        await self.is_live()
        return self

    async def is_live(self) -> None:
        await expect(self.page.locator(".status-words")).to_have_text("Live", timeout=15_000)


@pytest.fixture
async def open_dashboard(browser) -> AsyncIterator[Callable[..., Awaitable[Dashboard]]]:
    """Opens `/` of a server as a visitor, in a window of its own, or in one that is there."""
    opened: list[Dashboard] = []

    async def open_one(server, visitor, window: BrowserContext | None = None) -> Dashboard:
        window = window or await open_window(browser, server.url, visitor)
        dashboard = Dashboard(await window.new_page())
        opened.append(dashboard)
        return await dashboard.open()

    yield open_one
    assert [complaint for dashboard in opened for complaint in dashboard.complaints] == []


@pytest.fixture
def people(site: Site) -> Site:
    """A site with an admin and a staff member."""
    site.create_users(ADMIN, STAFF)
    return site


@pytest.fixture
def shell(people: Site):
    """Acts in a process beside the server: `write(*titles)`, `delete_one_by_one()`, `delete_slowly(...)`, `tell()`."""
    with Shell(people) as shell:
        shell(SET_UP)
        yield shell
