"""Memory of sockets that wait: what each adds to its web process."""

import statistics
import time

from bench.accounting import memory_of
from bench.audience import Audience
from bench.bench import Bench, row
from bench.contenders import USUAL, Contender
from bench.figures import Findings

WARM = 20  # sockets that are there before: threads, caches and code are in place


@row("memory", "memory per idle signed-in socket beyond the base (PSS)")
def memory(bench: Bench) -> Findings:
    sockets = bench.size(2_000, 100)
    found = Findings()
    each: dict[str, list[float]] = {}
    for run in range(bench.runs):
        for name in ("ours", "ours-daphne", "textbook", "textbook-uvicorn"):
            each.setdefault(name, []).append(_measure(bench, USUAL[name], sockets))
            bench.say(f"memory, {USUAL[name].name}, run {run + 1}: {each[name][-1]:.1f} KB a socket")
    found.samples.append({"KB a socket": each})
    found.at_most("ours, uvicorn", statistics.median(each["ours"]), "KB", 36)
    for name in ("ours-daphne", "textbook", "textbook-uvicorn"):
        found.note(USUAL[name].name, statistics.median(each[name]), "KB")
    return found


def _measure(bench: Bench, contender: Contender, sockets: int) -> float:
    """KB (1,024 bytes) for each of `sockets`, after a rest."""
    rest = bench.size(3.0, 1.0)
    with contender.running(bench.stage) as service:
        log = service.directory / "audience.log"
        with Audience(service.ports, WARM, log=log, options=service.options) as warm:
            warm.open(tries=contender.tries)
            time.sleep(rest)
            before = sum(map(memory_of, service.groups["web"]))
            with Audience(service.ports, sockets, log=log, options=service.options) as audience:
                audience.open(tries=contender.tries)
                time.sleep(rest)
                after = sum(map(memory_of, service.groups["web"]))
    return (after - before) / 1024 / sockets
