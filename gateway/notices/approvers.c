/* Requests that wait, told to those who can decide. */
#include "notices/internal.h"

#include "ca/access.h"
#include "mail/mail.h"
#include "store/requests.h"

#include <string.h>

/* The requests that wait at one CA, and who can decide on them. */
struct desk {
    struct uuid ca_id;
    struct deciders deciders;
};

struct desks {
    struct desk *at;
    size_t count;
    const struct desk **of_notice; /* NULL: it concerns nobody */
};

static const struct desk *desk_of(const struct desks *desks, struct uuid ca_id) {
    for (size_t i = 0; i < desks->count; i++)
        if (uuid_equal(desks->at[i].ca_id, ca_id))
            return &desks->at[i];
    return NULL;
}

/* What was decided meanwhile, and what the public pages have told of themselves, concerns nobody. */
static bool place_requests(struct tx *tx, struct arena *arena, const struct notice *notices, size_t count,
                           const struct request_waiting *waiting, size_t waiting_count, struct desks *ret,
                           struct error *err) {
    for (size_t i = 0; i < waiting_count; i++) {
        const struct request_waiting *w = &waiting[i];
        if (strcmp(w->door, "public") == 0)
            continue;
        if (desk_of(ret, w->ca_id) == NULL) {
            struct desk *desk = &ret->at[ret->count++];
            desk->ca_id = w->ca_id;
            TRY(user_deciders(tx, arena, w->organisation_id, w->ca_id, INT64_C(1) << MAY_DECIDE_REQUESTS, &desk->deciders,
                              err));
        }
        for (size_t k = 0; k < count; k++)
            if (uuid_equal(notices[k].request, w->id))
                ret->of_notice[k] = desk_of(ret, w->ca_id);
    }
    return true;
}

static bool find_desks(struct core *core, struct arena *arena, const struct notice *notices, size_t count,
                       struct desks *ret, struct error *err) {
    struct uuid *ids = arena_array(arena, count + 1, sizeof *ids);
    size_t asked = 0;
    bool done = false;
    for (size_t i = 0; i < count; i++)
        if (!uuid_is_nil(notices[i].request) && (asked == 0 || !uuid_equal(ids[asked - 1], notices[i].request)))
            ids[asked++] = notices[i].request;
    TX(tx, core_db(core), &done, err) {
        struct request_waiting *waiting = NULL;
        size_t waiting_count = 0;
        *ret = (struct desks){.at = arena_array(arena, asked + 1, sizeof *ret->at),
                              .of_notice = arena_array(arena, count + 1, sizeof(struct desk *))};
        tx.ok = requests_waiting(tx.tx, arena, ids, asked, &waiting, &waiting_count, err) &&
                place_requests(tx.tx, arena, notices, count, waiting, waiting_count, ret, err);
    }
    return done;
}

static bool decides(const struct desk *desk, const char *email) {
    for (size_t i = 0; i < desk->deciders.count; i++)
        if (strcmp(desk->deciders.emails[i], email) == 0)
            return true;
    return false;
}

static bool tell_person(struct core *core, struct arena *arena, const struct json *rule, const struct notice *notices,
                        size_t count, const struct desks *desks, const char *email, struct error *err) {
    struct notice *theirs = arena_array(arena, count + 1, sizeof *theirs);
    struct error no_address = {0};
    size_t their_count = 0;
    if (!mail_address_check(email, &no_address)) /* a user's may be anything */
        return true;
    for (size_t i = 0; i < count; i++)
        if (desks->of_notice[i] != NULL && decides(desks->of_notice[i], email))
            theirs[their_count++] = notices[i];
    return notices_tell(core, arena, notices_text(rule, "id"), theirs, their_count, &(struct notice_target){.mail = email},
                        err);
}

bool notices_tell_approvers(struct core *core, struct arena *arena, const struct json *rule,
                            const struct notice *notices, size_t count, struct error *err) {
    struct desks desks;
    TRY(find_desks(core, arena, notices, count, &desks, err));
    for (size_t i = 0; i < desks.count; i++)
        for (size_t k = 0; k < desks.at[i].deciders.count; k++) {
            SCOPED_ARENA struct arena *own = arena_new();
            const char *email = desks.at[i].deciders.emails[k];
            size_t first = 0;
            while (!decides(&desks.at[first], email))
                first++;
            if (first == i)
                TRY(tell_person(core, own, rule, notices, count, &desks, email, err));
        }
    return true;
}
