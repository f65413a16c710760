/* What the rules look for: certificates and secrets that end soon, those of the instance itself, and events. */
#include "notices/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "mail/mail.h"
#include "store/cas.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/marks.h"
#include "store/organisations.h"
#include "store/templates.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 500u
#define BATCH 2000u /* of one mail */
#define LONGEST_US (45 * US_PER_SECOND) /* of a look: the lease of the job is longer */
#define OVERLAP_US (120 * US_PER_SECOND) /* events are written in other orders than that of their times */
#define KEEP_MARKS_US (1100 * US_PER_DAY)

/* --- filters -------------------------------------------------------------------------------------------------------- */

bool notices_filter(struct core *core, struct arena *arena, const struct json *object, struct certificate_filter *ret,
                    struct error *err) {
    const char *ca = NULL, *template = NULL, *state = "valid";
    int64_t days = 0;
    bool done = false;
    struct certificate_filter filter = {.now_us = clock_now_us()};
    TRY(json_string(object, "ca", &ca, err) && json_string(object, "template", &template, err) &&
        json_string(object, "tag", &filter.tag, err) && json_string(object, "owner", &filter.owner, err) &&
        json_string(object, "state", &state, err) && json_int(object, "expiresWithinDays", 1, 3650, &days, err));
    static const char *const states[] = {"any", "valid", "expired", "revoked"};
    while ((size_t)filter.state < 4 && strcmp(states[filter.state], state) != 0)
        filter.state++;
    if ((size_t)filter.state == 4)
        return fail(err, ERROR_POLICY, "bad-notice", "\"state\" is any, valid, expired or revoked.");
    if (days != 0)
        filter.expires_before_us = filter.now_us + days * US_PER_DAY;
    TX(tx, core_db(core), &done, err) {
        struct ca_record authority;
        struct template_record record;
        tx.ok = (ca == NULL || ca_by_slug(tx.tx, arena, &scope_everything, ca, &authority, err)) &&
                (template == NULL || template_by_slug(tx.tx, arena, &scope_everything, template, &record, err));
        if (tx.ok && ca != NULL)
            filter.ca_id = authority.id;
        if (tx.ok && template != NULL)
            filter.template_id = record.id;
    }
    TRY(done);
    *ret = filter;
    return true;
}

/* --- one look at a rule -------------------------------------------------------------------------------------------- */

struct look {
    struct core *core;
    const struct notice_settings *settings;
    const struct json *rule, *webhook; /* webhook: NULL when there is none, or it has just failed */
    bool to_owner, to_approvers;
    int64_t until_us;    /* monotonic */
    struct arena *arena; /* of what is found */
    struct found found;
    bool failed, late; /* late: the next look goes on */
    struct error first;
};

static void note_failure(struct look *look, bool ok, const struct error *err) {
    if (ok)
        return;
    look->first = look->failed ? look->first : *err;
    look->failed = true;
}

static bool tell_owners(struct core *core, struct arena *arena, const struct json *rule, const struct found *found,
                        struct error *err) {
    struct notice *theirs = arena_array(arena, found->count + 1, sizeof *theirs);
    for (size_t i = 0; i < found->count; i++) {
        struct error no_address = {0};
        size_t count = 0, first = 0;
        while (strcmp(found->owners[first], found->owners[i]) != 0)
            first++;
        if (first < i || !mail_address_check(found->owners[i], &no_address))
            continue;
        for (size_t k = i; k < found->count; k++)
            if (strcmp(found->owners[k], found->owners[i]) == 0)
                theirs[count++] = found->notices[k];
        TRY(notices_tell(core, arena, notices_text(rule, "id"), theirs, count,
                         &(struct notice_target){.mail = found->owners[i]}, err));
    }
    return true;
}

