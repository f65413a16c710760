#include "commands/node_channel.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDENTITY "gatehouse-node"
#define SECRET_LEN 48 /* as long as the digest of the cipher suite */
#define PATIENCE_S 10 /* for each step of the other side */
#define MOST_CALLERS 32

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

struct node_channel {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    uint8_t secret[SECRET_LEN];
};

/* --- the code --------------------------------------------------------------------------------------------- */

void node_code_make(char code[static NODE_CODE_SIZE]) {
    uint8_t random[NODE_CODE_OCTETS];
    size_t at = 0;
    random_bytes(random, sizeof random);
    for (size_t bit = 0; bit < 8 * sizeof random; bit += 5) {
        unsigned value = 0;
        for (size_t i = bit; i < bit + 5; i++)
            value = value << 1 | ((random[i / 8] >> (7 - i % 8)) & 1);
        if (bit > 0 && bit % 20 == 0)
            code[at++] = '-';
        code[at++] = letters[value];
    }
    code[at] = '\0';
    OPENSSL_cleanse(random, sizeof random);
}

/* Dashes, spaces and letter case do not count. */
static bool secret_of(const char *code, uint8_t ret[static SECRET_LEN], struct error *err) {
    char text[NODE_CODE_SIZE + sizeof IDENTITY] = IDENTITY;
    size_t at = sizeof IDENTITY - 1, begin = at;
    bool ok = true;
    for (; *code != '\0' && ok; code++) {
        char letter = *code >= 'a' && *code <= 'z' ? (char)(*code - 'a' + 'A') : *code;
        if (letter == '-' || letter == ' ')
            continue;
        ok = strchr(letters, letter) != NULL && at - begin < NODE_CODE_OCTETS * 8 / 5;
        if (ok)
            text[at++] = letter;
    }
    ok = ok && at - begin == NODE_CODE_OCTETS * 8 / 5;
    if (ok && EVP_Digest(text, at, ret, NULL, EVP_sha384(), NULL) != 1)
        return fail_internal(err, "digest of the code");
    OPENSSL_cleanse(text, sizeof text);
    return ok || fail(err, ERROR_MALFORMED, "bad-code",
                      "The code is eight groups of four letters and digits (A-Z, 2-7), as \"gatehouse node invite\" "
                      "printed it.");
}

/* --- TLS -------------------------------------------------------------------------------------------------- */

static SSL_SESSION *session_of(SSL *ssl, const struct node_channel *channel) {
    static const unsigned char suite[] = {0x13, 0x02}; /* TLS_AES_256_GCM_SHA384 */
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
    SSL_SESSION *session = SSL_SESSION_new();
    if (session != NULL && cipher != NULL &&
        SSL_SESSION_set1_master_key(session, channel->secret, sizeof channel->secret) == 1 &&
        SSL_SESSION_set_cipher(session, cipher) == 1 && SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
        return session;
    SSL_SESSION_free(session);
    return NULL;
}

static int find_session(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **ret) {
    *ret = NULL;
    if (view_equal(view_of(identity, len), view_text(IDENTITY)))
        *ret = session_of(ssl, SSL_get_app_data(ssl));
    return 1;
}

static int use_session(SSL *ssl, const EVP_MD *digest, const unsigned char **ret_identity, size_t *ret_len,
                       SSL_SESSION **ret) {
    *ret_identity = (const unsigned char *)IDENTITY;
    *ret_len = sizeof IDENTITY - 1;
    *ret = digest == NULL || EVP_MD_get_size(digest) == SECRET_LEN ? session_of(ssl, SSL_get_app_data(ssl)) : NULL;
    return 1;
}

static struct node_channel *channel_on(int fd, bool server) {
    struct node_channel *channel = must_alloc(sizeof *channel);
    *channel = (struct node_channel){.fd = fd, .ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method())};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return channel;
}

/* Only the code makes a connection: who calls trusts no certificate, and who is called has none to show. */
static bool prepare(struct node_channel *channel, bool server) {
    SSL_CTX *ctx = channel->ctx;
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519MLKEM768:X25519") != 1 || SSL_CTX_set_num_tickets(ctx, 0) != 1)
        return false;
    if (server) {
        SSL_CTX_set_psk_find_session_callback(ctx, find_session);
    } else {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_psk_use_session_callback(ctx, use_session);
    }
    channel->ssl = SSL_new(ctx);
    return channel->ssl != NULL && SSL_set_app_data(channel->ssl, channel) == 1 &&
           SSL_set_fd(channel->ssl, channel->fd) == 1;
}

