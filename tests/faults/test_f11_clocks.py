"""F11: the wall clock of one process jumps while it runs. Order, leases and sockets ask other clocks."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import psycopg
import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.faults.verdict import judge, rows_of
from tests.servers.clock import Clock
from tests.servers.lineage import Lineage, Shown
from tests.servers.ports import wait_until
from tests.servers.site import Site
from tests.servers.smtp import MailServer, Mood
from tests.servers.visitor import Visitor

pytestmark = [pytest.mark.fault("F11"), pytest.mark.soak, pytest.mark.pipeline]
JUMPS = {"+61": 61, "-61": -61, "+25h": 90_000, "-25h": -90_000, "+1y": 31_536_000, "-1y": -31_536_000, "+0.05": 0.05}
Victim = Literal["web", "relay", "writer"]


@pytest.fixture
def mailing_stage(
    make_postgres_site: Callable[..., Site], mail_server: MailServer, make_stage: Callable[[Site], Stage]
) -> Stage:
    return make_stage(make_postgres_site(EMAIL_URL=mail_server.url))


def skew(victim: Victim, visitor: Visitor, lineage: Lineage) -> float:
    """How far from ours the victim's clock is, by what it says itself; a relay says nothing."""
    if victim == "web":
        # Asked twice: uvicorn makes the header anew each second.
        return parsedate_to_datetime(visitor.get("/accounts/session").headers["date"]).timestamp() - time.time()
    if victim == "writer":
        last = [shown for shown in of_posts(lineage) if min(rows_of(shown.alert)).startswith("victim ")][-1]
        return datetime.fromisoformat(last.alert["created"]).timestamp() - last.time
    return 0.0


def of_posts(lineage: Lineage) -> list[Shown]:
    return [shown for shown in lineage.shown if shown.alert["kind"] == "post.deletion"]


# Only uvicorn: at a jump of 24 h forward Daphne itself closes every socket, by its own timeouts (trap D11).
@pytest.mark.parametrize("victim", ["web", "relay", "writer"])
async def test_sockets_and_order_outlive_a_clock_that_jumps(
    mailing_stage: Stage, mail_server: MailServer, report: Report, victim: Victim
):
    stage = mailing_stage
    clock = Clock(stage.site.directory)
    settings: dict[Victim, dict[str, Any]] = {victim: clock.settings}
    servers = [stage.serve("uvicorn", **settings.get("web", {})), stage.serve("uvicorn")]
    stage.relay(**settings.get("relay", {}))
    steps = ["+0", *JUMPS, "+0"]
    async with stage.watch(30) as lineages:
        visitor = await asyncio.to_thread(stage.site.sign_in, servers[0], "ann")
        writers = [
            stage.write("victim", 10_000, pause=0.05, only=(), ahead=False, **settings.get("writer", {})),
            stage.write("other", 10_000, pause=0.05),
        ]
        for number, jump in enumerate(steps):
            clock.jump(jump)
            name = f"new{number}"
            await asyncio.to_thread(stage.site.create_user, name, email=f"{name}@example.org")
            await asyncio.sleep(8)  # twice as long as the watch takes to look at every session
            assert all(lineage.codes == [] for lineage in lineages), f"a socket was closed at {jump}"
            if victim != "relay":
                found = await asyncio.to_thread(skew, victim, visitor, lineages[0])
                assert abs(found - JUMPS.get(jump, 0)) < 30, (jump, found)
            await stage.until_ready_is("ok", servers[0])  # waits, for a busy machine is late at times
        for writer in writers:
            assert writer.is_running, writer.read_log()
            writer.kill()
        await stage.verdict(lineages)
        acts = stage.acts
        verdict = judge(acts, [of_posts(lineage) for lineage in lineages])
        if victim == "writer":  # whose journal tells the wrong time
            verdict.delays = {rows: ms for rows, ms in verdict.delays.items() if not min(rows).startswith("victim ")}
        mails = await asyncio.to_thread(mail_server.wait_for, len(steps))
    assert Counter(mail.recipients for mail in mails) == {(f"new{n}@example.org",): 1 for n in range(len(steps))}
    report(verdict, p99_ms=verdict.percentile(0.99), mails=len(mails))


@pytest.mark.parametrize("is_holder", [True, False], ids=["holder", "observer"])
async def test_no_lease_is_stolen_by_a_clock_that_jumps_nor_stuck(
    mailing_stage: Stage, mail_server: MailServer, report: Report, is_holder: bool
):
    stage = mailing_stage
    clock = Clock(stage.site.directory)
    stage.serve("uvicorn", ALERTS_RELAY="off")
    mail_server.mood = Mood.HANG
    first = stage.relay(**(clock.settings if is_holder else {}))
    with psycopg.connect(stage.site.environment["DATABASE_URL"], autocommit=True) as connection:

        def delivery() -> tuple[str, str]:
            row = connection.execute("SELECT state, holder FROM alerts_delivery").fetchone()
            return row or ("", "")

        async with stage.watch(1) as lineages:
            await asyncio.to_thread(stage.site.create_user, "held", email="held@example.org")
            await asyncio.to_thread(wait_until, lambda: delivery()[0] == "sending", what="a lease")
            _, holder = delivery()
            stage.relay(**({} if is_holder else clock.settings))
            held = 0
            for jump in JUMPS:
                clock.jump(jump)
                await asyncio.sleep(1.1)  # each relay looks for leases to take over once a second
                state, now = delivery()
                assert now in (holder, ""), f"the lease was stolen at {jump}"
                held += state == "sending"
            assert held, "nobody held the lease while a clock jumped"
            mail_server.mood = Mood.ACCEPT
            first.kill() if is_holder else clock.jump("+0")
            began = time.monotonic()
            # Tried again after a minute by the database's clock, or taken over after half a minute without a beat.
            await asyncio.to_thread(wait_until, lambda: delivery()[0] == "sent", seconds=120, what="the mail")
            waited = time.monotonic() - began
            verdict = judge([], [of_posts(lineages[0])])
    assert len(mail_server.mailbox) == 1
    report(verdict, jumps_while_held=held, sent_after_s=waited)
