/* Verifying: the seals of the database, or an exported file alone. */
#include "audit/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "store/cas.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define UNSEALED_AGE_US (10 * 60 * US_PER_SECOND)
#define PIECE 50u

struct check {
    FILE *out;
    struct audit_report *report;
    EVP_PKEY *pinned;     /* NULL: the keys that the seals name */
    int64_t next;         /* number that comes now; 0: whichever */
    uint8_t previous[32]; /* hash of the statement before */
};

__attribute__((format(printf, 2, 3))) static void finding(struct check *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(c->out, format, args);
    va_end(args);
    fputc('\n', c->out);
    c->report->wrong++;
}

static bool read_pinned(struct arena *arena, const char *pem, EVP_PKEY **ret, struct error *err) {
    *ret = NULL;
    if (pem == NULL)
        return true;
    AUTO(BIO) *bio = BIO_new_mem_buf(pem, -1);
    *ret = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    if (*ret == NULL)
        return fail(err, ERROR_MALFORMED, "malformed-key", "The key is no PEM public key.");
    keep_EVP_PKEY(arena, *ret);
    return true;
}

/* The chain, the statement's content and its signature. */
static void check_seal(struct check *c, struct arena *arena, const struct seal *seal, EVP_PKEY *key) {
    struct error err = {0};
    uint8_t hash[32];
    long long n = (long long)seal->number;
    if (c->next != 0 && seal->number != c->next)
        finding(c, "seal %lld: %lld should come here: seals are missing", n, (long long)c->next);
    if (strcmp(seal->statement, seal_statement(arena, seal, c->previous)) != 0)
        finding(c, "seal %lld: its statement is not what its row says, or it does not follow the one before", n);
    if (key == NULL)
        finding(c, "seal %lld: its key is not there", n);
    else if (!statement_signed(arena, seal->statement, seal->signature, key, &err))
        finding(c, "seal %lld: its signature does not verify", n);
    statement_hash(seal->statement, hash);
    if (seal->token.len > 0) {
        c->report->tokens++;
        if (!timestamp_fits(seal->token, hash))
            finding(c, "seal %lld: its timestamp token is not about it, or does not verify", n);
    }
    memcpy(c->previous, hash, sizeof hash);
    c->next = seal->number + 1;
    c->report->seals++;
}

/* The events, in the order of the ids, make the root. */
static void check_events(struct check *c, struct arena *arena, const struct seal *seal,
                         const struct event *events, size_t count) {
    size_t wanted = seal->ids.len / 16, at = 0;
    uint8_t root[32];
    uint8_t(*leaves)[32] = arena_array(arena, count + 1, sizeof *leaves);
    long long n = (long long)seal->number;
    for (size_t i = 0; i < wanted; i++) {
        struct uuid id;
        memcpy(id.bytes, seal->ids.at + 16 * i, 16);
        if (at < count && uuid_equal(events[at].id, id))
            at++;
        else
            finding(c, "seal %lld: the event %s is missing or out of its place", n, uuid_text(arena, id));
    }
    c->report->events += (int64_t)count;
    if ((int64_t)wanted != seal->events || count != wanted)
        finding(c, "seal %lld: it is over %lld events, %zu are there", n, (long long)seal->events, count);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        audit_leaf(audit_line(arena, &events[i]), leaves[i]);
    audit_root(leaves, count, root);
    if (CRYPTO_memcmp(root, seal->root, sizeof root) != 0)
        finding(c, "seal %lld: its events are not those that were sealed: one was changed", n);
}

static bool is_archived(const struct event_archive *archives, size_t count, int64_t number) {
    for (size_t i = 0; i < count; i++)
        if (number >= archives[i].first_seal && number <= archives[i].last_seal)
            return true;
    return false;
}