/* A target that fails keeps the others from nothing. */
static void tell_found(struct look *look) {
    const struct found *f = &look->found;
    struct error err = {0};
    if (f->count == 0)
        return;
    note_failure(look, notices_tell_mails(look->core, look->arena, look->rule, f->notices, f->count, &err), &err);
    if (look->webhook != NULL &&
        !notices_tell(look->core, look->arena, notices_text(look->rule, "id"), f->notices, f->count,
                      &(struct notice_target){.webhook = look->webhook}, &err)) {
        note_failure(look, false, &err);
        look->webhook = NULL;
    }
    if (look->to_owner)
        note_failure(look, tell_owners(look->core, look->arena, look->rule, f, &err), &err);
    if (look->to_approvers)
        note_failure(look, notices_tell_approvers(look->core, look->arena, look->rule, f->notices, f->count, &err), &err);
    look->found.count = 0;
    arena_free(look->arena);
    look->arena = arena_new();
}

static void tell_full(struct look *look) {
    if (look->found.count < BATCH)
        return;
    tell_found(look);
    look->late = clock_monotonic_us() > look->until_us;
}

/* There is room for a page beyond a full batch. */
static void add_found(struct look *look, struct notice notice, const char *owner) {
    look->found.owners[look->found.count] = arena_strdup(look->arena, owner);
    look->found.notices[look->found.count++] = notice;
}

/* --- certificates that end soon --------------------------------------------------------------------------------------- */

int64_t notices_stage(const struct json *days, int64_t left_us) {
    static const int usual[] = {1, 2, 7, 15, 30};
    int64_t found = 0;
    for (size_t i = 0; days == NULL && i < 5; i++)
        if (left_us <= usual[i] * US_PER_DAY)
            return usual[i];
    JSON_EACH (day, days) {
        int64_t number = strtol(day->text, NULL, 10);
        if (left_us <= number * US_PER_DAY && (found == 0 || number < found))
            found = number;
    }
    return found;
}

int64_t notices_longest(const struct json *days) {
    int64_t most = days == NULL ? 30 : 0;
    JSON_EACH (day, days) {
        int64_t number = strtol(day->text, NULL, 10);
        most = number > most ? number : most;
    }
    return most;
}

static struct notice expiring(struct arena *arena, const struct certificate_record *c, int64_t stage, int64_t left_us) {
    char end[TIME_TEXT_SIZE];
    struct json_writer w = json_writer_on(arena);
    time_format(c->not_after_us, end);
    json_open_object(&w);
    json_put_string(&w, "kind", "certificate.expiring");
    put_uuid(&w, "certificate", c->id);
    json_put_string(&w, "serial", hex_encode(arena, c->serial));
    json_put_string(&w, "subject", c->subject);
    json_put_string(&w, "ca", c->ca_slug);
    json_put_string(&w, "owner", c->owner);
    json_put_time(&w, "notAfter", c->not_after_us);
    json_close_object(&w);
    long long days = (long long)((left_us + US_PER_DAY - 1) / US_PER_DAY);
    return (struct notice){
        .occasion = arena_printf(arena, "expiring/%s/%lld", uuid_text(arena, c->id), (long long)stage),
        .text = arena_printf(arena, "%.200s (%s, serial number %s) ends in %lld day%s: %s", c->subject, c->ca_slug,
                             hex_encode(arena, c->serial), days, days == 1 ? "" : "s", end),
        .data = json_written(&w)};
}

/* What has been renewed already needs nobody's attention. */
static bool add_expiring(struct tx *tx, struct arena *arena, struct look *look, const struct certificate_record *items,
                         size_t count, int64_t now_us, struct error *err) {
    bool own = strcmp(notices_text(look->rule, "on"), "authority.expiring") == 0;
    struct uuid *ids = arena_array(arena, count + 1, sizeof *ids);
    bool *renewed;
    for (size_t i = 0; i < count; i++)
        ids[i] = items[i].id;
    TRY(certificates_renewed(tx, arena, ids, count, &renewed, err));
    for (size_t i = 0; i < count; i++) {
        int64_t left_us = items[i].not_after_us - now_us, stage = notices_stage(json_get(look->rule, "days"), left_us);
        bool of_instance = items[i].use != CERTIFICATE_END_ENTITY;
        bool concerns = stage != 0 && of_instance == own && !renewed[i];
        if (concerns && own)
            TRY(notices_own_concerns(tx, arena, &items[i], now_us, &concerns, err));
        if (concerns)
            add_found(look, expiring(look->arena, &items[i], stage, left_us), items[i].owner);
    }
    return true;
}

