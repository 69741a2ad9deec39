/* Thousands of dashboards in one cheap process: raw WebSocket clients on one epoll, so that what is measured is the
 * server and not its audience.
 *
 *   subscribers PORT[,PORT...] COUNT [--path P] [--cookies FILE] [--acknowledge] [--in-flight N] [--subprotocol S]
 *               [--say t:TEXT|b:HEX]... [--engineio] [--probe MILLISECONDS]
 *
 * Connection number i goes to port i modulo their number, and sends line i of FILE as its Cookie header. It reads
 * commands from its standard input, a line each, and answers each with one line of JSON:
 *
 *   open            connect all of them; answered once each is subscribed (with --acknowledge: has heard `hello`)
 *   resume [BACK]   the same, each from where it was (?epoch=...&position=...), or from BACK positions before
 *   cut             end every TCP connection with a reset, as a broken network does
 *   reset           forget what was counted
 *   wait N SECONDS  answered as soon as N alerts have come in all since `reset`, or when the time is over
 *   settle SECONDS  answered as soon as every alert that came is acknowledged (with --acknowledge), or the time is over
 *   quit
 *
 * An alert is counted by its title, "bench <unix time in microseconds> <number> ": the time it took is that to the
 * moment its bytes were read, in microseconds; a number not above the last one of its connection counts as `again`.
 * --acknowledge does as the page does (static/alerts/receipts.js): at half a window, or after a second of silence.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

enum { CLOSED, CONNECTING, SHAKING, OPEN };
enum { READ = 1 << 20, TRIES = 20, QUIET = 1000000, MOST_PORTS = 16, MOST_SAYINGS = 8 };

typedef struct {
    int fd, state, tries, is_ready;
    long alerts, unacknowledged, unacknowledged_bytes, window_alerts, window_bytes;
    int64_t position, number, heard_at, retry_at;
    char epoch[48];
    char *rest; /* the beginning of a frame whose end has not come */
    size_t held;
} Client;

