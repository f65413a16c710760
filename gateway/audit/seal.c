/* Sealing: a batch of events under one root, one signature, chained to the batch before. */
#include "audit/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/key_use.h"
#include "provider/signer.h"
#include "store/organisations.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SETTING "audit-key"
#define OVERLAP_US (120 * US_PER_SECOND)       /* how late a transaction may commit an event */
#define LONG_OVERLAP_US (86400 * US_PER_SECOND) /* every so often further back: a commit that took longer */
#define LONG_EVERY 500
#define MOST_KEYS 500000
#define MOST_SEALS 100000
#define MOST_BATCHES 20 /* in one round */

/* --- leaves and roots --------------------------------------------------------------------------------------- */

static void put_id(struct json_writer *w, struct arena *arena, const char *name, struct uuid id) {
    json_put_string(w, name, uuid_is_nil(id) ? NULL : uuid_text(arena, id));
}

const char *audit_line(struct arena *arena, const struct event *event) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    put_id(&w, arena, "id", event->id);
    json_put_time(&w, "at", event->at_us);
    json_put_int(&w, "atUs", event->at_us);
    put_id(&w, arena, "organisation", event->organisation_id);
    put_id(&w, arena, "ca", event->ca_id);
    json_put_string(&w, "code", event->code);
    json_put_string(&w, "outcome", event->outcome);
    put_id(&w, arena, "actorId", event->actor_id);
    json_put_string(&w, "actor", event->actor);
    json_put_string(&w, "address", event->address);
    json_put_string(&w, "objectKind", event->object_kind);
    json_put_string(&w, "object", event->object);
    json_put_string(&w, "requestId", event->request_id);
    json_put_string(&w, "details", event->details); /* as text: its bytes are part of what is sealed */
    json_close_object(&w);
    return json_written(&w);
}

static void hash_parts(uint8_t prefix, struct view a, struct view b, uint8_t ret[static 32]) {
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(ctx, &prefix, 1) != 1 || EVP_DigestUpdate(ctx, a.at, a.len) != 1 ||
        EVP_DigestUpdate(ctx, b.at, b.len) != 1 || EVP_DigestFinal_ex(ctx, ret, NULL) != 1)
        abort(); /* SHA-256 does not fail but for want of memory */
}

void audit_leaf(const char *line, uint8_t ret_hash[static 32]) {
    hash_parts(0, view_text(line), (struct view){0}, ret_hash);
}

/* rfc6962#2.1 for any count: pairs from the left, an odd one goes up as it is. That is the same tree as splitting
 * at the largest power of two. */
void audit_root(uint8_t (*leaves)[32], size_t count, uint8_t ret_root[static 32]) {
    while (count > 1) {
        size_t made = 0;
        for (size_t i = 0; i < count; i += 2, made++)
            if (i + 1 < count)
                hash_parts(1, view_of(leaves[i], 32), view_of(leaves[i + 1], 32), leaves[made]);
            else
                memmove(leaves[made], leaves[i], 32);
        count = made;
    }
    memcpy(ret_root, leaves[0], 32);
}

const char *seal_statement(struct arena *arena, const struct seal *seal,
                           const uint8_t previous[static 32]) {
    return arena_printf(arena,
                        "gatehouse-seal-1\nnumber=%lld\ncreated=%lld\nfirst=%lld\nlast=%lld\nevents=%lld\n"
                        "root=%s\nprevious=%s\n",
                        (long long)seal->number, (long long)seal->created_us, (long long)seal->first_us,
                        (long long)seal->last_us, (long long)seal->events,
                        hex_encode(arena, view_of(seal->root, 32)),
                        hex_encode(arena, view_of(previous, 32)));
}

void statement_hash(const char *statement, uint8_t ret_hash[static 32]) {
    memset(ret_hash, 0, 32);
    if (statement != NULL && statement[0] != '\0')
        EVP_Digest(statement, strlen(statement), ret_hash, NULL, EVP_sha256(), NULL);
}

/* --- the audit key ------------------------------------------------------------------------------------------ */

static bool read_key_id(struct core *core, struct arena *arena, const char **ret_id, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_get(tx.tx, arena, KEY_SETTING, ret_id, err);
    return done;
}

