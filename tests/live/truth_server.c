/* A chat endpoint that shares no code with Tailgate, and its own log of what it sent when.
 *
 *   truth_server LOG SEED TTFT_MS GAP_MS CHUNKS
 *
 * It prints its port, and streams until its standard input ends. LOG gets a line per answer:
 * request id, stamp of the request's arrival, bytes sent, and the stamp of each content chunk (CLOCK_MONOTONIC).
 * One thread; send stamps are taken right before send(), which on loopback is also when the other side's kernel has it.
 * Answers differ in how they are framed, each in a way that is legal: see `say`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

enum { PEERS = 8192, REQUEST = 65536, MOST_CHUNKS = 1024, TEXT = 4096 };

typedef struct {
    int open, busy, said, total, kind;
    size_t have, sent;
    double arrived, due, stamps[MOST_CHUNKS];
    int stamped;
    char id[256], held[TEXT], request[REQUEST];
    size_t holds;
} Peer;

static Peer *peers[PEERS];
static FILE *records;
static uint64_t state;
static double ttft, gap;
static int chunks;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* xorshift64*, Vigna 2016: uniform in 0..1. */
static double uniform(void) {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return ((state * 2685821657736338717ULL) >> 11) * 0x1p-53;
}

static void hand_over(int fd, const char *text, size_t length) {
    peers[fd]->sent += length;
    while (length) {
        ssize_t taken = send(fd, text, length, MSG_NOSIGNAL);
        if (taken < 0 && errno != EAGAIN && errno != EINTR) return;
        if (taken > 0) text += taken, length -= (size_t)taken;
    }
}

/* One HTTP chunk around `events`; `form` chooses how its size is written. */
static size_t frame(char *to, const char *events, int form) {
    static const char *forms[] = {"%zx\r\n%s\r\n", "%zX\r\n%s\r\n", "000%zx\r\n%s\r\n", "%zx;a=1\r\n%s\r\n",
                                  "%zx;a=\"q;\\\"r\"\r\n%s\r\n"};
    return (size_t)snprintf(to, TEXT, forms[form], strlen(events), events);
}

static size_t content(char *to, Peer *peer) {
    return (size_t)snprintf(to, TEXT,
                            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":"
                            "{\"content\":\" w%d\"}}]}\n\n", peer->said++);
}

static void stamp(Peer *peer, int times) {
    double moment = now();
    while (times--) peer->stamps[peer->stamped++] = moment;
}

static void finish(int fd) {
    Peer *peer = peers[fd];
    char end[TEXT], all[2 * TEXT];
    snprintf(end, TEXT,
             "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
             "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n",
             peer->total);
    size_t length = frame(all, end, 0);
    length += (size_t)snprintf(all + length, TEXT, peer->kind == 1 ? "0\r\nx-trailer: 1\r\n\r\n" : "0\r\n\r\n");
    hand_over(fd, all, length);
    fprintf(records, "%s %.9f %zu", peer->id, peer->arrived, peer->sent);
    for (int i = 0; i < peer->stamped; i++) fprintf(records, " %.9f", peer->stamps[i]);
    fputc('\n', records);
    peer->busy = 0;
}

/* Say the next thing: mostly one chunk with one event; else two events in a chunk, an event in two segments,
 * a ping of its own before it, or a chunk size written otherwise. */
static void say(int fd) {
    Peer *peer = peers[fd];
    char events[TEXT], all[2 * TEXT];
    double moment = now();
    if (peer->holds) {
        stamp(peer, 1);
        hand_over(fd, peer->held, peer->holds);
        peer->holds = 0;
    } else if (peer->said >= peer->total) {
        finish(fd);
        return;
    } else {
        double draw = uniform();
        size_t length = content(events, peer);
        int both = draw < 0.05 && peer->said < peer->total;
        if (both) content(events + length, peer);
        length = frame(all, events, draw > 0.90 ? 1 + (int)((draw - 0.90) * 39.9) : 0);
        if (draw >= 0.05 && draw < 0.10) {
            peer->holds = 1 + (size_t)(uniform() * (double)(length - 2));
            memcpy(peer->held, all + length - peer->holds, peer->holds);
            hand_over(fd, all, length - peer->holds);
            peer->due = moment + 0.003;
            return;
        }
        if (draw >= 0.10 && draw < 0.15) {
            char ping[TEXT];
            hand_over(fd, ping, frame(ping, ": ping\n\n", 0));
        }
        stamp(peer, 1 + both);
        hand_over(fd, all, length);
    }
    peer->due = moment + gap * (0.5 + uniform());
}

static void begin(int fd) {
    static int number;
    Peer *peer = peers[fd];
    char head[TEXT], role[TEXT];
    peer->kind = number++ % 4;
    const char *lines = peer->kind == 2 ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
                                          "CONTENT-TYPE: text/event-stream\r\ntransfer-ENCODING: Chunked\r\n\r\n"
                                        : "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                          "Transfer-Encoding: chunked\r\n\r\n";
    size_t length = (size_t)snprintf(head, TEXT, "%s", lines);
    length += frame(role, "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n", 0);
    strcat(head, role);
    hand_over(fd, head, length);
    peer->due = peer->arrived + ttft * (0.5 + uniform());
}

static void take(int fd) {
    Peer *peer = peers[fd];
    ssize_t got = recv(fd, peer->request + peer->have, REQUEST - 1 - peer->have, 0);
    double moment = now();
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) close(fd), peer->open = 0, peer->busy = 0;
        return;
    }
    peer->have += (size_t)got;
    peer->request[peer->have] = 0;
    char *end = strstr(peer->request, "\r\n\r\n");
    char *length = strcasestr(peer->request, "content-length:"), *id = strcasestr(peer->request, "x-client-request-id:");
    if (!end || !length || !id || peer->have < (size_t)(end + 4 - peer->request) + strtoul(length + 15, NULL, 10)) return;
    sscanf(id + 20, " %255[^\r]", peer->id);
    peer->have = peer->sent = peer->holds = 0;
    peer->stamped = peer->said = 0;
    peer->busy = 1, peer->arrived = moment;
    peer->total = chunks / 2 + (int)(uniform() * chunks);
    begin(fd);
}

static void welcome(int listener, int poller) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= PEERS) exit(3);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        if (!peers[fd]) peers[fd] = malloc(sizeof(Peer));
        memset(peers[fd], 0, sizeof(Peer));
        peers[fd]->open = 1;
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
    }
}

/* Say all that is due; give the milliseconds until the next is. */
static int advance(void) {
    double moment = now(), next = moment + 0.1;
    for (int fd = 0; fd < PEERS; fd++) {
        if (!peers[fd] || !peers[fd]->busy) continue;
        if (peers[fd]->due <= moment) say(fd);
        if (peers[fd]->busy && peers[fd]->due < next) next = peers[fd]->due;
    }
    double wait = (next - now()) * 1e3;
    return wait <= 0 ? 0 : (int)wait + 1;
}

int main(int count, char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit files;
    if (count != 6) return 2;
    records = fopen(words[1], "w");
    state = strtoull(words[2], NULL, 10) * 2654435761ULL + 1;
    ttft = atof(words[3]) / 1e3, gap = atof(words[4]) / 1e3, chunks = atoi(words[5]);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0);
    socklen_t size = sizeof address;
    if (!records || bind(listener, (void *)&address, size) || listen(listener, 4096)) return 1;
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &(struct epoll_event){.events = EPOLLIN, .data.fd = 0});
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, advance());
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == 0) return fclose(records);
            if (events[i].data.fd == listener) welcome(listener, poller);
            else take(events[i].data.fd);
        }
    }
}