static Client *clients;
static int ports[MOST_PORTS], port_count, count, in_flight = 128, acknowledges, engineio, probe_every;
static const char *path = "/ws/feed/", *subprotocol = "", *sayings[MOST_SAYINGS];
static char **cookies;
static int cookie_count, saying_count, epoll_fd, wanted, resuming, next_client, opened, under_way;
static long alerts, frames, bytes, again, refused, closed, acknowledged, retried;
static int64_t first_at, last_at, asked_at, all_open_at, probed_at;
static uint32_t *times, *pongs;
static size_t time_count, time_room, pong_count, pong_room;
static char input[READ];

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void note(uint32_t **list, size_t *used, size_t *room, int64_t value) {
    if (*used == *room) {
        *room = *room ? *room * 2 : 65536;
        if (!(*list = realloc(*list, *room * sizeof(uint32_t)))) die("memory");
    }
    (*list)[(*used)++] = value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* One frame to the server. The mask of a client's frame may be zero, so the payload goes as it is. */
static void say(Client *client, int opcode, const char *payload, size_t size) {
    unsigned char frame[4096];
    size_t head = 2;
    if (size > sizeof frame - 16) return;
    frame[0] = 0x80 | opcode;
    if (size < 126) {
        frame[1] = 0x80 | size;
    } else {
        frame[1] = 0x80 | 126, frame[2] = size >> 8, frame[3] = size & 255, head = 4;
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, payload, size);
    if (send(client->fd, frame, head + 4 + size, MSG_NOSIGNAL) < 0 && errno != EAGAIN) return;
}

static void acknowledge(Client *client) {
    char text[96];
    int size = snprintf(text, sizeof text, "{\"type\":\"ack\",\"position\":%lld,\"seen\":true}", (long long)client->position);
    say(client, 1, text, size);
    client->unacknowledged = client->unacknowledged_bytes = 0;
    acknowledged++;
}

static void shut(Client *client, int is_lost) {
    struct linger reset = {1, 0};
    if (client->state == CLOSED) return;
    if (client->state != OPEN || !client->is_ready) under_way--;
    else opened--;
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(client->fd);
    free(client->rest);
    client->rest = NULL, client->held = 0, client->is_ready = 0;
    if (is_lost && client->state == OPEN) closed++;
    if (is_lost && client->state != OPEN && client->tries++ < TRIES) {
        client->retry_at = now() + 100000;
        retried++;
    }
    client->state = CLOSED;
}

static void ready(Client *client) {
    if (client->is_ready) return;
    client->is_ready = 1;
    opened++, under_way--;
    all_open_at = now();
}

static int64_t number_after(const char *text, size_t size, const char *name) {
    const char *found = memmem(text, size, name, strlen(name));
    return found ? strtoll(found + strlen(name), NULL, 10) : -1;
}

/* The payload of one text or binary frame. Whatever follows it in memory, strtoll stops at what is no digit. */
static void hear(Client *client, const char *text, size_t size, int64_t at) {
    const char *end = text + size, *found = text;
    int many = 0;
    frames++, bytes += size;
    while ((found = memmem(found, end - found, "bench ", 6))) {
        char *rest;
        int64_t sent = strtoll(found + 6, &rest, 10), number = strtoll(rest, NULL, 10);
        found += 6;
        if (sent < 1000000) continue;
        note(&times, &time_count, &time_room, at - sent);
        if (number <= client->number) again++;
        client->number = number;
        many++;
    }
    if (many) {
        alerts += many, client->alerts += many;
        if (!first_at) first_at = at;
        last_at = at;
    }
    if (engineio && size == 1 && *text == '2') say(client, 1, "3", 1);
    if (!acknowledges) return;
    if (!strncmp(text, "{\"type\":\"alerts\"", 16)) {
        const char *digits = end - 1; /* the frame ends with "position":N} */
        while (digits > text && digits[-1] >= '0' && digits[-1] <= '9') digits--;
        client->position = strtoll(digits, NULL, 10);
        client->unacknowledged += many, client->unacknowledged_bytes += size, client->heard_at = at;
        if (client->unacknowledged * 2 >= client->window_alerts || client->unacknowledged_bytes * 2 >= client->window_bytes)
            acknowledge(client);
    } else if (!strncmp(text, "{\"type\":\"heartbeat\"", 19)) {
        client->position = number_after(text, size, "\"position\":");
    } else if (!strncmp(text, "{\"type\":\"hello\"", 15)) {
        const char *epoch = memmem(text, size, "\"epoch\":\"", 9);
        if (epoch) sscanf(epoch + 9, "%47[^\"]", client->epoch);
        client->position = number_after(text, size, "\"position\":");
        client->window_alerts = number_after(text, size, "\"window\":{\"alerts\":");
        client->window_bytes = number_after(text, size, "\"bytes\":");
        ready(client);
    }
}

/* Eats whole frames; gives how many bytes, or -1 when the server has closed. */
static ssize_t eat_frames(Client *client, const char *data, size_t size, int64_t at) {
    size_t eaten = 0;
    while (size - eaten >= 2) {
        const unsigned char *head = (const unsigned char *)data + eaten;
        uint64_t length = head[1] & 127;
        size_t start = 2;
        if (length == 126) {
            if (size - eaten < 4) break;
            length = head[2] << 8 | head[3], start = 4;
        } else if (length == 127) {
            if (size - eaten < 10) break;
            length = 0, start = 10;
            for (int i = 2; i < 10; i++) length = length << 8 | head[i];
        }
        if (size - eaten < start + length) break;
        const char *payload = data + eaten + start;
        switch (head[0] & 15) {
        case 0: case 1: case 2: hear(client, payload, length, at); break;
        case 8: return -1;
        case 9: say(client, 10, payload, length); break;
        case 10: if (probe_every && length == 8) { int64_t sent; memcpy(&sent, payload, 8); note(&pongs, &pong_count, &pong_room, at - sent); }
        }
        eaten += start + length;
    }
    return eaten;
}

static ssize_t eat_answer(Client *client, const char *data, size_t size) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    if (size < 12 || memcmp(data + 9, "101", 3)) {
        if (!refused++) fprintf(stderr, "refused: %.*s\n", 60, data);
        client->tries = TRIES;
        return -1;
    }
    client->state = OPEN;
    for (int i = 0; i < saying_count; i++) {
        if (*sayings[i] == 't') {
            say(client, 1, sayings[i] + 2, strlen(sayings[i] + 2));
        } else {
            char raw[256];
            size_t length = strlen(sayings[i] + 2) / 2;
            for (size_t j = 0; j < length && j < sizeof raw; j++) sscanf(sayings[i] + 2 + j * 2, "%2hhx", (unsigned char *)raw + j);
            say(client, 2, raw, length);
        }
    }
    if (!acknowledges) ready(client);
    return end + 4 - data;
}

