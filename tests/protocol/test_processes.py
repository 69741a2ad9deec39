"""One person at two server processes, an engine each: with Redis between them, and without."""

import asyncio


async def test_a_read_is_told_to_the_tabs_at_another_process(layered_servers, person, open_socket, layered_shell):
    ann = person()
    with layered_servers.serving("uvicorn") as one, layered_servers.serving("daphne") as two:
        here, there = await open_socket(one, ann), await open_socket(two, ann)
        for socket in (here, there):
            await socket.until("hello")
        uids = layered_shell(f"many({ann.key!r}, 3)")
        for socket in (here, there):
            await socket.alerts(3)
        await here.send(type="read", ids=uids[:1])
        for socket in (here, there):
            reads = await socket.until("reads", seconds=2)
            assert (reads["read_ids"], reads["unread"], reads["reads_version"]) == (uids[:1], 2, 1)
        await there.send(type="read_all", up_to=there.cursor)
        for socket in (here, there):
            reads = await socket.until("reads", seconds=2)
            assert (reads["read_up_to"], reads["unread"], reads["reads_version"]) == (there.cursor, 0, 2)


async def test_without_a_layer_a_read_elsewhere_shows_in_the_version(servers, person, open_socket, shell):
    ann = person()
    with servers.serving("uvicorn") as one, servers.serving("daphne") as two:
        here, there = await open_socket(one, ann), await open_socket(two, ann)
        for socket in (here, there):
            await socket.until("hello")
        uids = shell(f"many({ann.key!r}, 3)")
        for socket in (here, there):
            await socket.alerts(3)
        await here.send(type="read", ids=uids[:2])
        assert (await here.until("reads"))["unread"] == 1
        reads = await there.until("reads", seconds=10)
        assert (reads["reads_version"], reads["unread"], reads["read_ids"]) == (1, 1, [])
        await there.send(type="sync", ids=uids)
        assert sorted((await there.until("reads"))["read_ids"]) == sorted(uids[:2])


async def test_alerts_reach_every_process_with_a_layer_and_without(
    servers, layered_servers, person, open_socket, shell
):
    ann = person()
    with (
        servers.serving("uvicorn") as one,
        servers.serving("daphne") as two,
        layered_servers.serving("uvicorn") as three,
        layered_servers.serving("daphne") as four,
    ):
        sockets = [await open_socket(server, ann) for server in (one, two, three, four)]
        for socket in sockets:
            await socket.until("hello")
        uids = shell(f"many({ann.key!r}, 20)")
        for socket in sockets:
            assert [alert["id"] for alert in await socket.alerts(20)] == uids
            await asyncio.sleep(0)
