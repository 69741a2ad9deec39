"""How the cost of a delivery grows: with the number of dashboards, and with the number of alerts a second."""

from collections.abc import Iterable

from bench.bench import Bench, row
from bench.contenders import USUAL
from bench.figures import Curve, Findings, Sample, median
from bench.live import PACE, measure

DELIVERIES = 10_000  # a second at most, where dashboards grow


@row("growth", "CPU per delivery and p99, over dashboards and over alerts a second")
def growth(bench: Bench) -> Findings:
    found = Findings()
    numbers = bench.size([100, 300, 1_000, 3_000, 8_000], [50, 200])
    paces = bench.size([1.0, 3.0, 10.0, 30.0], [5.0, 20.0])
    by_number = [(float(number), _measure(bench, number, min(PACE, DELIVERIES / number))) for number in numbers]
    by_pace = [(pace, _measure(bench, bench.dashboards, pace)) for pace in paces]
    for (name, over), measured in (
        (("dashboards", "dashboards on one process"), by_number),
        (("pace", f"alerts a second to {bench.dashboards:,} dashboards"), by_pace),
    ):
        found.samples += [sample for _, samples in measured for sample in samples]
        cost = [(x, median(samples, lambda s: s.per_delivery)) for x, samples in measured]
        slow = [(x, median(samples, lambda s: s.p99)) for x, samples in measured]
        found.curves += _curves(name, over, cost, slow)
        for x, value in cost:
            found.note(f"{x:,g} {over}", value, "µs")
    found.note_losses(found.samples)
    return found


def _measure(bench: Bench, dashboards: int, pace: float) -> list[Sample]:
    samples = [measure(bench, USUAL["ours"], dashboards, pace, bench.seconds) for _ in range(min(bench.runs, 3))]
    cost = median(samples, lambda s: s.per_delivery)
    bench.say(f"growth, {dashboards:,} dashboards, {pace:g} alerts/s: {cost:.1f} µs a delivery")
    return samples


def _curves(name: str, over: str, cost: list[tuple[float, float]], slow: list[tuple[float, float]]) -> Iterable[Curve]:
    yield Curve(f"cost-over-{name}", "CPU of the web process per delivery", over, "µs", {"ours, uvicorn": cost})
    yield Curve(f"p99-over-{name}", "99 of 100 deliveries are there within", over, "ms", {"ours, uvicorn": slow})
