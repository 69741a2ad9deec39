"""F8: the disk is full. The writer is told; with space again nothing is lost and the database is sound."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.conftest import Report
from tests.faults.journal import COMMITTED, TAKEN_BACK, UNKNOWN, Act, Journal
from tests.faults.stage import Stage
from tests.faults.verdict import Verdict, judge
from tests.servers.lineage import Lineage
from tests.servers.process import Process
from tests.servers.site import Site

pytestmark = [pytest.mark.fault("F8"), pytest.mark.soak]
SIZE = 6 * 1024 * 1024  # bytes of the small disk


def database_of(site: Site) -> Path:
    return Path(site.environment["DATABASE_URL"].removeprefix("sqlite:///"))


def settled(acts: list[Act], database: Path) -> list[Act]:
    """The acts whose writer got an error, by what the database says: an error must not hide a commit nor invent one."""
    with closing(sqlite3.connect(database)) as connection:
        there = {title for (title,) in connection.execute("SELECT title FROM posts_post")}
    found = []
    for act in acts:
        gone = act.titles - there
        if act.outcome != UNKNOWN:
            found.append(act)
        else:
            found.append(Act(act.kind, act.titles, COMMITTED if gone else TAKEN_BACK, gone, act.at or time.time()))
    return found


def errors(acts: list[Act]) -> int:
    return sum(act.outcome == UNKNOWN and bool(act.at) for act in acts)


async def fill_and_free(
    stage: Stage, lineages: list[Lineage], fill: Callable[[list[Process]], None], free: Callable[[], None]
) -> tuple[Verdict, int, float]:
    """Writers meet a full disk for a while. Gives the verdict, their errors, and seconds until all was caught up."""
    author = await asyncio.to_thread(stage.author)
    await asyncio.to_thread(stage.make_posts, "page", 1)
    [(title, pk)] = await asyncio.to_thread(stage.posts, "page")
    journal = stage.journals.setdefault("page", Journal(stage.site.directory / "page.journal"))
    writers = [stage.write(f"w{n}", stage.size(60, 1_500), pause=0.02, ahead=True) for n in range(2)]
    await lineages[0].until(lambda: len(lineages[0].shown) > 5, "some alerts before")
    await asyncio.to_thread(fill, writers)
    until = time.monotonic() + 20
    while errors(stage.acts) < 3:
        assert time.monotonic() < until, "no writer got an error"
        await asyncio.sleep(0.05)
    page = await asyncio.to_thread(author.post, f"/posts/{pk}/delete/")
    assert page.status == 500, "the author's page says so as well"
    await asyncio.sleep(stage.size(0, 10))
    shown = len(stage.acts)
    await asyncio.to_thread(free)
    began = time.monotonic()
    journal.intend("page", [title])
    page = await asyncio.to_thread(author.post, f"/posts/{pk}/delete/")
    assert page.status == 200
    journal.settle(COMMITTED, [title])
    for writer in writers:
        assert await asyncio.to_thread(writer.wait, seconds=120) == 0, writer.read_log()[-3000:]
    assert len(stage.acts) > shown, "nobody wrote after the disk had space again"
    await stage.verdict(lineages)
    acts = settled(stage.acts, database_of(stage.site))
    verdict = judge(acts, [lineage.shown for lineage in lineages])
    with closing(sqlite3.connect(database_of(stage.site))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM alerts_alert WHERE position IS NULL").fetchone() == (0,)
    assert [(lineage.connections, lineage.codes) for lineage in lineages] == [(1, [])] * len(lineages)
    return verdict, errors(stage.acts), time.monotonic() - began


@pytest.mark.skipif(sys.platform != "linux", reason="the size of another process's files is limited on Linux only")
async def test_no_process_may_write_any_further(sqlite_stage: Stage, report: Report):
    stage = sqlite_stage
    server = stage.serve("uvicorn")
    relay = stage.relay()
    async with stage.watch(3) as lineages:
        processes = [server, relay]

        def limit(size: int) -> None:
            for process in processes:
                with suppress(ProcessLookupError):
                    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        def fill(writers: list[Process]) -> None:
            processes.extend(writers)
            # Python ignores SIGXFSZ: a write beyond the limit fails, as one on a full disk does.
            limit(Path(f"{database_of(stage.site)}-wal").stat().st_size)

        verdict, failed, seconds = await fill_and_free(stage, lineages, fill, lambda: limit(resource.RLIM_INFINITY))
    report(verdict, errors=failed, caught_up_s=seconds)


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tests", str(directory)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root on Linux")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


async def test_a_disk_without_space(
    make_sqlite_site: Callable[..., Site], make_stage: Callable[[Site], Stage], tmp_path: Path, report: Report
):
    with small_disk(tmp_path / "disk") as disk:
        original = make_sqlite_site()
        database = disk / "db.sqlite3"
        database.write_bytes(database_of(original).read_bytes())
        with Site(original.directory, database_url=f"sqlite:///{database}") as site:
            stage = make_stage(site)
            ballast = disk / "ballast"
            stage.serve("uvicorn")
            stage.relay()

            def fill(_: list[Process]) -> None:
                with ballast.open("wb", buffering=0) as file, suppress(OSError):
                    while True:
                        file.write(b"x" * 4096)

            async with stage.watch(3) as lineages:
                verdict, failed, seconds = await fill_and_free(stage, lineages, fill, ballast.unlink)
    report(verdict, errors=failed, caught_up_s=seconds)
