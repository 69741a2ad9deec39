"""Acts that are not committed yet: shown when they take long, settled by their alert, faded when taken back."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.servers.shell import Shell

pytestmark = pytest.mark.browser


@pytest.fixture
def people(make_sqlite_site, redis):
    """With a Redis: a warning crosses from the acting process to the server's by the channel layer alone."""
    from tests.browser.conftest import ADMIN, STAFF

    site = make_sqlite_site(REDIS_URL=redis.url)
    site.create_users(ADMIN, STAFF, {"username": "visitor", "is_staff": True})
    return site


async def test_a_slow_transaction_is_warned_of_and_then_settled(people, shell: Shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    outsider = await open_dashboard(server, people.sign_in(server, "visitor"))
    shell("write('Quick', 'Slow')")
    shell("delete_slowly('Quick', 0)")
    await expect(staff.titles.first).to_have_text("Post titled 'Quick' was deleted")
    act = asyncio.create_task(asyncio.to_thread(shell, "delete_slowly('Slow', 2)"))
    await expect(staff.warnings).to_have_text(["Post titled 'Slow' is about to be deleted"])
    assert not act.done()
    assert await outsider.warnings.count() == 0
    assert await staff.page.locator(".alert.is-unread").count() == 1  # counted as nothing
    await act
    await expect(staff.warnings).to_have_count(0)
    await expect(staff.titles.first).to_have_text("Post titled 'Slow' was deleted")


async def test_one_that_is_taken_back_fades_and_raises_no_alert(people, shell: Shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    before = await staff.titles.count()
    shell("write('Kept')")
    await asyncio.to_thread(shell, "delete_slowly('Kept', 1, take_back=True)")
    await expect(staff.warnings).to_have_text(["Post titled 'Kept' is about to be deleted"])
    await expect(staff.page.locator(".warning-state")).to_contain_text("Not confirmed", timeout=12_000)
    await expect(staff.warnings).to_have_count(0)
    assert await staff.titles.count() == before


async def test_a_quick_act_is_never_shown_as_pending(people, shell: Shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await staff.page.evaluate(
        "window.seen = 0; new MutationObserver((all) => { window.seen += all.length; })"
        ".observe(document.querySelector('#warnings'), { childList: true })"
    )
    shell("write(*(f'Post {n}' for n in range(6)))")
    shell("delete_one_by_one()")
    await expect(staff.titles).to_have_count(3 + 6)
    await asyncio.sleep(0.5)
    assert await staff.page.evaluate("window.seen") == 0


async def test_a_bulk_delete_is_one_warning_whose_count_rises(people, shell: Shell, open_dashboard):
    server = people.serve()
    staff = await open_dashboard(server, people.sign_in(server, "staff"))
    await staff.page.evaluate(
        "window.titles = new Set(); new MutationObserver(() => document.querySelectorAll('.warning-title')"
        ".forEach((title) => window.titles.add(title.textContent)))"
        ".observe(document.querySelector('#warnings'), { childList: true, subtree: true, characterData: true })"
    )
    shell("write(*(f'Post {n}' for n in range(40)))")
    shell("from django.db.models.signals import pre_delete")
    shell("slow = lambda **_: time.sleep(0.05)")
    shell("pre_delete.connect(slow, sender=Post)")
    act = asyncio.create_task(asyncio.to_thread(shell, "Post.objects.all().delete()"))
    await expect(staff.warnings).to_have_count(1)
    await act
    await expect(staff.titles.first).to_have_text("40 posts deleted")
    await expect(staff.warnings).to_have_count(0)
    titles = await staff.page.evaluate("[...window.titles]")
    counts = [int(title.split()[0]) for title in titles if title.endswith("posts are about to be deleted")]
    assert len(counts) >= 2
    assert counts == sorted(counts)
