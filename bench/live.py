"""The one way a contender is measured: dashboards connect, alerts are raised at a pace, everything is counted."""

import time
from collections.abc import Sequence
from dataclasses import replace

from bench.accounting import Meter
from bench.audience import Audience
from bench.bench import Bench
from bench.contenders import USUAL, Contender, Service
from bench.figures import Sample

PACE = 10.0  # alerts a second, as usual
DELIVERIES = 10_000  # a second at most, where dashboards grow
LEAST_PACE = 2.0  # below, a page acknowledges each alert by itself, after a second of silence: another load
WARM_UP = 5  # alerts
SETTLE = 0.5  # seconds between the warm-up and the measurement


def measure(bench: Bench, contender: Contender, dashboards: int, pace: float, seconds: float) -> Sample:
    """One measurement, of a service freshly started."""
    with (
        contender.running(bench.stage) as service,
        Audience(
            service.ports, dashboards, log=service.directory / "audience.log", options=service.options
        ) as audience,
    ):
        opening = audience.open(tries=contender.tries).opening
        warm_up(service, audience)
        sample = measure_once(contender.name, service, audience, round(pace * seconds), pace)
        return replace(sample, more={**sample.more, "opening": opening})


def pace_for(dashboards: int) -> float:
    """Alerts a second for these many dashboards: about the usual number of deliveries, however many there are."""
    return min(max(DELIVERIES / dashboards, LEAST_PACE), PACE)


def warm_up(service: Service, audience: Audience, alerts: int = WARM_UP, pace: float = PACE) -> None:
    service.raise_alerts(alerts, pace)
    audience.wait(alerts * audience.count)
    audience.settle()
    time.sleep(SETTLE)


def measure_once(name: str, service: Service, audience: Audience, alerts: int, pace: float) -> Sample:
    """These alerts at this pace (0: one after the other), to dashboards that are open.

    CPU until the last is there and acknowledged.
    """
    audience.reset()
    meter = Meter(service.groups)
    began = time.time()
    service.raise_alerts(alerts, pace)
    heard = audience.wait(alerts * audience.count)
    audience.settle()
    cpu = meter.read()
    sample = Sample.of(name, heard, alerts, alerts * audience.count, cpu)
    return replace(sample, seconds=heard.last_at - began)


def measure_all(bench: Bench, names: Sequence[str]) -> dict[str, list[Sample]]:
    """The usual measurement of these contenders, interleaved; what this run has measured already is not repeated."""
    new = [name for name in names if name not in bench.samples]
    for run in range(bench.runs):
        for name in new:
            contender = USUAL[name]
            # The textbook cannot keep up: what it is given takes it several times as long.
            seconds = bench.seconds / (2 if name.startswith("textbook") else 1)
            sample = measure(bench, contender, bench.dashboards, PACE, seconds)
            bench.say(
                f"{contender.name}, run {run + 1} of {bench.runs}: {sample.per_delivery:.1f} µs a delivery, "
                f"p99 {sample.p99:.0f} ms, {sample.deliveries} of {sample.expected}"
            )
            bench.samples.setdefault(name, []).append(sample)
    return {name: bench.samples[name] for name in names}
