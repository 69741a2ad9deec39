"""One socket per browser: tabs share it, another takes over, and no tab misses or repeats an alert."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.servers.chromium import open_window

pytestmark = pytest.mark.browser


class Sockets:
    """The feed's sockets that the pages of a window hold open."""

    def __init__(self) -> None:
        self.open: dict[object, Page] = {}
        self.opened = 0

    def watch(self, page: Page) -> None:
        def opened(socket) -> None:
            self.opened += 1
            self.open[socket] = page
            socket.on("close", lambda _: self.open.pop(socket, None))

        page.on("websocket", opened)
        # Nobody tells of a socket that goes with its page.
        for event in ("close", "framenavigated"):
            page.on(event, lambda _: self._forget(page))

    def _forget(self, page: Page) -> None:
        self.open = {socket: owner for socket, owner in self.open.items() if owner is not page}

    async def leader(self) -> Page:
        """The page that holds the one socket, once others are closed."""
        for _ in range(100):
            if len(self.open) == 1:
                break
            await asyncio.sleep(0.05)
        [page] = self.open.values()
        return page


@pytest.fixture
async def open_tabs(browser, people, open_dashboard):
    """Opens dashboards of one browser, and gives them with what tells of their sockets."""

    async def open_some(count):
        server = people.serve()
        window = await open_window(browser, server.url, people.sign_in(server, "staff"))
        sockets = Sockets()
        window.on("page", sockets.watch)
        return [await open_dashboard(server, None, window) for _ in range(count)], sockets

    return open_some


async def positions(dashboard):
    found = await dashboard.page.locator("#alerts .alert").evaluate_all(
        "cards => cards.map((card) => [card.dataset.group ?? card.dataset.id, Number(card.dataset.first)])"
    )
    assert len({name for name, _ in found}) == len(found)
    return [position for _, position in found]


async def test_five_tabs_hold_one_socket_and_all_hear(open_tabs, shell):
    tabs, sockets = await open_tabs(5)
    assert (len(sockets.open), sockets.opened) == (1, 1)
    shell("tell(3)")
    for tab in tabs:
        await expect(tab.titles).to_have_count(5)
        await expect(tab.page).to_have_title("(3) Feed · Alerts")


async def test_the_leader_closes_and_another_takes_over_without_loss_or_repetition(open_tabs, shell):
    tabs, sockets = await open_tabs(5)
    alive = list(tabs)
    told = 0
    while len(alive) > 1:
        page = await sockets.leader()
        [leader] = [tab for tab in alive if tab.page is page]
        alive.remove(leader)
        shell(f"tell(2, 'test.before{told}')")
        await leader.page.close()
        shell(f"tell(2, 'test.after{told}')")
        told += 4
        for tab in alive:
            await expect(tab.titles).to_have_count(2 + told)
            await tab.is_live()
        assert len(sockets.open) == 1
    shown = await positions(alive[0])
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 2 + 16


async def test_a_leader_that_hangs_is_robbed_of_the_lock(open_tabs, shell):
    (first, second), sockets = await open_tabs(2)
    assert await sockets.leader() is first.page
    hang = asyncio.create_task(first.page.evaluate("{ const end = Date.now() + 14000; while (Date.now() < end); }"))
    await asyncio.sleep(0.3)
    # Whoever looks at the page asks the leader, and goes on alone when there is no answer.
    await second.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    shell("tell(3)")
    await expect(second.titles).to_have_count(5, timeout=12_000)
    await hang
    shell("tell(3, 'test.later')")
    for tab in (first, second):
        await expect(tab.titles).to_have_count(8)
        await tab.is_live()
    assert await sockets.leader() is second.page


async def test_a_page_older_than_what_the_leader_keeps_gets_what_it_lacks(open_tabs, shell):
    (first, second), sockets = await open_tabs(2)
    first_page = first.page
    await second.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    shell("tell(2)")
    await expect(first.titles).to_have_count(4)
    await first_page.reload()  # it keeps nothing from before
    await first.is_live()
    await second.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await expect(second.titles).to_have_count(4)
    assert await sockets.leader() is first_page
    shell("tell(1, 'test.then')")
    for tab in (first, second):
        await expect(tab.titles).to_have_count(5)
        assert len(await positions(tab)) == 5


