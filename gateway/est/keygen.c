/* serverkeygen (RFC 7030 section 4.4): the signer makes the key and encrypts it to whom the client names. */
#include "est/exchange.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/key_type.h"

#include <openssl/err.h>
#include <string.h>

#define DECRYPT_KEY "1.2.840.113549.1.9.16.2.37"      /* rfc7030#4.4.1.1, from rfc4108#2.2.5 */
#define ASYMMETRIC_KEY "1.2.840.113549.1.9.16.2.54"   /* rfc7030#4.4.1.2 */
#define IDENTIFIER_MAX 200

bool est_read_wishes(struct est_exchange *x, struct error *err) {
    TRY(csr_octets(x->csr, DECRYPT_KEY, &x->symmetric, err));
    TRY(csr_octets(x->csr, ASYMMETRIC_KEY, &x->asymmetric, err));
    return x->symmetric.len == 0 || x->asymmetric.len == 0 ||
           fail(err, ERROR_POLICY, "est-decrypt-key",
                "The CSR names a symmetric and an asymmetric key to encrypt the new key with; one of "
                "them is possible.");
}

/* --- to whom the key is encrypted ----------------------------------------------------------------------- */

static bool no_such_key(struct error *err, const char *what) {
    /* rfc7030#4.4.1.1: the request MUST be terminated */
    return fail(err, ERROR_POLICY, "est-decrypt-key",
                "There is no %s with the identifier in the CSR to encrypt the new key with.", what);
}

/* A credential of the kind "key", by its name. */
static bool symmetric_key(struct est_exchange *x, struct person_envelope *ret, struct error *err) {
    struct credential credential;
    struct error missing = {0};
    struct view text;
    if (x->symmetric.len > IDENTIFIER_MAX || !utf8_valid(x->symmetric) ||
        memchr(x->symmetric.at, 0, x->symmetric.len) != NULL)
        return no_such_key(err, "AES key");
    if (!credential_by_name(x->core, x->arena, x->target.record.id, CREDENTIAL_KEY,
                            arena_text(x->arena, x->symmetric), &credential, &text, &missing)) {
        if (missing.kind == ERROR_UNAUTHENTICATED || missing.kind == ERROR_NOT_FOUND)
            return no_such_key(err, "AES key");
        *err = missing;
        return false;
    }
    ret->form = EXPORT_KEY;
    ret->recipient = x->symmetric;
    return hex_decode(x->arena, text, &ret->secret) || no_such_key(err, "AES key");
}

static bool is_identifier(const X509 *certificate, struct view identifier) {
    X509 *writable = (X509 *)(uintptr_t)certificate; /* OpenSSL keeps what it has parsed */
    const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(writable);
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (skid != NULL && view_equal(identifier, view_of(ASN1_STRING_get0_data(skid),
                                                       (size_t)ASN1_STRING_length(skid))))
        return true;
    return X509_pubkey_digest(writable, EVP_sha1(), hash, &len) == 1 &&
           view_equal(identifier, view_of(hash, len)); /* rfc5280#4.2.1.2 (1) */
}

/* The key of the client certificate of this connection: the one whose holder is known. */
static bool asymmetric_key(struct est_exchange *x, struct person_envelope *ret, struct error *err) {
    X509 *certificate;
    if (x->proof.certificate.len == 0)
        return no_such_key(err, "client certificate in this connection");
    TRY(certificate_decode(x->arena, x->proof.certificate, &certificate, err));
    keep_X509(x->arena, certificate);
    ret->form = EXPORT_CERTIFICATE;
    ret->recipient = x->proof.certificate;
    return is_identifier(certificate, x->asymmetric) ||
           no_such_key(err, "client certificate in this connection");
}

static bool recipient(struct est_exchange *x, struct person_envelope *ret, struct error *err) {
    return x->symmetric.len > 0 ? symmetric_key(x, ret, err) : asymmetric_key(x, ret, err);
}

static bool wants_envelope(const struct est_exchange *x) {
    return x->symmetric.len > 0 || x->asymmetric.len > 0;
}

/* --- keeping it ----------------------------------------------------------------------------------------- */

static const char *presented(const struct est_exchange *x) {
    return x->proof.name != NULL ? x->proof.password : x->challenge;
}

/* Sealing may ask the signer, so it is done before the request has an id: the place is the template's. */
static const char *place_of(struct arena *arena, struct uuid template_id) {
    return arena_printf(arena, "est_keys/%s/sealed", uuid_text(arena, template_id));
}

static bool seal(struct est_exchange *x, struct error *err) {
    x->held.proof = "";
    if (x->caller.kind == EST_CREDENTIAL && x->proof.digest == NULL)
        TRY(password_hash(x->arena, presented(x), &x->held.proof, err));
    return secret_seal(x->core, x->arena, place_of(x->arena, x->target.record.id),
                       person_key_pack(x->arena, &x->key), &x->held.sealed, err);
}

/* --- the key -------------------------------------------------------------------------------------------- */

