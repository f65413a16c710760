#include "ca/readiness.h"

#include "base/clock.h"
#include "ca/templates.h"
#include "x509/key_type.h"

#include <string.h>

static bool read_chain(struct core *core, struct arena *arena, const struct ca_record *ca,
                       struct readiness *r, struct error *err) {
    struct view *ders;
    size_t count;
    r->post_quantum = key_type_is_quantum_safe(ca->key_type);
    r->chain_post_quantum = r->post_quantum;
    if (ca->certificate.len == 0)
        return true;
    TRY(authority_chain(core, arena, ca, &ders, &count, err));
    for (size_t i = 0; i < count; i++) {
        AUTO(X509) *certificate = NULL;
        char type[KEY_TYPE_SIZE] = "";
        TRY(certificate_decode(arena, ders[i], &certificate, err));
        r->chain_post_quantum = r->chain_post_quantum &&
                                key_type_of(X509_get0_pubkey(certificate), type) &&
                                key_type_is_quantum_safe(type);
    }
    return true;
}

static bool takes_post_quantum(const struct template *t) {
    static const char *const types[] = {"ML-DSA-44",  "ML-DSA-65",  "ML-DSA-87",
                                        "ML-KEM-512", "ML-KEM-768", "ML-KEM-1024",
                                        "SLH-DSA-SHA2-128s"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (key_type_allowed(types[i], t->keys.items, t->keys.count))
            return true;
    return false;
}

static bool read_templates(struct core *core, struct arena *arena, const struct ca_record *ca,
                           struct readiness *r, struct error *err) {
    struct page page = {.limit = 100};
    do {
        struct template_record *items;
        size_t count;
        TRY(template_page(core, arena, &actor_system, ca->slug, &page, &items, &count, &page.cursor,
                          err));
        for (size_t i = 0; i < count; i++) {
            const struct json *document;
            struct template t;
            TRY(json_parse(arena, view_text(items[i].document), &document, err));
            TRY(template_from_json(arena, document, &t, err));
            r->templates += t.enabled;
            r->templates_post_quantum += t.enabled && takes_post_quantum(&t);
        }
    } while (page.cursor != NULL && page.cursor[0] != '\0');
    return true;
}

static void advise(struct readiness *r, const char *text) {
    if (r->advice_count < READINESS_MAX_ADVICE)
        r->advice[r->advice_count++] = text;
}

static void conclude(struct arena *arena, struct readiness *r) {
    int64_t classical = r->valid - r->valid_post_quantum, last = 0;
    char end[TIME_TEXT_SIZE];
    for (size_t i = 0; i < r->kind_count; i++)
        if (!key_type_is_quantum_safe(r->kinds[i].key_type) && r->kinds[i].last_end_us > last)
            last = r->kinds[i].last_end_us;
    if (!r->post_quantum)
        advise(r, "The authority signs with a classical key: re-key it to ML-DSA, or make a second "
                  "authority with ML-DSA beside it, since its certificate cannot change its algorithm.");
    else if (!r->chain_post_quantum)
        advise(r, "A key above the authority is classical: a post-quantum root is needed for the chain to "
                  "hold.");
    if (r->templates_post_quantum == 0 && r->templates > 0)
        advise(r, "No enabled template takes ML-DSA, SLH-DSA or ML-KEM keys: add them to \"keys\".");
    time_format(last, end);
    if (classical > 0)
        advise(r, arena_printf(arena,
                               "%lld valid certificates have classical keys, the last until %s: renew them "
                               "under templates that take post-quantum keys.",
                               (long long)classical, end));
}

static bool read_one(struct core *core, struct arena *arena, const struct ca_record *ca,
                     struct readiness *ret, struct error *err) {
    struct readiness r = {
        .ca = ca->slug, .key_type = ca->key_type, .valid_to_us = ca->not_after_us};
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = certificate_key_types(tx.tx, arena, ca->id, clock_now_us(), &r.kinds, &r.kind_count, err);
    TRY(done);
    TRY(read_chain(core, arena, ca, &r, err) && read_templates(core, arena, ca, &r, err));
    for (size_t i = 0; i < r.kind_count; i++) {
        r.valid += r.kinds[i].count;
        if (key_type_is_quantum_safe(r.kinds[i].key_type))
            r.valid_post_quantum += r.kinds[i].count;
    }
    conclude(arena, &r);
    *ret = r;
    return true;
}

bool readiness_page(struct core *core, struct arena *arena, const struct actor *actor,
                    const struct page *page, struct readiness **ret_items, size_t *ret_count,
                    const char **ret_next, struct error *err) {
    struct ca_record *cas;
    size_t count;
    TRY(authority_page(core, arena, actor, page, &cas, &count, ret_next, err));
    struct readiness *items = arena_array(arena, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++)
        TRY(read_one(core, arena, &cas[i], &items[i], err));
    *ret_items = items;
    *ret_count = count;
    return true;
}
