"""The stand-in for limit.c where no C compiler is: the same commands, the same one send() per socket, in Python."""

import json
import select
import socket
import sys
import time
from contextlib import suppress

WELCOME = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def main() -> None:
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    poll.register(sys.stdin, select.EPOLLIN)
    sockets: dict[int, socket.socket] = {}
    welcomed: list[socket.socket] = []
    number = total = raised = per_second = size = 0
    began = 0.0
    while True:
        due = began + (raised / per_second if per_second else 0)
        for fd, _ in poll.poll(max(due - time.time(), 0) if raised < total else 1):
            if fd == listener.fileno():
                client, _ = listener.accept()
                client.setblocking(False)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sockets[client.fileno()] = client
                poll.register(client, select.EPOLLIN)
            elif fd == sys.stdin.fileno():
                words = sys.stdin.readline().split()
                if not words:
                    return
                total, per_second, size = (int(word) for word in words[1:])
                raised, began = 0, time.time()
            elif not _answer(sockets[fd], welcomed):
                poll.unregister(fd)
                sockets.pop(fd).close()
        while raised < total and (not per_second or time.time() >= began + raised / per_second):
            text = f'{{"title":"bench {time.time_ns() // 1000} {number} "}}'.encode().ljust(max(size, 64))
            frame = b"\x81\x7e" + len(text).to_bytes(2, "big") + text
            for client in welcomed:
                with suppress(BlockingIOError, ConnectionError):
                    client.send(frame)
            number, raised = number + 1, raised + 1
            if raised == total:
                print(json.dumps({"raised": total}), flush=True)


def _answer(client: socket.socket, welcomed: list[socket.socket]) -> bool:
    """Whether the client is still there."""
    with suppress(ConnectionError):
        if client.recv(4096):
            if client not in welcomed:
                welcomed.append(client)
                client.send(WELCOME)
            return True
    if client in welcomed:
        welcomed.remove(client)
    return False


if __name__ == "__main__":
    main()
