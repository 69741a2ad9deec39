"""A long log: what the page, a resume and the count of unread alerts take as it grows."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.audience import Audience
from bench.bench import Bench, row
from bench.figures import Curve, Findings
from bench.stage import Stack, collect_static
from tests.servers.shell import Shell
from tests.servers.visitor import Visitor

Times = dict[str, dict[int, float]]  # milliseconds by what is done, then by the length of the log
ALONE = 0.1  # seconds between two resumes: one that follows within 50 ms waits to be let in together with others


@row("log", "a log of 1,000,000 alerts: page /, resume, unread count, against their time at 1,000")
def log(bench: Bench) -> Findings:
    lengths = bench.size([1_000, 10_000, 100_000, 1_000_000], [1_000, 20_000])
    found = Findings()
    collect_static()
    stacks: tuple[Stack, ...] = ("postgres", "sqlite")
    for stack in stacks:
        times = _measure(bench, stack, lengths)
        found.samples.append({"stack": stack, "milliseconds": times})
        for name, by_length in times.items():
            found.at_most(f"{stack}: {name}", by_length[lengths[-1]] / by_length[lengths[0]], "×", 1.5)
            found.note(f"{stack}: {name}, at {lengths[-1]:,}", by_length[lengths[-1]], "ms")
        lines = {name: sorted((float(length), ms) for length, ms in line.items()) for name, line in times.items()}
        found.curves.append(Curve(f"log-{stack}", f"Reads of a growing log, {stack}", "alerts in the log", "ms", lines))
    return found


def _measure(bench: Bench, stack: Stack, lengths: list[int]) -> Times:
    times: Times = {}
    many = bench.size(50, 5)
    with bench.stage.site(stack) as site, Shell(site) as shell:
        shell("from bench.old_alerts import *")
        shell("from bench.people import make_people")
        cookies = bench.stage.people.cookies
        key = bench.stage.people.keys[0]
        if stack == "sqlite":
            cookies = site.directory / "cookies"
            key = shell(f"make_people(1, {str(cookies)!r})")[0]
        cookie = cookies.read_text().partition("\n")[0]
        nobody = site.directory / "nobody"  # signed in, and the log has nothing for them: the longest way to look
        shell(f"make_people(1, {str(nobody)!r}, prefix='nobody', is_staff=False)")
        no_cookie = nobody.read_text().strip()
        for length in lengths:
            shell(f"lengthen({length})")
            server = site.serve()
            visitor = Visitor(server.url)
            page = _median(many, partial(_page, visitor, cookie))
            empty = _median(many, partial(_page, visitor, no_cookie))
            audience_log = site.directory / "audience.log"
            options: list[str | Path] = ["--cookies", cookies, "--acknowledge"]
            with Audience([server.port], 1, log=audience_log, options=options) as audience:
                audience.open()
                found = {
                    "page /": page,
                    "page /, a reader of nothing": empty,
                    "resume, 90 missed": _median(many, partial(_resume, audience, 100)),
                    "resume, 810 missed": _median(many, partial(_resume, audience, 900)),
                    "count of 90 unread": shell(f"count_unread({key}, 100, {many})"),
                    "count of 810 unread": shell(f"count_unread({key}, 900, {many})"),
                }
            server.terminate()
            for name, seconds in found.items():
                times.setdefault(name, {})[length] = seconds * 1e3
            words = ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in found.items())
            bench.say(f"log, {stack}, {length:,} alerts: {words} ms")
    return times


def _median(count: int, act: Callable[[], float]) -> float:
    act()
    return statistics.median(act() for _ in range(count))


def _page(visitor: Visitor, cookie: str) -> float:
    began = time.perf_counter()
    page = visitor.get("/", cookie=cookie)
    took = time.perf_counter() - began
    assert page.status == 200, page.text
    return took


def _resume(audience: Audience, back: int) -> float:
    """Seconds from the connection to the last of the missed alerts."""
    audience.cut()
    time.sleep(ALONE)
    audience.reset()
    began = time.time()
    audience.resume(back)
    heard = audience.wait(back * 9 // 10)
    assert heard.alerts >= back * 9 // 10, heard
    return heard.last_at - began
