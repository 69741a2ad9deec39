"""A burst: 200 alerts as fast as one process commits them, and 200 in one transaction."""

from bench.audience import Audience
from bench.bench import Bench, row
from bench.contenders import Limit, Ours
from bench.figures import Findings, Sample, median
from bench.live import measure_once, warm_up

ALERTS = 200


@row("burst", "burst of 200 alerts to 1,000 dashboards: CPU of the web process per delivery", is_must=True)
def burst(bench: Bench) -> Findings:
    found = Findings()
    apart, together, bare = [], [], []
    for run in range(bench.runs):
        apart.append(_measure(bench, Ours(), "raise_alerts({count}, {pace})"))
        together.append(_measure(bench, Ours(), "raise_at_once({count})"))
        bare.append(_measure(bench, Limit(), ""))
        costs = ", ".join(f"{samples[-1].per_delivery:.2f}" for samples in (apart, together, bare))
        bench.say(f"burst, run {run + 1} of {bench.runs}: {costs} µs a delivery (apart, at once, the bare loop)")
    found.samples += [*apart, *together, *bare]
    reach = f"≤ 2 µs × {bench.scale:.2f} (this machine)"
    found.at_most("200 transactions", median(apart, lambda s: s.per_delivery), "µs", 2 * bench.scale, reach)
    found.note("one transaction", median(together, lambda s: s.per_delivery), "µs")
    found.note("the bare loop, a send() for each alert", median(bare, lambda s: s.per_delivery), "µs")
    found.note("alerts in a frame, 200 transactions", median(apart, lambda s: s.deliveries / s.more["frames"]), "")
    found.note("last delivery after the first act, 200 transactions", median(apart, lambda s: s.seconds * 1e3), "ms")
    found.note_columns(apart)
    found.note_losses(found.samples)
    return found


def _measure(bench: Bench, contender: Ours | Limit, act: str) -> Sample:
    """Several bursts, as one sample: one alone is over before the kernel's clock of CPU has moved much."""
    samples = []
    with contender.running(bench.stage) as service:
        log = service.directory / "audience.log"
        with Audience(service.ports, bench.dashboards, log=log, options=service.options) as audience:
            audience.open()
            warm_up(service, audience)
            shell = service.shell
            if shell is not None:
                service = service.with_act(lambda count, pace: float(shell(act.format(count=count, pace=pace))))
            for _ in range(bench.size(5, 2)):
                samples.append(measure_once(f"{contender.name}, burst", service, audience, ALERTS, 0))
    return Sample.sum(samples)
