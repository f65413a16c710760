/* The index.txt that another CA's administrator sends, and what is taken for its certificates: serial numbers come out
 * in order, each once, and the same index twice says no more than once. The first byte says which of the two it is.
 * Links: gatehouse_ca */
#include "ca/authority_history.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void expect(bool holds) {
    if (!holds)
        abort();
}

static bool before(const struct past *a, const struct past *b) {
    if (a->serial.len != b->serial.len)
        return a->serial.len < b->serial.len;
    return memcmp(a->serial.at, b->serial.at, a->serial.len) < 0;
}

static void check(const struct past_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const struct past *past = &list->items[i];
        expect(past->serial.len >= 1 && past->serial.len <= 20 && past->serial.at[0] < 0x80);
        expect(past->subject != NULL && (past->revoked || past->revoked_us == 0));
        expect(i == 0 || before(&list->items[i - 1], past));
    }
}

static EVP_PKEY *of_the_ca(void) {
    static EVP_PKEY *key;
    if (key == NULL)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct past_list once, twice;
    struct error err;
    if (len < 2)
        return 0;
    struct view rest = view_of(at + 1, len - 1);
    struct ca_history history = {.index = rest};
    if (at[0] == '-')
        history = (struct ca_history){.certificates = rest};
    bool read = history_read(arena, &history, of_the_ca(), &once, &err);
    if (read)
        check(&once);
    if (read && at[0] != '-') {
        size_t end = rest.len > 0 && rest.at[rest.len - 1] == '\n' ? 0 : 1;
        uint8_t *both = arena_alloc(arena, 2 * rest.len + end);
        memcpy(both, rest.at, rest.len);
        memcpy(both + rest.len, "\n", end);
        memcpy(both + rest.len + end, rest.at, rest.len);
        history.index = view_of(both, 2 * rest.len + end);
        expect(history_read(arena, &history, of_the_ca(), &twice, &err) && twice.count == once.count);
    }
    ERR_clear_error();
    return 0;
}
