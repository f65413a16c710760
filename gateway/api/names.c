#include "api/handlers.h"

#include "store/organisations.h"

#include <string.h>

struct known_ca {
    struct known_ca *next;
    struct uuid id;
    const char *slug; /* NULL: gone */
};

static bool load_organisations(struct names *names, struct error *err) {
    bool done = false;
    if (names->organisations != NULL)
        return true;
    TX(tx, core_db(names->core), &done, err)
    tx.ok = organisation_list(tx.tx, names->arena, &scope_everything, &names->organisations,
                              &names->organisation_count, err);
    return done;
}

bool names_organisation(struct names *names, struct uuid id, const char **ret_slug,
                        struct error *err) {
    const char *slug = NULL;
    if (!uuid_is_nil(id))
        TRY(load_organisations(names, err));
    for (size_t i = 0; i < names->organisation_count; i++)
        if (uuid_equal(names->organisations[i].id, id))
            slug = names->organisations[i].slug;
    *ret_slug = slug;
    return true;
}

bool names_organisation_id(struct names *names, const char *slug, struct uuid *ret_id,
                           struct error *err) {
    TRY(load_organisations(names, err));
    for (size_t i = 0; i < names->organisation_count; i++)
        if (strcmp(names->organisations[i].slug, slug) == 0) {
            *ret_id = names->organisations[i].id;
            return true;
        }
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no organisation \"%.63s\".", slug);
}

static bool look_up_ca(struct names *names, struct uuid id, const char **ret_slug,
                       struct error *err) {
    struct ca_record ca = {0};
    struct error why = {0};
    bool done = false;
    TX(tx, core_db(names->core), &done, &why)
    tx.ok = ca_by_id(tx.tx, names->arena, &scope_everything, id, &ca, &why);
    if (!done && why.kind != ERROR_NOT_FOUND) {
        *err = why;
        return false;
    }
    *ret_slug = done ? ca.slug : NULL;
    return true;
}

bool names_ca(struct names *names, struct uuid id, const char **ret_slug, struct error *err) {
    struct known_ca *known = names->cas;
    while (known != NULL && !uuid_equal(known->id, id))
        known = known->next;
    if (known == NULL && !uuid_is_nil(id)) {
        const char *slug = NULL;
        TRY(look_up_ca(names, id, &slug, err));
        known = arena_alloc(names->arena, sizeof *known);
        *known = (struct known_ca){names->cas, id, slug};
        names->cas = known;
    }
    *ret_slug = known == NULL ? NULL : known->slug;
    return true;
}