static bool make_key(struct core *core, struct arena *arena, const char **ret_id, struct error *err) {
    struct organisation organisation;
    struct key_record record;
    EVP_PKEY *key;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, arena, "default", &organisation, err);
    TRY(done);
    TRY(key_make(core, arena, "P-256", NULL, KEY_SIGN, organisation.id, &record, &key, err));
    EVP_PKEY_free(key);
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_insert(tx.tx, &record, err) &&
                setting_default(tx.tx, arena, KEY_SETTING, uuid_text(arena, record.id), ret_id, err) &&
                access_note(tx.tx, &actor_system,
                            &(struct event_note){.code = "audit.key-made",
                                                 .object_kind = "key",
                                                 .object = uuid_text(arena, record.id)},
                            err);
    return done;
}

static bool open_key(struct core *core, struct arena *arena, struct uuid *ret_id, EVP_PKEY **ret_key,
                     struct error *err) {
    const char *text = NULL;
    TRY(read_key_id(core, arena, &text, err));
    if (text == NULL)
        TRY(make_key(core, arena, &text, err));
    if (!uuid_parse(text, ret_id))
        return fail_internal(err, "setting %s is no UUID", KEY_SETTING);
    return core_key(core, *ret_id, ret_key, err);
}

bool audit_key(struct core *core, struct arena *arena, const char **ret_pem, struct error *err) {
    struct key_record record;
    struct uuid id;
    const char *text = NULL;
    bool done = false;
    TRY(read_key_id(core, arena, &text, err));
    if (text == NULL)
        TRY(make_key(core, arena, &text, err));
    if (!uuid_parse(text, &id))
        return fail_internal(err, "setting %s is no UUID", KEY_SETTING);
    TX(tx, core_db(core), &done, err)
        tx.ok = key_by_id(tx.tx, arena, id, &record, err);
    TRY(done);
    *ret_pem = pem_encode(arena, "PUBLIC KEY", record.spki);
    return true;
}

static bool sign(struct arena *arena, const char *statement, EVP_PKEY *key, struct view *ret,
                 struct error *err) {
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    size_t len = 0;
    const uint8_t *text = (const uint8_t *)statement;
    if (ctx == NULL || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1 ||
        EVP_DigestSign(ctx, NULL, &len, text, strlen(statement)) != 1)
        return fail(err, ERROR_UNAVAILABLE, "signing-failed", "The audit key does not answer.");
    uint8_t *signature = arena_alloc(arena, len);
    if (EVP_DigestSign(ctx, signature, &len, text, strlen(statement)) != 1)
        return fail(err, ERROR_UNAVAILABLE, "signing-failed", "The audit key does not answer.");
    *ret = view_of(signature, len);
    return true;
}

bool statement_signed(struct arena *arena, const char *statement, struct view signature, EVP_PKEY *key,
                      struct error *err) {
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    (void)arena;
    return (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
            EVP_DigestVerify(ctx, signature.at, signature.len, (const uint8_t *)statement,
                             strlen(statement)) == 1) ||
           fail(err, ERROR_POLICY, "bad-seal", "The signature of the seal does not verify.");
}

/* --- what is to be sealed ----------------------------------------------------------------------------------- */

struct batch {
    struct seal last;          /* the one before; number 0: none */
    struct event *events;
    size_t count;
    bool more;
    struct audit_settings settings;
    int64_t last_token_us;
};

static int compare_ids(const void *a, const void *b) {
    return memcmp(a, b, 16);
}

/* The ids that the seals around the window have, sorted. */
static struct view sealed_ids(struct arena *arena, const struct seal *seals, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += seals[i].ids.len;
    uint8_t *ids = arena_alloc(arena, total + 1), *at = ids;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, seals[i].ids.at, seals[i].ids.len);
        at += seals[i].ids.len;
    }
    qsort(ids, total / 16, 16, compare_ids);
    return view_of(ids, total);
}

