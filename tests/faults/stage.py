"""A site under fault: people, processes that serve, relay and write, client lineages, and what became of it all."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http.client import HTTPException
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import urlopen

from tests.faults.journal import COMMITTED, Act, Journal
from tests.faults.verdict import Verdict, expected, judge, rows_of
from tests.faults.writer import AUTHOR
from tests.servers.lineage import Lineage
from tests.servers.process import Process
from tests.servers.site import Site
from tests.servers.visitor import Visitor
from tests.servers.web import WebServer

WATCHERS = ("ann", "bea", "cem")
SETTLED = 0.5  # seconds after the last alert in which one that comes twice would show


class Stage:
    """One fault's. `chance` is seeded: a run with the same seed does the same."""

    def __init__(self, site: Site, *, seed: str, is_long: bool) -> None:
        self.site = site
        self.seed = seed
        self.is_long = is_long
        self.chance = random.Random(seed)
        self.servers: list[WebServer] = []
        self.journals: dict[str, Journal] = {}
        self.has_had_enough = False
        rights = {"is_staff": True, "permissions": ["posts.view_post"]}
        site.create_users({"username": AUTHOR}, *({"username": name, **rights} for name in WATCHERS))

    def size(self, short: int, long: int) -> int:
        return long if self.is_long else short

    @property
    def is_postgres(self) -> bool:
        return self.site.environment["DATABASE_URL"].startswith("postgres")

    # --- processes ---

    def serve(self, engine: Literal["uvicorn", "daphne"] = "uvicorn", **settings: str) -> WebServer:
        server = self.site.serve(engine, **settings)
        self.servers.append(server)
        return server

    def relay(self, **settings: str) -> Process:
        relay = self.site.relay(**settings)
        relay.wait_for_log("The relay runs")
        return relay

    def write(
        self,
        name: str,
        acts: int,
        *,
        pause: float = 0.01,
        only: Sequence[str] = (),
        ahead: bool = False,
        **settings: str,
    ) -> Process:
        """A writer in the background; see tests/faults/writer.py."""
        journal = self._journal(name)
        arguments = ["--journal", str(journal.file), "--name", name, "--acts", str(acts), "--seed", self.seed]
        arguments += ["--pause", str(pause), *(["--only", ",".join(only)] if only else [])]
        arguments += ["--ahead"] if ahead else []
        return self.site.start_module("tests.faults.writer", *arguments, **settings)

    def write_with(self, module: str, names: Sequence[str], *arguments: str, **settings: str) -> Process:
        """A writer of another sort in the background: `python -m tests.faults.<module> --journals A B ... <arguments>`,
        with a journal for each name."""
        journals = [str(self._journal(name).file) for name in names]
        command = ["--seed", self.seed, *arguments, "--journals", *journals]
        return self.site.start_module(f"tests.faults.{module}", *command, **settings)

    def record(self, name: str, alerts: int, *, size: int = 0, rate: float = 1e6, **settings: str) -> Process:
        """A process that records alerts for all staff; see tests/faults/recorder.py."""
        journal = self._journal(name)
        arguments = ["--journal", str(journal.file), "--name", name, "--alerts", str(alerts)]
        arguments += ["--size", str(size), "--rate", str(rate)]
        return self.site.start_module("tests.faults.recorder", *arguments, **settings)

    async def write_through_pages(
        self, name: str, acts: int, visitor: Visitor, *, pause: float = 0.01, took: list[float] | None = None
    ) -> None:
        """An author who deletes posts on the site's own pages, at any of the servers, until `has_had_enough`.

        Appends to `took` the seconds of each request.
        """
        journal = self._journal(name)
        await asyncio.to_thread(self.make_posts, name, acts)
        for title, pk in await asyncio.to_thread(self.posts, name):
            await asyncio.sleep(self.chance.random() * pause * 2)
            if self.has_had_enough:
                return
            journal.intend("page", [title])
            visitor.url = self.chance.choice(self.servers).url
            began = time.monotonic()
            try:
                page = await asyncio.to_thread(visitor.post, f"/posts/{pk}/delete/")
            except (OSError, HTTPException):
                continue  # killed under way: nobody knows
            if took is not None:
                took.append(time.monotonic() - began)
            if page.status == 200:
                journal.settle(COMMITTED, [title])

    def make_posts(self, name: str, count: int) -> None:
        self.site.python(
            "import sys\nfrom posts.models import Post\nfrom accounts.models import User\n"
            f"author = User.objects.get(username={AUTHOR!r})\n"
            "Post.objects.bulk_create([Post(title=f'{sys.argv[1]} {n}', author=author)"
            " for n in range(int(sys.argv[2]))])",
            name,
            str(count),
        )

    def posts(self, name: str) -> list[tuple[str, int]]:
        found = self.site.python(
            "import sys, json\nfrom posts.models import Post\n"
            "rows = Post.objects.filter(title__startswith=sys.argv[1] + ' ').order_by('pk')\n"
            "print(json.dumps(list(rows.values_list('title', 'pk'))))",
            name,
        )
        return [(title, pk) for title, pk in json.loads(found)]

    def _journal(self, name: str) -> Journal:
        return self.journals.setdefault(name, Journal(self.site.directory / f"{name}.journal"))

    @property
    def acts(self) -> list[Act]:
        return [act for journal in self.journals.values() for act in journal.read()]

    def author(self) -> Visitor:
        """The author of the writers' posts, signed in."""
        return self.site.sign_in(self.servers[0], AUTHOR)

    # --- clients ---

    @asynccontextmanager
    async def watch(self, count: int, *, roaming: bool = False, **options: Any) -> AsyncIterator[list[Lineage]]:
        """Lineages of signed-in watchers, spread over the servers; `roaming`, each connection goes to any of them."""
        visitors = [await asyncio.to_thread(self.site.sign_in, self.servers[0], name) for name in WATCHERS]
        others = tuple(self.servers) if roaming else ()
        lineages = [
            Lineage(self.servers[n % len(self.servers)], visitors[n % len(visitors)], others=others, **options)
            for n in range(count)
        ]
        async with AsyncExitStack() as entered:
            await asyncio.gather(*(entered.enter_async_context(lineage) for lineage in lineages))
            yield lineages

    async def verdict(self, lineages: Sequence[Lineage], *, seconds: float = 30) -> Verdict:
        """Waits until every lineage has been shown everything committed, `seconds` at most, and judges."""
        acts = await asyncio.to_thread(lambda: self.acts)
        must = expected(acts)
        until = time.monotonic() + seconds
        missing = list(lineages)
        while missing and time.monotonic() < until:
            await asyncio.sleep(0.05)
            missing = [
                lineage for lineage in missing if must.keys() - {rows_of(shown.alert) for shown in lineage.shown}
            ]
        await asyncio.sleep(SETTLED)
        for lineage in lineages:
            lineage.raise_if_dead()
        return judge(acts, [lineage.shown for lineage in lineages])

    # --- health ---

    async def readiness(self, server: WebServer) -> tuple[str, list[str]]:
        """`status` and `reasons` of `/readyz`, at whatever status code."""
        return await asyncio.to_thread(_readiness, server.url)

    async def until_ready_is(self, status: str, server: WebServer, *, about: str = "", seconds: float = 10) -> float:
        """Waits until `/readyz` says so, with a reason that holds `about`. Gives the seconds it took."""
        began = time.monotonic()
        while True:
            found, reasons = await self.readiness(server)
            if found == status and (not about or any(about in reason for reason in reasons)):
                return time.monotonic() - began
            if time.monotonic() - began > seconds:
                raise AssertionError(f"/readyz did not say {status} ({about}) in {seconds} s: {found} {reasons}")
            await asyncio.sleep(0.2)


def _readiness(url: str) -> tuple[str, list[str]]:
    try:
        with urlopen(f"{url}/readyz", timeout=10) as response:
            found = json.load(response)
    except URLError as error:
        if not hasattr(error, "read"):
            return "no answer", [str(error)]
        found = json.load(error)
    return found["status"], found["reasons"]