void node_close(struct node_channel *channel) {
    if (channel == NULL)
        return;
    if (channel->ssl != NULL && SSL_is_init_finished(channel->ssl))
        SSL_shutdown(channel->ssl);
    SSL_free(channel->ssl);
    SSL_CTX_free(channel->ctx);
    close(channel->fd);
    OPENSSL_cleanse(channel->secret, sizeof channel->secret);
    free(channel);
    ERR_clear_error();
}

/* --- addresses --------------------------------------------------------------------------------------------- */

static bool resolve(const char *address, bool passive, struct addrinfo **ret, struct error *err) {
    char host[256];
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
    size_t len = colon == NULL ? 0 : (size_t)(colon - address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (colon == NULL || len == 0 || len >= sizeof host || colon[1] == '\0')
        return fail(err, ERROR_MALFORMED, "bad-address", "%.100s: an address is HOST:PORT, like 10.0.0.1:8445.", address);
    memcpy(host, address, len);
    host[len] = '\0';
    int rc = getaddrinfo(host, colon + 1, &hints, ret);
    return rc == 0 || fail(err, ERROR_UNAVAILABLE, "bad-address", "%.200s: %s.", host, gai_strerror(rc));
}

bool node_listen(const char *address, int *ret_fd, struct error *err) {
    struct addrinfo *found;
    int one = 1;
    TRY(resolve(address, true, &found, err));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 8) == 0;
    int why = errno;
    freeaddrinfo(found);
    if (!ok && fd >= 0)
        close(fd);
    *ret_fd = fd;
    return ok || fail(err, ERROR_UNAVAILABLE, "bad-address", "%.200s cannot be listened on: %s.", address, strerror(why));
}

static void name_peer(const struct sockaddr_storage *from, char ret[static 64]) {
    char text[INET6_ADDRSTRLEN] = "?";
    if (from->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)from)->sin_addr, text, sizeof text);
    else if (from->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, text, sizeof text);
    snprintf(ret, 64, "%s", text);
}

/* --- callers: all at once, for whoever is silent shall not keep the one with the code waiting ------------------------ */

struct caller {
    struct node_channel *channel;
    int64_t until_us;
    short waits_for; /* of poll */
    char peer[64];
};

struct callers {
    struct caller at[MOST_CALLERS]; /* the oldest first */
    size_t count;
};

static void take_out(struct callers *callers, size_t i) {
    callers->count--;
    memmove(&callers->at[i], &callers->at[i + 1], (callers->count - i) * sizeof callers->at[0]);
}

static void refuse(struct callers *callers, size_t i) {
    log_warn("node", "a caller from %s does not have the code", callers->at[i].peer);
    node_close(callers->at[i].channel);
    take_out(callers, i);
}

/* With no place left the oldest goes: a handshake with the code takes milliseconds. */
static void take_in(struct callers *callers, int fd, const uint8_t secret[static SECRET_LEN]) {
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    int peer = accept4(fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer < 0)
        return;
    if (callers->count == MOST_CALLERS)
        refuse(callers, 0);
    struct caller *caller = &callers->at[callers->count++];
    *caller = (struct caller){.channel = channel_on(peer, true),
                              .until_us = clock_monotonic_us() + PATIENCE_S * US_PER_SECOND,
                              .waits_for = POLLIN};
    memcpy(caller->channel->secret, secret, SECRET_LEN);
    name_peer(&from, caller->peer);
    if (!prepare(caller->channel, true))
        refuse(callers, callers->count - 1);
}

enum step { STEP_WAITS, STEP_FAILED, STEP_DONE };

static enum step go_on(struct caller *caller) {
    SSL *ssl = caller->channel->ssl;
    int rc = SSL_accept(ssl), why = SSL_get_error(ssl, rc);
    if (rc == 1)
        return SSL_session_reused(ssl) == 1 ? STEP_DONE : STEP_FAILED;
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return STEP_FAILED;
    caller->waits_for = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return STEP_WAITS;
}

static void wait_for_any(const struct callers *callers, struct pollfd *polled, int fd, int64_t until_us) {
    polled[callers->count] = (struct pollfd){.fd = fd, .events = POLLIN};
    for (size_t i = 0; i < callers->count; i++) {
        const struct caller *caller = &callers->at[i];
        polled[i] = (struct pollfd){.fd = caller->channel->fd, .events = caller->waits_for};
        until_us = caller->until_us < until_us ? caller->until_us : until_us;
    }
    int64_t left_us = until_us - clock_monotonic_us();
    if (poll(polled, callers->count + 1, left_us <= 0 ? 0 : (int)(left_us / 1000) + 1) > 0)
        return;
    for (size_t i = 0; i <= callers->count; i++)
        polled[i].revents = 0;
}

