"""F16: one delete() of very many rows. One alert, whole to the last row, and other users hardly notice."""

import asyncio
import json
import re
from typing import Any

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.faults.verdict import expected, judge, rows_of
from tests.servers.lineage import Lineage, Shown
from tests.servers.process import Process

pytestmark = [pytest.mark.fault("F16"), pytest.mark.soak]
BEFORE = 3.0  # seconds of others' deletes before the large one
MOST = 1_000  # ms; the promise is twice the p99 before, which on a busy machine is anything
ROW = re.compile(r"\b(?:account|queryset) \d+\b")


def waits(stage: Stage, lineages: list[Lineage], begin: float, end: float) -> list[float]:
    """Milliseconds from commit to screen of the alerts that others committed between two moments."""
    at = {rows: moment for rows, moment in expected(stage.acts).items() if begin <= moment <= end}
    shown = [shown for lineage in lineages for shown in lineage.shown]
    return sorted((s.time - at[rows_of(s.alert)]) * 1000 for s in shown if rows_of(s.alert) in at)


def p99(sorted_waits: list[float]) -> float:
    return sorted_waits[int(len(sorted_waits) * 0.99)] if sorted_waits else 0.0


def large(shown: list[Shown], how: str) -> list[dict[str, Any]]:
    return [s.alert for s in shown if any(row["label"].startswith(f"{how} ") for row in s.alert["subjects"])]


def span_of(process: Process) -> dict[str, Any]:
    return json.loads(next(line for line in process.read_log().splitlines() if line.startswith('{"began"')))


@pytest.mark.parametrize("how", ["account", "queryset"])
async def test_one_delete_of_very_many_rows(stage: Stage, report: Report, how: str):
    rows = stage.size(2_000, 50_000)
    server = stage.serve("uvicorn")
    stage.relay()
    flag = stage.site.directory / "go"
    bulk = stage.site.start_module("tests.faults.bulk", str(flag), how, str(rows))
    await asyncio.to_thread(bulk.wait_for_log, "ready", seconds=120)
    async with stage.watch(3) as lineages:
        others = stage.write("others", 100_000, pause=0.02, only=["delete"])
        await lineages[0].until(lambda: lineages[0].shown, "others' alerts")
        await asyncio.sleep(BEFORE)
        flag.touch()
        assert await asyncio.to_thread(bulk.wait, seconds=300) == 0, bulk.read_log()[-3000:]
        await lineages[0].until(lambda: large(lineages[0].shown, how), "the large alert")
        await asyncio.sleep(1)
        others.kill()
        # Whatever the one act of the large delete is shown as, it is no act of the journal.
        told = [large(lineage.shown, how) for lineage in lineages]
        await stage.verdict(lineages)
        verdict = judge(stage.acts, [[s for s in x.shown if not large([s], how)] for x in lineages])
        span = span_of(bulk)
        before = waits(stage, lineages, 0, span["began"])
        during = waits(stage, lineages, span["began"], span["committed"] + 1)
    assert [len(alerts) for alerts in told] == [1] * len(lineages), "one alert for each screen"
    [alert] = told[0]
    assert (alert["count"], len(alert["subjects"])) == (rows, 20)
    assert alert["cause"]["label"] == ("prolific account" if how == "account" else "bulk delete of posts")
    visitor = await asyncio.to_thread(stage.site.sign_in, server, "ann")
    pages = [
        await asyncio.to_thread(visitor.get, f"/alerts/{alert['id']}/?page={number}")
        for number in range(1, rows // 100 + 1)
    ]
    listed = [row for page in pages for row in dict.fromkeys(ROW.findall(page.text.partition("<main")[2]))]
    assert sorted(listed) == sorted(f"{how} {number}" for number in range(rows))
    assert p99(during) <= max(MOST, 20 * p99(before))
    report(
        verdict,
        rows=rows,
        delete_s=span["committed"] - span["began"],
        p99_before_ms=p99(before),
        p99_during_ms=p99(during),
        ratio=p99(during) / (p99(before) or 1),
    )
