"""A real Chromium, the one of the system: Playwright's own cannot be had on every network (trap X11)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext, async_playwright

from tests.servers import programs
from tests.servers.visitor import Visitor

# New headless: the old one cannot show notifications (trap X12). No sandbox: it is refused to root, and the only
# pages it sees are ours.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """A browser with an empty profile that is thrown away."""
    path = programs.CHROMIUM.require()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


async def open_window(browser: Browser, url: str, visitor: Visitor | None = None) -> BrowserContext:
    """A window of somebody's own: no cookies but `visitor`'s; its tabs share them. `goto` takes paths of `url`."""
    window = await browser.new_context(base_url=url)
    if visitor is not None:
        await window.add_cookies([{"name": "sessionid", "value": visitor.session, "url": url}])
    return window