static void readable(Client *client) {
    ssize_t got = 0, eaten = 0;
    memcpy(input, client->rest ? client->rest : "", client->held);
    got = recv(client->fd, input + client->held, READ - client->held - 1, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        shut(client, 1);
        return;
    }
    int64_t at = now();
    size_t size = client->held + got;
    input[size] = 0;
    if (client->state == SHAKING) eaten = eat_answer(client, input, size);
    if (eaten >= 0 && client->state == OPEN) {
        ssize_t more = eat_frames(client, input + eaten, size - eaten, at);
        eaten = more < 0 ? -1 : eaten + more;
    }
    if (eaten < 0) {
        shut(client, 1);
        return;
    }
    client->held = size - eaten;
    free(client->rest);
    client->rest = NULL;
    if (client->held) {
        if (!(client->rest = malloc(client->held))) die("memory");
        memcpy(client->rest, input + eaten, client->held);
    }
}

static void shake(Client *client) {
    int i = client - clients, port = ports[i % port_count], error = 0, one = 1;
    char request[2048], query[128] = "", offer[128] = "", cookie[768] = "";
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        shut(client, 1);
        return;
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (resuming && *client->epoch) snprintf(query, sizeof query, "?epoch=%s&position=%lld", client->epoch, (long long)client->position);
    if (*subprotocol) snprintf(offer, sizeof offer, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    if (cookie_count) snprintf(cookie, sizeof cookie, "Cookie: %s\r\n", cookies[i % cookie_count]);
    int length = snprintf(request, sizeof request,
        "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2ggc3Vic2NyaWJlcg==\r\n%s%s\r\n", path, query, port, port, offer, cookie);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
    client->state = SHAKING;
    if (send(client->fd, request, length, MSG_NOSIGNAL) != length) shut(client, 1);
}

static void begin(Client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(ports[(client - clients) % port_count])};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if ((client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0) die("socket");
    client->state = CONNECTING, client->retry_at = 0;
    under_way++;
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) shut(client, 1);
}

static int rising(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void spread(const char *name, uint32_t *list, size_t size) {
    qsort(list, size, sizeof *list, rising);
    printf(",\"%s\":{\"count\":%zu,\"p50\":%u,\"p99\":%u,\"max\":%u}", name, size, size ? list[size / 2] : 0,
           size ? list[(size_t)(size * 0.99)] : 0, size ? list[size - 1] : 0);
}

static void answer(void) {
    long least = -1, most = 0;
    for (int i = 0; i < count; i++) {
        if (least < 0 || clients[i].alerts < least) least = clients[i].alerts;
        if (clients[i].alerts > most) most = clients[i].alerts;
    }
    printf("{\"open\":%d,\"refused\":%ld,\"closed\":%ld,\"retried\":%ld,\"alerts\":%ld,\"frames\":%ld,\"bytes\":%ld,\"again\":%ld,"
           "\"acknowledged\":%ld,\"least\":%ld,\"most\":%ld,\"first_at\":%lld,\"last_at\":%lld,\"opening\":%lld",
           opened, refused, closed, retried, alerts, frames, bytes, again, acknowledged, least, most,
           (long long)first_at, (long long)last_at, (long long)(all_open_at - asked_at));
    spread("took", times, time_count);
    spread("pongs", pongs, pong_count);
    printf("}\n");
    fflush(stdout);
}

static void forget(void) {
    alerts = frames = bytes = again = acknowledged = closed = retried = 0;
    first_at = last_at = 0;
    time_count = pong_count = 0;
    for (int i = 0; i < count; i++) clients[i].alerts = 0;
}

/* Whether every connection that can be had is there. */
static int all_tried(void) {
    if (next_client < count || under_way) return 0;
    for (int i = 0; i < count; i++)
        if (clients[i].state == CLOSED && clients[i].retry_at) return 0;
    return 1;
}

static void tick(int64_t at) {
    for (int i = 0; i < count; i++) {
        Client *client = clients + i;
        if (client->state == CLOSED && client->retry_at && at >= client->retry_at && under_way < in_flight) begin(client);
        if (client->unacknowledged && client->state == OPEN && at - client->heard_at > QUIET) acknowledge(client);
    }
}

static int owes(void) {
    for (int i = 0; i < count; i++)
        if (clients[i].unacknowledged && clients[i].state == OPEN) return 1;
    return 0;
}

static void options(int argc, char **argv) {
    if (argc < 3) exit((fprintf(stderr, "usage: subscribers PORT[,PORT...] COUNT [options]\n"), 2));
    for (char *port = strtok(argv[1], ","); port && port_count < MOST_PORTS; port = strtok(NULL, ",")) ports[port_count++] = atoi(port);
    count = atoi(argv[2]);
    for (int i = 3; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(name, "--acknowledge")) acknowledges = 1;
        else if (!strcmp(name, "--engineio")) engineio = 1;
        else {
            i++;
            if (!strcmp(name, "--path")) path = value;
            else if (!strcmp(name, "--in-flight")) in_flight = atoi(value);
            else if (!strcmp(name, "--subprotocol")) subprotocol = value;
            else if (!strcmp(name, "--probe")) probe_every = atoi(value) * 1000;
            else if (!strcmp(name, "--say") && saying_count < MOST_SAYINGS) sayings[saying_count++] = value;
            else if (!strcmp(name, "--cookies")) {
                FILE *file = fopen(value, "r");
                char line[512];
                if (!file) die(value);
                cookies = calloc(count, sizeof *cookies);
                while (cookie_count < count && fgets(line, sizeof line, file)) {
                    line[strcspn(line, "\n")] = 0;
                    cookies[cookie_count++] = strdup(line);
                }
                fclose(file);
            } else exit((fprintf(stderr, "%s is not an option\n", name), 2));
        }
    }
}

