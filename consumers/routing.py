"""Ties the feed to a site's ASGI application: pages go to Django, `/ws/feed/` to a Feed, lifespan to the Service."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .engines import quieten
from .feed import Feed
from .service import Service

logger = logging.getLogger(__name__)
PATH = "/ws/feed/"
Scope = MutableMapping[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]


def serve(pages: Application, *, root_path: str = "") -> Application:
    """The site's application with the feed beside its pages.

    `root_path` replaces whatever a client claims it to be: Daphne believes a header (trap D9).
    """
    quieten()
    service = Service()

    async def application(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(service, receive, send)
            return
        scope = {**scope, "root_path": root_path}
        is_socket = scope["type"] == "websocket"
        if is_socket and scope["path"] != PATH:
            await _refuse(receive, send)
            return
        try:
            await service.start()
        except Exception as error:
            # Pages go on without live updates; the next request tries again.
            logger.warning("The feed cannot start just now: %s", error)
            if is_socket:
                await _refuse(receive, send)
                return
        if is_socket:
            await Feed(service, scope, receive, send).run()
        else:
            await pages(scope, receive, send)

    return application


async def _lifespan(service: Service, receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await service.start()
            except Exception as error:
                logger.warning("The feed cannot start yet: %s", error)
            await send({"type": "lifespan.startup.complete"})
        else:
            await service.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _refuse(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close"})
