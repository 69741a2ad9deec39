"""Browser notifications, in a Chromium whose tabs are really hidden when another one is in front."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.servers.chromium import open_window
from tests.servers.tabs import Tab, Tabs, running_tabs

pytestmark = pytest.mark.browser
LIVE = "document.querySelector('.status-words')?.textContent === 'Live'"
SHOWN = """navigator.serviceWorker.getRegistration()
    .then((registration) => registration?.getNotifications() ?? [])
    .then((shown) => shown.map((one) => one.title))"""
STATE = "document.querySelector('#notify').dataset.state"


@pytest.fixture
async def tabs() -> AsyncIterator[Tabs]:
    async with running_tabs() as tabs:
        yield tabs


@pytest.fixture
async def hidden(tabs, people, shell) -> Tab:
    """A dashboard of a staff member who allowed notifications, behind another tab."""
    server = people.serve()
    await tabs.set_session(server.url, people.sign_in(server, "staff").session)
    await tabs.allow_notifications(server.url)
    dashboard = await tabs.open(f"{server.url}/")
    await dashboard.until(f"{LIVE} && {STATE} === 'granted'")
    await dashboard.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await tabs.open()
    await dashboard.until("document.visibilityState === 'hidden'")
    return dashboard


async def shown(tab: Tab, count: int) -> list[str]:
    """The titles shown, once they are that many and have stayed so for a moment."""
    await tab.until(f"{SHOWN}.then((titles) => titles.length >= {count})")
    await asyncio.sleep(0.4)
    return sorted(await tab.evaluate(SHOWN))


async def test_an_alert_is_shown_while_no_page_is_in_front_and_not_while_one_is(tabs, hidden, shell):
    shell("tell(1, 'test.hidden')")
    assert await shown(hidden, 1) == ["Number 0"]
    await hidden.to_front()
    await hidden.until("document.visibilityState === 'visible'")
    shell("tell(2, 'test.visible')")
    await hidden.until("document.querySelectorAll('#alerts .alert').length === 5")
    assert await shown(hidden, 1) == ["Number 0"]


async def test_five_tabs_show_one_notification(tabs, hidden, shell):
    url = await hidden.evaluate("location.href")
    for _ in range(4):
        await (await tabs.open(url)).until(LIVE)
    await tabs.open()
    await hidden.until("document.visibilityState === 'hidden'")
    shell("tell(3)")
    assert await shown(hidden, 3) == ["Number 0", "Number 1", "Number 2"]


async def test_what_is_read_elsewhere_is_taken_away(people, hidden, shell):
    shell("tell(3)")
    assert len(await shown(hidden, 3)) == 3
    shell(
        "from alerts import hints, reads; from alerts.audiences import keys_of; from alerts.models import Alert;"
        "reader = User.objects.get(username='staff');"
        "change = reads.mark(reader, keys_of(reader), [Alert.objects.get(title='Number 1').uid], is_read=True)"
    )
    await hidden.until(f"{SHOWN}.then((titles) => titles.length === 2)", seconds=15)
    assert await shown(hidden, 2) == ["Number 0", "Number 2"]


async def test_a_storm_is_six_notifications_and_no_more(hidden, shell):
    for _ in range(30):
        shell("tell(1)")
    await hidden.until("document.querySelector('.group-size')?.textContent.startsWith('24 ')")
    assert len(await shown(hidden, 1)) == 6 or await hidden.evaluate(SHOWN) == ["6 new alerts"]


async def test_batches_are_one_notification_whose_count_adds_up(hidden, shell):
    shell("with transaction.atomic(): tell(5, 'test.one'); tell(5, 'test.two')")
    assert await shown(hidden, 1) == ["10 new alerts"]
    shell("with transaction.atomic(): tell(5, 'test.three'); tell(4, 'test.four')")
    assert await shown(hidden, 1) == ["19 new alerts"]


async def test_the_least_level_is_the_users_own_and_stays(people, hidden, shell):
    await hidden.evaluate(
        "(() => { const level = document.querySelector('.notify-level'); level.value = 'warning';"
        "level.dispatchEvent(new Event('change')); })()"
    )
    await hidden.until("document.querySelector('.notify-told').textContent.startsWith('Kept')")
    shell("tell(1, 'test.quiet'); tell(1, 'test.loud', level='critical')")
    assert await shown(hidden, 1) == ["Number 0"]
    assert await hidden.evaluate(
        "navigator.serviceWorker.ready.then((one) => one.getNotifications()).then(([one]) => one.requireInteraction)"
    )
    await hidden.go(await hidden.evaluate("location.href"))
    assert await hidden.evaluate("document.querySelector('.notify-level').value") == "warning"


async def test_a_level_chosen_in_one_tab_counts_in_the_one_that_notifies(tabs, hidden, shell):
    other = await tabs.open(await hidden.evaluate("location.href"))
    await other.until(LIVE)
    await other.evaluate(
        "(() => { const level = document.querySelector('.notify-level'); level.value = 'critical';"
        "level.dispatchEvent(new Event('change')); })()"
    )
    await hidden.until("document.querySelector('.notify-level').value === 'critical'")
    await tabs.open()
    await other.until("document.visibilityState === 'hidden'")
    shell("tell(1, 'test.quiet'); tell(1, 'test.loud', level='critical')")
    assert await shown(hidden, 1) == ["Number 0"]


async def test_the_panel_does_not_say_that_a_test_was_sent_when_none_was(browser, people):
    server = people.serve()
    window = await open_window(browser, server.url, people.sign_in(server, "staff"))
    await window.grant_permissions(["notifications"])
    await window.add_init_script("navigator.serviceWorker.register = async () => { throw new Error('refused'); }")
    page = await window.new_page()
    await page.goto("/")
    await page.click("#notify summary")
    await page.click(".notify-test")
    await expect(page.locator(".notify-told")).to_contain_text("No test could be sent")


async def test_a_click_on_a_notification_goes_to_the_alert(browser, people, shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await staff.page.context.grant_permissions(["notifications"])
    await expect(staff.page.locator("#notify")).to_have_attribute("data-state", "granted")
    shell("tell(1)")
    await expect(staff.titles).to_have_count(3)
    uid = await staff.page.locator(".alert").first.get_attribute("data-id")
    worker = staff.page.context.service_workers[0]
    click = """async (data) => {
        await self.registration.showNotification("x", { data });
        const [notification] = await self.registration.getNotifications();
        self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
    }"""
    await worker.evaluate(click, {"id": uid, "url": f"/alerts/{uid}/"})
    await expect(staff.titles.first).to_be_focused()
    other = await staff.page.locator(".alert").last.get_attribute("data-id")
    await staff.page.evaluate("(id) => document.querySelector(`[data-id='${id}']`).closest('li').remove()", other)
    await worker.evaluate(click, {"id": other, "url": f"/alerts/{other}/"})
    await expect(staff.page).to_have_url(f"{server.url}/alerts/{other}/")


async def test_nobody_is_asked_before_a_click_and_each_state_is_said_in_words(browser, people, open_dashboard):
    server = people.serve()
    visitor = people.sign_in(server, "staff")
    window = await open_window(browser, server.url, visitor)
    await window.add_init_script(
        "const ask = Notification.requestPermission.bind(Notification);"
        "window.asked = 0;"
        "Notification.requestPermission = () => { window.asked += 1; return ask(); };"
    )
    staff = await open_dashboard(server, None, window)
    panel = staff.page.locator("#notify")
    await expect(panel).to_have_attribute("data-state", "unasked")
    await panel.locator("summary").click()
    await expect(panel.locator(".notify-words")).to_contain_text("has not been asked")
    assert await staff.page.evaluate("window.asked") == 0
    await panel.locator(".notify-ask").click()
    await expect(staff.page.locator("body")).to_be_visible()
    assert await staff.page.evaluate("window.asked") == 1
    await window.grant_permissions(["notifications"])
    await expect(panel).to_have_attribute("data-state", "granted")
    await expect(panel.locator(".notify-ask")).to_be_hidden()
    await panel.locator(".notify-test").click()
    await expect(panel.locator(".notify-told")).to_contain_text("A test was sent")
    shown = "navigator.serviceWorker.ready.then((one) => one.getNotifications()).then((all) => all.map((n) => n.title))"
    for _ in range(100):  # the panel says it when the worker has it, the browser shows it a moment later
        if await staff.page.evaluate(shown):
            break
        await asyncio.sleep(0.05)
    assert await staff.page.evaluate(shown) == ["Notifications work"]


@pytest.mark.parametrize(
    ("state", "script", "words"),
    [
        ("denied", "Object.defineProperty(Notification, 'permission', { get: () => 'denied' })", "To undo it"),
        ("unsupported", "delete window.Notification", "home screen"),
        ("insecure", "Object.defineProperty(window, 'isSecureContext', { get: () => false })", "https://"),
    ],
)
async def test_where_it_cannot_be_the_panel_says_why_and_what_to_do(
    browser, people, open_dashboard, state, script, words
):
    server = people.serve()
    window = await open_window(browser, server.url, people.sign_in(server, "staff"))
    await window.add_init_script(script)
    staff = await open_dashboard(server, None, window)
    panel = staff.page.locator("#notify")
    await expect(panel).to_have_attribute("data-state", state)
    await panel.locator("summary").click()
    await expect(panel.locator(".notify-words")).to_contain_text(words)
    await expect(panel.locator(".notify-ask")).to_be_hidden()
    await expect(panel.locator(".notify-test")).to_be_hidden()
