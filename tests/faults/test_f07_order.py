"""F7: writers that commit in the reverse order of their keys, and a relay stopped while it numbers. Nothing is lost."""

import asyncio
import time

import psycopg
import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.servers.ports import wait_until
from tests.servers.process import Process

pytestmark = [pytest.mark.fault("F7"), pytest.mark.pipeline]
LANES = 20
LOOKS = """SELECT pid FROM pg_stat_activity WHERE query LIKE '%position" IS NULL%' AND pid <> pg_backend_pid()"""
WAITS = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
STOPPED = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'idle in transaction'"
COPY = """
INSERT INTO alerts_alert (id, kind, level, audience, title, body, url, actor, actor_id, subjects, count, data, "group",
                          created, expanded_at)
SELECT gen_random_uuid(), kind, level, 'user:0', title, '', '', '', '', '[]', 1, '{}', '', now(), now()
FROM alerts_alert LIMIT 1
"""
UNNUMBERED = "SELECT count(*) FROM alerts_alert WHERE position IS NULL"


async def test_pairs_that_commit_in_reverse_order(postgres_stage: Stage, report: Report):
    stage = postgres_stage
    stage.serve("uvicorn")
    names = [f"{who}{lane}" for lane in range(LANES) for who in ("early", "late")]
    pairs = stage.size(60, 5_000)
    async with stage.watch(3) as lineages:
        longest = "0.5" if stage.is_long else "0.1"
        writer = stage.write_with("reversed_pairs", names, "--pairs", str(pairs), "--longest", longest)
        assert await asyncio.to_thread(writer.wait, seconds=600) == 0, writer.read_log()
        verdict = await stage.verdict(lineages)
    assert verdict.commits == pairs * 2
    report(verdict, pairs=pairs, silence_ms=verdict.silence)


def stop_while_numbering(stage: Stage, relay: Process) -> int:
    """Stops this only relay inside its transaction, where it holds the log's head. Gives its back end's pid."""
    url = stage.site.environment["DATABASE_URL"]
    with psycopg.connect(url) as head, psycopg.connect(url) as row, psycopg.connect(url, autocommit=True) as looker:
        wait_until(lambda: looker.execute(LOOKS).fetchone(), what="a relay that looks at the log")
        [pid] = looker.execute(LOOKS).fetchone() or [0]
        head.execute("SELECT 1 FROM alerts_loghead FOR UPDATE")
        first = stage.write("first", 1, only=["delete"])
        wait_until(lambda: looker.execute(UNNUMBERED).fetchone() != (0,), what="an alert without its number")
        assert first.wait() == 0, first.read_log()  # its own bell is gone
        row.execute("SELECT 1 FROM alerts_alert WHERE position IS NULL FOR UPDATE")
        wait_until(lambda: looker.execute(WAITERS).fetchone() == (1,), what="the end of the bell's back end")
        head.rollback()
        wait_until(lambda: looker.execute(WAITS, [pid]).fetchone(), what="a relay that numbers")
        relay.pause()
        row.rollback()
        wait_until(lambda: looker.execute(STOPPED, [pid]).fetchone(), what="a back end that nobody talks to")
    return pid


async def test_a_relay_stopped_while_it_numbers(postgres_stage: Stage, report: Report):
    stage = postgres_stage
    stage.serve("uvicorn", ALERTS_RELAY="off")
    relay = stage.relay()
    async with stage.watch(3) as lineages:
        pid = await asyncio.to_thread(stop_while_numbering, stage, relay)
        began = time.monotonic()
        other = stage.relay()
        # Its bell and the other relay wait for the head alike.
        writer = stage.write("more", 60)
        await lineages[0].until(lambda: lineages[0].shown, "a number from somebody else", seconds=30)
        waited = time.monotonic() - began
        relay.resume()
        assert await asyncio.to_thread(writer.wait, seconds=60) == 0, writer.read_log()
        verdict = await stage.verdict(lineages)
        other.kill()
        url = stage.site.environment["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            # Nobody rings for this one, and nobody is left to look for it but the relay that was stopped.
            connection.execute(COPY)
            wait_until(lambda: connection.execute(UNNUMBERED).fetchone() == (0,), what="the first relay at work again")
            positions = [row[0] for row in connection.execute("SELECT position FROM alerts_alert ORDER BY position")]
            assert positions == list(range(1, len(positions) + 1))
            assert connection.execute(STOPPED, [pid]).fetchone() is None
    assert waited <= 10
    report(verdict, waited_s=waited)
