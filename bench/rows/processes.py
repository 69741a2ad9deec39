"""Two web processes against one, with the same dashboards in all; and what Redis carries then."""

from dataclasses import replace

from bench.audience import Audience
from bench.bench import Bench, row
from bench.contenders import Ours
from bench.figures import Curve, Findings, Sample, median
from bench.live import PACE, measure_once, warm_up

OUT = "total_net_output_bytes"


@row("processes", "two web processes against one, same sockets in all: CPU per delivery, and Redis traffic", runs=5)
def processes(bench: Bench) -> Findings:
    whole, tenth = bench.dashboards, bench.dashboards // 10
    cases = {"one": (1, whole), "two": (2, whole), "one, a tenth of the sockets": (1, tenth)}
    samples: dict[str, list[Sample]] = {name: [] for name in cases}
    for run in range(bench.runs):
        for name, (count, dashboards) in cases.items():
            samples[name].append(_measure(bench, name, count, dashboards))
            cost, sent = samples[name][-1].per_delivery, samples[name][-1].more["redis"]
            words = f"{cost:.1f} µs a delivery, Redis {sent:,.0f} bytes an alert"
            bench.say(f"processes, {name}, run {run + 1} of {bench.runs}: {words}")
    found = Findings(samples=[sample for of_one in samples.values() for sample in of_one])
    costs = {name: median(of_one, lambda s: s.per_delivery) for name, of_one in samples.items()}
    traffic = {name: median(of_one, lambda s: s.more["redis"]) for name, of_one in samples.items()}
    found.at_most("two against one", costs["two"] / costs["one"], "×", 1.1)
    found.note("one process", costs["one"], "µs")
    found.note("two processes", costs["two"], "µs")
    found.note("Redis sends for an alert, one process", traffic["one"], "bytes")
    found.note("the same, two processes", traffic["two"], "bytes")
    few = traffic["one, a tenth of the sockets"]
    found.at_most("Redis traffic, against a tenth of the sockets", traffic["one"] / few, "×", 1.1)
    lines = {"CPU of all web processes": [(1.0, costs["one"]), (2.0, costs["two"])]}
    found.curves.append(Curve("processes", f"{whole:,} dashboards over processes", "processes", "µs", lines))
    for name in ("one", "two"):
        found.note_spread(f"{name}, a delivery", [sample.per_delivery for sample in samples[name]], "µs")
    found.note_losses(found.samples)
    return found


def _measure(bench: Bench, name: str, count: int, dashboards: int) -> Sample:
    with Ours(processes=count).running(bench.stage) as service, bench.stage.redis.client() as redis:
        log = service.directory / "audience.log"
        with Audience(service.ports, dashboards, log=log, options=service.options) as audience:
            audience.open()
            warm_up(service, audience)
            before = redis.info("stats")[OUT]
            sample = measure_once(name, service, audience, round(PACE * bench.seconds), PACE)
            sent = redis.info("stats")[OUT] - before
    return replace(sample, more={**sample.more, "redis": sent / sample.alerts})
