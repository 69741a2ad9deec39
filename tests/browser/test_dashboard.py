"""What an admin sees, in a real browser."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import ADMIN, STAFF
from tests.servers.chromium import open_window
from tests.servers.ports import wait_until

pytestmark = pytest.mark.browser
WORDS = "correct horse battery"


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


async def test_one_post_and_thirty_posts_deleted_in_the_admin_are_one_card_each(browser, people, shell, open_dashboard):
    server = people.serve()
    shell("write('First', *(f'Draft {n}' for n in range(30)))")
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


async def test_what_is_read_in_one_tab_is_read_in_the_other(people, shell, open_dashboard):
    server = people.serve()
    first = await open_dashboard(server, people.sign_in(server, "staff"))
    second = await open_dashboard(server, None, first.page.context)
    shell("write('One', 'Two')")
    shell("delete_one_by_one()")
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


async def test_a_server_killed_and_restarted_while_posts_go_shows_each_alert_once(people, shell, open_dashboard):
    server = people.serve()
    titles = [f"Draft {number}" for number in range(40)]
    shell(f"write(*{titles!r})")
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    writer = asyncio.create_task(asyncio.to_thread(shell, "delete_one_by_one(0.1)"))
    await asyncio.sleep(1)
    await asyncio.to_thread(server.kill)
    await expect(staff.page.locator(".status-words")).to_have_text("Offline.")
    await expect(staff.page.locator(".status-seconds")).to_have_text(re.compile(r"^Next try in \d+ s$"))
    await asyncio.sleep(1)
    await asyncio.to_thread(server.start)
    # By script: the button may go at any moment, for the page tries by itself as well.
    await staff.page.evaluate("document.querySelector('#try-now').click()")
    await staff.is_live()
    await writer
    await expect(staff.page.locator(".group-size:visible")).to_have_text("34 alerts like this")
    await staff.page.locator(".group-toggle:visible").click()
    listed = staff.page.locator(".group-list a")
    await expect(listed).to_have_count(34)
    shown = [*await listed.all_text_contents(), *(await staff.titles.all_text_contents())[1:7]]
    assert shown == [f"Post titled '{title}' was deleted" for title in reversed(titles)]


async def test_a_script_as_title_stays_text(people, shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    title = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    shell(f"write({title!r})")
    shell("delete_one_by_one()")
    live = f"Post titled '{title}' was deleted"
    await expect(staff.titles.first).to_have_text(live)
    await staff.page.reload()
    await expect(staff.titles.first).to_have_text(live)
    await staff.titles.first.click()
    await expect(staff.page.locator("h1")).to_contain_text(title)
    assert "owned" not in await staff.page.title() or "<script>" in await staff.page.title()
    assert await staff.page.locator("main img, main script").count() == 0


async def test_a_new_alert_does_not_move_what_is_being_read(people, shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    shell("for n in range(6): tell(5, f'test.kind{n}')")
    await expect(staff.titles).to_have_count(32)
    await (await staff.open()).page.evaluate("scrollTo(0, 900)")
    card = staff.page.locator(".alert").nth(15)
    before = await card.bounding_box()
    uid = await card.get_attribute("data-id")
    shell("tell(1)")
    pill = staff.page.locator("#newer")
    await expect(pill).to_have_text("1 new alert ↑")
    after = await staff.page.locator(f'[data-id="{uid}"]').bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 1
    await pill.click()
    await expect(pill).to_be_hidden()
    assert await staff.page.evaluate("scrollY") < 50


async def test_an_empty_feed_says_how_to_cause_an_alert(people, shell, open_dashboard):
    people.python("from alerts.models import Alert; Alert.objects.all().delete()")
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await expect(staff.page.locator("#empty")).to_contain_text("write a post")
    shell("write('One')")
    shell("delete_one_by_one()")
    await expect(staff.titles).to_have_count(1)
    await expect(staff.page.locator("#empty")).to_be_hidden()


async def test_signing_out_elsewhere_ends_the_dashboard_with_a_link_to_sign_in(people, shell, open_dashboard):
    server = people.serve()
    visitor = people.sign_in(server, "staff")
    staff = await open_dashboard(server, visitor)
    await asyncio.to_thread(visitor.post, "/accounts/logout/")
    await expect(staff.page.locator(".status-words")).to_have_text("You are signed out.", timeout=10_000)
    await expect(staff.page.locator("#sign-in")).to_be_visible()


async def test_a_new_epoch_loads_the_list_anew(people, shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    shell("write('One', 'Two')")
    people.manage("new_epoch")
    shell("delete_one_by_one()")
    await expect(staff.titles).to_have_count(4)
    await expect(staff.titles.first).to_have_text("Post titled 'Two' was deleted")
    await staff.is_live()


@pytest.mark.parametrize("size", [{"width": 360, "height": 740}, {"width": 1600, "height": 900}], ids=["phone", "wide"])
async def test_nothing_runs_over_the_edge(people, shell, open_dashboard, size):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await staff.page.set_viewport_size(size)
    shell("write('W' * 150)")
    shell("delete_one_by_one()")
    await expect(staff.titles.first).to_contain_text("WWW")
    for path in ("/", "/posts/", await staff.titles.first.get_attribute("href"), "/accounts/password_change/"):
        await staff.page.goto(path)
        assert await staff.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_the_keyboard_reaches_everything(people, shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    shell("write('One')")
    shell("delete_one_by_one()")
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
