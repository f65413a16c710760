/* The own second factors: set up, listed, removed. */
#include "ca/factor_internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "ca/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define MAX_FACTORS 10
#define ISSUER "Gatehouse"

/* A stolen token must not change how its owner logs in. */
static bool in_session(const struct actor *actor, struct error *err) {
    return (!actor->by_token && !actor->by_certificate && !actor->system) ||
           fail(err, ERROR_FORBIDDEN, "session-needed",
                "Second factors are a matter of the person: log in; tokens cannot change them.");
}

static bool check_label(const char *label, struct error *err) {
    return (label[0] != '\0' && strlen(label) <= MAX_NAME) ||
           fail(err, ERROR_POLICY, "bad-label", "A second factor needs a label of 1 to %d bytes.",
                MAX_NAME);
}

static bool note(struct tx *tx, struct arena *arena, const struct actor *actor, const char *code,
                 const char *username, struct uuid id, const char *kind, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    if (!uuid_is_nil(id))
        json_put_string(&w, "factor", uuid_text(arena, id));
    if (kind != NULL)
        json_put_string(&w, "kind", kind);
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .object_kind = "user",
                                            .object = username,
                                            .details = json_written(&w)},
                       err);
}

bool access_factors(struct core *core, struct arena *arena, const struct actor *actor,
                    struct factor **ret_items, size_t *ret_count, int64_t *ret_codes,
                    struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = factor_list(tx.tx, arena, actor->user_id, ret_items, ret_count, err) &&
                recovery_count(tx.tx, actor->user_id, ret_codes, err);
    return done;
}

/* Ten codes of 50 bits: enough, since a try costs like a wrong password. */
static const char *const *make_codes(struct arena *arena, uint8_t (*hashes)[32]) {
    const char **codes = arena_array(arena, RECOVERY_CODES + 1, sizeof *codes);
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
    for (int i = 0; i < RECOVERY_CODES; i++) {
        char *text = arena_alloc(arena, 12);
        for (int k = 0; k < 11; k++) {
            uint8_t byte;
            do
                random_bytes(&byte, 1);
            while (byte >= 256 / (sizeof letters - 1) * (sizeof letters - 1));
            text[k] = k == 5 ? '-' : letters[byte % (sizeof letters - 1)];
        }
        codes[i] = text;
        recovery_hash(text, hashes[i]);
    }
    return codes;
}

/* Whether the user had a confirmed factor before. */
static bool had_one(const struct factor *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (items[i].confirmed)
            return true;
    return false;
}

/* The factor is good: it counts from now on, this session has shown it, the first one brings recovery codes. */
static bool settle(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                   const char *kind, bool first, uint8_t (*hashes)[32], struct error *err) {
    TRY(factor_confirm(tx, id, err));
    TRY(session_set_strong(tx, actor->session_hash, err));
    if (first)
        TRY(recovery_replace(tx, actor->user_id, (const uint8_t(*)[32])hashes, RECOVERY_CODES,
                             clock_now_us(), err));
    return note(tx, arena, actor, "user.factor-added", actor->name, id, kind, err);
}

static bool room_for_more(struct tx *tx, struct arena *arena, struct uuid user_id,
                          struct factor **items, size_t *count, struct error *err) {
    TRY(factor_list(tx, arena, user_id, items, count, err));
    return *count < MAX_FACTORS || fail(err, ERROR_CONFLICT, "too-many",
                                        "A user has at most %d second factors; remove one.",
                                        MAX_FACTORS);
}

/* --- TOTP ---------------------------------------------------------------------------------------------------- */

