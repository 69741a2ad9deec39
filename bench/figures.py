"""What a row finds: figures beside their reach, the measurements they rest on, and curves."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from bench.audience import Heard


@dataclass(frozen=True)
class Figure:
    """One number of the table. `reached` is None where nothing is asked of it."""

    name: str
    value: float
    unit: str
    reach: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Curve:
    """How figures grow: `lines` are points (x, y) by name, in `unit`, over `over`. Drawn into `<name>.svg`."""

    name: str
    title: str
    over: str
    unit: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Sample:
    """One measurement of a service with dashboards. `cpu` is seconds by column; times in milliseconds."""

    name: str
    dashboards: int
    alerts: int  # raised
    expected: int  # deliveries, were none lost
    deliveries: int
    again: int  # deliveries that came twice or out of order
    cpu: Mapping[str, float]
    seconds: float  # to the last delivery, from the first alert raised (`measure_once`) or from the first delivery
    p50: float
    p99: float
    max: float
    frame_bytes: float
    more: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, heard: Heard, alerts: int, expected: int, cpu: Mapping[str, float], **more: float) -> Self:
        """What was heard of these alerts, and what it cost. `seconds` is from the first delivery to the last."""
        return cls(
            name=name,
            dashboards=heard.open,
            alerts=alerts,
            expected=expected,
            deliveries=heard.alerts,
            again=heard.again,
            cpu=cpu,
            seconds=heard.last_at - heard.first_at,
            p50=heard.p50,
            p99=heard.p99,
            max=heard.max,
            frame_bytes=heard.bytes / max(heard.frames, 1),
            more={"frames": heard.frames, "acknowledged": heard.acknowledged, "least": heard.least} | more,
        )

    @classmethod
    def sum(cls, samples: "Sequence[Sample]") -> "Sample":
        """Several short measurements as one; of the times, the median of theirs."""

        def total(name: str) -> Any:
            return sum(getattr(sample, name) for sample in samples)

        def middle(name: str) -> float:
            return float(statistics.median(getattr(sample, name) for sample in samples))

        counts: dict[str, Any] = {name: total(name) for name in ("alerts", "expected", "deliveries", "again")}
        times: dict[str, Any] = {name: middle(name) for name in ("seconds", "p50", "p99", "max", "frame_bytes")}
        return cls(
            name=samples[0].name,
            dashboards=samples[0].dashboards,
            cpu={column: sum(sample.cpu[column] for sample in samples) for column in samples[0].cpu},
            more={name: sum(sample.more[name] for sample in samples) for name in samples[0].more},
            **counts,
            **times,
        )

    @property
    def per_delivery(self) -> float:
        """Microseconds of CPU of the web processes per alert delivered."""
        return self.column("web")

    def column(self, name: str) -> float:
        """Microseconds of CPU of one column per alert delivered."""
        return self.cpu.get(name, 0.0) * 1e6 / max(self.deliveries, 1)


@dataclass
class Findings:
    """What one row gives. `samples` are the raw measurements, for the JSON file alone."""

    figures: list[Figure] = field(default_factory=list)
    samples: list[Any] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, name: str, value: float, unit: str) -> None:
        """A figure nothing is asked of."""
        self.figures.append(Figure(name, value, unit))

    def at_most(self, name: str, value: float, unit: str, most: float, reach: str = "") -> None:
        self.figures.append(Figure(name, value, unit, reach or f"≤ {_short(most)} {unit}".rstrip(), value <= most))

    def at_least(self, name: str, value: float, unit: str, least: float, reach: str = "") -> None:
        self.figures.append(Figure(name, value, unit, reach or f"≥ {_short(least)} {unit}".rstrip(), value >= least))

    def note_spread(self, name: str, values: Sequence[float], unit: str) -> None:
        """A line that tells how far the runs behind a median lie apart."""
        self.notes.append(f"{name}, from run to run: {as_text(min(values))} to {as_text(max(values))} {unit}")

    def note_columns(self, samples: Sequence[Sample]) -> None:
        """What the other processes cost, in columns of their own."""
        for column in sorted({name for sample in samples for name in sample.cpu} - {"web"}):
            cost = statistics.median(sample.column(column) for sample in samples)
            self.note(f"{samples[0].name}: {column}", cost, "µs")

    def note_losses(self, samples: Iterable[Sample]) -> None:
        """A line for each measurement that lost deliveries, or had some twice."""
        for sample in samples:
            if sample.deliveries != sample.expected or sample.again:
                lost = sample.expected - sample.deliveries
                self.notes.append(
                    f"{sample.name}: {lost} of {sample.expected} deliveries lost, {sample.again} twice or out of order"
                )

    def as_dict(self) -> dict[str, Any]:
        return {
            "figures": [asdict(figure) for figure in self.figures],
            "samples": [
                asdict(sample) | {"per_delivery": sample.per_delivery} if isinstance(sample, Sample) else sample
                for sample in self.samples
            ],
            "curves": [asdict(curve) for curve in self.curves],
            "notes": self.notes,
        }


def median(samples: Iterable[Sample], of: Callable[[Sample], float]) -> float:
    return statistics.median(of(sample) for sample in samples)


def percentile(values: Sequence[float], share: float) -> float:
    """`share` from 0 to 1. One value is its own percentile."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=1000, method="inclusive")[min(max(round(share * 1000), 1), 999) - 1]


def as_text(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
