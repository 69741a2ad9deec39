"""Other people's servers under the usual load, and in a burst."""

from bench.audience import Audience
from bench.bench import Bench, row
from bench.figures import Findings, Sample, median
from bench.live import PACE, measure, measure_once, warm_up
from bench.native import language
from bench.others.contenders import OTHERS, Other

BURST = 200  # alerts


@row("others", "other servers: 1,000 dashboards, 10 alerts/s, and a burst of 200 alerts: CPU per delivery")
def others(bench: Bench) -> Findings:
    found = Findings()
    if language() != "C":
        found.notes.append("Left out: their dashboards need a C compiler.")
        return found
    found.notes.append("django-eventstream is left out: it speaks no WebSocket, which is what the dashboards do.")
    present = [other for other in OTHERS if not other.missing()]
    found.notes += [f"{other.name}: {other.version()}" for other in present]
    found.notes += [f"{other.name} left out: {other.missing()}" for other in OTHERS if other.missing()]
    usual: dict[str, list[Sample]] = {other.name: [] for other in present}
    bursts: dict[str, list[Sample]] = {other.name: [] for other in present}
    for run in range(bench.runs):
        for other in present:
            usual[other.name].append(measure(bench, other, bench.dashboards, PACE, bench.seconds))
            bursts[other.name].append(_burst(bench, other))
            costs = (
                f"{usual[other.name][-1].per_delivery:.1f} µs, in a burst {bursts[other.name][-1].per_delivery:.2f} µs"
            )
            bench.say(f"{other.name}, run {run + 1} of {bench.runs}: {costs}")
    for other in present:
        found.note(other.name, median(usual[other.name], lambda s: s.per_delivery), "µs")
        found.note(f"{other.name}: p99", median(usual[other.name], lambda s: s.p99), "ms")
        found.note(f"{other.name}: in a burst", median(bursts[other.name], lambda s: s.per_delivery), "µs")
        found.samples += [*usual[other.name], *bursts[other.name]]
    found.note_losses(found.samples)
    return found


def _burst(bench: Bench, other: Other) -> Sample:
    with other.running(bench.stage) as service:
        log = service.directory / "audience.log"
        with Audience(service.ports, bench.dashboards, log=log, options=service.options) as audience:
            audience.open()
            warm_up(service, audience)
            name = f"{other.name}, burst"
            return Sample.sum([measure_once(name, service, audience, BURST, 0) for _ in range(bench.size(5, 2))])
