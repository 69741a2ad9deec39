"""The usual load: 1,000 dashboards, 10 alerts a second, signed in, acknowledging."""

from bench.bench import Bench, row
from bench.figures import Findings, median
from bench.live import measure_all


@row("live", "1,000 dashboards, 10 alerts/s, uvicorn, Redis: CPU of the web process per delivery", is_must=True)
def live(bench: Bench) -> Findings:
    names = ["ours", "limit", "textbook", "textbook-uvicorn"]
    if "daphne" in bench.selected:
        names.append("ours-daphne")  # so that its runs are interleaved with the textbook's
    measured = measure_all(bench, names)
    found = Findings(samples=[sample for samples in measured.values() for sample in samples])
    cost = {name: median(samples, lambda s: s.per_delivery) for name, samples in measured.items()}
    p99 = {name: median(samples, lambda s: s.p99) for name, samples in measured.items()}
    found.note("the bare loop", cost["limit"], "µs")
    found.at_most("ours", cost["ours"], "µs", 2.5 * cost["limit"], "≤ 2.5 × the bare loop")
    found.at_least("cheaper than the textbook", cost["textbook"] / cost["ours"], "×", 18)
    found.note("the textbook, Daphne, core layer", cost["textbook"], "µs")
    found.note("the textbook, uvicorn, pub/sub layer", cost["textbook-uvicorn"], "µs")
    found.note("p99, the bare loop", p99["limit"], "ms")
    found.at_most("p99, ours", p99["ours"], "ms", 2 * p99["limit"], "≤ 2 × the bare loop's")
    found.note("p50, ours", median(measured["ours"], lambda s: s.p50), "ms")
    found.note("p99, the textbook, Daphne", p99["textbook"], "ms")
    found.note("p99, the textbook, uvicorn", p99["textbook-uvicorn"], "ms")
    found.note_columns(measured["ours"])
    found.note_columns(measured["textbook"])
    for name in ("ours", "limit"):
        found.note_spread(f"{name}, a delivery", [sample.per_delivery for sample in measured[name]], "µs")
        found.note_spread(f"{name}, p99", [sample.p99 for sample in measured[name]], "ms")
    found.note_losses(sample for samples in measured.values() for sample in samples)
    return found


@row("daphne", "1,000 dashboards under Daphne: CPU of the web process per delivery")
def daphne(bench: Bench) -> Findings:
    measured = measure_all(bench, ["ours-daphne", "textbook"])
    ours, textbook = (median(measured[name], lambda s: s.per_delivery) for name in ("ours-daphne", "textbook"))
    found = Findings(samples=list(measured["ours-daphne"]))
    found.note("ours, Daphne", ours, "µs")
    found.at_least("cheaper than the textbook", textbook / ours, "×", 6)
    found.note("p99, ours, Daphne", median(measured["ours-daphne"], lambda s: s.p99), "ms")
    found.note_columns(measured["ours-daphne"])
    found.note_losses(measured["ours-daphne"])
    return found