static bool key_of_seal(struct tx *tx, struct arena *arena, const struct seal *seal, EVP_PKEY **ret,
                        struct error *err) {
    struct key_record record;
    struct error missing = {0};
    *ret = NULL;
    if (!key_by_id(tx, arena, seal->key_id, &record, &missing)) {
        if (missing.kind != ERROR_NOT_FOUND)
            *err = missing;
        return missing.kind == ERROR_NOT_FOUND;
    }
    const uint8_t *at = record.spki.at;
    *ret = d2i_PUBKEY(NULL, &at, (long)record.spki.len);
    if (*ret != NULL)
        keep_EVP_PKEY(arena, *ret);
    return true;
}

static bool verify_one(struct core *core, struct check *c, const struct event_archive *archives,
                       size_t archive_count, const struct seal *seal, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct event *events = NULL;
    EVP_PKEY *key = NULL;
    size_t count = 0;
    bool archived = is_archived(archives, archive_count, seal->number), done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_of_seal(tx.tx, arena, seal, &key, err) &&
                (archived || event_by_ids(tx.tx, arena, seal->ids, &events, &count, err));
    TRY(done);
    check_seal(c, arena, seal, c->pinned != NULL ? c->pinned : key);
    if (archived)
        c->report->archived_seals++;
    else
        check_events(c, arena, seal, events, count);
    return true;
}

/* Events that are old enough to have been sealed, and were not. */
static bool count_unsealed(struct core *core, struct check *c, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    int64_t until = clock_now_us() - UNSEALED_AGE_US;
    bool done = false;
    struct event_key *keys = NULL;
    size_t count = 0;
    struct seal last = {0};
    TX(tx, core_db(core), &done, err)
        tx.ok = seal_last(tx.tx, arena, &last, err) &&
                event_keys(tx.tx, arena, last.number == 0 ? -1 : last.last_us, until, 1000000, &keys,
                           &count, err);
    TRY(done);
    c->report->unsealed = (int64_t)count;
    if (count > 0)
        finding(c, "%zu events that are older than ten minutes are not sealed: does `gatehouse serve` run?",
                count);
    return true;
}

