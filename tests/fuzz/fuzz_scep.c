/* The decoder of SCEP messages, and what is found inside once an envelope has been opened: the same bytes are
 * taken for each of them.
 * Links: gatehouse_scep */
#include "scep/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view bytes = view_of(at, len), content;
    struct scep_message message;
    struct scep_subject subject;
    struct error err = {0};
    if (scep_message_decode(arena, bytes, &message, &err)) {
        if (scep_message_open(arena, &message, NULL, 0, &content, &err) ||
            message.transaction[0] == '\0')
            __builtin_trap(); /* nobody's envelope was opened */
        bool strict = scep_message_algorithms(&message, false, &err);
        if (strict && !scep_message_algorithms(&message, true, &err))
            __builtin_trap();
    }
    if (scep_issuer_and_serial(arena, bytes, &subject, &err) && subject.serial.len > 20)
        __builtin_trap();
    if (scep_issuer_and_subject(arena, bytes, &subject, &err) && subject.subject == NULL)
        __builtin_trap();
    return 0;
}
