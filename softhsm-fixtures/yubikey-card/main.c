/* yubikey-card PORT DIR [SERIAL [FIRMWARE]]: a YubiKey that is plugged into the reader of vsmartcard-vpcd which listens
 * on 127.0.0.1:PORT. What it holds is in DIR, attestation-root.pem beside it is the root of its attestations.
 *
 * Signals are hands: USR1 pulls it out when the next key operation comes, HUP pulls it out now, USR2 plugs it in again,
 * WINCH: nobody touches it any more when it blinks. TERM ends it. DIR/signatures counts key operations. */
#include "card.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 65535
#define GENERAL_AUTHENTICATE 0x87

/* vpcd's own commands, of one byte. */
enum { POWER_OFF = 0, POWER_ON = 1, RESET = 2, GIVE_ATR = 4 };

/* A YubiKey 5's; what readers and modules look at is its historical bytes, "YubiKey". */
static const uint8_t atr[] = {0x3B, 0xFD, 0x13, 0, 0, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0,
                              0x57, 0x59, 0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40};

static volatile sig_atomic_t pull_at_use, pulled, untouched, ended;

struct line { /* ISO/IEC 7816-4: chained commands and answers in parts */
    uint8_t chained[8192];
    size_t chained_len;
    uint8_t answer[8192];
    size_t answer_at, answer_len;
    enum status status;
};

static void on_signal(int number) {
    switch (number) {
    case SIGUSR1: pull_at_use = 1; break;
    case SIGHUP: pulled = 1; break;
    case SIGUSR2: pulled = 0; break;
    case SIGWINCH: untouched = 1; break;
    default: ended = 1;
    }
}

static bool exactly(int fd, void *at, size_t len) {
    uint8_t *to = at;
    while (len > 0 && !pulled && !ended) {
        ssize_t got = read(fd, to, len);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0) {
            to += got;
            len -= (size_t)got;
        }
    }
    return len == 0;
}

static bool send_message(int fd, const uint8_t *at, size_t len) {
    uint8_t message[MESSAGE_MAX + 2] = {(uint8_t)(len >> 8), (uint8_t)len};
    memcpy(message + 2, at, len);
    return send(fd, message, len + 2, MSG_NOSIGNAL) == (ssize_t)len + 2;
}

/* Short and extended lengths (ISO/IEC 7816-4 5.1); *ret_le is what the host takes at a time. */
static bool parse(struct view in, struct command *ret, size_t *ret_le) {
    *ret = (struct command){in.at[0], in.at[1], in.at[2], in.at[3], {NULL, 0}};
    struct view rest = view_of(in.at + 4, in.len - 4);
    *ret_le = 256;
    if (rest.len <= 1)
        return true;
    bool extended = rest.at[0] == 0 && rest.len > 2;
    size_t head = extended ? 3 : 1, len = extended ? (size_t)rest.at[1] << 8 | rest.at[2] : rest.at[0];
    if (extended)
        *ret_le = MESSAGE_MAX - 2;
    if (extended && rest.len == 3)
        return true;
    ret->data = view_of(rest.at + head, len);
    return rest.len >= head + len;
}

static void run(struct card *card, struct line *line, struct command *command) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer out = buffer_on(arena);
    if (line->chained_len + command->data.len > sizeof line->chained) {
        line->status = SW_LENGTH;
        return;
    }
    memcpy(line->chained + line->chained_len, command->data.at, command->data.len);
    line->chained_len += command->data.len;
    line->status = SW_OK;
    if ((command->cla & 0x10) != 0)
        return;
    command->data = view_of(line->chained, line->chained_len);
    line->chained_len = 0;
    line->status = card_answer(card, command, &out);
    line->answer_len = out.len;
    memcpy(line->answer, out.at == NULL ? line->answer : out.at, out.len);
}

/* With YUBIKEY_TRACE in the environment, every command and status goes to stderr. */
static void trace(const char *mark, const uint8_t *at, size_t len) {
    if (getenv("YUBIKEY_TRACE") == NULL)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(stderr, "%02ld.%03ld %s", now.tv_sec % 60, now.tv_nsec / 1000000, mark);
    for (size_t i = 0; i < len && i < 40; i++)
        fprintf(stderr, " %02x", at[i]);
    fprintf(stderr, "%s\n", len > 40 ? " ..." : "");
}

