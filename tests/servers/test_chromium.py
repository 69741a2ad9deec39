import pytest

from tests.servers.chromium import open_window

pytestmark = pytest.mark.browser


async def test_windows_of_one_browser_share_no_cookies(browser):
    url = "http://127.0.0.1"
    first, second = await open_window(browser, url), await open_window(browser, url)
    await first.add_cookies([{"name": "who", "value": "first", "url": url}])
    assert await second.cookies() == []


async def test_it_can_be_allowed_to_show_notifications(browser):
    window = await browser.new_context(permissions=["notifications"])
    page = await window.new_page()
    await page.route("**", lambda route: route.fulfill(body="a page of a secure origin"))
    await page.goto("http://127.0.0.1/")
    assert await page.evaluate("Notification.permission") == "granted"
