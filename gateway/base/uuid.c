#include "base/uuid.h"

#include "base/clock.h"
#include "base/encode.h"

#include <string.h>

struct uuid uuid_new(void) {
    struct uuid id;
    uint64_t ms = (uint64_t)(clock_now_us() / 1000);

    random_bytes(id.bytes, sizeof id.bytes);
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f)); /* rfc9562#5.7: ver 7 */
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f)); /* rfc9562#4.1: var 10 */
    return id;
}

bool uuid_equal(struct uuid a, struct uuid b) {
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool uuid_is_nil(struct uuid id) {
    return uuid_equal(id, (struct uuid){{0}});
}

void uuid_format(struct uuid id, char text[static UUID_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[id.bytes[i] >> 4];
        *at++ = digits[id.bytes[i] & 15];
    }
    *at = '\0';
}

char *uuid_text(struct arena *arena, struct uuid id) {
    char *text = arena_alloc(arena, UUID_TEXT_SIZE);
    uuid_format(id, text);
    return text;
}

bool uuid_parse(const char *text, struct uuid *ret_id) {
    struct uuid id;
    if (text == NULL || strlen(text) != UUID_TEXT_SIZE - 1)
        return false;
    const char *at = text;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-')
            return false;
        int high = hex_digit(at[0]), low = hex_digit(at[1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *ret_id = id;
    return true;
}