static bool reply(int fd, struct line *line, size_t le) {
    uint8_t message[sizeof line->answer + 2];
    size_t left = line->answer_len - line->answer_at, part = left < le ? left : le;
    memcpy(message, line->answer + line->answer_at, part);
    line->answer_at += part;
    left -= part;
    unsigned status = left == 0 ? line->status : 0x6100u | (left > 255 ? 0 : (unsigned)left);
    message[part] = (uint8_t)(status >> 8);
    message[part + 1] = (uint8_t)status;
    trace("<", message + part, 2);
    return send_message(fd, message, part + 2);
}

static void count_signatures(const struct card *card) {
    char path[4096];
    snprintf(path, sizeof path, "%s/signatures", card->directory);
    FILE *file = fopen(path, "we");
    if (file != NULL) {
        fprintf(file, "%u\n", card->signatures);
        fclose(file);
    }
}

static bool answer(int fd, struct card *card, struct line *line, struct view in) {
    struct command command;
    size_t le;
    trace(">", in.at, in.len);
    if (in.len < 4 || !parse(in, &command, &le)) {
        *line = (struct line){.status = SW_LENGTH};
        return reply(fd, line, 256);
    }
    if (command.ins == 0xC0)
        return reply(fd, line, le);
    if (pull_at_use && command.ins == GENERAL_AUTHENTICATE && command.p2 != 0x9B) {
        pull_at_use = 0;
        pulled = 1;
        return false;
    }
    line->answer_at = line->answer_len = 0;
    unsigned before = card->signatures;
    card->touched = !untouched;
    run(card, line, &command);
    if (card->signatures != before)
        count_signatures(card);
    return reply(fd, line, le);
}

/* vpcd writes length and message apart, and would wait 40 ms for our acknowledgement in between. */
static void acknowledge_at_once(int fd) {
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
}

/* Until it is pulled out or the reader goes away. */
static void serve(int fd, struct card *card) {
    static struct line line;
    uint8_t message[MESSAGE_MAX], head[2];
    line = (struct line){.status = SW_OK};
    card_reset_session(card);
    while (acknowledge_at_once(fd), exactly(fd, head, 2)) {
        acknowledge_at_once(fd);
        size_t len = (size_t)head[0] << 8 | head[1];
        if (!exactly(fd, message, len))
            return;
        if (len != 1) {
            if (!answer(fd, card, &line, view_of(message, len)))
                return;
        } else if (message[0] == GIVE_ATR) {
            if (!send_message(fd, atr, sizeof atr))
                return;
        } else {
            trace("power", message, 1);
            card_reset_session(card);
        }
    }
}

static int plug_in(uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void handle_signals(void) {
    static const int hands[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH, SIGTERM, SIGINT};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof hands / sizeof hands[0]; i++)
        sigaction(hands[i], &action, NULL);
}

int main(int argc, char *argv[]) {
    static struct card card;
    unsigned version[3] = {5, 4, 3};
    if (argc < 3 || argc > 5 || (argc == 5 && sscanf(argv[4], "%u.%u.%u", &version[0], &version[1], &version[2]) != 3)) {
        fputs("usage: yubikey-card PORT DIR [SERIAL [FIRMWARE]]\n", stderr);
        return 2;
    }
    const uint8_t bytes[] = {(uint8_t)version[0], (uint8_t)version[1], (uint8_t)version[2]};
    uint32_t serial = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 10000001;
    if (!card_open(&card, argv[2], serial, bytes)) {
        fprintf(stderr, "yubikey-card: %s holds no card\n", argv[2]);
        return 1;
    }
    handle_signals();
    while (!ended) {
        int fd = pulled ? -1 : plug_in((uint16_t)strtoul(argv[1], NULL, 10));
        if (fd >= 0) {
            serve(fd, &card);
            close(fd);
        }
        usleep(50 * 1000);
    }
    return 0;
}