static bool find_batch(struct tx *tx, struct arena *arena, struct batch *b, struct error *err) {
    struct seal *seals;
    struct event_key *keys;
    size_t seal_count, key_count, wanted = 0;
    int64_t now = clock_now_us(), since = -1;
    TRY(seal_last(tx, arena, &b->last, err));
    TRY(audit_settings_read(tx, arena, &b->settings, err));
    TRY(seal_last_token(tx, &b->last_token_us, err));
    if (b->last.number > 0)
        since = b->last.last_us - (b->last.number % LONG_EVERY == 0 ? LONG_OVERLAP_US : OVERLAP_US);
    TRY(seal_list_since(tx, arena, since, MOST_SEALS, &seals, &seal_count, err));
    TRY(event_keys(tx, arena, since, now - AUDIT_LAG_US, MOST_KEYS, &keys, &key_count, err));
    struct view sealed = sealed_ids(arena, seals, seal_count);
    uint8_t *ids = arena_alloc(arena, SEAL_MOST_EVENTS * 16);
    for (size_t i = 0; i < key_count && !b->more; i++) {
        if (bsearch(keys[i].id.bytes, sealed.at, sealed.len / 16, 16, compare_ids) != NULL)
            continue;
        b->more = wanted == SEAL_MOST_EVENTS;
        if (!b->more)
            memcpy(ids + 16 * wanted++, keys[i].id.bytes, 16);
    }
    b->count = 0;
    return wanted == 0 || event_by_ids(tx, arena, view_of(ids, wanted * 16), &b->events, &b->count, err);
}

static void fill_seal(struct arena *arena, const struct batch *b, struct seal *seal) {
    uint8_t(*leaves)[32] = arena_array(arena, b->count, sizeof *leaves);
    uint8_t *ids = arena_alloc(arena, b->count * 16), previous[32];
    for (size_t i = 0; i < b->count; i++) {
        audit_leaf(audit_line(arena, &b->events[i]), leaves[i]);
        memcpy(ids + 16 * i, b->events[i].id.bytes, 16);
    }
    *seal = (struct seal){.number = b->last.number + 1,
                          .created_us = clock_now_us(),
                          .first_us = b->events[0].at_us,
                          .last_us = b->events[b->count - 1].at_us,
                          .events = (int64_t)b->count,
                          .ids = view_of(ids, b->count * 16)};
    /* Late ones may be older than what was sealed before; the window goes by the newest. */
    if (seal->last_us < b->last.last_us)
        seal->last_us = b->last.last_us;
    audit_root(leaves, b->count, seal->root);
    statement_hash(b->last.statement, previous);
    seal->statement = seal_statement(arena, seal, previous);
}

/* A token that cannot be had now is missing in this seal; the next one covers it, since it names this one. */
static void add_token(struct arena *arena, const struct batch *b, struct seal *seal) {
    uint8_t hash[32];
    struct error err = {0};
    if (b->settings.tsa_url == NULL ||
        seal->created_us < b->last_token_us + b->settings.tsa_minutes * 60 * US_PER_SECOND)
        return;
    statement_hash(seal->statement, hash);
    if (!timestamp_fetch(arena, b->settings.tsa_url, hash, &seal->token, &err))
        log_failure(LOG_WARN, "audit", "timestamp of a seal", &err);
}

static bool seal_batch(struct core *core, struct arena *arena, bool *ret_more, struct error *err) {
    struct batch batch = {0};
    struct seal seal;
    EVP_PKEY *key;
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        batch = (struct batch){0};
        tx.ok = find_batch(tx.tx, arena, &batch, err);
    }
    TRY(done);
    *ret_more = batch.more;
    if (batch.count == 0)
        return true;
    fill_seal(arena, &batch, &seal);
    TRY(open_key(core, arena, &seal.key_id, &key, err));
    keep_EVP_PKEY(arena, key);
    TRY(sign(arena, seal.statement, key, &seal.signature, err));
    add_token(arena, &batch, &seal);
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = seal_insert(tx.tx, &seal, err);
    return done;
}

bool audit_seal(struct core *core, struct arena *arena, struct error *err) {
    bool more = true;
    (void)arena;
    for (int i = 0; more && i < MOST_BATCHES; i++) {
        SCOPED_ARENA struct arena *own = arena_new();
        TRY(seal_batch(core, own, &more, err));
    }
    return true;
}
