#include "ca/authority_material.h"

#include "base/clock.h"
#include "ca/authority_profile.h"
#include "ca/authority_renew.h"
#include "ca/status_cache.h"
#include "x509/key_type.h"

static bool note(struct tx *tx, const struct actor *actor, const struct ca_record *ca, const char *code,
                 struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct event_note event = {.code = code,
                               .organisation_id = ca->organisation_id,
                               .ca_id = ca->id,
                               .object_kind = "ca",
                               .object = ca->slug};
    if (ca->missing_issuer != NULL) {
        struct json_writer w = json_writer_on(arena);
        json_open_object(&w);
        json_put_string(&w, "missingIssuer", ca->missing_issuer);
        json_close_object(&w);
        event.details = json_written(&w);
    }
    return access_note(tx, actor, &event, err);
}

static bool store_import(struct core *core, const struct actor *actor, const struct ca_record *ca,
                         struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_set_certificate(tx.tx, ca->id, ca->certificate, ca->chain, ca->not_before_us,
                                   ca->not_after_us, ca->subject, err) &&
                ca_set_issuer(tx.tx, ca->id, ca->issuer_id, err) &&
                note(tx.tx, actor, ca, "ca.certificate-imported", err);
    return done;
}

bool ca_take_own(struct arena *arena, const struct ca_own *own, struct ca_record *ca, struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read(arena, own->certificate, &facts, err));
    ca->certificate = certificate_der(arena, own->certificate);
    ca->chain = own->chain;
    ca->issuer_id = own->issuer_id;
    ca->not_before_us = facts.not_before_us;
    ca->not_after_us = facts.not_after_us;
    ca->subject = facts.subject;
    ca->state = CA_ACTIVE;
    ca->missing_issuer = own->missing;
    return true;
}

static bool public_key_of(struct core *core, struct arena *arena, struct uuid key_id, struct key_record *record,
                          EVP_PKEY **ret_key, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_by_id(tx.tx, arena, key_id, record, err);
    return done && key_from_spki(record->spki, ret_key, err);
}

static bool holds_key(const struct ca_material *material, EVP_PKEY *key) {
    for (size_t i = 0; i < material->count; i++)
        if (EVP_PKEY_eq(X509_get0_pubkey(material->certificates[i]), key) == 1)
            return true;
    return false;
}

/* The key that the certificate is for: of a re-key that waits, else the present one. */
static bool choose_key(struct core *core, struct arena *arena, const struct ca_record *ca,
                       const struct ca_material *material, struct key_record *ret_record, EVP_PKEY **ret_key,
                       struct error *err) {
    AUTO(EVP_PKEY) *next = NULL;
    if (!uuid_is_nil(ca->next_key_id)) {
        TRY(public_key_of(core, arena, ca->next_key_id, ret_record, &next, err));
        if (holds_key(material, next)) {
            *ret_key = TAKE(next);
            return true;
        }
    }
    return public_key_of(core, arena, ca->key_id, ret_record, ret_key, err);
}

/* A CA that has a certificate gets another: a renewal of its key, or the one of the key that waits. */
static bool replace(struct core *core, const struct actor *actor, const struct ca_record *ca,
                    struct ca_record *next, const struct key_record *key, struct error *err) {
    bool done = false, new_key = !uuid_equal(key->id, ca->key_id);
    next->state = ca->state;
    next->key_id = key->id;
    next->key_type = key->key_type;
    TX(tx, core_db(core), &done, err)
        tx.ok = authority_adopt(tx.tx, actor, ca, next, new_key, err);
    return done;
}

/* The certificate is the one that is there, with more of its issuers than are known: the chains of CAs below it grow,
 * too. */
static bool complete(struct core *core, struct arena *arena, const struct actor *actor, const struct ca_record *before,
                     const struct ca_record *ca, struct error *err) {
    bool done = false;
    if (ca->chain.len <= before->chain.len)
        return fail(err, ERROR_CONFLICT, "ca-state", "The authority %s has this certificate already.%s%s", before->slug,
                    ca->missing_issuer == NULL ? "" : " ", ca->missing_issuer == NULL ? "" : ca->missing_issuer);
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_replace_certificate(tx.tx, before, ca, err) &&
                ca_chains_replace(tx.tx, ca_chain_below(arena, before), ca_chain_below(arena, ca), err) &&
                note(tx.tx, actor, ca, "ca.chain-completed", err);
    return done;
}

static bool is_among(struct arena *arena, const struct ca_material *material, struct view der) {
    for (size_t i = 0; i < material->count; i++)
        if (view_equal(certificate_der(arena, material->certificates[i]), der))
            return true;
    return false;
}

static bool take(struct core *core, struct arena *arena, const struct actor *actor, const struct ca_record *before,
                 struct ca_material *material, const char **ret_missing, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct key_record record;
    struct ca_record ca = *before;
    struct ca_own own;
    TRY(choose_key(core, arena, before, material, &record, &key, err));
    TRY(material_choose(core, arena, material, key, before, &own, err));
    TRY(ca_take_own(arena, &own, &ca, err));
    *ret_missing = own.missing;
    if (view_equal(ca.certificate, before->certificate))
        return complete(core, arena, actor, before, &ca, err);
    return before->state == CA_WAITING ? store_import(core, actor, &ca, err)
                                       : replace(core, actor, before, &ca, &record, err);
}

bool authority_import_certificate(struct core *core, struct arena *arena, const struct actor *actor,
                                  const char *slug, struct view bytes, struct ca_record *ret,
                                  struct error *err) {
    struct ca_material material = {.count = 0};
    struct ca_record before;
    const char *missing;
    TRY(authority_get(core, arena, actor, slug, &before, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, before.organisation_id, before.id, err));
    TRY(material_read_certificates(arena, bytes, &material, err));
    if (before.state != CA_WAITING && before.csr.len == 0 && !is_among(arena, &material, before.certificate))
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s does not wait for a certificate; have a CSR made by renew or rekey with "
                    "\"csrOnly\".",
                    before.slug);
    TRY(take(core, arena, actor, &before, &material, &missing, err));
    status_cache_forget(core);
    TRY(authority_get(core, arena, actor, slug, ret, err));
    ret->missing_issuer = missing;
    return true;
}
