#include "ca/authority.h"
#include "ca/key_use.h"
#include "ca/status_cache.h"
#include "ca/token_keys.h"
#include "base/clock.h"
#include "x509/handles.h"
#include "x509/key_type.h"

#include <openssl/x509.h>
#include <string.h>

#define PROBE_SIZE 32

/* A token may show a public key beside a private one that is not its own: only a signature tells, and the signer's client
 * verifies each that it gets. */
static bool signs(EVP_PKEY *key, const char *key_type, struct error *err) {
    AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    uint8_t probe[PROBE_SIZE], signature[65536];
    size_t len = sizeof signature;
    struct error cause = {0};
    const EVP_MD *digest = key_type_digest(key_type);
    random_bytes(probe, sizeof probe);
    if (ctx != NULL &&
        EVP_DigestSignInit_ex(ctx, NULL, digest == NULL ? NULL : EVP_MD_get0_name(digest), NULL, NULL, key, NULL) == 1 &&
        EVP_DigestSign(ctx, signature, &len, probe, sizeof probe) == 1)
        return true;
    if (!signer_take_error(&cause))
        return fail_internal(err, "test signature");
    *err = cause;
    return false;
}

static bool find_same(struct core *core, struct arena *arena, const struct key_record *record, const char *uri,
                      struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct view spki;
    TRY(signer_token_key(core_signer(core), arena, uri, &key, &spki, err));
    if (!view_equal(spki, record->spki))
        return fail(err, ERROR_POLICY, "key-mismatch",
                    "The key at this URI is another one than the authority's; name the token that holds the same key.");
    return signs(key, record->key_type, err);
}

static bool store(struct tx *tx, struct arena *arena, const struct actor *actor, const struct ca_record *ca,
                  const struct key_record *record, const char *uri, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "from", record->uri);
    json_put_string(&w, "to", uri);
    json_close_object(&w);
    struct event_note note = {.code = "ca.key-moved",
                              .organisation_id = ca->organisation_id,
                              .ca_id = ca->id,
                              .object_kind = "ca",
                              .object = ca->slug,
                              .details = json_written(&w)};
    return key_set_uri(tx, record->id, uri, err) &&
           (ca->state != CA_CERTIFICATE_ONLY || ca_set_key_here(tx, ca->id, err)) && access_note(tx, actor, &note, err);
}

bool authority_set_key(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                       const char *uri, struct ca_record *ret, struct error *err) {
    struct ca_record ca;
    struct key_record record;
    bool done = false;
    TRY(authority_get(core, arena, actor, slug, &ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = key_by_id(tx.tx, arena, ca.key_id, &record, err);
    TRY(done);
    if (record.uri[0] == '\0' && record.blob.len > 0)
        return fail(err, ERROR_CONFLICT, "managed-key",
                    "The key of %s is a managed one, wrapped in the database; it has no token to move to. Re-key the "
                    "authority onto one.",
                    ca.slug);
    TRY(find_same(core, arena, &record, uri, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = store(tx.tx, arena, actor, &ca, &record, uri, err);
    TRY(done);
    core_key_moved(core, record.id);
    status_cache_forget(core);
    return authority_get(core, arena, actor, slug, ret, err);
}
