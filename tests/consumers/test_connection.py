"""The way past ASGI depends on what servers are inside: here with the real ones, as we start them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.frames import Opcode

from consumers.connection import ANSWER, SILENCE, Connection, Frame, connect, together
from tests.servers.environment import PYTHON, ROOT
from tests.servers.ports import answers, free_port, wait_until
from tests.servers.process import Process
from tests.servers.web import DAPHNE_OPTIONS, uvicorn_options


class WiredServer(Process):
    def __init__(self, engine: str, log: Path, *options: str) -> None:
        self.port, self.name = free_port(), engine
        if engine == "uvicorn":
            options = (*uvicorn_options(self.port), *options)
        else:
            options = ("--bind", "127.0.0.1", "--port", str(self.port), *DAPHNE_OPTIONS, *options)
        command: list[str | Path] = [PYTHON, "-m", engine, *options, "tests.consumers.wired:application"]
        super().__init__(command, log=log, cwd=ROOT, environment={})

    def is_ready(self) -> bool:
        return answers(self.port)


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WiredServer]:
    engine, *options = request.param.split()
    with WiredServer(engine, tmp_path_factory.mktemp("wired") / "server.log", *options) as server:
        wait_until(server.is_ready, what="the server")
        yield server


on = pytest.mark.parametrize("server", ["uvicorn", "daphne"], indirect=True)
on_uvicorn = pytest.mark.parametrize("server", ["uvicorn"], indirect=True)


async def ask(socket: ClientConnection, text: str) -> str:
    await socket.send(text)
    return str(await asyncio.wait_for(socket.recv(), 10))


def open_to(server: WiredServer, **options: Any) -> open_socket:
    return open_socket(f"ws://127.0.0.1:{server.port}/", **{"ping_interval": None} | options)


@pytest.mark.parametrize(
    ("server", "kind"), [("uvicorn", "UvicornConnection"), ("daphne", "DaphneConnection")], indirect=["server"]
)
async def test_the_shortest_way_is_known(server, kind):
    async with open_to(server) as socket:
        assert await ask(socket, "kind") == kind


@on
async def test_frames_of_every_length_arrive_whole(server):
    async with open_to(server, max_size=None) as socket:
        for size in (0, 1, 62, 63, 32_767, 32_768, 200_000):
            assert await ask(socket, f"size {size}") == "ä" * size


@pytest.mark.parametrize("server", ["uvicorn --ws-per-message-deflate true"], indirect=True)
async def test_where_frames_are_compressed_the_server_builds_them(server):
    async with open_to(server) as socket:
        assert socket.protocol.extensions
        assert await ask(socket, "size 5000") == "ä" * 5000


@on_uvicorn
async def test_a_peer_that_answers_pings_lives_however_late_one_asks(server):
    async with open_to(server) as socket:
        for later in range(20, 100, 20):  # more than SILENCE: each time it is pinged
            assert await ask(socket, f"dead {later}") == "False"


@on_uvicorn
async def test_a_peer_that_answers_none_is_dead_after_a_while(server, monkeypatch):
    async with open_to(server) as socket:
        send = socket.protocol.send_frame
        pong = Opcode.PONG
        monkeypatch.setattr(socket.protocol, "send_frame", lambda frame: frame.opcode is pong or send(frame))
        assert await ask(socket, f"dead {SILENCE + 1}") == "False"
        assert await ask(socket, f"dead {SILENCE + ANSWER - 1}") == "False"
        assert await ask(socket, f"dead {SILENCE + ANSWER + 2}") == "True"


@on_uvicorn
async def test_whoever_speaks_is_not_pinged(server, monkeypatch):
    async with open_to(server) as socket:
        send, pongs = socket.protocol.send_frame, []

        def send_frame(frame):
            pongs.extend([frame] * (frame.opcode is Opcode.PONG))
            send(frame)

        monkeypatch.setattr(socket.protocol, "send_frame", send_frame)
        assert await ask(socket, "heard") == "well"
        assert await ask(socket, f"dead {SILENCE - 1}") == "False"
        assert not pongs
        assert await ask(socket, f"dead {SILENCE + 1}") == "False"
        assert await ask(socket, "heard") == "well"
        assert pongs


@pytest.mark.parametrize("server", ["uvicorn --ws-ping-interval 20"], indirect=True)
async def test_where_the_server_pings_itself_it_is_left_to_it(server):
    async with open_to(server) as socket:
        for later in (SILENCE + 1, 2 * SILENCE + ANSWER):
            assert await ask(socket, f"dead {later}") == "False"


async def test_any_other_server_is_spoken_to_through_asgi():
    sent = []

    async def send(message):
        sent.append(message)

    connection = connect(send)
    assert type(connection) is Connection
    waits = connection.write(Frame("ä"))
    assert (sent, connection.is_dead(1e9)) == ([], False)
    assert waits is not None
    await waits()
    assert sent == [{"type": "websocket.send", "text": "ä"}]


class Transport(asyncio.WriteTransport):
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data):
        self.written.append(bytes(data))


def test_what_is_written_together_is_written_at_the_end_in_order():
    first, second = Transport(), Transport()
    together.write(first, b"0")
    assert first.written == [b"0"]
    with together:
        together.write(first, b"1")
        together.write(second, b"2")
        together.write(first, b"3")
        assert (first.written, second.written) == ([b"0"], [])
    assert (first.written, second.written) == ([b"0", b"1", b"3"], [b"2"])
    together.write(second, b"4")
    assert second.written == [b"2", b"4"]


def test_one_that_was_closed_meanwhile_keeps_nothing_from_the_others():
    class Closed(Transport):
        def write(self, data):
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    other = Transport()
    with together:
        together.write(Closed(), b"1")
        together.write(other, b"2")
    assert other.written == [b"2"]
