/* UUID version 7 (RFC 9562 section 5.7): the id of every row. Grows with time, so indexes stay compact. */
#ifndef GATEHOUSE_BASE_UUID_H
#define GATEHOUSE_BASE_UUID_H

#include "base/arena.h"

struct uuid {
    uint8_t bytes[16];
};

#define UUID_TEXT_SIZE 37

struct uuid uuid_new(void);
bool uuid_equal(struct uuid a, struct uuid b);
bool uuid_is_nil(struct uuid id);
/* Lower-case 8-4-4-4-12. */
void uuid_format(struct uuid id, char text[static UUID_TEXT_SIZE]);
char *uuid_text(struct arena *arena, struct uuid id);
/* Exactly 8-4-4-4-12 hex digits, either case; false otherwise. */
MUST_USE bool uuid_parse(const char *text, struct uuid *ret_id);

#endif
