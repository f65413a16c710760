/* What the gateway works at for an enrolment by SCEP up to the point where its CSR is known to be whole, for one that
 * is and for each way in which one is not: processor time, the rows in turn so that all see the same machine. The
 * answer to all but the first is the same; so should be the work.
 *
 *   bench_scep_open ROUNDS     prints "ROW: MEDIAN us, of the refused ones' mean QUOTIENT" */
#include "client.h"

#include "scep/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GOOD, RSA_PADDING, BLOCK_PADDING, GARBLED, CHANGED, FOREIGN, NONSENSE, ROWS };
static const char *const names[ROWS] = {"whole",       "wrong RSA padding", "wrong padding of the last block",
                                        "a block of the signature", "a changed name", "another's CSR",
                                        "no CSR at all"};

static struct scep_device ra, phone, other;
static struct view messages[ROWS];

static double spent_us(void) {
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static struct view changed(struct arena *arena, struct view bytes, size_t at) {
    uint8_t *copy = arena_alloc(arena, bytes.len);
    memcpy(copy, bytes.at, bytes.len);
    copy[at] ^= 1;
    return view_of(copy, bytes.len);
}

static size_t encrypted_key_of(struct view envelope) {
    for (size_t i = 0; i + 260 < envelope.len; i++)
        if (memcmp(envelope.at + i, "\x04\x82\x01\x00", 4) == 0)
            return i + 4;
    fprintf(stderr, "bench_scep_open: no encrypted key in the envelope\n");
    exit(1);
}

static void make_messages(struct arena *arena) {
    struct scep_wish w = {.type = 19, .transaction = "bench", .recipient = ra.certificate};
    struct view good = device_csr(arena, phone.key, "phone", "phone.example.test", "0123456789ABCDEF");
    struct view envelopes[ROWS];
    w.content = good;
    envelopes[GOOD] = device_seal(arena, &w);
    envelopes[RSA_PADDING] = changed(arena, envelopes[GOOD], encrypted_key_of(envelopes[GOOD]) + 100);
    envelopes[BLOCK_PADDING] = changed(arena, envelopes[GOOD], envelopes[GOOD].len - 17);
    envelopes[GARBLED] = changed(arena, envelopes[GOOD], envelopes[GOOD].len - 100);
    w.content = changed(arena, good, 30);
    envelopes[CHANGED] = device_seal(arena, &w);
    w.content = device_csr(arena, other.key, "phone", "phone.example.test", "0123456789ABCDEF");
    envelopes[FOREIGN] = device_seal(arena, &w);
    w.content = view_of(arena_printf(arena, "%*s", (int)good.len, ""), good.len);
    envelopes[NONSENSE] = device_seal(arena, &w);
    for (int i = 0; i < ROWS; i++)
        messages[i] = device_sign(arena, &phone, &w, envelopes[i]);
}

static double once(int row) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct scep_recipient recipient = {ra.certificate, ra.key};
    struct scep_message message;
    struct error err = {0};
    X509_REQ *csr;
    struct view der;
    double before = spent_us();
    bool ok = scep_message_decode(arena, messages[row], &message, &err) &&
              scep_message_open_csr(arena, &message, &recipient, 1, true, &csr, &der, &err);
    double after = spent_us();
    if (ok == (row == GOOD))
        return after - before;
    fprintf(stderr, "bench_scep_open: %s: %s\n", names[row], ok ? "taken" : err.message);
    exit(1);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    SCOPED_ARENA struct arena *arena = arena_new();
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    double medians[ROWS], refused = 0;
    if (rounds < 1 || rounds > 1000000) {
        fprintf(stderr, "usage: bench_scep_open ROUNDS\n");
        return 2;
    }
    ra = device_new("RSA", "RA");
    phone = device_new("RSA", "phone");
    other = device_new("RSA", "other");
    make_messages(arena);
    double *spent = arena_alloc(arena, rounds * ROWS * sizeof *spent);
    for (size_t i = 0; i < rounds; i++)
        for (int row = 0; row < ROWS; row++)
            spent[(size_t)row * rounds + i] = once(row);
    for (int row = 0; row < ROWS; row++) {
        qsort(spent + (size_t)row * rounds, rounds, sizeof *spent, by_size);
        medians[row] = spent[(size_t)row * rounds + rounds / 2];
        refused += row == GOOD ? 0 : medians[row] / (ROWS - 1);
    }
    for (int row = 0; row < ROWS; row++)
        printf("%s: %.1f us, of the refused ones' mean %.3f\n", names[row], medians[row], medians[row] / refused);
    device_free(&ra);
    device_free(&phone);
    device_free(&other);
    return 0;
}
