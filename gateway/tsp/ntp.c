#include "tsp/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET 48
#define NTP_TO_UNIX INT64_C(2208988800) /* seconds from 1900 to 1970 */
#define PRECISION_US 1                  /* of our own clock readings */
#define MAX_ROOT_US (3 * US_PER_SECOND / 2) /* rfc5905#11.2.3: MAXDIST, 1.5 s */

static uint64_t read_64(const uint8_t *at) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

/* NTP short format, 16.16 seconds (rfc5905#6). */
static int64_t read_short_us(const uint8_t *at) {
    int64_t value = (int64_t)at[0] << 24 | (int64_t)at[1] << 16 | (int64_t)at[2] << 8 | at[3];
    return value * US_PER_SECOND >> 16;
}

/* The 64-bit timestamp, of the era that is nearest to `near_us` (rfc5905#6: eras of 136 years). */
static int64_t read_time_us(const uint8_t *at, int64_t near_us) {
    uint64_t stamp = read_64(at);
    uint32_t seconds = (uint32_t)(stamp >> 32);
    int64_t fraction = (int64_t)((stamp & 0xffffffff) * (uint64_t)US_PER_SECOND >> 32);
    int64_t near_s = near_us / US_PER_SECOND + NTP_TO_UNIX;
    int32_t distance = (int32_t)(seconds - (uint32_t)near_s);
    return (near_s + distance - NTP_TO_UNIX) * US_PER_SECOND + fraction;
}

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_UNAVAILABLE, "time-not-available", "%s", rule);
}

bool ntp_read(struct view answer, uint64_t cookie, int64_t sent_us, int64_t received_us,
              struct clock_sample *ret, struct error *err) {
    if (answer.len < PACKET)
        return refuse(err, "its answer is too short");
    const uint8_t *at = answer.at;
    int leap = at[0] >> 6, version = at[0] >> 3 & 7, mode = at[0] & 7, stratum = at[1];
    if (mode != 4 || version < 3 || version > 4)
        return refuse(err, "its answer is no server's answer");
    /* rfc5905#8: an answer that does not carry what we sent is another's, or forged. */
    if (read_64(at + 24) != cookie)
        return refuse(err, "its answer belongs to another question");
    if (stratum == 0)
        return refuse(err, "it sends a kiss-o'-death");
    if (leap == 3 || stratum > 15 || read_64(at + 40) == 0)
        return refuse(err, "it is not synchronised itself");
    int64_t root = read_short_us(at + 4) / 2 + read_short_us(at + 8);
    if (root > MAX_ROOT_US)
        return refuse(err, "it is too far from its own reference");
    int64_t middle = sent_us + (received_us - sent_us) / 2;
    int64_t t2 = read_time_us(at + 32, middle), t3 = read_time_us(at + 40, middle);
    int64_t delay = (received_us - sent_us) - (t3 - t2);
    if (t3 < t2 || received_us < sent_us)
        return refuse(err, "its timestamps go backwards");
    if (delay < PRECISION_US)
        delay = PRECISION_US;
    *ret = (struct clock_sample){.offset_us = ((t2 - sent_us) + (t3 - received_us)) / 2,
                                 .bound_us = delay / 2 + root + PRECISION_US,
                                 .leap = leap};
    return true;
}

