"""axe-core finds nothing serious on any page, in light and in dark, on a desk and on a phone."""

import asyncio

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.servers.chromium import open_window

pytestmark = pytest.mark.browser
SERIOUS = ("serious", "critical")
OPEN_TO_ALL = (
    "/accounts/login/",
    "/accounts/register/",
    "/accounts/password_reset/",
    "/accounts/password_reset/done/",
    "/posts/",
    "/no-such-page/",
)
SIGNED_IN = (
    "/",
    "/?before=1",
    "/?group=none",
    "/posts/",
    "/posts/new/",
    "/accounts/password_change/",
    "/accounts/password_change/done/",
)
ADMIN = (
    "/admin/",
    "/admin/alerts/alert/",
    "/admin/alerts/alert/?q=no-such-alert",
    "/admin/alerts/delivery/",
    "/admin/posts/post/",
    "/admin/posts/post/add/",
    "/admin/accounts/user/",
    "/admin/accounts/user/add/",
    "/admin/password_change/",
)
# A critical alert, its mail refused, another of its mails sent: gives the keys of the alert and of the dead letter.
DEAD_LETTER = """
from alerts.models import Delivery
from django.utils import timezone

def bury():
    alert = record(kind="test.kind", audience="staff", title="Refused", level="critical", data={"words": "First"})
    common = {"alert": alert, "transport": "email", "next_try": timezone.now()}
    Delivery.objects.create(state="sent", recipient="1", address="ada@example.org", **common)
    dead = Delivery.objects.create(state="dead", recipient="2", address="bob@example.org", reason="550", **common)
    return alert.pk, dead.pk
"""
LOOKS = [("light", {"width": 1280, "height": 800}), ("dark", {"width": 390, "height": 844})]


async def problems(page: Page) -> list[str]:
    """What axe calls serious, each with the first element it is about."""
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{page.url} {violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found.response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"][:2]
    ]


@pytest.fixture(params=LOOKS, ids=[scheme for scheme, _ in LOOKS])
async def page(request, browser, people) -> Page:
    scheme, size = request.param
    server = people.serve()
    window = await open_window(browser, server.url)
    page = await window.new_page()
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.set_viewport_size(size)
    page.sign_in = lambda name: window.add_cookies(  # type: ignore[attr-defined]
        [{"name": "sessionid", "value": people.sign_in(server, name).session, "url": server.url}]
    )
    page.server = server  # type: ignore[attr-defined]
    return page


async def test_pages_open_to_all(page):
    found = []
    for path in OPEN_TO_ALL:
        await page.goto(path)
        found += await problems(page)
    await page.goto("/accounts/register/")
    await page.click("form.form button")
    found += await problems(page)
    assert found == []


async def test_pages_of_who_is_signed_in(page, shell):
    shell("write('First')")
    shell("tell(3, level='critical', body='Words', url='/posts/')")
    await page.sign_in("admin")
    found = []
    for path in SIGNED_IN:
        await page.goto(path)
        found += await problems(page)
    await page.goto("/posts/")
    await page.click(".post h2 a")
    found += await problems(page)
    for name in ("Edit", "Delete"):
        await page.goto(await page.get_by_role("link", name=name).get_attribute("href"))
        found += await problems(page)
        await page.go_back()
    await page.goto("/")
    await page.locator(".alert-link").first.click()
    found += await problems(page)
    assert found == []


async def test_the_dashboard_in_each_of_its_states(page, shell, people):
    await page.sign_in("admin")
    await page.goto("/")
    await expect(page.locator(".status-words")).to_have_text("Live")
    shell("for n in range(12): tell(1)")
    await page.locator(".group-toggle:visible").click()
    await expect(page.locator(".group-list li")).to_have_count(6)
    # A hint as the server sends it: this site has no Redis to carry one from another process.
    await page.evaluate(
        "const copy = document.querySelector('#warning').content.cloneNode(true);"
        "copy.querySelector('.warning-title').textContent = 'Post titled X is about to be deleted';"
        "document.querySelector('#warnings').append(copy); document.querySelector('#warnings').hidden = false"
    )
    await page.locator("#notify summary").click()
    found = await problems(page)
    await page.keyboard.press("Escape")
    await asyncio.to_thread(page.server.kill)
    await expect(page.locator("#try-now")).to_be_visible()
    found += await problems(page)
    assert found == []


async def test_the_admin_with_its_bell(page, shell):
    shell("for n in range(12): tell(1)")
    shell(DEAD_LETTER)
    alert, dead = shell("bury()")
    pages = (*ADMIN, f"/admin/alerts/alert/{alert}/change/", f"/admin/alerts/delivery/{dead}/change/")
    await page.sign_in("admin")
    found = []
    for path in pages:
        await page.goto(path)
        await page.wait_for_selector(".alerts-bell[data-state=live]")
        await page.locator(".alerts-bell summary").click()
        found += await problems(page)
    assert found == []