bool access_totp_begin(struct core *core, struct arena *arena, const struct actor *actor,
                       const char *label, struct factor *ret, const char **ret_secret,
                       const char **ret_uri, struct error *err) {
    uint8_t bytes[TOTP_SECRET_SIZE];
    struct factor *others;
    size_t count;
    struct factor factor = {.id = uuid_new(),
                            .user_id = actor->user_id,
                            .kind = FACTOR_TOTP,
                            .label = label,
                            .details = "{}",
                            .created_us = clock_now_us()};
    bool done = false;
    TRY(in_session(actor, err) && check_label(label, err));
    random_bytes(bytes, sizeof bytes);
    struct view secret = view_of(bytes, sizeof bytes);
    EVP_Digest(factor.id.bytes, sizeof factor.id.bytes, factor.handle, NULL, EVP_sha256(), NULL);
    TRY(secret_seal(core, arena, factor_place(arena, factor.id), secret, &factor.secret, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = room_for_more(tx.tx, arena, actor->user_id, &others, &count, err) &&
                factor_insert(tx.tx, &factor, err);
    TRY(done);
    *ret_secret = totp_base32(arena, secret);
    *ret_uri = totp_uri(arena, ISSUER, actor->name, secret);
    OPENSSL_cleanse(bytes, sizeof bytes);
    *ret = factor;
    return true;
}

static bool find_own(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                     struct factor *ret, bool *ret_first, struct error *err) {
    struct factor *items;
    size_t count;
    int64_t codes;
    TRY(access_factors(core, arena, actor, &items, &count, &codes, err));
    *ret_first = !had_one(items, count);
    for (size_t i = 0; i < count; i++)
        if (uuid_equal(items[i].id, id)) {
            *ret = items[i];
            return true;
        }
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such second factor of yours.");
}

static bool confirm(struct tx *tx, struct arena *arena, const struct actor *actor,
                    const struct factor *factor, int64_t step, bool first, uint8_t (*hashes)[32],
                    struct error *err) {
    bool fresh;
    TRY(factor_use(tx, factor->id, step, clock_now_us(), &fresh, err));
    if (!fresh)
        return fail(err, ERROR_UNAUTHENTICATED, "factor-failed", "This code was used; wait for the next.");
    return settle(tx, arena, actor, factor->id, "totp", first, hashes, err);
}

bool access_totp_confirm(struct core *core, struct arena *arena, const struct actor *actor,
                         struct uuid id, const char *code, const char *const **ret_codes,
                         struct error *err) {
    uint8_t hashes[RECOVERY_CODES][32];
    struct factor factor;
    struct view secret;
    bool first, done = false;
    TRY(in_session(actor, err));
    TRY(find_own(core, arena, actor, id, &factor, &first, err));
    if (factor.kind != FACTOR_TOTP || factor.confirmed)
        return fail(err, ERROR_CONFLICT, "confirmed", "This second factor is confirmed already.");
    TRY(secret_open(core, arena, factor_place(arena, id), factor.secret, &secret, err));
    int64_t step = totp_match(secret, code, clock_now_us());
    if (step == 0)
        return fail(err, ERROR_POLICY, "bad-code",
                    "The code is not that of this moment; look at the clocks of both sides.");
    const char *const *codes = make_codes(arena, hashes);
    TX(tx, core_db(core), &done, err)
        tx.ok = confirm(tx.tx, arena, actor, &factor, step, first, hashes, err);
    TRY(done);
    *ret_codes = first ? codes : NULL;
    return true;
}

/* --- security keys -------------------------------------------------------------------------------------------- */

/* webauthn-2 section 5.4 */
static const char *creation_options(struct arena *arena, const struct webauthn_site *site,
                                    const struct actor *actor, const char *challenge,
                                    const struct factor *factors, size_t count) {
    static const int algorithms[] = {-7, -8, -257};
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "rp");
    json_open_object(&w);
    json_put_string(&w, "id", site->rp_id);
    json_put_string(&w, "name", ISSUER);
    json_close_object(&w);
    json_name(&w, "user");
    json_open_object(&w);
    json_put_string(&w, "id", base64url_encode(arena, view_of(actor->user_id.bytes, 16)));
    json_put_string(&w, "name", actor->name);
    json_put_string(&w, "displayName", actor->name);
    json_close_object(&w);
    json_put_string(&w, "challenge", challenge);
    json_name(&w, "pubKeyCredParams");
    json_open_array(&w);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        json_open_object(&w);
        json_put_string(&w, "type", "public-key");
        json_put_int(&w, "alg", algorithms[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_put_int(&w, "timeout", 300000);
    json_name(&w, "excludeCredentials");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++) {
        if (factors[i].kind != FACTOR_WEBAUTHN)
            continue;
        json_open_object(&w);
        json_put_string(&w, "type", "public-key");
        json_put_string(&w, "id", base64url_encode(arena, factors[i].credential));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_name(&w, "authenticatorSelection");
    json_open_object(&w);
    json_put_string(&w, "residentKey", "preferred");
    json_put_string(&w, "userVerification", "preferred");
    json_close_object(&w);
    json_put_string(&w, "attestation", "none");
    json_close_object(&w);
    return json_written(&w);
}

bool access_key_begin(struct core *core, struct arena *arena, const struct actor *actor,
                      const char *label, const char **ret_ticket, const char **ret_options,
                      struct error *err) {
    struct webauthn_site site;
    struct factor *factors;
    size_t count;
    bool done = false;
    const char *challenge = access_new_secret(arena);
    TRY(in_session(actor, err) && check_label(label, err));
    TRY(factor_site(core, arena, &site, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = room_for_more(tx.tx, arena, actor->user_id, &factors, &count, err);
    TRY(done);
    TRY(ticket_make(core, arena, TICKET_REGISTRATION, actor->user_id,
                    challenge_document(arena, challenge, label), ret_ticket, err));
    *ret_options = creation_options(arena, &site, actor, challenge, factors, count);
    return true;
}

static const char *key_details(struct arena *arena, const struct webauthn_key *key) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_int(&w, "type", key->type);
    json_put_string(&w, "aaguid", key->aaguid);
    json_put_string(&w, "attestation", key->format);
    json_close_object(&w);
    return json_written(&w);
}

static bool insert_key(struct tx *tx, struct arena *arena, const struct actor *actor,
                       const struct ticket *ticket, const struct factor *factor,
                       uint8_t (*hashes)[32], bool *ret_first, struct error *err) {
    struct factor *others;
    size_t count;
    TRY(ticket_take(tx, ticket->hash, err));
    TRY(room_for_more(tx, arena, actor->user_id, &others, &count, err));
    *ret_first = !had_one(others, count);
    TRY(factor_insert(tx, factor, err));
    return settle(tx, arena, actor, factor->id, "webauthn", *ret_first, hashes, err);
}

bool access_key_finish(struct core *core, struct arena *arena, const struct actor *actor,
                       const char *ticket_secret, const struct json *credential, struct factor *ret,
                       const char *const **ret_codes, struct error *err) {
    uint8_t hashes[RECOVERY_CODES][32];
    struct webauthn_site site;
    struct webauthn_key key;
    struct ticket ticket;
    bool first = false, done = false;
    TRY(in_session(actor, err));
    TRY(factor_site(core, arena, &site, err));
    TRY(ticket_open(core, arena, ticket_secret, TICKET_REGISTRATION, &ticket, err));
    if (!uuid_equal(ticket.user_id, actor->user_id))
        return fail(err, ERROR_UNAUTHENTICATED, "ticket-over", "This step was begun by somebody else.");
    const char *challenge = ticket_member(arena, &ticket, "challenge");
    TRY(webauthn_register(arena, &site, challenge, credential, &key, err));
    struct factor factor = {.id = uuid_new(),
                            .user_id = actor->user_id,
                            .kind = FACTOR_WEBAUTHN,
                            .label = ticket_member(arena, &ticket, "label"),
                            .confirmed = true,
                            .secret = "",
                            .credential = key.credential,
                            .public_key = key.public_key,
                            .counter = key.counter,
                            .details = key_details(arena, &key),
                            .created_us = clock_now_us()};
    EVP_Digest(key.credential.at, key.credential.len, factor.handle, NULL, EVP_sha256(), NULL);
    const char *const *codes = make_codes(arena, hashes);
    TX(tx, core_db(core), &done, err)
        tx.ok = insert_key(tx.tx, arena, actor, &ticket, &factor, hashes, &first, err);
    TRY(done);
    *ret = factor;
    *ret_codes = first ? codes : NULL;
    return true;
}

/* --- removing ------------------------------------------------------------------------------------------------- */

static bool remove_factor(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                          struct error *err) {
    struct factor *items;
    size_t count;
    TRY(factor_delete(tx, actor->user_id, id, err));
    TRY(factor_list(tx, arena, actor->user_id, &items, &count, err));
    if (!had_one(items, count)) /* recovery codes stand for a factor; without one they are nothing */
        TRY(recovery_replace(tx, actor->user_id, NULL, 0, 0, err));
    return note(tx, arena, actor, "user.factor-removed", actor->name, id, NULL, err);
}

bool access_factor_remove(struct core *core, struct arena *arena, const struct actor *actor,
                          struct uuid id, struct error *err) {
    bool done = false;
    TRY(in_session(actor, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = remove_factor(tx.tx, arena, actor, id, err);
    return done;
}

bool access_recovery_renew(struct core *core, struct arena *arena, const struct actor *actor,
                           const char *const **ret_codes, struct error *err) {
    static const struct uuid nil = {{0}};
    uint8_t hashes[RECOVERY_CODES][32];
    struct factor *items;
    size_t count;
    int64_t left;
    bool done = false;
    TRY(in_session(actor, err));
    TRY(access_factors(core, arena, actor, &items, &count, &left, err));
    if (!had_one(items, count))
        return fail(err, ERROR_CONFLICT, "no-factor", "Set up a second factor first.");
    const char *const *codes = make_codes(arena, hashes);
    TX(tx, core_db(core), &done, err)
        tx.ok = recovery_replace(tx.tx, actor->user_id, (const uint8_t(*)[32])hashes, RECOVERY_CODES,
                                 clock_now_us(), err) &&
                note(tx.tx, arena, actor, "user.recovery-codes-renewed", actor->name, nil, NULL, err);
    TRY(done);
    *ret_codes = codes;
    return true;
}

static bool reset_factors(struct tx *tx, struct arena *arena, const struct actor *actor,
                          struct uuid user_id, struct error *err) {
    static const struct uuid nil = {{0}};
    struct user user;
    TRY(access_may_change(tx, arena, actor, user_id, &user, err));
    TRY(factor_delete_user(tx, user_id, err) && session_delete_user(tx, user_id, err));
    return note(tx, arena, actor, "user.factors-reset", user.username, nil, NULL, err);
}

bool access_factors_reset(struct core *core, struct arena *arena, const struct actor *actor,
                          struct uuid user_id, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = reset_factors(tx.tx, arena, actor, user_id, err);
    return done;
}
