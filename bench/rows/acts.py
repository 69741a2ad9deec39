"""What a writer pays: a bulk delete, a single save; and how fast a relay numbers and publishes."""

import statistics
from collections.abc import Mapping, Sequence

from bench.bench import Bench, row
from bench.figures import Findings
from bench.stage import Stack
from tests.servers.shell import Shell

STACKS: tuple[Stack, ...] = ("postgres", "sqlite")
Costs = Sequence[Mapping[str, float]]


@row("delete", "delete() of 10,000 posts, against the same with a pre_delete receiver that only logs", is_must=True)
def delete(bench: Bench) -> Findings:
    count = bench.size(10_000, 1_000)
    found = Findings()
    for stack in STACKS:
        plain, alerted = _compare(bench, stack, f"delete_posts({count}, has_alert={{}})")
        found.samples.append({"stack": stack, "plain": plain, "with alert": alerted})
        found.at_most(f"{stack}: time", _middle(alerted, "wall") / _middle(plain, "wall"), "×", 1.4)
        found.note(f"{stack}: CPU of the writer", _middle(alerted, "cpu") / _middle(plain, "cpu"), "×")
        found.note(f"{stack}: time with an alert", _middle(alerted, "wall") * 1e3, "ms")
        found.at_most(f"{stack}: alerts of one delete()", max(cost["alerts"] for cost in alerted), "", 1)
    return found


@row("save", "save() that raises an alert, against the same inside atomic without")
def save(bench: Bench) -> Findings:
    count = bench.size(300, 30)
    found = Findings()
    for stack in STACKS:
        for name, pause in (("one at a time", 0.02), ("back to back", 0.0)):
            plain, alerted = _compare(bench, stack, f"save_posts({count}, has_alert={{}}, pause={pause})")
            found.samples.append({"stack": stack, "name": name, "plain": plain, "with alert": alerted})
            ratio = _middle(alerted, "wall") / _middle(plain, "wall")
            if pause:
                more = _middle(alerted, "queries") - _middle(plain, "queries")
                found.at_most(f"{stack}: statements more", more, "", 1)
            if pause and stack == "postgres":
                found.at_most(f"{stack}: time, {name}", ratio, "×", 1.5)
            else:
                found.note(f"{stack}: time, {name}", ratio, "×")
            cpu = _middle(alerted, "cpu") / _middle(plain, "cpu")
            found.note(f"{stack}: CPU of the saving thread, {name}", cpu, "×")
            found.note(f"{stack}: a save with an alert, {name}", _middle(alerted, "wall") * 1e6 / count, "µs")
            ratios = [after["wall"] / before["wall"] for before, after in zip(plain, alerted, strict=True)]
            found.note_spread(f"{stack}: time, {name}", ratios, "×")
    found.notes.append("Back to back, the bell of the same process numbers while the next save runs.")
    return found


@row("relay", "relay, numbering and publication: alerts a second")
def relay(bench: Bench) -> Findings:
    count = bench.size(20_000, 2_000)
    found = Findings()
    for stack, least in (("postgres", 5_000), ("sqlite", 3_000)):
        costs: list[Mapping[str, float]] = []
        with bench.stage.site(stack) as site, Shell(site) as shell:  # type: ignore[arg-type]
            shell("from bench.acts import *")
            for run in range(bench.runs):
                costs.append(shell(f"number_alerts({count})"))
                bench.say(f"relay, {stack}, run {run + 1} of {bench.runs}: {count / costs[-1]['wall']:,.0f} alerts/s")
        found.samples.append({"stack": stack, "count": count, "costs": costs})
        found.at_least(stack, count / _middle(costs, "wall"), "alerts/s", least)
        found.note(f"{stack}: CPU of the relay, each", _middle(costs, "cpu") * 1e6 / count, "µs")
    return found


def _compare(bench: Bench, stack: Stack, act: str) -> tuple[Costs, Costs]:
    """The costs of an act without its alert and with it, interleaved, after one of each to warm up."""
    plain: list[Mapping[str, float]] = []
    alerted: list[Mapping[str, float]] = []
    with bench.stage.site(stack) as site, Shell(site) as shell:
        shell("from bench.acts import *")
        for run in range(bench.runs + 1):
            for has_alert, costs in ((False, plain), (True, alerted)):
                cost = shell(act.format(has_alert))
                if run:
                    costs.append(cost)
        bench.say(f"{act.partition('(')[0]}, {stack}: {_middle(alerted, 'wall') / _middle(plain, 'wall'):.2f} ×")
    return plain, alerted


def _middle(costs: Costs, name: str) -> float:
    return statistics.median(cost[name] for cost in costs)