bool audit_verify(struct core *core, FILE *out, const char *key_pem, struct audit_report *ret,
                  struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct check c = {.out = out, .report = ret, .next = 1};
    struct event_archive *archives;
    size_t archive_count, count = PIECE;
    bool done = false;
    *ret = (struct audit_report){0};
    TRY(read_pinned(arena, key_pem, &c.pinned, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = archive_list(tx.tx, arena, &archives, &archive_count, err);
    TRY(done);
    while (count == PIECE) {
        SCOPED_ARENA struct arena *piece = arena_new();
        struct seal *seals;
        done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = seal_list(tx.tx, piece, c.next, PIECE, &seals, &count, err);
        TRY(done);
        for (size_t i = 0; i < count; i++)
            TRY(verify_one(core, &c, archives, archive_count, &seals[i], err));
    }
    return count_unsealed(core, &c, err);
}

/* --- a file --------------------------------------------------------------------------------------------------- */

struct file_check {
    struct check check;
    struct arena *arena; /* of this seal's lines */
    uint8_t (*leaves)[32];
    size_t count, capacity;
    bool started;
};

static bool add_leaf(struct file_check *f, const char *line) {
    if (f->count == f->capacity) {
        size_t capacity = f->capacity == 0 ? 1024 : 2 * f->capacity;
        void *more = realloc(f->leaves, capacity * sizeof *f->leaves);
        if (more == NULL)
            return false;
        f->leaves = more;
        f->capacity = capacity;
    }
    audit_leaf(line, f->leaves[f->count++]);
    return true;
}

static bool read_seal(struct arena *arena, const struct json *o, struct seal *seal, EVP_PKEY **ret_key,
                      uint8_t ret_previous[static 32], struct error *err) {
    const char *root = NULL, *previous = NULL, *signature = NULL, *token = NULL, *key = NULL;
    struct view bytes, before, spki;
    struct error bad = {0};
    if (!json_int(o, "number", 1, INT64_MAX, &seal->number, &bad) ||
        !json_int(o, "createdUs", 0, INT64_MAX, &seal->created_us, &bad) ||
        !json_int(o, "firstUs", 0, INT64_MAX, &seal->first_us, &bad) ||
        !json_int(o, "lastUs", 0, INT64_MAX, &seal->last_us, &bad) ||
        !json_int(o, "events", 0, INT64_MAX, &seal->events, &bad) ||
        !json_string(o, "statement", &seal->statement, &bad) || !json_string(o, "root", &root, &bad) ||
        !json_string(o, "previous", &previous, &bad) || !json_string(o, "signature", &signature, &bad) ||
        !json_string(o, "token", &token, &bad) || !json_string(o, "publicKey", &key, &bad) ||
        root == NULL || previous == NULL || signature == NULL || key == NULL || seal->statement == NULL ||
        !hex_decode(arena, view_text(root), &bytes) || bytes.len != 32 ||
        !hex_decode(arena, view_text(previous), &before) || before.len != 32 ||
        !base64_decode(arena, view_text(signature), &seal->signature) ||
        (token != NULL && !base64_decode(arena, view_text(token), &seal->token)) ||
        !base64_decode(arena, view_text(key), &spki))
        return fail(err, ERROR_MALFORMED, "malformed-export", "A seal of the file cannot be read.");
    memcpy(seal->root, bytes.at, 32);
    memcpy(ret_previous, before.at, 32);
    const uint8_t *at = spki.at;
    *ret_key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    if (*ret_key != NULL)
        keep_EVP_PKEY(arena, *ret_key);
    return true;
}

static bool end_batch(struct file_check *f, const struct json *object, struct error *err) {
    struct seal seal = {0};
    EVP_PKEY *key = NULL;
    uint8_t root[32], previous[32];
    TRY(read_seal(f->arena, object, &seal, &key, previous, err));
    if (!f->started) { /* the file begins somewhere in the chain */
        f->check.next = seal.number;
        memcpy(f->check.previous, previous, sizeof previous);
        f->started = true;
    }
    check_seal(&f->check, f->arena, &seal, f->check.pinned != NULL ? f->check.pinned : key);
    f->check.report->events += (int64_t)f->count;
    if ((int64_t)f->count != seal.events)
        finding(&f->check, "seal %lld: it is over %lld events, %zu are in the file", (long long)seal.number,
                (long long)seal.events, f->count);
    if (f->count > 0) {
        audit_root(f->leaves, f->count, root);
        if (CRYPTO_memcmp(root, seal.root, sizeof root) != 0)
            finding(&f->check, "seal %lld: its events are not those that were sealed: a line was changed",
                    (long long)seal.number);
    }
    f->count = 0;
    return true;
}

static bool take_line(struct file_check *f, char *line, struct error *err) {
    const struct json *object;
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "{\"seal\":", 8) != 0)
        return add_leaf(f, line) || fail_internal(err, "memory for a line");
    SCOPED_ARENA struct arena *arena = arena_new();
    f->arena = arena;
    struct error broken = {0};
    if (!json_parse(arena, view_text(line), &object, &broken))
        return fail(err, ERROR_MALFORMED, "malformed-export", "A seal of the file cannot be read: %.200s",
                    broken.message);
    return end_batch(f, json_get(object, "seal"), err);
}

bool audit_verify_file(const char *path, FILE *out, const char *key_pem, struct audit_report *ret,
                       struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct file_check f = {.check = {.out = out, .report = ret}};
    char *line = NULL;
    size_t room = 0;
    bool ok = true;
    *ret = (struct audit_report){0};
    TRY(read_pinned(arena, key_pem, &f.check.pinned, err));
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return fail(err, ERROR_UNAVAILABLE, "no-file", "The file %.200s cannot be read.", path);
    while (ok && getline(&line, &room, file) > 0)
        ok = take_line(&f, line, err);
    if (ok && f.count > 0)
        finding(&f.check, "%zu events at the end are under no seal: the file is cut", f.count);
    free(line);
    free(f.leaves);
    fclose(file);
    return ok;
}
