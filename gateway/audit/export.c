/* Exporting sealed events as JSON lines, and moving them out of the database. */
#include "audit/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "store/cas.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#define PIECE 50u

struct writer {
    FILE *out;
    EVP_MD_CTX *hash;
};

static bool put_line(struct writer *w, const char *line, struct error *err) {
    if (EVP_DigestUpdate(w->hash, line, strlen(line)) != 1 || EVP_DigestUpdate(w->hash, "\n", 1) != 1)
        return fail_internal(err, "hash of the export");
    if (fputs(line, w->out) < 0 || fputc('\n', w->out) == EOF)
        return fail(err, ERROR_UNAVAILABLE, "write-failed", "The export cannot be written: %s.",
                    strerror(errno));
    return true;
}

static const char *previous_of(struct arena *arena, const char *statement) {
    const char *at = strstr(statement, "previous=");
    return at == NULL ? "" : arena_printf(arena, "%.64s", at + 9);
}

static const char *seal_line(struct arena *arena, const struct seal *seal, struct view spki) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "seal");
    json_open_object(&w);
    json_put_int(&w, "number", seal->number);
    json_put_int(&w, "createdUs", seal->created_us);
    json_put_int(&w, "firstUs", seal->first_us);
    json_put_int(&w, "lastUs", seal->last_us);
    json_put_int(&w, "events", seal->events);
    json_put_string(&w, "root", hex_encode(arena, view_of(seal->root, 32)));
    json_put_string(&w, "previous", previous_of(arena, seal->statement));
    json_put_string(&w, "statement", seal->statement);
    json_put_string(&w, "signature", base64_encode(arena, seal->signature));
    json_put_string(&w, "publicKey", base64_encode(arena, spki));
    json_put_string(&w, "token", seal->token.len == 0 ? NULL : base64_encode(arena, seal->token));
    json_close_object(&w);
    json_close_object(&w);
    return json_written(&w);
}

static bool export_seal(struct core *core, struct writer *w, const struct seal *seal, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct event *events = NULL;
    struct key_record key;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = event_by_ids(tx.tx, arena, seal->ids, &events, &count, err) &&
                key_by_id(tx.tx, arena, seal->key_id, &key, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        TRY(put_line(w, audit_line(arena, &events[i]), err));
    return put_line(w, seal_line(arena, seal, key.spki), err);
}

/* The first seal whose events are in the database still. */
static bool first_here(struct core *core, struct arena *arena, int64_t *ret, struct error *err) {
    struct event_archive *archives;
    size_t count;
    bool done = false;
    *ret = 1;
    TX(tx, core_db(core), &done, err)
        tx.ok = archive_list(tx.tx, arena, &archives, &count, err);
    for (size_t i = 0; done && i < count; i++)
        if (archives[i].last_seal >= *ret)
            *ret = archives[i].last_seal + 1;
    return done;
}

static bool export_all(struct core *core, struct writer *w, int64_t until_us, struct audit_export *ret,
                       struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    int64_t next;
    bool more = true;
    TRY(first_here(core, arena, &next, err));
    while (more) {
        SCOPED_ARENA struct arena *piece = arena_new();
        struct seal *seals;
        size_t count;
        bool done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = seal_list(tx.tx, piece, next, PIECE, &seals, &count, err);
        TRY(done);
        more = count == PIECE;
        for (size_t i = 0; i < count; i++) {
            if (until_us != 0 && seals[i].last_us >= until_us)
                return true;
            TRY(export_seal(core, w, &seals[i], err));
            ret->first_seal = ret->first_seal == 0 ? seals[i].number : ret->first_seal;
            ret->last_seal = seals[i].number;
            ret->events += seals[i].events;
            next = seals[i].number + 1;
        }
    }
    return true;
}

bool audit_export(struct core *core, FILE *out, int64_t until_us, struct audit_export *ret,
                  struct error *err) {
    AUTO(EVP_MD_CTX) *hash = EVP_MD_CTX_new();
    struct writer w = {.out = out, .hash = hash};
    *ret = (struct audit_export){0};
    if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        return fail_internal(err, "hash of the export");
    TRY(export_all(core, &w, until_us, ret, err));
    if (EVP_DigestFinal_ex(hash, ret->sha256, NULL) != 1)
        return fail_internal(err, "hash of the export");
    return fflush(out) == 0 || fail(err, ERROR_UNAVAILABLE, "write-failed",
                                    "The export cannot be written: %s.", strerror(errno));
}

static bool write_file(struct core *core, const char *path, int64_t until_us, struct audit_export *ret,
                       struct error *err) {
    FILE *file = fopen(path, "wx"); /* never over an older archive */
    if (file == NULL)
        return fail(err, ERROR_UNAVAILABLE, "write-failed", "The file %.200s cannot be made: %s.", path,
                    strerror(errno));
    bool ok = audit_export(core, file, until_us, ret, err);
    ok = ok && (fsync(fileno(file)) == 0 ||
                fail(err, ERROR_UNAVAILABLE, "write-failed", "%.200s: %s.", path, strerror(errno)));
    fclose(file);
    return ok;
}

static bool remove_sealed(struct tx *tx, struct arena *arena, const struct audit_export *export,
                          struct error *err) {
    struct event_archive archive = {.first_seal = export->first_seal,
                                    .last_seal = export->last_seal,
                                    .events = export->events,
                                    .created_us = clock_now_us()};
    struct seal *seals;
    size_t count;
    memcpy(archive.sha256, export->sha256, sizeof archive.sha256);
    TRY(archive_insert(tx, &archive, err));
    for (int64_t at = export->first_seal; at <= export->last_seal; at += (int64_t)count) {
        TRY(seal_list(tx, arena, at, PIECE, &seals, &count, err));
        for (size_t i = 0; i < count && seals[i].number <= export->last_seal; i++)
            TRY(event_delete(tx, arena, seals[i].ids, err));
        if (count == 0)
            break;
    }
    return access_note(tx, &actor_system,
                       &(struct event_note){.code = "audit.archived",
                                            .object_kind = "archive",
                                            .object = hex_encode(arena, view_of(archive.sha256, 32))},
                       err);
}

bool audit_archive(struct core *core, const char *path, int64_t until_us, struct audit_export *ret,
                   struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct audit_report report;
    bool done = false;
    TRY(write_file(core, path, until_us, ret, err));
    if (ret->events == 0)
        return fail(err, ERROR_CONFLICT, "nothing-to-archive", "No seal is as old as that.");
    TRY(audit_verify_file(path, stderr, NULL, &report, err));
    if (report.wrong > 0 || report.events != ret->events)
        return fail(err, ERROR_POLICY, "bad-seal",
                    "The archive does not verify, so nothing was removed; see `gatehouse audit verify`.");
    TX(tx, core_db(core), &done, err)
        tx.ok = remove_sealed(tx.tx, arena, ret, err);
    return done;
}
