"""An ASGI application that answers each text with what its connection makes of it: for test_connection.py."""

import asyncio
from typing import Any

from consumers.connection import Frame, connect


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    connection = connect(send)
    await connection.send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        match message["text"].split():
            case ["kind"]:
                answer = type(connection).__name__
            case ["heard"]:
                connection.heard()
                answer = "well"
            case ["dead", later]:
                answer = str(connection.is_dead(asyncio.get_running_loop().time() + float(later)))
            case ["size", size]:
                answer = "ä" * int(size)
            case _:
                answer = "what?"
        waits = connection.write(Frame(answer))
        if waits is not None:
            await waits()
    connection.end()
