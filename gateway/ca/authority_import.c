#include "ca/authority.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/status_cache.h"
#include "x509/key_type.h"

#include <string.h>

#define MAX_CHAIN 10
#define MAX_IMPORT ((size_t)1024 * 1024)

struct pile {
    X509 *items[MAX_CHAIN + 1];
    size_t count;
};

static bool add_one(struct arena *arena, struct pile *pile, struct view bytes, struct error *err) {
    X509 *certificate = NULL;
    if (pile->count == MAX_CHAIN + 1)
        return fail(err, ERROR_TOO_LARGE, "chain-too-long",
                    "More than %d certificates were given.", MAX_CHAIN + 1);
    TRY(certificate_decode(arena, bytes, &certificate, err));
    keep_X509(arena, certificate);
    pile->items[pile->count++] = certificate;
    return true;
}

/* PEM certificates one after the other, or one in DER. */
static bool read_pile(struct arena *arena, struct view bytes, struct pile *pile, struct error *err) {
    static const char end[] = "-----END CERTIFICATE-----";
    if (bytes.len > MAX_IMPORT)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The certificates are larger than %zu bytes.",
                    MAX_IMPORT);
    if (memmem(bytes.at, bytes.len, "-----BEGIN", 10) == NULL)
        return add_one(arena, pile, bytes, err);
    for (const uint8_t *to; (to = memmem(bytes.at, bytes.len, end, sizeof end - 1)) != NULL;) {
        size_t used = (size_t)(to - bytes.at) + sizeof end - 1;
        TRY(add_one(arena, pile, view_of(bytes.at, used), err));
        bytes = view_of(bytes.at + used, bytes.len - used);
    }
    return pile->count > 0 ||
           fail(err, ERROR_MALFORMED, "malformed-certificate", "There is no PEM certificate in the body.");
}

static X509 *take_own(struct pile *pile, EVP_PKEY *key) {
    for (size_t i = 0; i < pile->count; i++)
        if (EVP_PKEY_eq(X509_get0_pubkey(pile->items[i]), key) == 1) {
            X509 *own = pile->items[i];
            pile->items[i] = pile->items[--pile->count];
            return own;
        }
    return NULL;
}

static bool issued(X509 *issuer, X509 *subject) {
    return X509_check_issued(issuer, subject) == X509_V_OK &&
           X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
}

static X509 *find_issuer(struct pile *pile, X509 *subject) {
    for (size_t i = 0; i < pile->count; i++)
        if (issued(pile->items[i], subject))
            return pile->items[i];
    return NULL;
}

/* CAs of this instance may be the issuers, too. */
static bool add_local_issuers(struct core *core, struct arena *arena, struct pile *pile,
                              const struct ca_record *self, struct error *err) {
    struct ca_record *cas;
    size_t count;
    TRY(authority_public_list(core, arena, &cas, &count, err));
    for (size_t i = 0; i < count && pile->count < MAX_CHAIN; i++)
        if (!uuid_equal(cas[i].id, self->id))
            TRY(add_one(arena, pile, cas[i].certificate, err));
    return true;
}

/* The issuers, nearest first, up to a self-signed one or as far as they are known. */
static bool build_chain(struct arena *arena, struct pile *pile, X509 *own, X509 **ret_issuer,
                        struct view *ret_chain, struct error *err) {
    struct buffer chain = buffer_on(arena);
    X509 *at = own;
    for (int depth = 0; !issued(at, at); depth++) {
        X509 *issuer = find_issuer(pile, at);
        if (issuer == NULL)
            break;
        if (depth == MAX_CHAIN)
            return fail(err, ERROR_POLICY, "chain-too-long", "The chain is longer than %d.", MAX_CHAIN);
        if (at == own)
            *ret_issuer = issuer;
        struct view der = certificate_der(arena, issuer);
        buffer_add(&chain, der.at, der.len);
        at = issuer;
    }
    *ret_chain = buffer_view(&chain);
    return true;
}

static bool store_import(struct core *core, const struct actor *actor, const struct ca_record *ca,
                         struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_set_certificate(tx.tx, ca->id, ca->certificate, ca->chain, ca->not_before_us,
                                   ca->not_after_us, ca->subject, err) &&
                access_note(tx.tx, actor,
                            &(struct event_note){.code = "ca.certificate-imported",
                                                 .organisation_id = ca->organisation_id,
                                                 .ca_id = ca->id,
                                                 .object_kind = "ca",
                                                 .object = ca->slug},
                            err);
    return done;
}

static bool fill_ca(struct arena *arena, const X509 *own, struct ca_record *ca, struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read(arena, own, &facts, err));
    ca->certificate = certificate_der(arena, own);
    ca->not_before_us = facts.not_before_us;
    ca->not_after_us = facts.not_after_us;
    ca->subject = facts.subject;
    ca->state = CA_ACTIVE;
    return true;
}

/* Which of the certificates is ours, and whether it may be: key, CA bits, dates, issuer's signature. */
static bool choose(struct core *core, struct arena *arena, struct view bytes, struct ca_record *ca,
                   X509 **ret_own, struct error *err) {
    struct key_record record = {0};
    AUTO(EVP_PKEY) *key = NULL;
    struct pile pile = {0};
    X509 *issuer = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_by_id(tx.tx, arena, ca->key_id, &record, err);
    TRY(done);
    TRY(key_from_spki(record.spki, &key, err));
    TRY(read_pile(arena, bytes, &pile, err));
    X509 *own = take_own(&pile, key);
    if (own == NULL)
        return fail(err, ERROR_POLICY, "key-mismatch",
                    "None of the certificates has the key of the authority %s; have the CSR that it "
                    "offers signed.",
                    ca->slug);
    TRY(add_local_issuers(core, arena, &pile, ca, err));
    TRY(build_chain(arena, &pile, own, &issuer, &ca->chain, err));
    TRY(certificate_check_ca(own, key, issuer, clock_now_us(), err));
    *ret_own = own;
    return true;
}

bool authority_import_certificate(struct core *core, struct arena *arena, const struct actor *actor,
                                  const char *slug, struct view bytes, struct ca_record *ret,
                                  struct error *err) {
    struct ca_record ca;
    X509 *own;
    TRY(authority_get(core, arena, actor, slug, &ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    if (ca.state != CA_WAITING)
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s does not wait for a certificate.", ca.slug);
    TRY(choose(core, arena, bytes, &ca, &own, err));
    TRY(fill_ca(arena, own, &ca, err));
    TRY(store_import(core, actor, &ca, err));
    status_cache_forget(core);
    *ret = ca;
    return true;
}
