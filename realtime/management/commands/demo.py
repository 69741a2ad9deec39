"""`manage.py demo`: real events at a human pace, for whoever wants to see the dashboard come alive."""

from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from random import Random, SystemRandom
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from realtime.demo.pages import PageError, answers
from realtime.demo.stage import Stage, clean

SLOWEST = 2.5  # seconds between two acts
STEP = 0.1  # seconds of a pause that nothing ends


class Command(BaseCommand):
    help = (
        "Let made-up people register, write, publish, edit and delete posts, through the models and through the pages "
        "of the running site, until Ctrl-C. Ends with 1 if an alert is lost, false or twice."
    )

    def create_parser(self, *args: Any, **options: Any) -> Any:
        return super().create_parser(*args, **options, formatter_class=RawDescriptionHelpFormatter)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, help="end after so many acts")
        parser.add_argument("--fast", action="store_true", help="without pauses")
        parser.add_argument("--seed", type=int, help="the same people, titles and acts again")
        parser.add_argument("--url", default=settings.SITE_URL, help="where the site is served (%(default)s)")
        parser.add_argument("--clean", action="store_true", help="remove what earlier demos made, and end")
        parser.add_argument("--anyway", action="store_true", help="although DEBUG is off")

    def handle(
        self,
        *args: Any,
        count: int | None,
        fast: bool,
        seed: int | None,
        url: str,
        clean: bool,
        anyway: bool,
        **options: Any,
    ) -> None:
        if not (settings.DEBUG or anyway):
            raise CommandError(
                "DEBUG is off: a demo writes to the log, and mails to made-up addresses, of a live site. Add --anyway."
            )
        if count is not None and count < 1:
            raise CommandError("--count is a number of acts, 1 or more.")
        if clean:
            self._clean()
            return
        seed = SystemRandom().randrange(1_000_000) if seed is None else seed
        if answers(url):
            self.stdout.write(f"Seed {seed}. Watch {url.rstrip('/')}/ while they act. Ctrl-C ends it.")
        else:
            self.stdout.write(
                f"Seed {seed}. No server answers at {url}, so all of it goes through the models. "
                "For pages as well, type in another terminal: script/server"
            )
            url = ""
        with Interruption() as interruption:
            stage = Stage(Random(seed), url)
            self._play(stage, interruption, count, fast)
        self._sum_up(stage)

    def _play(self, stage: Stage, interruption: Interruption, count: int | None, fast: bool) -> None:
        pauses = Random()  # of their own: --fast acts the same
        line = Line(self.stdout)
        began = time.monotonic()
        acts = 0
        while not interruption.is_set and acts != count:
            try:
                words = stage.act()
            except PageError as error:
                self._tell_of(stage, error)
                continue
            acts += 1
            pace = f"{acts / max(time.monotonic() - began, 1) * 60:.0f} a minute"
            line.show(f"{acts} acts, {len(stage.people)} people, {len(stage.posts)} posts, {pace}: {words}")
            if not fast:
                interruption.wait(pauses.uniform(0.4, SLOWEST))
        line.end()

    def _tell_of(self, stage: Stage, error: PageError) -> None:
        if stage.url:
            raise CommandError(f"The site did not do what a page asked of it: {error}") from error
        self.stderr.write(f"The server is gone: {error}")

    def _clean(self) -> None:
        posts, people = clean()
        self.stdout.write(f"Removed {posts} posts and {people} people of earlier demos; the alerts of that are real.")

    def _sum_up(self, stage: Stage) -> None:
        acts = ", ".join(f"{name} {count}" for name, count in sorted(stage.done.items()))
        self.stdout.write(f"{stage.done.total()} acts ({acts or 'none'}).")
        differences = stage.ledger.differences()
        found = stage.ledger.found().total()
        self.stdout.write(f"{stage.ledger.expected} alerts belong to them, {found} are in the log.")
        if differences:
            raise CommandError("Not every alert is accounted for:\n" + "\n".join(differences))
        if stage.people:
            self.stdout.write("Every alert is accounted for. To remove what was made: manage.py demo --clean")


class Line:
    """The progress: one line that is written over on a terminal, else a line for each act."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._is_terminal = sys.stdout.isatty()

    def show(self, words: str) -> None:
        if self._is_terminal:
            self._out.write(f"\r\x1b[K{words}", ending="")
            self._out.flush()
        else:
            self._out.write(words)

    def end(self) -> None:
        if self._is_terminal:
            self._out.write("")


class Interruption:
    """Ctrl-C and SIGTERM, noted and obeyed between two acts; a second one ends the process in the middle of one."""

    is_set = False  # no Event: a handler that sets one deadlocks when it interrupts that Event's own wait()

    def __enter__(self) -> Interruption:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.is_set and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, STEP))

    def _note(self, number: int, frame: object) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
