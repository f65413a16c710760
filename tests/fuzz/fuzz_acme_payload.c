/* What payloads hold: identifiers, patterns, policies, settings, stored challenges, JWK.
 * Links: gatehouse_acme */
#include "acme/internal.h"

#include <stdlib.h>
#include <string.h>

static void read_policy(struct arena *arena, const struct json *document) {
    struct acme_policy policy, again;
    const struct json *written;
    struct error err;
    if (!acme_policy_from_json(arena, document, &policy, &err))
        return;
    /* what was taken is taken again, and is the same */
    const char *text = acme_policy_to_json(arena, &policy);
    if (!json_parse(arena, view_text(text), &written, &err) ||
        !acme_policy_from_json(arena, written, &again, &err) ||
        strcmp(acme_policy_to_json(arena, &again), text) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct json *document;
    struct identifier *list, one;
    struct acme_settings settings;
    struct challenges challenges;
    struct jwk jwk;
    struct jws jws;
    struct error err;
    size_t count;
    if (!json_parse(arena, view_of(at, len), &document, &err))
        return 0;
    if (identifiers_read(arena, json_get(document, "identifiers"), &list, &count, &err))
        for (size_t i = 0; i < count; i++)
            identifier_text(arena, &list[i]);
    if (identifier_read(arena, document, &one, &err))
        name_pattern_matches("**.example.org", &one);
    read_policy(arena, document);
    if (acme_settings_from_json(arena, document, &settings, &err))
        acme_settings_to_json(arena, &settings);
    if (challenges_read(arena, arena_text(arena, view_of(at, len)), &challenges, &err))
        challenges_write(arena, &challenges);
    if (jwk_read(arena, document, &jwk, &err) && strlen(jwk.canonical) == 0)
        abort();
    return jws_read_json(arena, document, &jws, &err) ? 0 : 0;
}