async def test_what_a_follower_reads_is_read_in_every_tab(open_tabs, shell):
    tabs, sockets = await open_tabs(3)
    shell("tell(2)")
    leader = await sockets.leader()
    [follower, *_] = [tab for tab in tabs if tab.page is not leader]
    await expect(follower.titles).to_have_count(4)
    await follower.page.locator(".alert-toggle").first.click()
    for tab in tabs:
        await expect(tab.page.locator(".alert.is-unread")).to_have_count(1)
        await expect(tab.page).to_have_title("(1) Feed · Alerts")
    await follower.page.click("#read-all")
    for tab in tabs:
        await expect(tab.page.locator(".alert.is-unread")).to_have_count(0)


async def test_a_server_that_dies_is_offline_and_back_in_every_tab(people, browser, open_dashboard, shell):
    server = people.serve()
    window = await open_window(browser, server.url, people.sign_in(server, "staff"))
    tabs = [await open_dashboard(server, None, window) for _ in range(3)]
    await asyncio.to_thread(server.kill)
    for tab in tabs:
        await expect(tab.page.locator(".status-words")).to_have_text("Offline.")
        await expect(tab.page.locator("#try-now")).to_be_visible()
    shell("tell(2)")
    await asyncio.to_thread(server.start)
    # By script: the button may go at any moment, for the page tries by itself as well.
    await tabs[-1].page.evaluate("document.querySelector('#try-now').click()")
    for tab in tabs:
        await tab.is_live()
        await expect(tab.titles).to_have_count(4)


async def test_signing_out_ends_every_tab(people, browser, open_dashboard):
    server = people.serve()
    visitor = people.sign_in(server, "staff")
    window = await open_window(browser, server.url, visitor)
    tabs = [await open_dashboard(server, None, window) for _ in range(3)]
    await asyncio.to_thread(visitor.post, "/accounts/logout/")
    for tab in tabs:
        await expect(tab.page.locator(".status-words")).to_have_text("You are signed out.", timeout=10_000)
        await expect(tab.page.locator("#sign-in")).to_be_visible()


async def test_a_page_hears_nothing_that_is_for_whoever_signs_in_after_its_own_user(
    people, browser, open_dashboard, shell
):
    server = people.serve()
    other = people.sign_in(server, "admin")
    window = await open_window(browser, server.url, people.sign_in(server, "staff"))
    tabs = [await open_dashboard(server, None, window) for _ in range(2)]
    await asyncio.to_thread(server.kill)
    await window.add_cookies([{"name": "sessionid", "value": other.session, "url": server.url}])
    shell("tell(1, audience='superusers')")
    await asyncio.to_thread(server.start)
    for tab in tabs:
        await expect(tab.page.locator(".status-words")).to_contain_text("Somebody else", timeout=15_000)
        await expect(tab.titles).to_have_count(2)


async def test_two_people_in_two_windows_share_nothing(people, browser, open_dashboard, shell):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    admin = await open_dashboard(server, people.sign_in(server, "admin"))
    shell("tell(1, audience='superusers')")
    await expect(admin.titles.first).to_have_text("Number 0")
    shell("tell(1, 'test.all')")
    await expect(staff.titles).to_have_count(3)


async def test_a_browser_without_locks_gives_each_tab_its_own_socket(people, browser, open_dashboard, shell):
    server = people.serve()
    window = await open_window(browser, server.url, people.sign_in(server, "staff"))
    await window.add_init_script("Object.defineProperty(navigator, 'locks', { get: () => undefined })")
    sockets = Sockets()
    window.on("page", sockets.watch)
    tabs = [await open_dashboard(server, None, window) for _ in range(2)]
    assert len(sockets.open) == 2
    shell("tell(1)")
    for tab in tabs:
        await expect(tab.titles).to_have_count(3)
