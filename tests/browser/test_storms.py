"""Many alerts of one kind within seconds: one card whose counter rises, and a page that stays responsive."""

import asyncio

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.browser
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask", buffered: true });
"""
STORM = "for n in range(100): tell(10, 'test.storm'); time.sleep(0.1)"
# 100 is what is wanted, and reported; a test on a busy machine asks for less than what a person would call stuck.
LONGEST = 300  # milliseconds


async def test_a_thousand_alerts_in_ten_seconds_are_six_cards_and_one(people, shell, open_dashboard, record_property):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await staff.page.evaluate(WATCH)
    await asyncio.to_thread(shell, STORM)
    size = staff.page.locator(".group-size:visible")
    await expect(size).to_have_text("994 alerts like this", timeout=15_000)
    await expect(staff.titles).to_have_count(2 + 6 + 1)
    await expect(staff.page).to_have_title("(1000+) Feed · Alerts")
    longest, nodes = await staff.page.evaluate("[window.longest, document.querySelectorAll('*').length]")
    record_property("longest task, ms", longest)
    record_property("DOM nodes", nodes)
    assert longest <= LONGEST
    assert nodes < 600
    # What was folded live is folded the same when the page is loaded anew, and the count is that of the log.
    await staff.page.reload()
    await expect(size).to_have_text("994 alerts like this")
    await expect(staff.titles).to_have_count(2 + 6 + 1)


async def test_a_group_opens_into_its_list_and_rises_while_open(people, shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    shell("for n in range(20): tell(1)")
    await expect(staff.page.locator(".group-size:visible")).to_have_text("14 alerts like this")
    toggle = staff.page.locator(".group-toggle:visible")
    await toggle.focus()
    await staff.page.keyboard.press("Enter")
    await expect(toggle).to_have_attribute("aria-expanded", "true")
    listed = staff.page.locator(".group-list li")
    await expect(listed).to_have_count(14)
    shell("tell(1)")
    await expect(listed).to_have_count(15)
    await expect(staff.page.locator(".group-size:visible")).to_have_text("15 alerts like this")
    await staff.page.locator(".group-all:visible").click()
    await expect(staff.page.locator("h1")).to_contain_text("One storm")
    await expect(staff.titles).to_have_count(15)
    shell("tell(1, 'test.else')")
    await expect(staff.page.locator("#newest")).to_have_text("1 new alert: to the newest")
    await expect(staff.titles).to_have_count(15)


async def test_a_group_is_read_as_one_in_every_browser(people, shell, open_dashboard):
    server = people.serve()
    one = await open_dashboard(server, people.sign_in(server, "staff"))
    other = await open_dashboard(server, people.sign_in(server, "staff"))
    shell("for n in range(20): tell(1)")
    for tab in (one, other):
        await expect(tab.page.locator("#unread .number")).to_have_text("20")
    await one.page.locator(".alert[data-group] .alert-toggle").click()
    for tab in (one, other):
        await expect(tab.page.locator("#unread .number")).to_have_text("6")
        await expect(tab.page.locator(".alert[data-group].is-unread")).to_have_count(0)
    shell("tell(1)")
    for tab in (one, other):
        await expect(tab.page.locator("#unread .number")).to_have_text("7")
        await expect(tab.page.locator(".alert[data-group].is-unread")).to_have_count(1)
    await one.page.reload()
    await expect(one.page.locator(".alert[data-group].is-unread")).to_have_count(1)
