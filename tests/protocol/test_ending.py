"""How a server goes."""

import asyncio


async def test_sigterm_closes_with_a_code_that_says_reconnect(protocol_site, request, person, open_socket):
    for engine, codes in (("uvicorn", (1012, 4012)), ("daphne", (1006, 1012, 4012))):
        server = protocol_site.serve(engine)
        socket = await open_socket(server, person())
        await socket.frame()
        ending = asyncio.to_thread(server.terminate)
        task = asyncio.ensure_future(ending)
        assert await socket.closed(seconds=15) in codes
        await task
        assert "Traceback" not in server.read_log()
