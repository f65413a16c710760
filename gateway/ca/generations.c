#include "ca/generations.h"

#include "base/clock.h"
#include "ca/status.h"

#include <string.h>

struct ca_record generation_view(struct arena *arena, const struct ca_record *ca,
                                 const struct generation *g) {
    struct ca_record view = *ca;
    view.slug = g->ordinal == 1
                    ? ca->slug
                    : arena_printf(arena, "%s.%lld", ca->slug, (long long)g->ordinal);
    view.generation = g->ordinal;
    view.key_id = g->key_id;
    view.key_type = g->key_type;
    view.subject = g->subject;
    view.certificate = g->certificate;
    view.chain = g->chain;
    view.not_before_us = g->not_before_us;
    view.not_after_us = g->not_after_us;
    return view;
}

static bool read_generations(struct core *core, struct arena *arena, const struct ca_record *ca,
                             struct generation **ret_items, size_t *ret_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = generation_list(tx.tx, arena, ca->id, ret_items, ret_count, err);
    return done;
}

bool authority_generations(struct core *core, struct arena *arena, const struct ca_record *ca,
                           struct ca_record **ret_items, size_t *ret_count, struct error *err) {
    struct generation *old = NULL;
    size_t old_count = 0, count = 0;
    int64_t now = clock_now_us();
    if (ca->generation > 1)
        TRY(read_generations(core, arena, ca, &old, &old_count, err));
    struct ca_record *items = arena_array(arena, old_count + 1, sizeof *items);
    items[count++] = *ca;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].last_expiry_us > now && old[i].certificate.len > 0)
            items[count++] = generation_view(arena, ca, &old[i]);
    *ret_items = items;
    *ret_count = count;
    return true;
}

/* "example.2" -> "example" and 2; 0 when there is no number. */
static const char *split(struct arena *arena, const char *text, int64_t *ret_ordinal) {
    const char *dot = strrchr(text, '.');
    *ret_ordinal = 0;
    if (dot == NULL || dot[1] < '1' || dot[1] > '9' || strlen(dot + 1) > 6 ||
        strspn(dot + 1, "0123456789") != strlen(dot + 1))
        return text;
    for (const char *digit = dot + 1; *digit != '\0'; digit++)
        *ret_ordinal = *ret_ordinal * 10 + (*digit - '0');
    return arena_text(arena, view_of(text, (size_t)(dot - text)));
}

bool generation_by_public_slug(struct core *core, struct arena *arena, const char *text,
                               struct ca_record *ret, struct error *err) {
    struct ca_record ca;
    struct generation *old = NULL;
    size_t count = 0;
    int64_t ordinal, now = clock_now_us();
    const char *slug = split(arena, text, &ordinal);
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_by_slug(tx.tx, arena, &scope_everything, slug, &ca, err);
    TRY(done);
    if (ca.generation > 1)
        TRY(read_generations(core, arena, &ca, &old, &count, err));
    for (size_t i = 0; i < count; i++)
        if (old[i].ordinal == ordinal ||
            (ordinal == 0 && old[i].ordinal == 1 && old[i].last_expiry_us > now))
            ca = generation_view(arena, &ca, &old[i]);
    if (ordinal != 0 && ca.generation != ordinal)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The authority %s has no key number %lld.",
                    slug, (long long)ordinal);
    ca.slug = arena_strdup(arena, text);
    *ret = ca;
    return true;
}

const char *generation_slug(struct arena *arena, const struct ca_record *ca) {
    if (ca->generation == 1 || strchr(ca->slug, '.') != NULL)
        return ca->slug;
    return arena_printf(arena, "%s.%lld", ca->slug, (long long)ca->generation);
}

bool authority_publish(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct ca_record *ca, struct crl_document *ret, struct error *err) {
    struct ca_record *items;
    struct crl_document crl;
    size_t count;
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca->organisation_id, ca->id, err));
    TRY(authority_generations(core, arena, ca, &items, &count, err));
    for (size_t i = count; i-- > 0;)
        TRY(status_crl_now(core, arena, generation_slug(arena, &items[i]), &crl, err));
    *ret = crl;
    access_note_alone(core, actor,
                      &(struct event_note){.code = "crl.asked",
                                           .organisation_id = ca->organisation_id,
                                           .ca_id = ca->id,
                                           .object_kind = "ca",
                                           .object = ca->slug});
    return true;
}

struct uuid generation_key(const struct ca_record *ca) {
    return ca->generation > 1 ? ca->key_id : (struct uuid){{0}};
}
