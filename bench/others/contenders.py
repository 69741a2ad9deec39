"""The other servers as contenders. Each knows what it is missing, and the line to type for it."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.accounting import children_of
from bench.contenders import Contender, Limit, Service
from bench.conversation import Conversation
from bench.stage import Stage
from tests.servers.environment import ROOT
from tests.servers.ports import answers, free_port, wait_until
from tests.servers.process import Process

NODE = ROOT / "var/bench/node"


class Other(Contender):
    """`needs` is the program, `get` the line that installs it."""

    needs: str
    get: str
    asks: tuple[str, ...] = ("-v",)

    def program(self) -> str | None:
        """Its path; Debian keeps servers off an ordinary user's PATH."""
        return shutil.which(self.needs, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    def missing(self) -> str:
        """Why it cannot be measured here, or nothing."""
        return "" if self.program() else f"{self.needs} is not on this system. Type: {self.get}"

    def version(self) -> str:
        """As the program tells it."""
        told = subprocess.run([self.program() or "", *self.asks], capture_output=True, text=True)
        return (told.stdout + told.stderr).partition("\n")[0].strip()


class Node(Other):
    needs, get = "node", "script/bench --competitors (needs node and npm)"

    def __init__(self, library: str, *options: str) -> None:
        self.name = library
        self._options = options

    def missing(self) -> str:
        is_there = (NODE / "node_modules" / self.name).exists()
        return super().missing() or ("" if is_there else f"{self.name} is not in var/bench/node. Type: {self.get}")

    def version(self) -> str:
        package = json.loads((NODE / "node_modules" / self.name / "package.json").read_text())
        return f"{self.name} {package['version']} on node {super().version()}"

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Service]:
        port, directory = free_port(), stage.new_directory(self.name)
        # node looks for packages beside the script.
        script = shutil.copy(ROOT / "bench/others/broadcast.js", NODE)
        command = [str(self.program()), script, str(port), self.name]
        with Conversation(command, log=directory / "node.log") as node:
            wait_until(lambda: answers(port), what=self.name)

            def raise_alerts(count: int, pace: float) -> float:
                node.tell(f"raise {count} {round(pace)} {Limit.size}")
                return 0.0

            yield Service([port], self._options, {"web": [node.pid]}, raise_alerts, directory)


class Mosquitto(Other):
    name, needs, get = "mosquitto", "mosquitto", "apt-get install mosquitto"
    asks = ("-h",)

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Service]:
        port, inner, directory = free_port(), free_port(), stage.new_directory(self.name)
        file = directory / "mosquitto.conf"
        file.write_text(
            f"user root\nallow_anonymous true\nlistener {port} 127.0.0.1\nprotocol websockets\nmax_connections -1\n"
            f"listener {inner} 127.0.0.1\n"
        )
        connect = bytes.fromhex("100c00044d5154540402000000" + "00")
        subscribe = bytes.fromhex("820a00010005") + b"bench\x00"
        options = ["--path", "/mqtt", "--subprotocol", "mqtt", "--say", _binary(connect), "--say", _binary(subscribe)]
        with (
            _started([self.program() or "", "-c", str(file)], directory, port) as server,
            socket.create_connection(("127.0.0.1", inner)) as publisher,
        ):
            publisher.sendall(connect)

            def publish(text: bytes) -> None:
                body = b"\x00\x05bench" + text
                publisher.sendall(b"\x30" + bytes((len(body) & 127 | 128, len(body) >> 7)) + body)

            yield Service([port], options, {"web": [server.pid]}, _at_a_pace(publish), directory)


class Nats(Other):
    name, needs, get = "NATS", "nats-server", "apt-get install nats-server"

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Service]:
        port, inner, directory = free_port(), free_port(), stage.new_directory(self.name)
        file = directory / "nats.conf"
        file.write_text(f'listen: "127.0.0.1:{inner}"\nwebsocket {{ listen: "127.0.0.1:{port}", no_tls: true }}\n')
        greeting = b'CONNECT {"verbose":false,"pedantic":false}\r\n'
        options = ["--path", "/", "--say", _binary(greeting), "--say", _binary(b"SUB bench 1\r\n")]
        with (
            _started([self.program() or "", "-c", str(file)], directory, port) as server,
            socket.create_connection(("127.0.0.1", inner)) as publisher,
        ):
            publisher.sendall(greeting)

            def publish(text: bytes) -> None:
                publisher.sendall(b"PUB bench %d\r\n%s\r\n" % (len(text), text))

            yield Service([port], options, {"web": [server.pid]}, _at_a_pace(publish), directory)


class Nchan(Other):
    name, needs, get = "nginx with Nchan", "nginx", "apt-get install libnginx-mod-nchan"
    module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

    def missing(self) -> str:
        return super().missing() or ("" if self.module.exists() else f"nginx has no Nchan. Type: {self.get}")

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Service]:
        port, directory = free_port(), stage.new_directory("nchan")
        file = directory / "nginx.conf"
        file.write_text(
            f"""
{"user root;" if os.geteuid() == 0 else ""}
load_module {self.module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
    uwsgi_temp_path {directory}; scgi_temp_path {directory};
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /sub {{ nchan_subscriber websocket; nchan_channel_id bench; nchan_subscriber_first_message newest; }}
        location /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 200; }}
    }}
}}
"""
        )
        with _started([self.program() or "", "-p", str(directory), "-c", str(file)], directory, port) as server:
            publisher = http.client.HTTPConnection("127.0.0.1", port)

            def publish(text: bytes) -> None:
                publisher.request("POST", "/pub", text)
                publisher.getresponse().read()

            processes = [server.pid, *children_of(server.pid)]
            yield Service([port], ["--path", "/sub"], {"web": processes}, _at_a_pace(publish), directory)
            publisher.close()


OTHERS: tuple[Other, ...] = (
    Node("socket.io", "--path", "/socket.io/?EIO=4&transport=websocket", "--say", "t:40", "--engineio"),
    Node("ws", "--path", "/"),
    Mosquitto(),
    Nats(),
    Nchan(),
)


def _started(command: list[str], directory: Path, port: int) -> Process:
    class Server(Process):
        name = Path(command[0]).name

        def is_ready(self) -> bool:
            return answers(port)

    # What finds its libraries for the caller finds them for it.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return Server(command, log=directory / "server.log", cwd=directory, environment=kept)


def _binary(data: bytes) -> str:
    return f"b:{data.hex()}"


def _at_a_pace(publish: Callable[[bytes], None]) -> Callable[[int, float], float]:
    """Alerts of the usual size, published from this very process."""
    numbers = iter(range(10**9))

    def raise_alerts(count: int, pace: float) -> float:
        began = time.monotonic()
        for place in range(count):
            if pace:
                time.sleep(max(began + place / pace - time.monotonic(), 0))
            text = json.dumps({"title": f"bench {time.time_ns() // 1000} {next(numbers)} "})
            publish(text.encode().ljust(Limit.size))
        return time.monotonic() - began

    return raise_alerts
