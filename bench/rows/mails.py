"""Welcome mails: what one costs a registration, and how fast many are drained, near the mail server and far from it."""

import statistics

from bench.bench import Bench, row
from bench.figures import Findings
from bench.mailbox import Mailbox
from tests.servers.shell import Shell

FAR = 0.02  # seconds of a round trip


@row("mails", "welcome mails: a registration, against one without mail; draining 2,000, against send_mail one by one")
def mails(bench: Bench) -> Findings:
    found = Findings()
    _register(bench, found)
    for name, round_trip, count, least in (
        ("loopback", 0.0, bench.size(2_000, 100), 1.0),
        ("20 ms round trip", FAR, bench.size(2_000, 30), 3.0),
    ):
        drained, one_by_one = _drain(bench, round_trip, count, bench.size(count if not round_trip else 100, 20))
        found.samples.append({"name": name, "count": count, "drained": drained, "one by one": one_by_one})
        found.at_least(f"draining {count:,}, {name}", drained / one_by_one, "×", least)
        found.note(f"relay, {name}", drained, "mails/s")
        found.note(f"send_mail, {name}", one_by_one, "mails/s")
        bench.say(f"mails, {name}: {drained:.0f} a second, by send_mail {one_by_one:.0f}")
    return found


def _register(bench: Bench, found: Findings) -> None:
    count = bench.size(20, 2)
    costs: dict[bool, list[float]] = {True: [], False: []}
    with Mailbox() as mailbox, bench.stage.site("postgres", EMAIL_URL=mailbox.url) as site, Shell(site) as shell:
        relay = site.relay()
        relay.wait_for_log("The relay runs")
        shell("from bench.acts import *")
        for run in range(bench.runs + 1):
            for has_mail in (False, True):
                cost = shell(f"register({count}, has_mail={has_mail})")
                if run:
                    costs[has_mail].append(cost["wall"] / count)
        mailbox.wait_for((bench.runs + 1) * count, seconds=60)
    found.samples.append({"seconds of a registration": {"with mail": costs[True], "without": costs[False]}})
    ratio = statistics.median(costs[True]) / statistics.median(costs[False])
    found.at_most("a registration, against one without mail", ratio, "×", 1.1)
    found.note("a registration", statistics.median(costs[True]) * 1e3, "ms")


def _drain(bench: Bench, round_trip: float, count: int, singly: int) -> tuple[float, float]:
    """Mails a second: by the relay, from the first to the last of `count`; and by send_mail, `singly` of them."""
    with Mailbox(round_trip) as mailbox, bench.stage.site("postgres", EMAIL_URL=mailbox.url) as site:
        with Shell(site) as shell:
            shell("from bench.acts import *")
            one_by_one = singly / shell(f"send_one_by_one({singly})")["wall"]
            shell(f"welcome({count})")
        mailbox.arrivals.clear()
        site.relay()
        return mailbox.wait_for(count, seconds=60 + count * (0.05 + 10 * round_trip)), one_by_one
