/* PROXY protocol, versions 1 and 2 (haproxy.org/download/3.0/doc/proxy-protocol.txt): a layer-4 proxy says in front of
 * the first octet of TLS who the client is. */
#include "http/internal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define V1_MOST 107 /* with CR LF, section 2.1 */
#define V2_HEAD 16
#define V2_MOST ((size_t)V2_HEAD + 4096) /* addresses and whatever more the proxy tells */
#define WAIT_MS 5000

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static bool address_text(int family, const void *bytes, char *ret) {
    return inet_ntop(family, bytes, ret, HTTP_PROXY_ADDRESS) != NULL;
}

/* "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443", without CR LF. Every part is looked at, so that nothing else passes. */
static bool read_v1(const char *line, char *ret_client) {
    char copy[V1_MOST + 1], *save = NULL, *words[7] = {NULL};
    uint8_t bytes[16];
    size_t count = 0;
    ret_client[0] = '\0';
    if (strncmp(line, "PROXY UNKNOWN", 13) == 0 && (line[13] == '\0' || line[13] == ' '))
        return true; /* section 2.1: the rest is not looked at */
    snprintf(copy, sizeof copy, "%s", line);
    if (strstr(copy, "  ") != NULL || copy[strlen(copy) - 1] == ' ')
        return false;
    for (char *word = strtok_r(copy, " ", &save); word != NULL && count < 7; word = strtok_r(NULL, " ", &save))
        words[count++] = word;
    if (count != 6 || strcmp(words[0], "PROXY") != 0)
        return false;
    int family = strcmp(words[1], "TCP4") == 0 ? AF_INET : strcmp(words[1], "TCP6") == 0 ? AF_INET6 : 0;
    for (size_t i = 4; i < 6; i++) {
        size_t digits = strspn(words[i], "0123456789");
        if (digits == 0 || digits > 5 || words[i][digits] != '\0')
            return false;
    }
    return family != 0 && inet_pton(family, words[3], bytes) == 1 && inet_pton(family, words[2], bytes) == 1 &&
           address_text(family, bytes, ret_client);
}

static long parse_v1(const uint8_t *at, size_t len, char *ret_client) {
    char line[V1_MOST + 1];
    const uint8_t *end = memchr(at, '\n', len < V1_MOST ? len : V1_MOST);
    if (end == NULL)
        return len < V1_MOST ? 0 : -1;
    size_t line_len = (size_t)(end - at);
    if (line_len == 0 || at[line_len - 1] != '\r' || memchr(at, '\0', line_len) != NULL)
        return -1;
    memcpy(line, at, line_len - 1);
    line[line_len - 1] = '\0';
    return read_v1(line, ret_client) ? (long)line_len + 1 : -1;
}

/* section 2.2 */
static long parse_v2(const uint8_t *at, size_t len, char *ret_client) {
    if (len < V2_HEAD)
        return 0;
    size_t more = (size_t)at[14] << 8 | at[15];
    unsigned command = at[12], family = at[13] >> 4;
    if (command >> 4 != 2 || (command & 15) > 1 || V2_HEAD + more > V2_MOST)
        return -1;
    if (len < V2_HEAD + more)
        return 0;
    ret_client[0] = '\0'; /* LOCAL: the proxy itself, looking whether we live; other families have no address */
    bool ok = true;
    if ((command & 15) == 1 && family == 1)
        ok = more >= 12 && address_text(AF_INET, at + V2_HEAD, ret_client);
    else if ((command & 15) == 1 && family == 2)
        ok = more >= 36 && address_text(AF_INET6, at + V2_HEAD, ret_client);
    return ok ? (long)(V2_HEAD + more) : -1;
}

long http_proxy_parse(const uint8_t *at, size_t len, char ret_client[static HTTP_PROXY_ADDRESS]) {
    static const char v1[] = "PROXY ";
    size_t known = len < sizeof v2_signature ? len : sizeof v2_signature;
    if (memcmp(at, v2_signature, known) == 0)
        return known < sizeof v2_signature ? 0 : parse_v2(at, len, ret_client);
    known = len < sizeof v1 - 1 ? len : sizeof v1 - 1;
    if (memcmp(at, v1, known) != 0)
        return -1;
    return known < sizeof v1 - 1 ? 0 : parse_v1(at, len, ret_client);
}

/* What follows the header belongs to TLS and stays in the socket: so it is looked at first, and taken then. */
static bool take(int fd, char *ret_client) {
    uint8_t bytes[V2_MOST];
    int64_t until_us = clock_monotonic_us() + WAIT_MS * INT64_C(1000);
    size_t seen = 0;
    for (;;) {
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || (poll(&wait, 1, (int)left_ms) < 0 && errno != EINTR))
            return false;
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (got <= 0)
            continue;
        long used = http_proxy_parse(bytes, (size_t)got, ret_client);
        if (used != 0)
            return used > 0 && recv(fd, bytes, (size_t)used, 0) == used;
        if ((size_t)got == seen) { /* poll tells of the same octets again: give the rest time to come */
            struct pollfd nothing = {.fd = -1};
            poll(&nothing, 1, 10);
        }
        seen = (size_t)got;
    }
}

static bool peer_address(int fd, char *ret) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return false;
    return peer.ss_family == AF_INET6 ? address_text(AF_INET6, &((struct sockaddr_in6 *)&peer)->sin6_addr, ret)
                                      : address_text(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, ret);
}

bool http_proxy_client(int fd, const struct http_tls_config *config, char ret_client[static HTTP_PROXY_ADDRESS]) {
    char peer[HTTP_PROXY_ADDRESS];
    ret_client[0] = '\0';
    return peer_address(fd, peer) && config->trusts != NULL && config->trusts(config->trusts_context, peer) &&
           take(fd, ret_client);
}
