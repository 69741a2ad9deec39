"""Bytes no browser sends, and clients that vanish: their own socket ends, nobody else notices."""

import asyncio
import socket as tcp
import struct
from contextlib import suppress

import pytest
from websockets.exceptions import InvalidHandshake

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
MASK = b"abcd"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """One frame of RFC 6455, as a client sends it unless told otherwise."""
    first = fin << 7 | rsv << 4 | opcode
    size = len(payload)
    length = bytes([masked << 7 | size]) if size < 126 else struct.pack("!BH", masked << 7 | 126, size)
    if masked:
        payload = MASK + bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))
    return bytes([first]) + length + payload


PING_COMMAND = b'{"type":"ping"}'


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(TEXT, PING_COMMAND, masked=False), id="not masked"),
        pytest.param(frame(TEXT, PING_COMMAND, rsv=4), id="compressed, which was not agreed"),
        pytest.param(frame(TEXT, PING_COMMAND, rsv=1), id="a reserved bit"),
        pytest.param(frame(3, b"x"), id="a reserved kind of frame"),
        pytest.param(frame(11, b"x"), id="a reserved kind of control frame"),
        pytest.param(frame(0, PING_COMMAND), id="the end of nothing"),
        pytest.param(frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), id="a beginning in the middle"),
        pytest.param(frame(PING, b"x" * 126), id="a ping too long"),
        pytest.param(frame(PING, b"x", fin=False), id="a ping in parts"),
        pytest.param(frame(CLOSE, b"x"), id="half a close code"),
        pytest.param(frame(CLOSE, struct.pack("!H", 999)), id="a close code that is none"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1005)), id="a close code nobody may send"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1000) + b"\xff\xfe"), id="a reason that is no text"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), id="a surrogate"),
        pytest.param(frame(TEXT, b"{\xc3", fin=False) + frame(0, b"}"), id="half a character"),
        pytest.param(b"\x81\xff" + b"\xff" * 8 + MASK, id="an impossible length"),
        pytest.param(b"\x81\xff" + struct.pack("!Q", 2**40) + MASK, id="a terabyte"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(bytes(range(256)) * 20, id="noise"),
    ],
)
async def test_bytes_no_browser_sends_end_their_own_socket_alone(server, person, open_socket, data):
    ann, bea = person(), person()
    other = await open_socket(server, bea)
    await other.frame()
    socket = await open_socket(server, ann, compression=None)
    await socket.frame()
    socket.connection.transport.write(data)
    assert await socket.closed() in (1000, 1002, 1005, 1006, 1007, 1009, 4521)
    await other.send(type="ping")
    await other.until("heartbeat")


async def test_a_command_in_parts_is_one_command(server, person, open_socket):
    socket = await open_socket(server, person(), compression=None)
    await socket.frame()
    text = '{"type":"ping","x":"é"}'.encode()
    middle = text.index(b"\xc3") + 1
    parts = frame(TEXT, text[:middle], fin=False), frame(PING, b"?"), frame(0, text[middle:])
    socket.connection.transport.write(b"".join(parts))
    await socket.until("heartbeat")


async def test_a_frame_too_big_in_parts_is_too_big(server, person, open_socket):
    socket = await open_socket(server, person(), compression=None)
    await socket.frame()
    part = b" " * 1000
    socket.connection.transport.write(frame(TEXT, part, fin=False) + frame(0, part, fin=False) * 3 + frame(0, part))
    assert await socket.said_bye() == (4522, "too_big")


def handshake(server, person) -> bytes:
    lines = [
        "GET /ws/feed/ HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Origin: {server.url}",
        f"Cookie: {person.cookie}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def reset(client: tcp.socket) -> None:
    """Ends the connection with RST, as a crashed machine does."""
    client.setsockopt(tcp.SOL_SOCKET, tcp.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def test_clients_that_vanish_at_any_moment_harm_nobody(server, person, open_socket, shell, settle):
    ann, bea = person(), person()
    other = await open_socket(server, bea)
    await other.frame()
    epoch, position, _ = await settle(server)
    shell(f"many({ann.key!r}, 300)")
    await settle(server)
    whole = handshake(server, ann)
    resume = whole.replace(b"/ws/feed/ ", f"/ws/feed/?epoch={epoch}&position={position} ".encode())
    for sent in (b"", whole[:100], whole[:-2], whole, resume, whole + frame(TEXT, PING_COMMAND)[:9]):
        for wait in (0, 0, 0, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.01, 0.05):
            for leave in (reset, tcp.socket.close):
                client = tcp.create_connection(("127.0.0.1", server.port))
                client.sendall(sent)
                await asyncio.sleep(wait)
                leave(client)
    for _ in range(10):
        socket = await open_socket(server, ann, f"epoch={epoch}&position={position}")
        socket.connection.transport.abort()
    shell(f"alert({bea.key!r})")
    await other.alerts(1)
    await asyncio.sleep(0.3)


async def test_a_request_that_is_no_handshake_is_refused(server, person):
    good = handshake(server, person())
    for data in (
        good.replace(b"Version: 13", b"Version: 12"),
        good.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"x"),
        good.replace(b"Sec-WebSocket-Key", b"X-Key"),
        good.replace(b"GET", b"POST", 1),
        good.replace(b"Host", b"X-Host", 1),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        async with asyncio.timeout(5):
            answer = await reader.readline()
        assert answer.split()[1:2] != [b"101"], answer
        assert not answer or answer.split()[1][:1] == b"4", (data, answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_headers_without_measure_are_never_let_in(server, person, open_socket):
    ann = person()
    # uvicorn leaves such a client without an answer.
    with pytest.raises((InvalidHandshake, OSError)):
        await open_socket(server, ann, headers=[("X-Long", "x" * 200_000)], open_timeout=1)
    assert (await (await open_socket(server, ann)).frame())["type"] == "hello"
