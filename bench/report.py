"""The table, the JSON file, and a plot for each curve."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Curve, as_text
from bench.plot import line_chart

WORDS = {True: "reached", False: "MISSED", None: ""}
QUICK = "Quick sizes, a tenth of what the titles say: these figures show that the bench works, and nothing else."


def show(results: Mapping[str, Any], *, is_quick: bool) -> None:
    """The table: a line for each figure, beside its reach."""
    if is_quick:
        print(f"\n{QUICK}")
    for name, result in results.items():
        must = ", a must" if result["is_must"] else ""
        print(f"\n{name}: {result['work']}{must} ({result['seconds']:.0f} s)")
        if result["error"]:
            print(f"    FAILED: {result['error']}")
        for figure in result["figures"]:
            value = f"{as_text(figure['value'])} {figure['unit']}"
            print(f"    {figure['name']:52} {value:>16}   {_verdict(figure, is_quick, '{:28} {}')}".rstrip())
        for note in result["notes"]:
            print(f"    {note}")


def write(file: Path, about: Mapping[str, str], is_quick: bool, results: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = {"machine": about, "quick": is_quick, "rows": results}
    file.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def write_table(file: Path, about: Mapping[str, str], results: Mapping[str, Any], *, is_quick: bool) -> None:
    """The table as Markdown, for docs/performance.md."""
    lines = [QUICK, ""] if is_quick else []
    lines += [". ".join(f"{name}: {value}" for name, value in about.items()), ""]
    lines += ["| | figure | reach | |", "|---|---|---|---|"]
    for result in results.values():
        lines.append(f"| **{result['work']}**{', a must' * result['is_must']} | | | |")
        lines += [
            f"| {figure['name']} | {as_text(figure['value'])} {figure['unit']} "
            f"| {_verdict(figure, is_quick, '{} | {}')} |"
            for figure in result["figures"]
        ]
        lines += [f"| {note} | | | |" for note in [*result["notes"], *filter(None, [result["error"]])]]
    file.write_text("\n".join(lines) + "\n")


def draw(folder: Path, curves: Sequence[Curve]) -> None:
    for curve in curves:
        (folder / f"{curve.name}.svg").write_text(line_chart(curve))


def _verdict(figure: Mapping[str, Any], is_quick: bool, form: str) -> str:
    """What is asked of a figure, and whether it is so; of a quick one, nothing is."""
    return form.format("", "") if is_quick else form.format(figure["reach"], WORDS[figure["reached"]])
