"""A relay inside the web process works beside the event loop: for how long does the loop stand still?"""

import statistics

from bench.audience import Audience
from bench.bench import Bench, row
from bench.contenders import Ours
from bench.figures import Findings
from bench.live import warm_up

PACE = 200.0  # alerts a second
DASHBOARDS = 100
PROBE = 2  # milliseconds between two pings of the socket that measures


@row("stall", "embedded relay against ALERTS_RELAY=off, 200 alerts/s: worst stall of the loop")
def stall(bench: Bench) -> Findings:
    found = Findings()
    worst: dict[str, list[float]] = {}
    for run in range(bench.runs):
        for name, is_embedded, pace in (("embedded", True, PACE), ("off", False, PACE), ("off, no alerts", False, 0.0)):
            stalled = _measure(bench, pace, is_embedded=is_embedded)
            worst.setdefault(name, []).append(stalled)
            bench.say(f"stall, relay {name}, run {run + 1} of {bench.runs}: {stalled:.0f} ms at worst")
    found.samples.append({"worst stall, ms": worst})
    found.at_most("embedded", statistics.median(worst["embedded"]), "ms", 50)
    found.note("a relay process of its own", statistics.median(worst["off"]), "ms")
    found.note("the same, with no alerts at all", statistics.median(worst["off, no alerts"]), "ms")
    found.note("embedded, the worst run", max(worst["embedded"]), "ms")
    found.notes.append("The relay alone numbers and publishes, the writer's own process does not. Median of the runs.")
    return found


def _measure(bench: Bench, pace: float, *, is_embedded: bool) -> float:
    """Milliseconds: the longest the loop took to answer a WebSocket ping."""
    seconds = bench.size(10.0, 3.0)
    with Ours(relay="thread" if is_embedded else "off").running(bench.stage) as service:
        log = service.directory / "audience.log"
        shell = service.shell
        assert shell is not None
        with (
            Audience(service.ports, DASHBOARDS, log=log, options=service.options) as audience,
            Audience(service.ports, 1, log=log, options=[*service.options, "--probe", str(PROBE)]) as probe,
        ):
            audience.open()
            probe.open()
            warm_up(service, audience)
            probe.reset()
            if pace:
                alerts = round(pace * seconds)
                shell(f"raise_silently({alerts}, {pace})")
                audience.wait(alerts * DASHBOARDS)
            return probe.wait(10**9 if not pace else 0, still=seconds).pong
