/* chronyd's monitoring protocol (candm.h of chrony, version 6), the one report that says how good the clock
 * is: what `chronyc tracking` shows. */
#include "tsp/clock.h"

#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    VERSION = 6,
    REQUEST = 1,
    REPLY = 2,
    TRACKING = 33,
    TRACKING_REPLY = 5,
    REPLY_HEAD = 28,
    TRACKING_SIZE = REPLY_HEAD + 76,
    REQUEST_SIZE = TRACKING_SIZE, /* as long as its answer, so that nobody amplifies by it */
};

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_UNAVAILABLE, "time-not-available", "chronyd %s", rule);
}

static uint32_t read_32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned read_16(const uint8_t *at) {
    return (unsigned)at[0] << 8 | at[1];
}

/* chrony's own 32-bit float: 7 bits of exponent, 25 of coefficient, both two's complement. In seconds here. */
static int64_t read_float_us(const uint8_t *at) {
    uint32_t bits = read_32(at);
    int32_t exponent = (int32_t)(bits >> 25), coefficient = (int32_t)(bits & 0x1ffffff);
    if (exponent >= 64)
        exponent -= 128;
    if (coefficient >= 1 << 24)
        coefficient -= 1 << 25;
    double value = ldexp(coefficient, exponent - 25) * (double)US_PER_SECOND;
    if (value > 9e15)
        value = 9e15;
    if (value < -9e15)
        value = -9e15;
    return (int64_t)llround(value);
}

bool chrony_read(struct view answer, uint32_t sequence, struct clock_sample *ret, struct error *err) {
    const uint8_t *at = answer.at;
    if (answer.len < TRACKING_SIZE || at[0] != VERSION || at[1] != REPLY || read_16(at + 4) != TRACKING ||
        read_16(at + 6) != TRACKING_REPLY || read_32(at + 16) != sequence)
        return refuse(err, "gives an answer that is no tracking report");
    if (read_16(at + 8) != 0)
        return refuse(err, "refuses to report; allow this host to ask (cmdallow)");
    const uint8_t *data = at + REPLY_HEAD;
    /* ref_id 4, address 20, stratum 2, leap 2, ref_time 12, then floats */
    unsigned stratum = read_16(data + 24), leap = read_16(data + 26);
    const uint8_t *floats = data + 40;
    if (leap == 3 || stratum == 0 || stratum > 15 || read_32(data) == 0)
        return refuse(err, "is not synchronised");
    /* The correction that is still to be made: positive when the clock is slow of it. */
    int64_t correction = read_float_us(floats), delay = read_float_us(floats + 24),
            dispersion = read_float_us(floats + 28);
    *ret = (struct clock_sample){.offset_us = correction,
                                 .bound_us = (delay < 0 ? -delay : delay) / 2 +
                                             (dispersion < 0 ? -dispersion : dispersion) + 1,
                                 .leap = leap == 1 || leap == 2 ? (int)leap : 0};
    return true;
}

/* A datagram socket of chronyd needs a name of ours to answer to. */
static bool open_unix(const char *path, int *ret_fd, char own[108], struct error *err) {
    struct sockaddr_un there = {.sun_family = AF_UNIX}, here = {.sun_family = AF_UNIX};
    const char *slash = strrchr(path, '/');
    if (strlen(path) >= sizeof there.sun_path)
        return refuse(err, "has a socket whose path is too long");
    memcpy(there.sun_path, path, strlen(path) + 1);
    if (snprintf(here.sun_path, sizeof here.sun_path, "%.*s/gatehouse.%ld.sock", (int)(slash - path), path,
                 (long)getpid()) >= (int)sizeof here.sun_path)
        return refuse(err, "has a socket whose path is too long");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unlink(here.sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0 ||
        connect(fd, (struct sockaddr *)&there, sizeof there) != 0) {
        if (fd >= 0)
            close(fd);
        unlink(here.sun_path);
        return refuse(err, "cannot be reached by its socket");
    }
    memcpy(own, here.sun_path, 108);
    *ret_fd = fd;
    return true;
}

static bool open_udp(const char *where, int *ret_fd, struct error *err) {
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *list = NULL;
    char host[64];
    const char *colon = strrchr(where, ':');
    size_t len = colon == NULL ? strlen(where) : (size_t)(colon - where);
    if (len >= 2 && where[0] == '[') {
        where++;
        len -= 2;
    }
    if (len >= sizeof host)
        return refuse(err, "has no such address");
    memcpy(host, where, len);
    host[len] = '\0';
    if (getaddrinfo(host, colon == NULL ? "323" : colon + 1, &hints, &list) != 0)
        return refuse(err, "has no such address");
    int fd = socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    *ret_fd = fd;
    return fd >= 0 || refuse(err, "cannot be reached");
}

static bool exchange(int fd, int64_t timeout_us, struct clock_sample *ret, struct error *err) {
    uint8_t packet[REQUEST_SIZE] = {VERSION, REQUEST, 0, 0, 0, TRACKING}, answer[512];
    uint32_t sequence;
    random_bytes(&sequence, sizeof sequence);
    for (int i = 0; i < 4; i++)
        packet[8 + i] = (uint8_t)(sequence >> (24 - 8 * i));
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (send(fd, packet, sizeof packet, 0) != sizeof packet || poll(&ready, 1, (int)(timeout_us / 1000)) <= 0)
        return refuse(err, "does not answer");
    ssize_t len = recv(fd, answer, sizeof answer, 0);
    if (len < 0)
        return refuse(err, "does not answer");
    return chrony_read(view_of(answer, (size_t)len), sequence, ret, err);
}

bool chrony_ask(const char *where, int64_t timeout_us, struct clock_sample *ret, struct error *err) {
    char own[108] = "";
    int fd;
    if (where[0] == '/')
        TRY(open_unix(where, &fd, own, err));
    else
        TRY(open_udp(where, &fd, err));
    bool ok = exchange(fd, timeout_us, ret, err);
    close(fd);
    if (own[0] != '\0')
        unlink(own);
    return ok;
}
