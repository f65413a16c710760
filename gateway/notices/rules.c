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
#define MOST_AT_ONCE 2000
#define MOST_EVENTS 2000
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
static bool is_renewed(struct tx *tx, struct arena *arena, struct uuid id, bool *ret, struct error *err) {
    struct uuid predecessor, *successors = NULL;
    size_t count = 0;
    TRY(certificate_line(tx, arena, id, &predecessor, &successors, &count, err));
    *ret = count > 0;
    return true;
}

static bool add_found(struct tx *tx, struct arena *arena, const struct json *rule, const struct certificate_record *c,
                      int64_t now_us, struct found *found, struct error *err) {
    bool own = strcmp(notices_text(rule, "on"), "authority.expiring") == 0, renewed = false;
    int64_t stage = notices_stage(json_get(rule, "days"), c->not_after_us - now_us);
    bool of_instance = c->use != CERTIFICATE_END_ENTITY;
    if (stage == 0 || of_instance != own || found->count == MOST_AT_ONCE)
        return true;
    TRY(is_renewed(tx, arena, c->id, &renewed, err));
    if (renewed)
        return true;
    found->owners[found->count] = c->owner;
    found->notices[found->count++] = expiring(arena, c, stage, c->not_after_us - now_us);
    return true;
}

static bool find_expiring(struct core *core, struct arena *arena, const struct json *rule, struct found *found,
                          struct error *err) {
    struct certificate_filter filter;
    struct page page = {.limit = PAGE};
    TRY(notices_filter(core, arena, rule, &filter, err));
    filter.state = CERTIFICATE_VALID;
    filter.expires_before_us = filter.now_us + notices_longest(json_get(rule, "days")) * US_PER_DAY;
    found->notices = arena_array(arena, MOST_AT_ONCE, sizeof *found->notices);
    found->owners = arena_array(arena, MOST_AT_ONCE, sizeof *found->owners);
    do {
        struct certificate_record *items = NULL;
        size_t count = 0, before = found->count;
        const char *next = NULL;
        bool done = false;
        TX(tx, core_db(core), &done, err) {
            found->count = before;
            tx.ok = certificate_list(tx.tx, arena, &scope_everything, &filter, &page, &items, &count, &next, err);
            for (size_t i = 0; tx.ok && i < count; i++)
                tx.ok = add_found(tx.tx, arena, rule, &items[i], filter.now_us, found, err);
        }
        TRY(done);
        page.cursor = next;
    } while (page.cursor != NULL && found->count < MOST_AT_ONCE);
    return true;
}

bool notices_tell_owners(struct core *core, struct arena *arena, const struct json *rule, const struct found *found,
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

static bool look_for_ends(struct core *core, struct arena *arena, const struct notice_settings *settings,
                          const struct json *rule, struct error *err) {
    struct found found = {0};
    bool to_owner = false;
    bool secrets = strcmp(notices_text(rule, "on"), "secret.expiring") == 0;
    TRY(secrets ? notices_find_secrets(core, arena, rule, &found, err) : find_expiring(core, arena, rule, &found, err));
    TRY(json_bool(rule, "toOwner", &to_owner, err));
    TRY(notices_tell_all(core, arena, settings, rule, found.notices, found.count, err));
    return !to_owner || notices_tell_owners(core, arena, rule, &found, err);
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

static bool find_events(struct core *core, struct arena *arena, const char *code, int64_t since_us, struct notice *notices,
                        size_t *count, struct error *err) {
    struct event_filter filter = {.code = code, .since_us = since_us};
    struct page page = {.limit = PAGE};
    do {
        struct event *items = NULL;
        size_t found = 0;
        const char *next = NULL;
        bool done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = event_list(tx.tx, arena, &scope_everything, &filter, &page, &items, &found, &next, err);
        TRY(done);
        for (size_t i = 0; i < found && *count < MOST_EVENTS; i++)
            notices[(*count)++] = of_event(arena, &items[i]);
        page.cursor = next;
    } while (page.cursor != NULL && *count < MOST_EVENTS);
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

static bool look_for_events(struct core *core, struct arena *arena, const struct notice_settings *settings,
                            const struct json *rule, struct error *err) {
    const char *name = notices_position(arena, notices_text(rule, "id"));
    struct notice *notices = arena_array(arena, MOST_EVENTS, sizeof *notices);
    int64_t now_us = clock_now_us(), from_us = now_us;
    size_t count = 0;
    bool done = false, to_approvers = false;
    TRY(position(core, arena, name, now_us, &from_us, err));
    JSON_EACH (code, json_get(rule, "codes"))
        TRY(find_events(core, arena, code->text, from_us > now_us - OVERLAP_US ? from_us : from_us - OVERLAP_US, notices,
                        &count, err));
    TRY(notices_tell_all(core, arena, settings, rule, notices, count, err));
    TRY(json_bool(rule, "toApprovers", &to_approvers, err));
    TRY(!to_approvers || notices_tell_approvers(core, arena, rule, notices, count, err));
    if (now_us - from_us < OVERLAP_US)
        return true; /* the beginning stays until it is far enough behind */
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_put(tx.tx, name, arena_printf(arena, "%lld", (long long)now_us), err);
    return done;
}

/* --- all -------------------------------------------------------------------------------------------------------------- */

bool notices_look(void *core, struct arena *arena, struct error *err) {
    struct notice_settings settings;
    struct error first = {0};
    bool ok = true, done = false;
    TRY(notices_read(core, arena, &settings, err));
    JSON_EACH (rule, settings.rules) {
        SCOPED_ARENA struct arena *own = arena_new();
        bool events = strcmp(notices_text(rule, "on"), "event") == 0;
        struct error why = {0};
        if (events ? look_for_events(core, own, &settings, rule, &why) : look_for_ends(core, own, &settings, rule, &why))
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