static bool find_expiring(struct look *look, struct error *err) {
    SCOPED_ARENA struct arena *places = arena_new();
    struct certificate_filter filter;
    struct page page = {.limit = PAGE};
    TRY(notices_filter(look->core, places, look->rule, &filter, err));
    filter.state = CERTIFICATE_VALID;
    filter.expires_before_us = filter.now_us + notices_longest(json_get(look->rule, "days")) * US_PER_DAY;
    do {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct certificate_record *items = NULL;
        size_t count = 0, before = look->found.count;
        const char *next = NULL;
        bool done = false;
        TX(tx, core_db(look->core), &done, err) {
            look->found.count = before;
            tx.ok = certificate_list(tx.tx, arena, &scope_everything, &filter, &page, &items, &count, &next, err) &&
                    add_expiring(tx.tx, arena, look, items, count, filter.now_us, err);
        }
        TRY(done);
        page.cursor = next == NULL ? NULL : arena_strdup(places, next);
        tell_full(look);
    } while (page.cursor != NULL && !look->late);
    return true;
}

static bool find_own(struct look *look, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct notice tls;
    bool found = false;
    if (json_get(look->rule, "ca") == NULL)
        TRY(notices_find_own_tls(look->core, arena, look->rule, clock_now_us(), &tls, &found, err));
    if (found)
        add_found(look, tls, "");
    TRY(find_expiring(look, err));
    tell_found(look); /* before the arena goes */
    return true;
}

static bool find_secrets(struct look *look, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct found all = {0};
    TRY(notices_find_secrets(look->core, arena, look->rule, &all, err));
    for (size_t i = 0; i < all.count && !look->late; i++) {
        add_found(look, all.notices[i], all.owners[i]);
        tell_full(look);
    }
    tell_found(look); /* before the arena goes */
    return true;
}

static bool find_troubles(struct look *look, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct found all = {0};
    const char *memory = NULL;
    bool done = false;
    TRY(notices_find_troubles(look->core, arena, look->rule, &all, &memory, err));
    for (size_t i = 0; i < all.count && !look->late; i++) {
        add_found(look, all.notices[i], "");
        tell_full(look);
    }
    tell_found(look); /* before the arena goes */
    if (look->failed || look->late || memory == NULL)
        return true;
    TX(tx, core_db(look->core), &done, err)
        tx.ok = setting_put(tx.tx, notices_troubles_place(arena, notices_text(look->rule, "id")), memory, err);
    return done;
}

/* --- events -------------------------------------------------------------------------------------------------------------- */

static struct notice of_event(struct arena *arena, const struct event *e) {
    char at[TIME_TEXT_SIZE];
    struct json_writer w = json_writer_on(arena);
    time_format(e->at_us, at);
    json_open_object(&w);
    json_put_string(&w, "kind", "event");
    json_put_string(&w, "code", e->code);
    json_put_string(&w, "outcome", e->outcome);
    json_put_time(&w, "at", e->at_us);
    json_put_string(&w, "actor", e->actor);
    json_put_string(&w, "objectKind", e->object_kind);
    json_put_string(&w, "object", e->object);
    put_document(&w, arena, "details", e->details);
    json_close_object(&w);
    struct uuid request = {{0}};
    if (strcmp(e->object_kind, "request") == 0 && !uuid_parse(e->object, &request))
        request = (struct uuid){{0}};
    return (struct notice){.request = request,
                           .occasion = arena_printf(arena, "event/%s", uuid_text(arena, e->id)),
                           .text = arena_printf(arena, "%s %s (%s) by %s: %s %s", at, e->code, e->outcome, e->actor,
                                                e->object_kind, e->object),
                           .data = json_written(&w)};
}

static bool find_events(struct look *look, const char *code, int64_t since_us, struct error *err) {
    SCOPED_ARENA struct arena *places = arena_new();
    struct event_filter filter = {.code = code, .since_us = since_us};
    struct page page = {.limit = PAGE, .oldest_first = true};
    do {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct event *items = NULL;
        size_t count = 0;
        const char *next = NULL;
        bool done = false;
        TX(tx, core_db(look->core), &done, err)
            tx.ok = event_list(tx.tx, arena, &scope_everything, &filter, &page, &items, &count, &next, err);
        TRY(done);
        for (size_t i = 0; i < count; i++)
            add_found(look, of_event(look->arena, &items[i]), "");
        page.cursor = next == NULL ? NULL : arena_strdup(places, next);
        tell_full(look);
    } while (page.cursor != NULL && !look->late);
    return true;
}

