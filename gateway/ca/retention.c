#include "ca/retention.h"

#include "base/clock.h"
#include "store/organisations.h"
#include "store/retention.h"

#define SETTING "retention"
#define MARK "retention/archived"
#define BATCH 500
#define BATCHES 20 /* of a run */
#define MAX_DAYS 36525

static const struct uuid nobody;

static bool parse(struct arena *arena, const char *text, struct retention *ret, struct error *err) {
    const struct json *document;
    *ret = (struct retention){0};
    return json_parse(arena, view_text(text == NULL ? "{}" : text), &document, err) &&
           json_int(document, "archiveExpiredDays", 0, MAX_DAYS, &ret->archive_days, err) &&
           json_int(document, "eraseRequestsDays", 0, MAX_DAYS, &ret->erase_days, err) &&
           json_int(document, "version", 0, INT64_MAX, &ret->version, err);
}

static const char *document_of(struct arena *arena, const struct retention *r) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_int(&w, "archiveExpiredDays", r->archive_days);
    json_put_int(&w, "eraseRequestsDays", r->erase_days);
    json_put_int(&w, "version", r->version);
    json_close_object(&w);
    return json_written(&w);
}

static bool load(struct tx *tx, struct arena *arena, struct retention *ret, struct error *err) {
    const char *text;
    return setting_get(tx, arena, SETTING, &text, err) && parse(arena, text, ret, err);
}

bool retention_get(struct core *core, struct arena *arena, const struct actor *actor, struct retention *ret,
                   struct error *err) {
    bool done = false;
    TRY(actor_may(actor, MAY_READ_SETTINGS, nobody, nobody, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = load(tx.tx, arena, ret, err);
    return done;
}

static bool store(struct tx *tx, struct arena *arena, const struct actor *actor, const struct retention *next,
                  struct error *err) {
    struct retention standing;
    const char *text = document_of(arena, next);
    TRY(load(tx, arena, &standing, err));
    if (standing.version + 1 != next->version)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "Somebody has changed these settings meanwhile (version %lld); read them again.",
                    (long long)standing.version);
    struct event_note note = {.code = "settings.changed", .object_kind = "setting", .object = SETTING, .details = text};
    return setting_put(tx, SETTING, text, err) && access_note(tx, actor, &note, err);
}

bool retention_put(struct core *core, struct arena *arena, const struct actor *actor, struct retention *ret,
                   struct error *err) {
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, nobody, nobody, err));
    ret->version++;
    TX(tx, core_db(core), &done, err)
        tx.ok = store(tx.tx, arena, actor, ret, err);
    return done;
}

/* --- applying ------------------------------------------------------------------------------------------------ */

static bool read_mark(struct tx *tx, struct arena *arena, struct retention_mark *ret, struct error *err) {
    const struct json *document;
    const char *text, *id = NULL;
    *ret = (struct retention_mark){0};
    TRY(setting_get(tx, arena, MARK, &text, err));
    if (text == NULL)
        return true;
    TRY(json_parse(arena, view_text(text), &document, err));
    TRY(json_int(document, "notAfter", INT64_MIN, INT64_MAX, &ret->not_after_us, err) &&
        json_string(document, "id", &id, err));
    return (id != NULL && uuid_parse(id, &ret->id)) || fail_internal(err, "setting " MARK);
}

static bool write_mark(struct tx *tx, struct arena *arena, const struct retention_mark *mark, struct error *err) {
    char id[UUID_TEXT_SIZE];
    uuid_format(mark->id, id);
    return setting_put(tx, MARK, arena_printf(arena, "{\"notAfter\":%lld,\"id\":\"%s\"}", (long long)mark->not_after_us, id),
                       err);
}

static bool note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *what, int64_t count,
                 struct error *err) {
    return count == 0 || access_note(tx, actor,
                                     &(struct event_note){.code = "retention.applied",
                                                          .object_kind = "setting",
                                                          .object = SETTING,
                                                          .details = arena_printf(arena, "{\"%s\":%lld}", what,
                                                                                  (long long)count)},
                                     err);
}

static bool archive_batch(struct tx *tx, struct arena *arena, const struct actor *actor, int64_t before_us,
                          int64_t *ret_archived, struct error *err) {
    struct retention_mark mark;
    return read_mark(tx, arena, &mark, err) &&
           retention_archive(tx, arena, before_us, BATCH, &mark, ret_archived, err) &&
           (*ret_archived == 0 || write_mark(tx, arena, &mark, err)) &&
           note(tx, arena, actor, "archived", *ret_archived, err);
}

static bool archive(struct core *core, const struct actor *actor, int64_t days, struct retention_result *ret,
                    struct error *err) {
    int64_t before = clock_now_us() - days * US_PER_DAY, archived = BATCH;
    for (int i = 0; i < BATCHES && archived == BATCH; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        bool done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = archive_batch(tx.tx, arena, actor, before, &archived, err);
        TRY(done);
        ret->archived += archived;
    }
    ret->more = ret->more || archived == BATCH;
    return true;
}

static bool erase(struct core *core, const struct actor *actor, int64_t days, struct retention_result *ret,
                  struct error *err) {
    int64_t before = clock_now_us() - days * US_PER_DAY, erased = BATCH;
    for (int i = 0; i < BATCHES && erased == BATCH; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        bool done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = retention_erase(tx.tx, arena, before, BATCH, &erased, err) &&
                    note(tx.tx, arena, actor, "erased", erased, err);
        TRY(done);
        ret->erased += erased;
    }
    ret->more = ret->more || erased == BATCH;
    return true;
}

bool retention_apply(struct core *core, const struct actor *actor, struct retention_result *ret, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct retention rules;
    *ret = (struct retention_result){0};
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TRY(retention_get(core, arena, actor, &rules, err));
    return (rules.archive_days == 0 || archive(core, actor, rules.archive_days, ret, err)) &&
           (rules.erase_days == 0 || erase(core, actor, rules.erase_days, ret, err));
}
