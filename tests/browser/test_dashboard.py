"""What an admin sees, in a real browser."""

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from tests.servers.chromium import open_window
from tests.servers.ports import wait_until

pytestmark = pytest.mark.browser
ADMIN = {"username": "admin", "is_staff": True, "is_superuser": True}
STAFF = {"username": "staff", "is_staff": True, "permissions": ["posts.view_post"]}
WORDS = "correct horse battery"
POSTS = """
import sys
from accounts.models import User
from posts.models import Post
author = User.objects.get(username="admin")
Post.objects.bulk_create([Post(title=title, author=author) for title in sys.argv[1:]])
"""
DELETE = """
import sys, time
from posts.models import Post
for post in Post.objects.order_by("pk"):
    post.delete()
    time.sleep(float(sys.argv[1]))
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

    async def open(self) -> "Dashboard":
        await self.page.goto("/")
        await self.is_live()
        return self

    async def is_live(self) -> None:
        await expect(self.page.locator(".status-words")).to_have_text("Live", timeout=15_000)


@pytest.fixture
async def open_dashboard(browser):
    """Opens `/` of a server as a visitor, in a window of its own, or in one that is there."""
    opened = []

    async def open_one(server, visitor, window=None) -> Dashboard:
        window = window or await open_window(browser, server.url, visitor)
        dashboard = Dashboard(await window.new_page())
        opened.append(dashboard)
        return await dashboard.open()

    yield open_one
    assert [complaint for dashboard in opened for complaint in dashboard.complaints] == []


@pytest.fixture
def people(site):
    site.create_users(ADMIN, STAFF)
    return site


async def test_a_user_added_in_the_admin_is_on_another_browsers_dashboard_and_gets_a_mail(
    browser, make_sqlite_site, mail_server, open_dashboard
):
    site = make_sqlite_site(EMAIL_URL=mail_server.url)
    site.create_users(ADMIN, STAFF)
    server = site.serve()
    staff = await open_dashboard(server, site.sign_in(server, "staff"))
    page = await (await open_window(browser, server.url, site.sign_in(server, "admin"))).new_page()
    await page.goto("/admin/accounts/user/add/")
    for name, value in (("username", "ada"), ("email", "ada@example.org"), ("password1", WORDS), ("password2", WORDS)):
        await page.fill(f"[name={name}]", value)
    await page.click("[name=_save]")
    await expect(staff.titles.first).to_have_text("ada registered")
    await expect(staff.page.locator(".alert-actor").first).to_have_text("by admin")
    await expect(staff.page).to_have_title(re.compile(r"^\(1\) "))
    await asyncio.to_thread(wait_until, lambda: mail_server.mailbox, what="the welcome mail")
    [mail] = mail_server.mailbox
    assert (mail.subject, mail.recipients) == ("Welcome to Alerts!", ("ada@example.org",))


async def test_one_post_and_thirty_posts_deleted_in_the_admin_are_one_card_each(browser, people, open_dashboard):
    server = people.serve()
    people.python(POSTS, "First", *(f"Draft {number}" for number in range(30)))
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    page = await (await open_window(browser, server.url, people.sign_in(server, "admin"))).new_page()
    await page.goto("/admin/posts/post/?q=First")
    await page.click("th.field-title a")
    await page.click("a.deletelink")
    await page.click("input[type=submit]")
    await expect(staff.titles.first).to_have_text("Post titled 'First' was deleted")
    await page.goto("/admin/posts/post/?q=Draft")
    await page.check("#action-toggle")
    await page.select_option("[name=action]", "delete_selected")
    await page.click("button[name=index]")
    await page.click("input[type=submit]")
    await expect(staff.titles.first).to_have_text("30 posts deleted")
    assert await staff.titles.count() == 2 + 2  # the two people of this site are there already
    assert "Post titled 'First' is about to be deleted." in server.read_log()
    await staff.titles.first.click()
    await expect(staff.page.locator("tbody tr")).to_have_count(30)
    await expect(staff.page.locator("tbody")).to_contain_text("Draft 29")


async def test_what_is_read_in_one_tab_is_read_in_the_other(people, open_dashboard):
    server = people.serve()
    first = await open_dashboard(server, people.sign_in(server, "staff"))
    second = await open_dashboard(server, None, first.page.context)
    people.python(POSTS, "One", "Two")
    people.python(DELETE, "0")
    for tab in (first, second):
        await expect(tab.page.locator(".alert.is-unread")).to_have_count(2)
        await expect(tab.page).to_have_title(re.compile(r"^\(2\) "))
    await first.page.locator(".alert-toggle").first.click()
    for tab in (first, second):
        await expect(tab.page.locator(".alert.is-unread")).to_have_count(1)
        await expect(tab.page).to_have_title(re.compile(r"^\(1\) "))
    await second.page.locator(".alert-toggle").first.click()
    await expect(first.page.locator(".alert.is-unread")).to_have_count(2)
    await second.page.click("#read-all")
    for tab in (first, second):
        await expect(tab.page.locator(".alert.is-unread")).to_have_count(0)
        await expect(tab.page).to_have_title(re.compile(r"^Feed"))
    await first.page.reload()
    await expect(first.page.locator(".alert.is-unread")).to_have_count(0)


async def test_a_server_killed_and_restarted_while_posts_go_shows_each_alert_once(people, open_dashboard):
    server = people.serve()
    titles = [f"Draft {number}" for number in range(40)]
    people.python(POSTS, *titles)
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    writer = people.start_python(DELETE, "0.1")
    await asyncio.sleep(1)
    await asyncio.to_thread(server.kill)
    await expect(staff.page.locator(".status-words")).to_have_text("Offline.")
    await expect(staff.page.locator(".status-seconds")).to_have_text(re.compile(r"^Next try in \d+ s$"))
    await asyncio.sleep(1)
    await asyncio.to_thread(server.start)
    if await staff.page.locator("#try-now").is_visible():
        await staff.page.locator("#try-now").click()
    await staff.is_live()
    assert await asyncio.to_thread(writer.wait, seconds=30) == 0, writer.read_log()
    await expect(staff.titles).to_have_count(42)
    shown = await staff.titles.all_text_contents()
    assert shown[:40] == [f"Post titled '{title}' was deleted" for title in reversed(titles)]


async def test_a_script_as_title_stays_text(people, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    title = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    people.python(POSTS, title)
    people.python(DELETE, "0")
    live = f"Post titled '{title}' was deleted"
    await expect(staff.titles.first).to_have_text(live)
    await staff.page.reload()
    await expect(staff.titles.first).to_have_text(live)
    await staff.titles.first.click()
    await expect(staff.page.locator("h1")).to_contain_text(title)
    assert "owned" not in await staff.page.title() or "<script>" in await staff.page.title()
    assert await staff.page.locator("main img, main script").count() == 0


async def test_a_new_alert_does_not_move_what_is_being_read(people, open_dashboard):
    server = people.serve()
    people.python(POSTS, *(f"Draft {number}" for number in range(31)))
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    people.python("from posts.models import Post\nfor post in Post.objects.all()[:30]: post.delete()")
    await expect(staff.titles).to_have_count(32)
    await (await staff.open()).page.evaluate("scrollTo(0, 900)")
    card = staff.page.locator(".alert").nth(15)
    before = await card.bounding_box()
    uid = await card.get_attribute("data-id")
    people.python("from posts.models import Post\nPost.objects.get().delete()")
    pill = staff.page.locator("#newer")
    await expect(pill).to_have_text("1 new alert ↑")
    after = await staff.page.locator(f'[data-id="{uid}"]').bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 1
    await pill.click()
    await expect(pill).to_be_hidden()
    assert await staff.page.evaluate("scrollY") < 50


async def test_an_empty_feed_says_how_to_cause_an_alert(people, open_dashboard):
    people.python("from alerts.models import Alert; Alert.objects.all().delete()")
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await expect(staff.page.locator("#empty")).to_contain_text("write a post")
    people.python(POSTS, "One")
    people.python(DELETE, "0")
    await expect(staff.titles).to_have_count(1)
    await expect(staff.page.locator("#empty")).to_be_hidden()


async def test_signing_out_elsewhere_ends_the_dashboard_with_a_link_to_sign_in(people, open_dashboard):
    server = people.serve()
    visitor = people.sign_in(server, "staff")
    staff = await open_dashboard(server, visitor)
    await asyncio.to_thread(visitor.post, "/accounts/logout/")
    await expect(staff.page.locator(".status-words")).to_have_text("You are signed out.", timeout=10_000)
    await expect(staff.page.locator("#sign-in")).to_be_visible()


async def test_a_new_epoch_loads_the_list_anew(people, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    people.python(POSTS, "One", "Two")
    people.manage("new_epoch")
    people.python(DELETE, "0")
    await expect(staff.titles).to_have_count(4)
    await expect(staff.titles.first).to_have_text("Post titled 'Two' was deleted")
    await staff.is_live()


@pytest.mark.parametrize("size", [{"width": 360, "height": 740}, {"width": 1600, "height": 900}], ids=["phone", "wide"])
async def test_nothing_runs_over_the_edge(people, open_dashboard, size):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await staff.page.set_viewport_size(size)
    people.python(POSTS, "W" * 150)
    people.python(DELETE, "0")
    await expect(staff.titles.first).to_contain_text("WWW")
    for path in ("/", "/posts/", await staff.titles.first.get_attribute("href"), "/accounts/password_change/"):
        await staff.page.goto(path)
        assert await staff.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_the_keyboard_reaches_everything(people, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    people.python(POSTS, "One")
    people.python(DELETE, "0")
    await expect(staff.titles).to_have_count(3)
    reached = []
    for _ in range(25):
        await staff.page.keyboard.press("Tab")
        reached.append(await staff.page.evaluate("document.activeElement.className + '#' + document.activeElement.id"))
    assert any("alert-link" in name for name in reached)
    assert any("alert-toggle" in name for name in reached)
    assert any("#read-all" in name for name in reached)
    await staff.page.locator(".alert-toggle").first.focus()
    await staff.page.keyboard.press("Enter")
    await expect(staff.page.locator(".alert.is-unread")).to_have_count(0)