/* Up to where a rule has looked; now, when nobody has written that down. */
static bool position(struct core *core, struct arena *arena, const char *name, int64_t now_us, int64_t *ret,
                     struct error *err) {
    const char *text = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_default(tx.tx, arena, name, arena_printf(arena, "%lld", (long long)now_us), &text, err);
    TRY(done);
    *ret = strtoll(text, NULL, 10);
    return true;
}

static bool look_for_events(struct look *look, struct arena *arena, struct error *err) {
    const char *name = notices_position(arena, notices_text(look->rule, "id"));
    int64_t now_us = clock_now_us(), from_us = now_us;
    bool done = false;
    TRY(position(look->core, arena, name, now_us, &from_us, err));
    if (from_us > now_us + OVERLAP_US) /* the clock was ahead, and is set right */
        from_us = now_us - OVERLAP_US;
    JSON_EACH (code, json_get(look->rule, "codes"))
        TRY(look->late || find_events(look, code->text, from_us > now_us - OVERLAP_US ? from_us : from_us - OVERLAP_US, err));
    tell_found(look);
    /* The beginning stays until it is far enough behind, and all behind it is told. */
    if (look->failed || look->late || now_us - from_us < OVERLAP_US)
        return true;
    TX(tx, core_db(look->core), &done, err)
        tx.ok = setting_put(tx.tx, name, arena_printf(arena, "%lld", (long long)now_us), err);
    return done;
}

/* --- all -------------------------------------------------------------------------------------------------------------- */

static bool look_at(struct look *look, struct arena *arena, struct error *err) {
    const char *on = notices_text(look->rule, "on"), *hook = notices_text(look->rule, "webhook");
    TRY(json_bool(look->rule, "toOwner", &look->to_owner, err) &&
        json_bool(look->rule, "toApprovers", &look->to_approvers, err));
    look->webhook = hook == NULL ? NULL : notices_find(look->settings->webhooks, hook);
    look->found = (struct found){.notices = arena_array(arena, BATCH + PAGE, sizeof *look->found.notices),
                                 .owners = arena_array(arena, BATCH + PAGE, sizeof(char *))};
    if (strcmp(on, "event") == 0)
        TRY(look_for_events(look, arena, err));
    else
        TRY(strcmp(on, "secret.expiring") == 0      ? find_secrets(look, err)
            : strcmp(on, "trouble") == 0            ? find_troubles(look, err)
            : strcmp(on, "authority.expiring") == 0 ? find_own(look, err)
                                                    : find_expiring(look, err));
    tell_found(look);
    if (look->failed)
        *err = look->first;
    return !look->failed;
}

static bool look_at_rule(struct core *core, const struct notice_settings *settings, const struct json *rule,
                         int64_t until_us, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct look look = {.core = core, .settings = settings, .rule = rule, .until_us = until_us, .arena = arena_new()};
    bool ok = look_at(&look, arena, err);
    arena_free(look.arena);
    if (look.late)
        log_info("notices", "the rule %s has more to tell than one look takes; the next one goes on", notices_text(rule, "id"));
    return ok;
}

bool notices_look(void *core, struct arena *arena, struct error *err) {
    struct notice_settings settings;
    struct error first = {0};
    int64_t until_us = clock_monotonic_us() + LONGEST_US;
    bool ok = true, done = false;
    TRY(notices_read(core, arena, &settings, err));
    JSON_EACH (rule, settings.rules) {
        struct error why = {0};
        if (look_at_rule(core, &settings, rule, until_us, &why))
            continue;
        log_failure(LOG_WARN, "notices", notices_text(rule, "id"), &why);
        first = ok ? why : first;
        ok = false;
    }
    TX(tx, core_db(core), &done, err)
        tx.ok = mark_purge(tx.tx, clock_now_us() - KEEP_MARKS_US, err);
    TRY(done);
    if (!ok)
        *err = first;
    return ok;
}
