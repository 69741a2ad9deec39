"""A line chart as SVG, by hand: a picture needs no library."""

import math
from collections.abc import Callable, Iterator, Sequence
from xml.sax.saxutils import escape

from bench.figures import Curve

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, BOTTOM = 70, 44, 56
TITLE, NAME = 40, 18  # heights: of the title, of the name of one line
APART = 20  # times as much: lines so far apart need a logarithmic axis
COLOURS = ("#2563eb", "#dc2626", "#16a34a", "#9333ea", "#ea580c", "#0891b2")
STYLE = "text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:16px;font-weight:600}.axis{stroke:#bbb}"


def line_chart(curve: Curve) -> str:
    """A line with its points for each of `curve.lines`, their names above. `x` on a logarithmic axis; `y` from zero,
    or on one as well where the lines lie far apart."""
    points = [point for line in curve.lines.values() for point in line]
    least, most = min(x for x, _ in points), max(x for x, _ in points)
    height, marks = _upwards([y for _, y in points])
    top = TITLE + NAME * (len(curve.lines) + 1)

    def across(x: float) -> float:
        span = math.log(most / least) or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(x / least) / span)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - top - BOTTOM) * height(y)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>',
        f'<text class="title" x="{LEFT}" y="24">{escape(curve.title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(curve.over)}</text>',
        f'<text x="{LEFT - 8}" y="{top - 16}" text-anchor="end">{escape(curve.unit)}</text>',
    ]
    for y in marks:
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{_number(y)}</text>')
    for x in sorted({x for x, _ in points}):
        parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_number(x)}</text>')
    for place, (name, line) in enumerate(curve.lines.items()):
        colour, at = COLOURS[place % len(COLOURS)], TITLE + NAME * place + 8
        parts += _line([(across(x), up(y)) for x, y in sorted(line)], colour)
        parts.append(f'<text x="{LEFT}" y="{at}" style="fill:{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _upwards(values: Sequence[float]) -> tuple[Callable[[float], float], list[float]]:
    """How far up each value stands, from 0 to 1, and the values that are marked."""
    if min(values) > 0 and max(values) / min(values) > APART:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return lambda y: (math.log10(y) - first) / (last - first), [10.0**power for power in range(first, last + 1)]
    top = _round_up(max(values))
    return lambda y: y / top, [top * step / 4 for step in range(5)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def _line(points: Sequence[tuple[float, float]], colour: str) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten, so that quarters of it read well."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)
