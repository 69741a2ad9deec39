"""`/healthz`, `/readyz` and `/metrics`, answered before Django: no host name, redirect or middleware stands between.

`ok`: all is well. `degraded`: alerts are kept and pages served, but something is late; `reasons` says what, and what
to do. `unavailable`: the database is out of reach. One look serves everybody for a second; each part has its own limit.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from channels.layers import get_channel_layer
from django.db import InterfaceError, OperationalError, connections

from alerts import vitals
from alerts.vitals import Vitals

Application = Callable[[Any, Any, Any], Awaitable[None]]
KEPT = 1.0  # seconds one look serves everybody
PATIENCE = 2.0  # seconds the database may take
LAYER_PATIENCE = 1.0  # seconds a message may take, out and back
GIVEN_UP = 30.0  # seconds after which a look that still hangs gets a successor
NUMBERING, EXPANDING, OVERDUE = 5.0, 8.0, 300.0  # seconds until what waits counts as late
DOUBT = 0.3  # seconds until a late alert is looked at again: a long transaction commits alerts that are old already


@dataclass(frozen=True)
class Look:
    """What was found. `layer_ms` and `vitals` are None where there was no answer."""

    vitals: Vitals | None
    layer_ms: float | None
    problems: tuple[str, ...]

    @property
    def left_lying(self) -> list[str]:
        """What no relay does in time."""
        if self.vitals is None:
            return []
        found = []
        if self.vitals.unnumbered > NUMBERING:
            found.append(f"Alerts wait for their number for {self.vitals.unnumbered:.0f} s. {RELAY}")
        if self.vitals.unexpanded > EXPANDING:
            found.append(f"Deliveries of an alert are not planned for {self.vitals.unexpanded:.0f} s. {RELAY}")
        if self.vitals.overdue > OVERDUE:
            found.append(
                f"A delivery is overdue by {self.vitals.overdue:.0f} s. {RELAY} If it does, look at the mail server."
            )
        return found

    @property
    def reasons(self) -> list[str]:
        held_up = self.vitals.held_up if self.vitals else {}
        return [
            *self.problems,
            *self.left_lying,
            *(
                f"The {transport} server is out of reach; deliveries that wait for it: {count}, due when it answers. "
                "The admin has the reason under Deliveries."
                for transport, count in held_up.items()
            ),
        ]

    @property
    def status(self) -> str:
        if self.vitals is None:
            return "unavailable"
        return "degraded" if self.reasons else "ok"


RELAY = "Does a relay run (ALERTS_RELAY=thread, or manage.py relay)?"


class Health:
    """One per process; its methods belong to the server's loop, the only one that may use the layer (trap R12)."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="health")
        self._reading: Future[Vitals] | None = None
        self._began = 0.0
        self._channel = ""
        self._probe: asyncio.Task[float] | None = None
        self._looking: asyncio.Task[Look] | None = None
        self._looked = -KEPT

    async def look(self) -> Look:
        """A look at most a second old; whoever asks meanwhile shares it."""
        now = time.monotonic()
        if self._looking is None or (self._looking.done() and now - self._looked > KEPT):
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Look:
        read, layer = await asyncio.gather(self._read_twice(), self._layer(), return_exceptions=True)
        self._looked = time.monotonic()
        problems = []
        if isinstance(read, BaseException):
            problems.append(f"The database does not answer ({type(read).__name__}). Look at DATABASE_URL's server.")
        if isinstance(layer, BaseException):
            problems.append(
                f"The channel layer does not answer ({type(layer).__name__}); alerts go on by reading the log, "
                "a little later. Look at REDIS_URL's server."
            )
        return Look(
            None if isinstance(read, BaseException) else read,
            None if isinstance(layer, BaseException) else layer,
            tuple(problems),
        )

    async def _read_twice(self) -> Vitals:
        found = await self._read()
        if found.unnumbered > NUMBERING:
            await asyncio.sleep(DOUBT)
            found = await self._read()
        return found

    async def _read(self) -> Vitals:
        """In one thread of its own. While a look hangs no other is begun, but for one every half minute."""
        if self._reading is not None and not self._reading.done():
            if time.monotonic() - self._began < GIVEN_UP:
                raise TimeoutError
            self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="health")
        self._began = time.monotonic()
        self._reading = self._threads.submit(_take)
        answer = asyncio.wrap_future(self._reading)
        answer.add_done_callback(_forget)
        return await asyncio.wait_for(asyncio.shield(answer), PATIENCE)

    async def _layer(self) -> float:
        """Milliseconds a message takes through the layer and back. One that hangs is left behind: so may its end."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._round_trip())
            self._probe.add_done_callback(_forget)
        done, _ = await asyncio.wait({self._probe}, timeout=LAYER_PATIENCE)
        if not done:
            self._probe.cancel()
            raise TimeoutError
        return self._probe.result()

    async def _round_trip(self) -> float:
        layer: Any = get_channel_layer()
        began = time.perf_counter()
        channel, self._channel = self._channel, ""  # kept for the next only if it works
        channel = channel or await layer.new_channel("health")
        token = secrets.token_hex(8)
        await layer.send(channel, {"type": "health", "token": token})
        while (await layer.receive(channel)).get("token") != token:
            pass
        self._channel = channel
        return round((time.perf_counter() - began) * 1000, 1)


def _forget(future: asyncio.Future[Any]) -> None:
    """Nobody waits for this one any more: its failure has been told already."""
    if not future.cancelled():
        future.exception()


def _take() -> Vitals:
    try:
        return vitals.take()
    except (OperationalError, InterfaceError):
        connections.close_all()  # a server that was restarted is met anew
    try:
        return vitals.take()
    except BaseException:
        connections.close_all()
        raise


def readiness(look: Look) -> tuple[int, str]:
    """Status code and JSON of `/readyz`."""
    found = look.vitals
    checks: dict[str, Any] = {
        "database": {"ok": found is not None, "ms": found.database_ms if found else None},
        "layer": {"ok": look.layer_ms is not None, "ms": look.layer_ms},
    }
    if found is not None:
        checks["relay"] = {"unnumbered_s": found.unnumbered, "unexpanded_s": found.unexpanded, "head": found.head}
        checks["deliveries"] = {
            **found.deliveries,
            "held_up": sum(found.held_up.values()),
            "overdue_s": found.overdue,
            "oldest_unsent_s": found.oldest_unsent,
        }
    body = {"status": look.status, "reasons": look.reasons, "checks": checks}
    return 503 if found is None else 200, json.dumps(body)


def metrics(look: Look) -> tuple[int, str]:
    """The same readings in Prometheus' text format."""
    found = look.vitals
    lines = [
        _gauge("alerts_database_up", "Whether the database answers.", int(found is not None)),
        _gauge("alerts_layer_up", "Whether the channel layer answers.", int(look.layer_ms is not None)),
    ]
    if found is not None:
        lines += [
            _gauge("alerts_head_position", "Position of the newest alert.", found.head),
            _gauge("alerts_unnumbered_age_seconds", "Age of the oldest alert without a position.", found.unnumbered),
            _gauge("alerts_unexpanded_age_seconds", "Age of the oldest alert not expanded.", found.unexpanded),
            _gauge("alerts_delivery_overdue_seconds", "How long a delivery is overdue.", found.overdue),
            "# HELP alerts_deliveries Deliveries that are not sent.\n# TYPE alerts_deliveries gauge\n"
            + "\n".join(f'alerts_deliveries{{state="{state}"}} {count}' for state, count in found.deliveries.items()),
        ]
    return 200, "\n".join(lines) + "\n"


def _gauge(name: str, words: str, value: float) -> str:
    return f"# HELP {name} {words}\n# TYPE {name} gauge\n{name} {value}"


def serve(application: Application) -> Application:
    """The site's application with the three addresses before it."""
    health = Health()

    async def answer(path: str) -> tuple[int, str, str]:
        if path == "/healthz":
            return 200, '{"status": "ok"}', "application/json"
        look = await health.look()
        if path == "/readyz":
            return *readiness(look), "application/json"
        return *metrics(look), "text/plain; version=0.0.4; charset=utf-8"

    async def with_health(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/healthz", "/readyz", "/metrics"):
            await application(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await _respond(send, 405, "", "text/plain", allow="GET, HEAD")
        else:
            status, body, kind = await answer(scope["path"])
            await _respond(send, status, body, kind, is_head=scope["method"] == "HEAD")

    return with_health


async def _respond(send: Any, status: int, body: str, kind: str, *, allow: str = "", is_head: bool = False) -> None:
    content = body.encode()
    headers = {"content-type": kind, "content-length": str(len(content)), "cache-control": "no-store"}
    headers |= {"allow": allow} if allow else {}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if is_head else content})
