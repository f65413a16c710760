/* Whatever somebody pastes, in any form; the first octet chooses a password.
 * Links: gatehouse_x509 */
#include "x509/inspect.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    static const char *const passwords[] = {NULL, "", "changeit"};
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    const struct json *again;
    struct error err = {0};
    if (len == 0)
        return 0;
    bool done = inspect(arena, view_of(at + 1, len - 1), passwords[at[0] % 3],
                        INT64_C(1795238400) * US_PER_SECOND, &w, &err);
    /* What is written is JSON that we read ourselves; what is refused says why. */
    if (done ? !json_parse(arena, view_text(json_written(&w)), &again, &err) &&
                   err.kind != ERROR_TOO_LARGE /* a CRL's entries are many values */
             : err.kind == ERROR_NONE || err.kind == ERROR_INTERNAL)
        abort();
    ERR_clear_error();
    return 0;
}
