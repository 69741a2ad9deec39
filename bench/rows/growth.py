"""How the cost of a delivery grows: with the number of dashboards, and with the number of alerts a second."""

from collections.abc import Iterator, Mapping, Sequence

from bench.bench import Bench, row
from bench.contenders import USUAL
from bench.figures import Curve, Findings, Sample, median
from bench.live import measure, pace_for

MOST_OF_THE_TEXTBOOK = 1_000  # dashboards, and 10 alerts a second: more it cannot serve
Measured = Sequence[tuple[float, Sequence[Sample]]]


@row("growth", "CPU per delivery and p99, over dashboards and over alerts a second", runs=1)
def growth(bench: Bench) -> Findings:
    found = Findings()
    numbers = bench.size([100, 300, 1_000, 3_000, 8_000], [50, 200])
    paces = bench.size([1.0, 3.0, 10.0, 30.0], [5.0, 20.0])
    by_number: dict[str, Measured] = {}
    by_pace: dict[str, Measured] = {}
    for name, most in (("ours", numbers[-1]), ("textbook", MOST_OF_THE_TEXTBOOK)):
        fewer = [number for number in numbers if number <= most]
        by_number[name] = [(number, _measure(bench, name, number, pace_for(number))) for number in fewer]
        slower = [pace for pace in paces if name == "ours" or pace <= 10]
        by_pace[name] = [(pace, _measure(bench, name, bench.dashboards, pace)) for pace in slower]
    found.curves += _curves("dashboards", "dashboards on one process", by_number)
    found.curves += _curves("pace", f"alerts a second to {bench.dashboards:,} dashboards", by_pace)
    for lines, over in ((by_number, "dashboards"), (by_pace, f"alerts/s to {bench.dashboards:,} dashboards")):
        for name, line in lines.items():
            for x, samples in line:
                found.samples += samples
                found.note(f"{name}, {x:,g} {over}", median(samples, lambda s: s.per_delivery), "µs")
    found.note_losses(found.samples)
    return found


def _measure(bench: Bench, name: str, dashboards: int, pace: float) -> list[Sample]:
    samples = [measure(bench, USUAL[name], dashboards, pace, bench.seconds) for _ in range(bench.runs)]
    cost = median(samples, lambda s: s.per_delivery)
    bench.say(f"growth, {name}, {dashboards:,} dashboards, {pace:.3g} alerts/s: {cost:.1f} µs a delivery")
    return samples


def _curves(name: str, over: str, lines: Mapping[str, Measured]) -> Iterator[Curve]:
    cost = {n: [(x, median(found, lambda s: s.per_delivery)) for x, found in line] for n, line in lines.items()}
    slow = {n: [(x, median(found, lambda s: s.p99)) for x, found in line] for n, line in lines.items()}
    yield Curve(f"cost-over-{name}", "CPU of the web process per delivery", over, "µs", cost)
    yield Curve(f"p99-over-{name}", "99 of 100 deliveries are there within", over, "ms", slow)
