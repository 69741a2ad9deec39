"""The stand-in for subscribers.c where no C compiler is: the same commands and answers, on asyncio. It costs more."""

import argparse
import asyncio
import json
import re
import struct
import sys
import time
from pathlib import Path

TITLE = re.compile(rb"bench (\d+) (\d+) ")
QUIET = 1.0  # seconds of silence after which alerts are acknowledged


def now() -> int:
    """Microseconds, unix time."""
    return time.time_ns() // 1000


class Counts:
    """What all dashboards together have heard since `reset`."""

    def __init__(self) -> None:
        self.alerts = self.frames = self.bytes = self.again = self.acknowledged = self.closed = 0
        self.first_at = self.last_at = 0
        self.took: list[int] = []
        self.pongs: list[int] = []


class Dashboard(asyncio.Protocol):
    def __init__(self, crowd: "Crowd", place: int) -> None:
        self.crowd, self.place = crowd, place
        self.transport: asyncio.Transport | None = None
        self.is_ready = False
        self.epoch = ""
        self.position = self.alerts = self.unacknowledged = self.unacknowledged_bytes = 0
        self.window, self.number, self.heard_at = (256, 262144), -1, 0.0
        self._input = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self._input, self._is_open = transport, b"", False
        transport.write(self.crowd.request(self))

    def connection_lost(self, error: Exception | None) -> None:
        if self.is_ready and self.transport is not None:
            self.crowd.counts.closed += 1
        self.is_ready, self.transport = False, None

    def data_received(self, data: bytes) -> None:
        at = now()
        self._input += data
        if not self._is_open:
            answer, end, rest = self._input.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in answer.partition(b"\r\n")[0]:
                self.crowd.refused += 1
                self.cut()
                return
            self._is_open, self._input = True, rest
            if not self.crowd.options.acknowledge:
                self.crowd.ready(self)
        while len(self._input) >= 2:
            length, start = self._input[1] & 127, 2
            if length > 125:
                start = 4 if length == 126 else 10
                length = int.from_bytes(self._input[2:start], "big")
            if len(self._input) < start + length:
                return
            opcode, payload = self._input[0] & 15, self._input[start : start + length]
            self._input = self._input[start + length :]
            if opcode <= 2:
                self._hear(payload, at)
            elif opcode == 8:
                self.cut()
                return
            elif opcode == 9:
                self.say(10, payload)
            elif opcode == 10 and length == 8:
                self.crowd.counts.pongs.append(at - struct.unpack("q", payload)[0])

    def cut(self) -> None:
        transport, self.transport, self.is_ready = self.transport, None, False
        if transport is not None:
            transport.abort()

    def say(self, opcode: int, payload: bytes) -> None:
        if self.transport is not None:
            self.transport.write(bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    def acknowledge(self) -> None:
        self.say(1, json.dumps({"type": "ack", "position": self.position, "seen": True}).encode())
        self.unacknowledged = self.unacknowledged_bytes = 0
        self.crowd.counts.acknowledged += 1

    def _hear(self, payload: bytes, at: int) -> None:
        counts = self.crowd.counts
        counts.frames += 1
        counts.bytes += len(payload)
        found = [(int(sent), int(number)) for sent, number in TITLE.findall(payload)]
        for sent, number in found:
            counts.took.append(max(at - sent, 0))
            counts.again += number <= self.number
            self.number = number
        if found:
            counts.alerts += len(found)
            self.alerts += len(found)
            counts.first_at, counts.last_at = counts.first_at or at, at
        if not self.crowd.options.acknowledge:
            return
        kind = payload[9 : payload.index(b'"', 9)]
        if kind == b"alerts":
            self.position = int(payload[payload.rindex(b":") + 1 : -1])
            self.unacknowledged += len(found)
            self.unacknowledged_bytes += len(payload)
            self.heard_at = time.monotonic()
            if self.unacknowledged * 2 >= self.window[0] or self.unacknowledged_bytes * 2 >= self.window[1]:
                self.acknowledge()
        elif kind in (b"hello", b"heartbeat"):
            frame = json.loads(payload)
            self.position = frame["position"]
            if kind == b"hello":
                self.epoch, self.window = frame["epoch"], (frame["window"]["alerts"], frame["window"]["bytes"])
                self.crowd.ready(self)


class Crowd:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.ports = [int(port) for port in options.ports.split(",")]
        self.cookies = Path(options.cookies).read_text().splitlines() if options.cookies else []
        self.counts = Counts()
        self.refused = self.opened_at = self.asked_at = 0
        self._is_resuming = False
        self.dashboards = [Dashboard(self, place) for place in range(options.count)]

    def request(self, dashboard: Dashboard) -> bytes:
        port, place = self.ports[dashboard.place % len(self.ports)], dashboard.place
        is_resumed = self._is_resuming and dashboard.epoch
        query = f"?epoch={dashboard.epoch}&position={dashboard.position}" if is_resumed else ""
        cookie = f"Cookie: {self.cookies[place % len(self.cookies)]}\r\n" if self.cookies else ""
        return (
            f"GET {self.options.path}{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: YmVuY2ggc3Vic2NyaWJlcg==\r\n{cookie}\r\n"
        ).encode()

    def ready(self, dashboard: Dashboard) -> None:
        dashboard.is_ready = True
        self.opened_at = now()

    async def open(self, *, is_resuming: bool, back: int = 0) -> None:
        self._is_resuming, self.asked_at, self.refused = is_resuming, now(), 0
        under_way = asyncio.Semaphore(self.options.in_flight)
        loop = asyncio.get_running_loop()

        async def connect(dashboard: Dashboard) -> None:
            dashboard.position = max(dashboard.position - back, 0)
            async with under_way:
                for _ in range(20):
                    try:
                        port = self.ports[dashboard.place % len(self.ports)]
                        await loop.create_connection(lambda: dashboard, "127.0.0.1", port)
                    except OSError:
                        await asyncio.sleep(0.1)
                        continue
                    while dashboard.transport is not None and not dashboard.is_ready:  # noqa: ASYNC110
                        await asyncio.sleep(0.002)
                    if dashboard.is_ready or self.refused:
                        return

        await asyncio.gather(*(connect(one) for one in self.dashboards if not one.is_ready))

    async def wait(self, alerts: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.counts.alerts < alerts and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def settle(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._owes() and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def _owes(self) -> bool:
        return any(one.unacknowledged and one.is_ready for one in self.dashboards)

    async def tick(self) -> None:
        """Late acknowledgements, and pings."""
        while True:
            await asyncio.sleep(self.options.probe / 1000 or 0.05)
            for one in self.dashboards:
                if one.unacknowledged and time.monotonic() - one.heard_at > QUIET:
                    one.acknowledge()
                if self.options.probe and one.is_ready:
                    one.say(9, struct.pack("q", now()))

    def answer(self) -> dict[str, object]:
        counts = self.counts
        each = [one.alerts for one in self.dashboards]
        names = ("alerts", "frames", "bytes", "again", "acknowledged", "closed", "first_at", "last_at")
        return {name: getattr(counts, name) for name in names} | {
            "open": sum(one.is_ready for one in self.dashboards),
            "refused": self.refused,
            "opening": self.opened_at - self.asked_at,
            "least": min(each),
            "most": max(each),
            "took": _spread(counts.took),
            "pongs": _spread(counts.pongs),
        }

    async def obey(self, line: str) -> None:
        command, *words = line.split()
        if command in ("open", "resume"):
            await self.open(is_resuming=command == "resume", back=int(words[0]) if words else 0)
        elif command == "wait":
            await self.wait(int(words[0]), float(words[1]))
        elif command == "settle":
            await self.settle(float(words[0]))
        elif command == "cut":
            for one in self.dashboards:
                one.cut()
        elif command == "reset":
            self.counts = Counts()
            for one in self.dashboards:
                one.alerts = 0


def _spread(values: list[int]) -> dict[str, int]:
    values = sorted(values)
    places = {"p50": len(values) // 2, "p99": int(len(values) * 0.99), "max": len(values) - 1}
    return {"count": len(values)} | {name: values[place] if values else 0 for name, place in places.items()}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ports")
    parser.add_argument("count", type=int)
    parser.add_argument("--path", default="/ws/feed/")
    parser.add_argument("--cookies")
    parser.add_argument("--acknowledge", action="store_true")
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--probe", type=int, default=0)
    crowd = Crowd(parser.parse_args())
    ticking = asyncio.create_task(crowd.tick())
    while line := await asyncio.to_thread(sys.stdin.readline):
        await crowd.obey(line)
        print(json.dumps(crowd.answer()), flush=True)
    ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main())
