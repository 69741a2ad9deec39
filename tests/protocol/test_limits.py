"""Too big, too many, too often; and what closes a socket."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed


def ping(size: int) -> str:
    """A good command of exactly that many bytes."""
    return '{"type":"ping","x":"' + "x" * (size - 22) + '"}'


async def test_a_frame_over_4_kib_closes_with_4522(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw(ping(4096))
    await socket.until("heartbeat")
    await socket.raw(ping(4097))
    assert await socket.said_bye() == (4522, "too_big")


async def test_a_frame_is_measured_in_bytes(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw('{"type": "ping", "x": "' + "é" * 2100 + '"}')
    assert await socket.closed() == 4522


async def test_a_frame_beyond_every_measure_ends_the_socket(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw("x" * 200_000)
    assert await socket.closed() in (1009, 1006, 4522)


async def test_a_binary_frame_closes_with_4520(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.raw(b'{"type": "ping"}')
    assert await socket.said_bye() == (4520, "binary")


async def test_a_text_that_is_no_utf8_closes(server, person, open_socket):
    socket = await open_socket(server, person())
    await socket.frame()
    await socket.connection.send(b"\xff\xfe", text=True)
    assert await socket.closed() in (1006, 1007, 4521)


async def test_more_than_100_commands_a_minute_are_errors(server, person, open_socket):
    ann = person()
    socket = await open_socket(server, ann)
    await socket.frame()
    for _ in range(110):
        await socket.send(type="ping")
    error = await socket.until("error")
    assert error["code"] == "too_many"
    assert sum('"heartbeat"' in text for text in socket.texts) in range(99, 104)
    assert error["command"] == "ping"
    await socket.until("error")
    assert server.read_log().count(f"limit: too_many user={ann.pk} ip=127.0.0.1") == 1


async def test_a_flood_closes_with_4029_within_a_second(server, person, open_socket):
    ann, bea = person(), person()
    socket, other = await open_socket(server, ann), await open_socket(server, bea)
    await socket.frame()
    await other.frame()
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        for _ in range(2_000):
            await socket.send(type="ping")
    except ConnectionClosed:
        pass
    assert await socket.said_bye() == (4029, "too_many_commands")
    assert loop.time() - began < 3
    await other.send(type="ping")
    await other.until("heartbeat", seconds=2)
    assert f"too_many_commands user={ann.pk} ip=127.0.0.1" in server.read_log()


def memory_of(server) -> int:
    """What a server process holds, in bytes."""
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc here")
async def test_floods_leave_memory_flat(server, person, open_socket):
    ann = person()
    before = memory_of(server)
    for _ in range(20):
        socket = await open_socket(server, ann, compression=None)
        with suppress(ConnectionClosed):
            for _ in range(10):
                await socket.raw("x" * 900_000)
        assert await socket.closed() in (1006, 1009, 4522)
    for _ in range(5):
        socket = await open_socket(server, ann, compression=None)
        with suppress(ConnectionClosed):
            for _ in range(2_000):
                await socket.raw(ping(4096))
        assert await socket.closed() in (1006, 4029)
    assert memory_of(server) - before < 16 * 1024**2


async def test_a_small_frame_that_swells_ends_the_socket(server, person, open_socket):
    socket = await open_socket(server, person(), compression="deflate")
    await socket.frame()
    with suppress(ConnectionClosed):
        await socket.raw("x" * 4_000_000)
    assert await socket.closed() in (1006, 1009, 4522)


async def test_one_connection_of_a_user_too_many_is_closed_with_4509(crowded_server, person, open_socket, shell):
    ann, bea = person(), person()
    sockets = [await open_socket(crowded_server, ann) for _ in range(3)]
    fourth = await open_socket(crowded_server, ann)
    assert await fourth.said_bye() == (4509, "too_many_connections")
    assert len(fourth.texts) == 1
    assert f"limit: too_many_connections user={ann.pk} ip=127.0.0.1" in crowded_server.read_log()
    assert (await (await open_socket(crowded_server, bea)).frame())["type"] == "hello"
    shell(f"alert({ann.key!r})")
    for socket in sockets:
        await socket.alerts(1)
    await sockets[0].connection.close()
    assert (await (await open_socket(crowded_server, ann)).frame())["type"] == "hello"


async def test_a_full_process_closes_the_next_with_4013(crowded_server, person, open_socket):
    people = [person() for _ in range(7)]
    sockets = [await open_socket(crowded_server, one) for one in people]
    assert await sockets[-1].said_bye() == (4013, "full")
    assert f"limit: full user={people[-1].pk} ip=127.0.0.1" in crowded_server.read_log()
    for socket in sockets[:-1]:
        await socket.send(type="ping")
        await socket.until("heartbeat")


async def test_a_declared_proxy_says_who_the_client_is(crowded_server, person, open_socket):
    ann = person()
    forwarded = ("X-Forwarded-For", "198.51.100.1, 198.51.100.2")
    await (await open_socket(crowded_server, ann, headers=[forwarded])).frame()
    assert f"connect: user={ann.pk} ip=198.51.100.2" in crowded_server.read_log()
