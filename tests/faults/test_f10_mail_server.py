"""F10: a mail server in every bad mood, and senders killed at random. Every welcome comes, once where one can know."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.faults.verdict import Verdict
from tests.pipeline.test_mails import register
from tests.servers.shell import Shell
from tests.servers.site import Site
from tests.servers.smtp import MailServer, Mood

pytestmark = pytest.mark.fault("F10")
NAMES = """
from collections import Counter
from django.db import transaction
from django.db.models.functions import Now
from accounts.models import User
from alerts.models import Delivery

def states():
    return Counter(Delivery.objects.values_list("state", flat=True))

def tried(names):
    found = Delivery.objects.filter(address__in=[f"{name}@example.org" for name in names])
    return found.exclude(state__in=["waiting", "leased"], attempts=0).count()

def due_now():  # as if the back-off were over
    Delivery.objects.filter(state="waiting").update(next_try=Now())

def register(count):
    for number in range(count):
        with transaction.atomic():
            User.objects.create(username=f"user{number}", email=f"user{number}@example.org", password="!")
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.pipeline)])
def mailing_stage(
    request: pytest.FixtureRequest, mail_server: MailServer, make_stage: Callable[[Site], Stage]
) -> Stage:
    make = request.getfixturevalue(f"make_{request.param}_site")
    return make_stage(make(EMAIL_URL=mail_server.url, ALERTS_RELAY="off"))


@pytest.fixture
def shell(mailing_stage: Stage) -> Iterator[Shell]:
    with Shell(mailing_stage.site) as shell:
        shell(NAMES)
        yield shell


def until_done(shell: Shell, mail_server: MailServer, *, seconds: float = 60) -> None:
    """Until nothing waits any more; what was put off is due at once."""
    mail_server.mood = Mood.ACCEPT
    deadline = time.monotonic() + seconds
    while set(found := shell("states()")) - {"sent", "dead"}:
        assert time.monotonic() < deadline, found
        shell("due_now()")
        time.sleep(0.2)


def judge_mails(mail_server: MailServer, names: list[str], dead: set[str]) -> tuple[Verdict, int]:
    """Each name has its welcome; a second one has the id of the first. Gives how many came twice as well."""
    arrived = Counter(mail.recipients[0].partition("@")[0] for mail in mail_server.mailbox)
    ids: dict[str, set[Any]] = {}
    for mail in mail_server.mailbox:
        ids.setdefault(mail.recipients[0], set()).add(mail.message["Message-ID"])
    verdict = Verdict(commits=len(names), lost=[frozenset({n}) for n in names if n not in dead and not arrived[n]])
    verdict.phantom = [frozenset({name}) for name in arrived if name not in names]
    verdict.twice = [frozenset({address}) for address, found in ids.items() if len(found) > 1]
    return verdict, arrived.total() - len(arrived)


async def test_every_mood_of_a_mail_server(mailing_stage: Stage, shell: Shell, mail_server: MailServer, report: Report):
    stage = mailing_stage
    server = stage.serve()
    stage.relay()
    names = [f"usual{n}" for n in range(3)]
    usual = [await asyncio.to_thread(register, server, name) for name in names]
    await asyncio.to_thread(mail_server.wait_for, 3)
    took, dead = list[float](), set[str]()
    for mood in (Mood.DEFER, Mood.BUSY, Mood.DROP, Mood.REJECT, Mood.HANG):
        mail_server.mood = mood
        these = [f"{mood.name.lower()}{n}" for n in range(2)]
        for name in these:
            took.append(await asyncio.to_thread(register, server, name))
        wanted = 1 if mood is Mood.HANG else 2
        for _ in range(200):
            await asyncio.sleep(0.1)
            if shell(f"tried({these})") >= wanted:
                break
        else:
            raise AssertionError(f"{mood}: nobody tried")
        names += these
        dead.update(these if mood is Mood.REJECT else ())
    assert shell("states()")["dead"] == 2, "refused for good, and told so at once"
    mail_server.stop()  # which cuts the connection that hangs
    mail_server.mood = Mood.ACCEPT
    names.append("refused")
    took.append(await asyncio.to_thread(register, server, "refused"))
    told = await stage.until_ready_is("degraded", server, about="email server is out of reach", seconds=30)
    mail_server.start()
    await asyncio.to_thread(until_done, shell, mail_server)
    await stage.until_ready_is("ok", server)
    verdict, again = judge_mails(mail_server, names, dead)
    slower = (statistics.median(took) - statistics.median(usual)) * 1000
    report(verdict, registration_slower_ms=slower, told_after_s=told, mails_again=again)
    assert again <= 2, "only what was dropped after DATA may come again"
    assert slower < 500
    assert max(took) < 5, "somebody waited for the mail server, which takes 10 s to give up"


async def test_senders_killed_at_random(mailing_stage: Stage, shell: Shell, mail_server: MailServer, report: Report):
    stage = mailing_stage
    count, kills = stage.size(120, 600), stage.size(3, 10)
    shell(f"register({count})")
    relays = [stage.relay(), stage.relay()]
    for _ in range(kills):
        await asyncio.sleep(stage.chance.uniform(0.02, 0.3))
        victim = stage.chance.choice(relays)
        await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(victim.start)
    # What a dead relay held is taken over when its beat was not seen for 30 s.
    await asyncio.to_thread(until_done, shell, mail_server, seconds=100)
    verdict, again = judge_mails(mail_server, [f"user{n}" for n in range(count)], set())
    report(verdict, kills=kills, mails_again=again)
    assert again <= kills
