/* Owned byte strings, and reading and writing the small binary records of the token's files.
 * Every byte string may hold a secret, so all of them are wiped when they are freed or grown. */
#ifndef SOFTTOKEN_BYTES_H
#define SOFTTOKEN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cryptoki.h"

#define TRY(expr)                                                                                  \
    do {                                                                                           \
        CK_RV try_rv_ = (expr);                                                                    \
        if (try_rv_ != CKR_OK)                                                                     \
            return try_rv_;                                                                        \
    } while (0)

/* What a scope owns it frees: AUTO(bytes) struct bytes copy = {0}; */
#define AUTO(name) __attribute__((cleanup(name##_drop)))
#define MUST_USE __attribute__((warn_unused_result))

struct bytes {
    uint8_t *at;
    size_t len;
    size_t cap;
};

void bytes_drop(struct bytes *bytes);
/* Makes room for `extra` more octets; what was there is wiped when it moves. */
CK_RV bytes_reserve(struct bytes *bytes, size_t extra) MUST_USE;
CK_RV bytes_append(struct bytes *bytes, const void *at, size_t len) MUST_USE;
/* Replaces the content. */
CK_RV bytes_set(struct bytes *bytes, const void *at, size_t len) MUST_USE;
/* Empties and wipes, but keeps the memory for the next use. */
void bytes_clear(struct bytes *bytes);

CK_RV bytes_put_u32(struct bytes *bytes, uint32_t value) MUST_USE;
CK_RV bytes_put_u64(struct bytes *bytes, uint64_t value) MUST_USE;

/* A reader never reads beyond its end: from the first short read on it is `bad` and gives zeros. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

const uint8_t *read_octets(struct reader *reader, size_t len);
uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);
/* True when everything was read and nothing is left over. */
bool read_done(const struct reader *reader);

/* Fixed-width text of Cryptoki: padded with blanks, no NUL. */
void text_pad(CK_UTF8CHAR *to, size_t width, const char *text);

void hex_encode(char *to, const uint8_t *from, size_t len); /* writes 2 * len + 1 characters */
bool hex_decode(uint8_t *to, size_t len, const char *from); /* exactly 2 * len lower-case digits */

#endif