int main(int argc, char **argv) {
    enum { NOTHING, OPENING, WAITING, SETTLING } doing = NOTHING;
    char line[256];
    size_t line_size = 0;
    int64_t deadline = 0, ticked_at = 0;
    struct rlimit files;
    options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    clients = calloc(count, sizeof *clients);
    for (int i = 0; i < count; i++) clients[i].number = -1;
    next_client = count;
    epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event)) die("standard input");
    for (;;) {
        int found = epoll_wait(epoll_fd, events, 256, probe_every ? 1 : 10);
        for (int i = 0; i < found; i++) {
            Client *client = events[i].data.ptr;
            if (client && client->state == CONNECTING) shake(client);
            else if (client && client->state != CLOSED) readable(client);
            else if (!client) {
                ssize_t got = read(0, line + line_size, sizeof line - line_size - 1);
                if (got <= 0) return 0; /* whoever started it is gone */
                line[line_size += got] = 0;
                if (!strchr(line, '\n')) continue;
                line_size = 0;
                if (!strncmp(line, "quit", 4)) return 0;
                if (!strncmp(line, "open", 4) || !strncmp(line, "resume", 6)) {
                    resuming = *line == 'r', next_client = 0, doing = OPENING, asked_at = now(), refused = 0;
                    long back = resuming ? strtol(line + 6, NULL, 10) : 0;
                    for (int j = 0; j < count; j++) {
                        clients[j].tries = 0, clients[j].retry_at = 0;
                        clients[j].position = clients[j].position > back ? clients[j].position - back : 0;
                    }
                } else if (!strncmp(line, "wait", 4)) {
                    double seconds = 0;
                    sscanf(line + 4, "%d %lf", &wanted, &seconds);
                    deadline = now() + (int64_t)(seconds * 1e6), doing = WAITING;
                } else if (!strncmp(line, "settle", 6)) {
                    deadline = now() + (int64_t)(strtod(line + 6, NULL) * 1e6), doing = SETTLING;
                } else {
                    if (!strncmp(line, "reset", 5)) forget();
                    if (!strncmp(line, "cut", 3)) for (int j = 0; j < count; j++) shut(clients + j, 0);
                    answer();
                }
            }
        }
        int64_t at = now();
        while (next_client < count && under_way < in_flight) {
            Client *client = clients + next_client++;
            if (client->state == CLOSED) begin(client);
        }
        if (at - ticked_at > 50000) tick(at), ticked_at = at;
        if (probe_every && at - probed_at >= probe_every) {
            for (int i = 0; i < count; i++) if (clients[i].state == OPEN) say(clients + i, 9, (char *)&at, 8);
            probed_at = at;
        }
        if ((doing == OPENING && all_tried()) || (doing == WAITING && (alerts >= wanted || at > deadline)) ||
            (doing == SETTLING && (!owes() || at > deadline))) doing = NOTHING, answer();
    }
}