/* The type of the key in the CSR, whose value means nothing, else what the template puts first. */
static const char *type_of(const struct est_exchange *x, char name[static KEY_TYPE_SIZE]) {
    const struct template *t = &x->target.template;
    const char *type, *wanted = est_wanted_key(t);
    EVP_PKEY *key = X509_REQ_get0_pubkey(x->csr);
    if (key != NULL && key_type_of(key, name) && (type = key_type_canonical(name)) != NULL &&
        key_type_allowed(type, t->keys.items, t->keys.count) && person_key_type_check(type, NULL))
        return type;
    ERR_clear_error();
    type = wanted == NULL ? NULL : key_type_canonical(wanted);
    return type == NULL ? "P-256" : type;
}

bool est_prepare_key(struct est_exchange *x, struct error *err) {
    struct person_envelope envelope;
    char name[KEY_TYPE_SIZE];
    EVP_PKEY *public_key;
    AUTO(EXTENSION_LIST) *extensions = NULL;
    if (wants_envelope(x))
        TRY(recipient(x, &envelope, err));
    TRY(csr_extensions(x->csr, &extensions, err));
    TRY(person_key_make(x->core, x->arena, type_of(x, name), &x->key, err));
    TRY(key_from_spki(x->key.spki, &public_key, err));
    keep_EVP_PKEY(x->arena, public_key);
    TRY(seal(x, err));
    return csr_unsigned(x->arena, X509_REQ_get_subject_name(x->csr), NULL, extensions, public_key,
                        &x->key_csr, err);
}

bool est_store_key(struct tx *tx, struct est_exchange *x, struct uuid request_id, struct error *err) {
    x->held.request_id = request_id;
    x->held.created_us = clock_now_us();
    return est_key_insert(tx, &x->held, err);
}

bool est_find_key(struct est_exchange *x, struct uuid request_id, struct error *err) {
    struct error missing = {0};
    bool done = false;
    x->held.sealed = NULL;
    TX(tx, core_db(x->core), &done, &missing)
        tx.ok = est_key_get(tx.tx, x->arena, request_id, &x->held, &missing);
    if (done || missing.kind == ERROR_NOT_FOUND)
        return true;
    *err = missing;
    return false;
}

bool est_key_is_over(const struct est_exchange *x) {
    return x->held.sealed == NULL ||
           (x->held.delivered_us != 0 && x->held.delivered_us + EST_KEY_KEPT_US < clock_now_us());
}

bool est_same_caller(struct est_exchange *x, enum est_caller_kind kind, struct error *err) {
    const char *secret = presented(x);
    if (kind != EST_CREDENTIAL || x->proof.digest != NULL)
        return est_authenticate(x, kind, err);
    if (x->held.sealed == NULL || secret == NULL || !password_verify(x->held.proof, secret))
        return fail(err, ERROR_UNAUTHENTICATED, "bad-challenge",
                    "The challenge password is not the one that this key was asked for with.");
    x->caller = (struct est_caller){
        .kind = kind, .name = "", .actor = actor_device("est", x->address, x->request_id)};
    return true;
}

/* --- giving it ------------------------------------------------------------------------------------------ */

static bool note_delivery(struct est_exchange *x, struct error *err) {
    const struct ca_record *ca = &x->target.ca;
    struct json_writer w = json_writer_on(x->arena);
    bool done = false;
    json_open_object(&w);
    json_put_string(&w, "request", uuid_text(x->arena, x->held.request_id));
    json_put_string(&w, "encrypted", x->symmetric.len > 0    ? "symmetric"
                                     : x->asymmetric.len > 0 ? "asymmetric"
                                                             : "no");
    json_close_object(&w);
    struct event_note note = {.code = "est.key-delivered",
                              .organisation_id = ca->organisation_id,
                              .ca_id = ca->id,
                              .object_kind = "template",
                              .object = x->target.record.slug,
                              .details = json_written(&w)};
    TX(tx, core_db(x->core), &done, err)
        tx.ok = est_key_delivered(tx.tx, x->held.request_id, clock_now_us(), err) &&
                access_note(tx.tx, &x->caller.actor, &note, err);
    return done;
}

bool est_deliver_key(struct est_exchange *x, struct est_made *ret, struct error *err) {
    struct person_key key;
    struct person_envelope envelope = {.bare = false};
    struct view packed;
    if (x->held.sealed == NULL)
        return fail(err, ERROR_POLICY, "est-repeated",
                    "The key was given out before and is not here any more; ask with a new CSR.");
    TRY(secret_open(x->core, x->arena, place_of(x->arena, x->target.record.id), x->held.sealed,
                    &packed, err));
    TRY(person_key_unpack(x->arena, packed, &key, err));
    ret->encrypted = wants_envelope(x);
    if (ret->encrypted)
        TRY(recipient(x, &envelope, err));
    TRY(ret->encrypted
            ? person_key_envelope(x->core, x->arena, &key, &x->target.ca, &envelope, &ret->key, err)
            : person_key_plain(x->core, x->arena, &key, &ret->key, err));
    return note_delivery(x, err);
}
