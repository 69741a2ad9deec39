"""Many dashboards on one process: what a delivery costs then, and what one alert for one of them costs."""

import statistics
import time

from bench.accounting import Meter
from bench.audience import Audience
from bench.bench import Bench, row
from bench.contenders import Limit, Ours
from bench.figures import Findings, Sample, median
from bench.live import PACE, measure, measure_all, pace_for, warm_up

HALF_A_WINDOW = 128  # alerts


@row("crowd", "8,000 dashboards on one process: CPU of the web process per delivery", is_must=True)
def crowd(bench: Bench) -> Findings:
    usual = median(measure_all(bench, ["ours"])["ours"], lambda s: s.per_delivery)
    pace = pace_for(bench.crowd)
    # As many alerts as a page acknowledges at once: with fewer, each would bear more of an acknowledgement.
    seconds = bench.size(HALF_A_WINDOW / pace, 2.0)
    samples, fewer = [], []
    for run in range(bench.runs):
        samples.append(measure(bench, Ours(), bench.crowd, pace, seconds))
        fewer.append(measure(bench, Ours(), bench.dashboards, pace, seconds))
        bench.say(
            f"{bench.crowd} dashboards, run {run + 1} of {bench.runs}: {samples[-1].per_delivery:.1f} µs a delivery, "
            f"p99 {samples[-1].p99:.0f} ms; {bench.dashboards} at the same pace {fewer[-1].per_delivery:.1f} µs"
        )
    found = Findings(samples=[*samples, *fewer])
    cost = median(samples, lambda s: s.per_delivery)
    found.note(f"{bench.crowd:,} dashboards, {pace:g} alerts/s", cost, "µs")
    found.at_most(f"against {bench.dashboards:,} dashboards, {PACE:g} alerts/s", cost / usual, "×", 1.6)
    found.note(f"{bench.dashboards:,} dashboards, {pace:g} alerts/s", median(fewer, lambda s: s.per_delivery), "µs")
    found.at_most("p99", median(samples, lambda s: s.p99), "ms", 250)
    found.note("until all were connected", median(samples, lambda s: s.more["opening"] / 1e3), "s")
    found.note_columns(samples)
    found.note_spread("a delivery", [sample.per_delivery for sample in samples], "µs")
    found.note_losses(found.samples)
    return found


@row("private", "8,000 dashboards, 50 private alerts/s of one reader each: CPU per delivery", is_must=True)
def private(bench: Bench) -> Findings:
    # A whole round of heartbeats and pings, so that the quiet time has as many as the other.
    pace, seconds = 50.0, bench.size(15.0, 3.0)
    quiet, samples, lone = [], [], []
    with Ours().running(bench.stage) as service:
        options = service.options
        log = service.directory / "audience.log"
        with Audience(service.ports, bench.crowd, log=log, options=options) as audience:
            audience.open()
            warm_up(service, audience, 1)
            shell = service.shell
            assert shell is not None
            keys = [f"user:{key}" for key in bench.stage.people.keys[: bench.crowd]]
            shell(f"keys = {keys!r}")
            alerts = round(pace * seconds)
            for run in range(bench.runs):
                meter = Meter(service.groups)
                time.sleep(seconds)
                quiet.append(meter.read()["web"])
                audience.reset()
                meter, began = Meter(service.groups), time.monotonic()
                shell(f"raise_alerts({alerts}, {pace}, keys)")
                heard = audience.wait(alerts)
                audience.settle()
                cpu, took = meter.read(), time.monotonic() - began
                name = f"private, {bench.crowd} dashboards"
                samples.append(Sample.of(name, heard, alerts, alerts, cpu, took=took))
                bench.say(
                    f"private, run {run + 1} of {bench.runs}: {samples[-1].per_delivery:.0f} µs a delivery, of which "
                    f"{quiet[-1] * 1e6 / alerts:.0f} with no alert at all"
                )
    for _ in range(bench.runs):
        lone.append(measure(bench, Limit(), 1, pace, bench.size(10.0, 2.0)))
    found = Findings(samples=[*samples, *lone, {"cpu with no alert, seconds": quiet}])
    idle = sorted(quiet)[len(quiet) // 2]
    costs = [(s.cpu["web"] - idle * s.more["took"] / seconds) * 1e6 / s.deliveries for s in samples]
    reach = f"≤ 60 µs × {bench.scale:.2f} (this machine)"
    most = 60 * bench.scale
    found.at_most("beyond what the sockets cost with no alert", statistics.median(costs), "µs", most, reach)
    # Of all runs together: in one, the kernel's clock of CPU moves once or twice.
    found.note("the bare loop, as many lone sends", Sample.sum(lone).per_delivery, "µs")
    found.note("all CPU, heartbeats of every socket included", median(samples, lambda s: s.per_delivery), "µs")
    found.note(f"{bench.crowd:,} sockets with no alert, of one core", idle / seconds * 100, "%")
    found.note("p99", median(samples, lambda s: s.p99), "ms")
    found.note_spread("beyond what the sockets cost", costs, "µs")
    found.note_losses(samples)
    return found
