/* Requests that wait, told to those who can decide. */
#include "notices/internal.h"

#include "ca/access.h"
#include "store/cas.h"
#include "store/requests.h"

#include <string.h>

#define MOST_MAILS 5000 /* notices times people, of one look */

/* What was decided meanwhile, and what the public pages have told of themselves, concerns nobody. */
static bool find_deciders(struct core *core, struct arena *arena, struct uuid id, struct deciders *ret, struct error *err) {
    struct request_record request;
    struct ca_record ca;
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        ret->count = 0;
        tx.ok = request_by_id(tx.tx, arena, &scope_everything, id, &request, err);
        if (tx.ok && request.state == REQUEST_PENDING && strcmp(request.door, "public") != 0)
            tx.ok = ca_by_id(tx.tx, arena, &scope_everything, request.ca_id, &ca, err) &&
                    user_deciders(tx.tx, arena, ca.organisation_id, ca.id, INT64_C(1) << MAY_DECIDE_REQUESTS, ret, err);
    }
    return done || err->kind == ERROR_NOT_FOUND;
}

bool notices_tell_approvers(struct core *core, struct arena *arena, const struct json *rule, const struct notice *notices,
                            size_t count, struct error *err) {
    struct found found = {.notices = arena_array(arena, MOST_MAILS, sizeof *found.notices),
                          .owners = arena_array(arena, MOST_MAILS, sizeof *found.owners)};
    for (size_t i = 0; i < count; i++) {
        struct deciders deciders = {.count = 0};
        if (uuid_is_nil(notices[i].request))
            continue;
        TRY(find_deciders(core, arena, notices[i].request, &deciders, err));
        for (size_t k = 0; k < deciders.count && found.count < MOST_MAILS; k++) {
            found.owners[found.count] = deciders.emails[k];
            found.notices[found.count++] = notices[i];
        }
    }
    return notices_tell_owners(core, arena, rule, &found, err);
}