/* The one who has the code: out of the callers, and from now on waited for by reading. */
static bool find_guest(struct callers *callers, const struct pollfd *polled, struct caller *ret) {
    for (size_t i = callers->count; i-- > 0;) {
        enum step step = polled[i].revents == 0 ? STEP_WAITS : go_on(&callers->at[i]);
        int flags = fcntl(callers->at[i].channel->fd, F_GETFL);
        if (step == STEP_DONE && fcntl(callers->at[i].channel->fd, F_SETFL, flags & ~O_NONBLOCK) == 0) {
            *ret = callers->at[i];
            take_out(callers, i);
            return true;
        }
        if (step != STEP_WAITS || clock_monotonic_us() >= callers->at[i].until_us)
            refuse(callers, i);
    }
    return false;
}

bool node_accept(int fd, const char *code, int64_t until_us, struct node_channel **ret, char ret_peer[static 64],
                 struct error *err) {
    struct callers callers = {.count = 0};
    struct pollfd polled[MOST_CALLERS + 1];
    struct caller guest = {0};
    uint8_t secret[SECRET_LEN];
    TRY(secret_of(code, secret, err));
    while (guest.channel == NULL && clock_monotonic_us() < until_us) {
        wait_for_any(&callers, polled, fd, until_us);
        bool calls = polled[callers.count].revents != 0;
        if (!find_guest(&callers, polled, &guest) && calls)
            take_in(&callers, fd, secret);
    }
    while (callers.count > 0)
        refuse(&callers, callers.count - 1);
    OPENSSL_cleanse(secret, sizeof secret);
    if (guest.channel == NULL)
        return fail(err, ERROR_UNAVAILABLE, "invitation-over",
                    "Nobody came with the code, and it holds no longer; invite again.");
    *ret = guest.channel;
    memcpy(ret_peer, guest.peer, sizeof guest.peer);
    return true;
}

/* --- calling -------------------------------------------------------------------------------------------------------- */

bool node_call(const char *address, const char *code, struct node_channel **ret, struct error *err) {
    struct addrinfo *found;
    uint8_t secret[SECRET_LEN];
    TRY(secret_of(code, secret, err) && resolve(address, false, &found, err));
    int fd = -1, why = 0;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            why = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0)
        return fail(err, ERROR_UNAVAILABLE, "no-invitation",
                    "%.200s cannot be reached: %s. \"gatehouse node invite\" must run there, and the port be open.", address,
                    strerror(why));
    struct node_channel *channel = channel_on(fd, false);
    memcpy(channel->secret, secret, sizeof secret);
    OPENSSL_cleanse(secret, sizeof secret);
    if (!prepare(channel, false) || SSL_connect(channel->ssl) != 1 || SSL_session_reused(channel->ssl) != 1) {
        node_close(channel);
        return fail(err, ERROR_FORBIDDEN, "wrong-code",
                    "%.200s does not know this code: it is another one, or was used, or is over.", address);
    }
    *ret = channel;
    return true;
}

/* --- messages ---------------------------------------------------------------------------------------------- */

static bool gone(struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "node-gone", "The other machine broke off, or was silent for too long.");
}

static bool write_all(struct node_channel *channel, const void *at, size_t len, struct error *err) {
    size_t written;
    return len == 0 || (SSL_write_ex(channel->ssl, at, len, &written) == 1 && written == len) || gone(err);
}

static bool read_all(struct node_channel *channel, void *at, size_t len, struct error *err) {
    for (size_t have = 0, got = 0; have < len; have += got)
        if (SSL_read_ex(channel->ssl, (uint8_t *)at + have, len - have, &got) != 1)
            return gone(err);
    return true;
}

bool node_send(struct node_channel *channel, struct view message, struct error *err) {
    uint32_t len = htonl((uint32_t)message.len);
    return write_all(channel, &len, sizeof len, err) && write_all(channel, message.at, message.len, err);
}

bool node_receive(struct node_channel *channel, struct arena *arena, size_t most, struct view *ret, struct error *err) {
    uint32_t prefix;
    TRY(read_all(channel, &prefix, sizeof prefix, err));
    size_t len = ntohl(prefix);
    if (len > most)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The other machine sends %zu octets; at most %zu are taken.", len,
                    most);
    uint8_t *bytes = arena_alloc(arena, len + 1);
    TRY(read_all(channel, bytes, len, err));
    *ret = view_of(bytes, len);
    return true;
}
