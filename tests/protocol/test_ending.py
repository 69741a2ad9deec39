"""How a server goes, and what a client finds when it is back."""

import asyncio

import pytest


@pytest.mark.parametrize("engine", ["uvicorn", "daphne"])
@pytest.mark.parametrize("how", ["terminate", "kill"])
async def test_a_server_that_ends_is_resumed_where_it_was(protocol_site, person, open_socket, shell, engine, how):
    ann = person()
    server = protocol_site.serve(engine)
    socket = await open_socket(server, ann)
    hello = await socket.frame()
    shell(f"alert({ann.key!r}, 'before')")
    await socket.alerts(1)
    ending = asyncio.create_task(asyncio.to_thread(getattr(server, how)))
    if how == "terminate":
        assert await socket.said_bye(seconds=15) == (4012, "restarting")
    else:
        assert await socket.closed(seconds=15) == 1006
    await ending
    shell(f"alert({ann.key!r}, 'meanwhile')")
    await asyncio.to_thread(server.start)
    resumed = await open_socket(server, ann, f"epoch={hello['epoch']}&position={socket.cursor}")
    assert [alert["title"] for alert in await resumed.alerts(1)] == ["meanwhile"]
    assert "Traceback" not in server.read_log()
    await asyncio.to_thread(server.kill)
