"""Every dashboard is cut at once and comes back, and each has missed the same 100 alerts.

What is counted goes from the cut to the last acknowledgement: the end of the old sockets, 100 alerts in the tail, a
while of quiet, and all that a resume takes.
"""

import re
import statistics
import time
from collections import Counter

from bench.accounting import Meter
from bench.audience import Audience
from bench.bench import Bench, row
from bench.contenders import Ours
from bench.figures import Findings, Sample, median
from bench.live import SETTLE, WARM_UP, warm_up

MISSED = 100
IN_FLIGHT = 256  # handshakes at once
LOG = re.compile(r'^\s*SELECT.*(FROM|JOIN)\s+"alerts_alert"', re.IGNORECASE | re.DOTALL)
# The relay's own looks, whether anything is without a position, or not expanded.
SWEEPS = ('"position" IS NULL', '"expanded_at" IS NULL')


@row("storm", "2,000 sockets cut and resumed, 100 alerts missed each: CPU of the web process per socket", is_must=True)
def storm(bench: Bench) -> Findings:
    sockets = bench.size(2000, 100)
    samples, reads, is_counted = [], [], False
    with Ours().running(bench.stage) as service:
        options = [*service.options, "--in-flight", str(IN_FLIGHT)]
        log = service.directory / "audience.log"
        with Audience(service.ports, sockets, log=log, options=options) as audience:
            audience.open()
            warm_up(service, audience, WARM_UP)
            for run in range(bench.runs):
                meter = Meter(service.groups)
                audience.cut()
                service.raise_alerts(MISSED, 0)
                time.sleep(SETTLE)  # numbered, published, and in the tail
                audience.reset()
                bench.stage.forget_reads()
                opened = audience.resume()
                heard = audience.wait(MISSED * sockets)
                audience.settle()
                samples.append(
                    Sample.of("storm", heard, MISSED, MISSED * sockets, meter.read(), opening=opened.opening)
                )
                statements = bench.stage.count_reads()
                is_counted = bool(statements)
                reads.append(reads_of_the_log(statements))
                each = samples[-1].cpu["web"] * 1e3 / sockets
                bench.say(f"storm, run {run + 1} of {bench.runs}: {each:.2f} ms a socket, reads {dict(reads[-1])}")
    found = Findings(samples=[*samples, {"reads of the log": [dict(counted) for counted in reads]}])
    reach = f"≤ 1.2 ms × {bench.scale:.2f} (this machine)"
    costs = [sample.cpu["web"] * 1e3 / sockets for sample in samples]
    found.at_most("a socket", statistics.median(costs), "ms", 1.2 * bench.scale, reach)
    if is_counted:
        counts = sorted(sum(counted.values()) for counted in reads)
        found.at_most("reads of the log in all", counts[len(counts) // 2], "", 20)
        for kind in ("entries", "counts"):
            found.note(f"of these, {kind}", sorted(counted[kind] for counted in reads)[len(reads) // 2], "")
    else:
        found.notes.append("Reads of the log were not counted: this PostgreSQL has no pg_stat_statements.")
    found.note("until all were back", median(samples, lambda s: s.more["opening"]), "ms")
    found.note("database, a socket", median(samples, lambda s: s.cpu["database"] * 1e3 / sockets), "ms")
    found.note_spread("a socket", costs, "ms")
    found.note_losses(samples)
    return found


def reads_of_the_log(statements: list[tuple[str, int]]) -> Counter[str]:
    """How often the log was read: for its `entries`, or for `counts` and marks of what is read."""
    found: Counter[str] = Counter()
    for query, calls in statements:
        if not LOG.search(query) or any(sweep in query for sweep in SWEEPS):
            continue
        found["entries" if '"alerts_alert"."title"' in query else "counts"] += calls
    return found
