/* The limit: what delivering costs when there is nothing but one send() of a prebuilt frame per socket.
 *
 *   limit PORT
 *
 * Answers any request with 101 and knows nothing of its clients. Commands on standard input, an answer for each:
 *   raise COUNT PER_SECOND BYTES   COUNT alerts of BYTES each, PER_SECOND of them in a second (0: all at once)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 65536 };
static int sockets[MOST], socket_count;
static char is_open[MOST]; /* by descriptor: it has asked, and was answered */
static long number;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void raise_alert(size_t size) {
    static char frame[MOST];
    size_t head = size < 126 ? 2 : 4;
    frame[0] = (char)0x81;
    if (head == 2) frame[1] = size;
    else frame[1] = 126, frame[2] = size >> 8, frame[3] = size & 255;
    memset(frame + head, ' ', size);
    int length = snprintf(frame + head, size, "{\"title\":\"bench %lld %ld \"}", (long long)now(), number++);
    if (length > 0 && head + length < sizeof frame) frame[head + length] = ' ';
    for (int i = 0; i < socket_count; i++)
        if (is_open[sockets[i]]) send(sockets[i], frame, head + size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void forget(int fd) {
    for (int i = 0; i < socket_count; i++)
        if (sockets[i] == fd) sockets[i--] = sockets[--socket_count];
    is_open[fd] = 0;
    close(fd);
}

static void welcome(int fd) {
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: not-verified\r\n\r\n";
    char request[4096];
    ssize_t got = recv(fd, request, sizeof request, 0);
    if (got <= 0) forget(fd);
    else if (!is_open[fd]) is_open[fd] = 1, send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    struct epoll_event event = {.events = EPOLLIN}, events[256];
    struct rlimit files;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    long total = 0, raised = 0, per_second = 0, size = 0;
    int64_t began = 0;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return perror("listen"), 1;
    event.data.fd = listener, epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = 0, epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        int64_t due = began + (per_second ? raised * 1000000 / per_second : 0);
        int64_t pause = raised < total ? (due - now() + 999) / 1000 : 1000; /* rounded up: it never spins */
        int found = epoll_wait(poll, events, 256, pause < 0 ? 0 : pause);
        for (int i = 0; i < found; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (client < 0 || client >= MOST || socket_count == MOST) continue;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                sockets[socket_count++] = client;
                event.data.fd = client, epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
            } else if (fd == 0) {
                char line[128] = "";
                if (read(0, line, sizeof line - 1) <= 0) return 0;
                sscanf(line, "raise %ld %ld %ld", &total, &per_second, &size);
                raised = 0, began = now();
                if (size < 64) size = 64;
                if (size > MOST - 16) size = MOST - 16;
            } else welcome(fd);
        }
        while (raised < total && now() >= began + (per_second ? raised * 1000000 / per_second : 0))
            if (raise_alert(size), ++raised == total) printf("{\"raised\":%ld}\n", total), fflush(stdout);
    }
}