/* "host", "host:port", "address", "[address]:port" */
static bool split(const char *server, char *host, size_t size, const char **ret_port) {
    const char *end = NULL, *first = strchr(server, ':');
    *ret_port = "123";
    if (server[0] == '[') {
        end = strchr(++server, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        if (end[1] == ':')
            *ret_port = end + 2;
    } else if (first != NULL && strchr(first + 1, ':') == NULL) {
        end = first;
        *ret_port = first + 1;
    } else {
        end = server + strlen(server);
    }
    if ((size_t)(end - server) >= size)
        return false;
    memcpy(host, server, (size_t)(end - server));
    host[end - server] = '\0';
    return host[0] != '\0';
}

static bool open_socket(const char *server, int *ret_fd, struct error *err) {
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
    char host[256];
    const char *port;
    if (!split(server, host, sizeof host, &port) || getaddrinfo(host, port, &hints, &list) != 0)
        return refuse(err, "its name has no address");
    int fd = -1;
    for (struct addrinfo *one = list; one != NULL && fd < 0; one = one->ai_next) {
        fd = socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        return refuse(err, "it cannot be reached");
    *ret_fd = fd;
    return true;
}

/* Until an answer to this question comes or the time is over: others' packets are passed by. */
static bool exchange(int fd, int64_t timeout_us, struct clock_sample *ret, struct error *err) {
    uint8_t packet[PACKET] = {4 << 3 | 3}, answer[512]; /* version 4, client */
    uint64_t cookie;
    random_bytes(&cookie, sizeof cookie);
    for (int i = 0; i < 8; i++)
        packet[40 + i] = (uint8_t)(cookie >> (56 - 8 * i));
    int64_t sent = clock_now_us(), start = clock_monotonic_us();
    if (send(fd, packet, sizeof packet, 0) != sizeof packet)
        return refuse(err, "it cannot be reached");
    refuse(err, "it does not answer");
    for (;;) {
        int64_t spent = clock_monotonic_us() - start;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (spent >= timeout_us || poll(&ready, 1, (int)((timeout_us - spent) / 1000) + 1) <= 0)
            return false;
        ssize_t len = recv(fd, answer, sizeof answer, 0);
        /* By the monotonic clock: a step meanwhile would count as delay. */
        int64_t received = sent + (clock_monotonic_us() - start);
        if (len < 0 && errno != EINTR && errno != EAGAIN)
            return refuse(err, "it cannot be reached");
        if (len > 0 && ntp_read(view_of(answer, (size_t)len), cookie, sent, received, ret, err))
            return true;
    }
}

bool ntp_ask(const char *server, int64_t timeout_us, struct clock_sample *ret, struct error *err) {
    int fd;
    TRY(open_socket(server, &fd, err));
    bool ok = exchange(fd, timeout_us, ret, err);
    close(fd);
    return ok;
}

struct edge {
    int64_t at;
    int step; /* +1 where an interval begins, -1 where it ends */
};

static int compare_edges(const void *a, const void *b) {
    const struct edge *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return y->step - x->step; /* touching intervals agree */
}

bool ntp_agree(const struct clock_sample *samples, size_t count, size_t asked,
               struct clock_sample *ret, unsigned *ret_agreed, struct error *err) {
    struct edge edges[2 * TSP_CLOCK_MAX_SERVERS];
    int depth = 0, deepest = 0, leaps[4] = {0};
    int64_t from = 0, to = 0;
    if (count > TSP_CLOCK_MAX_SERVERS)
        count = TSP_CLOCK_MAX_SERVERS;
    for (size_t i = 0; i < count; i++) {
        edges[2 * i] = (struct edge){samples[i].offset_us - samples[i].bound_us, 1};
        edges[2 * i + 1] = (struct edge){samples[i].offset_us + samples[i].bound_us, -1};
        leaps[samples[i].leap & 3]++;
    }
    qsort(edges, 2 * count, sizeof *edges, compare_edges);
    for (size_t i = 0; i < 2 * count; i++) {
        depth += edges[i].step;
        if (depth > deepest) {
            deepest = depth;
            from = edges[i].at;
            to = edges[i + 1].at; /* the deepest interval ends at the next edge */
        }
    }
    *ret_agreed = (unsigned)deepest;
    if (2 * (size_t)deepest <= asked)
        return fail(err, ERROR_UNAVAILABLE, "time-not-available",
                    "%zu of %zu NTP servers answer and %d agree; more than half are needed", count, asked,
                    deepest);
    *ret = (struct clock_sample){.offset_us = from + (to - from) / 2,
                                 .bound_us = (to - from + 1) / 2,
                                 .leap = 2 * leaps[1] > (int)count   ? 1
                                         : 2 * leaps[2] > (int)count ? 2
                                                                     : 0};
    return true;
}
