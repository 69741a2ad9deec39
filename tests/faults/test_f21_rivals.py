"""F21: acts that compete for the same rows, and handlers that interfere. One alert per row deleted, none else."""

import asyncio
import time
from collections import Counter

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.faults.verdict import judge_rows
from tests.servers.lineage import Lineage

pytestmark = pytest.mark.fault("F21")
ERRORS = ("deadlock", "locked", "DatabaseError", "IntegrityError", "Internal Server Error")


async def until_told(gone: set[str], lineages: list[Lineage], *, seconds: float = 10) -> None:
    """Returns when each has been told of every row, or after `seconds`; and a moment later."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told = [{row["label"] for shown in lineage.shown for row in shown.alert["subjects"]} for lineage in lineages]
        if all(gone <= rows for rows in told):
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


async def test_two_requests_delete_the_same_row_at_once(stage: Stage, report: Report):
    servers = [stage.serve("uvicorn"), stage.serve("daphne")]
    authors = [await asyncio.to_thread(stage.site.sign_in, server, "author") for server in servers]
    statuses: Counter[int] = Counter()
    await asyncio.to_thread(stage.make_posts, "row", stage.size(40, 500))
    posts = await asyncio.to_thread(stage.posts, "row")
    async with stage.watch(2) as lineages:
        for _, pk in posts:
            pages = await asyncio.gather(
                *(asyncio.to_thread(author.post, f"/posts/{pk}/delete/") for author in authors)
            )
            statuses.update(page.status for page in pages)
        gone = {title for title, _ in posts}
        await until_told(gone, lineages)
        verdict = judge_rows(gone, [lineage.shown for lineage in lineages])
    assert not await asyncio.to_thread(stage.posts, "row")
    # Who comes second meets the row, or a page that says it is gone.
    assert statuses.keys() <= {200, 404}, statuses
    assert not [error for server in servers for error in ERRORS if error in server.read_log()]
    report(verdict, refused=statuses[404])


async def test_acts_and_handlers_want_the_same_rows(stage: Stage, report: Report):
    stage.serve("uvicorn")
    async with stage.watch(2) as lineages:
        rivals = stage.write_with("rivals", ["rivals"], "--rounds", str(stage.size(40, 500)))
        assert await asyncio.to_thread(rivals.wait, seconds=300) == 0, rivals.read_log()[-5000:]
        acts = stage.acts
        gone = {title for act in acts for title in act.gone}
        await until_told(gone, lineages)
        verdict = judge_rows(gone, [lineage.shown for lineage in lineages])
    assert not [error for error in ERRORS if error in rivals.read_log()]
    report(verdict, rounds=len(acts), stayed=sum(len(act.titles) for act in acts) - len(gone))
