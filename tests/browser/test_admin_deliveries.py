"""A dead letter, its reason in the admin, a click on Retry, and the mail that arrives."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.conftest import ADMIN
from tests.servers.chromium import open_window
from tests.servers.ports import wait_until
from tests.servers.smtp import Mood

pytestmark = pytest.mark.browser


async def test_a_letter_the_mail_server_refused_is_retried_with_a_click(browser, make_sqlite_site, mail_server):
    site = make_sqlite_site(EMAIL_URL=mail_server.url)
    site.create_users(ADMIN)
    server = site.serve()
    mail_server.mood = Mood.REJECT
    site.create_users({"username": "ada", "email": "ada@example.org"})
    dead = "from alerts.models import Delivery; print(Delivery.objects.filter(state='dead').count())"
    await asyncio.to_thread(wait_until, lambda: site.python(dead).strip() == "1", what="a dead letter")
    page = await (await open_window(browser, server.url, site.sign_in(server, "admin"))).new_page()
    await page.goto("/admin/alerts/delivery/?state__exact=dead")
    await expect(page.locator(".field-short_reason")).to_contain_text("550")
    await page.click("th.field-alert a")
    mail_server.mood = Mood.ACCEPT
    await page.get_by_role("button", name="Retry").click()
    await expect(page.locator(".messagelist")).to_contain_text("1 delivery retried.")
    [mail] = await asyncio.to_thread(mail_server.wait_for, 1)
    assert mail.recipients == ("ada@example.org",)
    sent = "from alerts.models import Delivery; print(Delivery.objects.get().state)"
    await asyncio.to_thread(wait_until, lambda: site.python(sent).strip() == "sent", what="the mark")
    await page.goto("/admin/alerts/delivery/")
    await expect(page.locator("td.field-shown_state")).to_have_text("Sent")
