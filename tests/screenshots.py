"""The pictures of the README, from the running service: `script/screenshots` calls it with the folder they go to."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page, expect

from tests.browser.conftest import ADMIN, SET_UP
from tests.servers.chromium import open_window, running_chromium
from tests.servers.shell import Shell
from tests.servers.site import Site
from tests.servers.tabs import running_tabs
from tests.servers.web import WebServer

SIZE = {"width": 1180, "height": 760}
SCREEN = "1180x420x24"
STORY = """
from types import SimpleNamespace
from alerts.actors import request_at_hand
ada = User.objects.create_user("ada", "ada@example.org")
grace = User.objects.create_user("grace", "grace@example.org")
request_at_hand.set(SimpleNamespace(user=ada))
for title in ("Opening hours in spring", "Minutes of the last meeting", "A second draft"):
    Post.objects.create(title=title, author=ada)
record(kind="backup.failed", audience="staff", level="critical", title="The nightly backup failed",
       body="Disk 2 is full. The last good backup is of yesterday, 02:00.")
request_at_hand.set(SimpleNamespace(user=author))
Post.objects.get(title="A second draft").delete()
write(*(f"Old draft {n}" for n in range(30)))
Post.objects.filter(title__startswith="Old draft").delete()
"""


@contextmanager
def story() -> Iterator[tuple[Site, WebServer, Shell]]:
    """A site where a little has happened."""
    with TemporaryDirectory() as folder, Site(Path(folder), database_url=f"sqlite:///{folder}/db.sqlite3") as site:
        site.manage("migrate", "--verbosity=0")
        site.create_users(ADMIN)
        server = site.serve()
        with Shell(site) as shell:
            shell(SET_UP)
            yield site, server, shell


async def dashboard_and_bell(folder: Path) -> None:
    with story() as (site, server, shell):
        async with running_chromium() as browser:
            window = await open_window(browser, server.url, site.sign_in(server, "admin"))
            page = await window.new_page()
            await page.set_viewport_size(SIZE)  # type: ignore[arg-type]
            await page.goto("/")
            await expect(page.locator(".status-words")).to_have_text("Live")
            shell(STORY)
            await expect(page.locator(".alert-link").first).to_have_text("30 posts deleted")
            await _settled(page)
            await page.screenshot(path=folder / "dashboard.png")
            await page.goto("/admin/posts/post/")
            await page.wait_for_selector(".alerts-bell[data-state=live]")
            await page.locator(".alerts-bell summary").click()
            await _settled(page)
            await page.screenshot(path=folder / "bell.png")


async def notification(folder: Path) -> None:
    """A real one, drawn by a Chromium that has a window, while another page is in front."""
    display = ":93"
    screen = await asyncio.create_subprocess_exec("Xvfb", display, "-screen", "0", SCREEN)
    try:
        await asyncio.sleep(1)
        with story() as (site, server, shell):
            async with running_tabs(display=display) as tabs:
                await tabs.set_session(server.url, site.sign_in(server, "admin").session)
                await tabs.allow_notifications(server.url)
                feed = await tabs.open(f"{server.url}/")
                await feed.until("document.querySelector('.status-words').textContent === 'Live'")
                await feed.evaluate("navigator.serviceWorker.ready.then(() => true)")
                await tabs.open()
                await feed.until("document.visibilityState === 'hidden'")
                shell("write('A second draft')")
                shell("delete_one_by_one()")
                await asyncio.sleep(3)
                await _photograph(display, folder / "notification.png")
    finally:
        screen.terminate()
        await screen.wait()


async def _photograph(display: str, path: Path) -> None:
    tool = await asyncio.create_subprocess_exec("import", "-display", display, "-window", "root", path)
    assert await tool.wait() == 0


async def _settled(page: Page) -> None:
    """Animations are over."""
    await asyncio.sleep(0.6)
    await page.mouse.move(0, 0)


def main() -> None:
    folder = Path(sys.argv[1])
    asyncio.run(dashboard_and_bell(folder))
    if lacking := [name for name in ("Xvfb", "import") if shutil.which(name) is None]:
        raise SystemExit(
            f"notification.png is left as it was, for {' and '.join(lacking)} was not found. "
            "Type: apt-get install xvfb imagemagick"
        )
    asyncio.run(notification(folder))


if __name__ == "__main__":
    main()
