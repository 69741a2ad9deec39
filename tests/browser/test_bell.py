"""The bell in the Django admin."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.servers.chromium import open_window

pytestmark = pytest.mark.browser
PAGES = ("/admin/", "/admin/posts/post/", "/admin/posts/post/add/", "/admin/accounts/user/", "/admin/password_change/")


class Bell:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    @property
    def count(self):
        return self.page.locator(".bell-number")

    @property
    def titles(self):
        return self.page.locator(".bell-panel li a")

    async def open(self) -> None:
        await self.page.locator(".alerts-bell summary").click()


@pytest.fixture
async def admin(browser, people):
    """A window of the admin, and its server."""
    server = people.serve()
    return await open_window(browser, server.url, people.sign_in(server, "admin")), server


async def test_it_is_on_every_page_and_counts_live(admin, shell):
    window, _ = admin
    bell = Bell(await window.new_page())
    for number, path in enumerate(PAGES):
        await bell.page.goto(path)
        await bell.page.wait_for_selector(".alerts-bell[data-state=live]")
        shell(f"tell(1, 'test.kind{number}')")
        await expect(bell.count).to_have_text(str(number + 1))
        await bell.open()
        await expect(bell.titles.first).to_have_text("Number 0")
        await expect(bell.titles.first).to_be_visible()
    assert bell.complaints == []


async def test_reading_in_the_bell_is_reading_in_the_feed(admin, shell, open_dashboard):
    window, server = admin
    dashboard = await open_dashboard(server, None, window)
    bell = Bell(await window.new_page())
    await bell.page.goto("/admin/")
    shell("tell(3)")
    await expect(bell.count).to_have_text("3")
    await bell.open()
    await bell.page.locator(".bell-toggle").first.click()
    await expect(bell.count).to_have_text("2")
    await expect(dashboard.page.locator("#unread .number")).to_have_text("2")
    await expect(bell.page.locator(".bell-toggle").first).to_contain_text("Mark unread")
    await bell.page.locator(".bell-read-all").click()
    await expect(bell.count).to_be_hidden()
    await expect(dashboard.page.locator("#unread")).to_be_hidden()
    await bell.page.get_by_role("link", name="Open the feed").click()
    await expect(bell.page).to_have_url(f"{server.url}/")
    assert bell.complaints == []


async def test_it_shares_the_one_socket_with_the_feed(admin, people, open_dashboard):
    window, server = admin
    await open_dashboard(server, None, window)
    for _ in range(2):
        page = await window.new_page()
        await page.goto("/admin/")
        await page.wait_for_selector(".alerts-bell[data-state=live]")
    assert server.read_log().count("connect: user=") == 1


async def test_it_holds_the_ten_latest_and_folds_a_storm(admin, shell):
    window, _ = admin
    bell = Bell(await window.new_page())
    await bell.page.goto("/admin/")
    await bell.page.wait_for_selector(".alerts-bell[data-state=live]")
    shell("for n in range(20): tell(1)")
    await bell.open()
    await expect(bell.page.locator(".bell-more:visible")).to_have_text("and 13 more like it")
    await expect(bell.titles).to_have_count(2 + 6 + 1)
    await bell.page.reload()
    await bell.open()
    await expect(bell.page.locator(".bell-more:visible")).to_have_text("and 13 more like it")
    shell("for n in range(6): tell(1, f'test.kind{n}')")
    await expect(bell.titles.first).to_have_text("Number 0")
    await expect(bell.titles).to_have_count(10)
    await bell.page.locator("li[data-group] .bell-toggle").click()
    await expect(bell.count).to_have_text("12")


async def test_keys_alone_open_read_and_close_it(admin, shell):
    window, _ = admin
    bell = Bell(await window.new_page())
    shell("tell(1)")
    await bell.page.goto("/admin/")
    await expect(bell.titles).to_have_count(3)
    summary = bell.page.locator(".alerts-bell summary")
    await summary.focus()
    await bell.page.keyboard.press("Enter")
    await expect(bell.titles.first).to_be_visible()
    reached = []
    for _ in range(6):
        await bell.page.keyboard.press("Tab")
        reached.append(await bell.page.evaluate("document.activeElement.className || document.activeElement.href"))
    assert any("/alerts/" in name for name in reached)
    assert "bell-toggle" in reached
    await bell.page.keyboard.press("Escape")
    await expect(bell.titles.first).to_be_hidden()
    await expect(summary).to_be_focused()


async def test_it_is_in_the_admins_own_light_and_dark(admin):
    window, _ = admin
    page = await window.new_page()
    colours = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await page.goto("/admin/")
        panel = "getComputedStyle(document.querySelector('.bell-panel')).backgroundColor"
        assert await page.evaluate(panel) == await page.evaluate("getComputedStyle(document.body).backgroundColor")
        colours.append(await page.evaluate(panel))
    assert colours[0] != colours[1]


async def test_a_server_that_dies_leaves_the_admin_as_it_is(admin):
    window, server = admin
    page = await window.new_page()
    await page.goto("/admin/")
    await page.wait_for_selector(".alerts-bell[data-state=live]")
    await asyncio.to_thread(server.kill)
    await page.wait_for_selector(".alerts-bell[data-state=waiting]")
    await page.locator(".alerts-bell summary").click()
    await expect(page.locator(".bell-state")).to_have_text("Offline")
    await asyncio.to_thread(server.start)
    await page.wait_for_selector(".alerts-bell[data-state=live]", timeout=20_000)
