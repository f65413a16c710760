/* Certificates for issuers that come from another CA: the key is made here (or is a token's), the request goes
 * out, the certificate and its issuers come in. */
#include "tsp/manage.h"

#include "base/encode.h"
#include "ca/key_use.h"
#include "rest/organisation.h"
#include "x509/csr.h"
#include "x509/name.h"

#include <openssl/err.h>
#include <string.h>

#define MAX_CHAIN 10
#define MAX_NAME_LENGTH 100

static void write_certificate(struct json_writer *w, struct arena *arena,
                              const struct tsa_certificate_record *record) {
    json_open_object(w);
    put_uuid(w, "id", record->id);
    json_put_string(w, "name", record->name);
    json_name(w, "key");
    key_type_write_json(w, record->key_type);
    json_put_bool(w, "managed", record->managed);
    json_put_string(w, "state", record->certificate.len > 0 ? "active" : "waiting");
    json_put_string(w, "csr", pem_encode(arena, "CERTIFICATE REQUEST", record->csr));
    json_put_string(w, "certificate",
                    record->certificate.len > 0 ? certificate_pem(arena, record->certificate) : NULL);
    put_time_or_null(w, "notBefore", record->not_before_us);
    put_time_or_null(w, "notAfter", record->not_after_us);
    json_put_time(w, "createdAt", record->created_us);
    json_close_object(w);
}

/* What the path names, when the actor has the permission for its organisation. */
static bool find(struct tsp_management *m, struct http_request *request, enum permission permission,
                 struct tsa_certificate_record *ret, struct error *err) {
    static const struct uuid nil;
    struct scope scope;
    struct uuid id;
    bool done = false;
    TRY(ask_id(request, 0, "timestamping certificate", &id, err));
    actor_scope(request->arena, manage_actor(request), MAY_READ_CAS, &scope);
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_certificate_get(tx.tx, request->arena, &scope, id, ret, err);
    TRY(done);
    return actor_may(manage_actor(request), permission, ret->organisation_id, nil, err);
}

static bool note(struct tx *tx, const struct http_request *request,
                 const struct tsa_certificate_record *record, const char *code, struct error *err) {
    struct event_note event = {.code = code,
                               .organisation_id = record->organisation_id,
                               .object_kind = "tsa-certificate",
                               .object = uuid_text(request->arena, record->id)};
    return access_note(tx, manage_actor(request), &event, err);
}

static bool reply_certificate(struct http_request *request, struct http_response *response, int status,
                              const struct tsa_certificate_record *record) {
    struct json_writer w = json_writer_on(request->arena);
    write_certificate(&w, request->arena, record);
    if (status == 201)
        reply_created(response, &w,
                      arena_printf(request->arena, "/timestamping-certificates/%s",
                                   uuid_text(request->arena, record->id)));
    else
        reply_json(response, status, &w);
    return true;
}

HANDLER(tsa_certificates_list) {
    static const char *const others[] = {"organisation", NULL};
    struct tsp_management *m = context;
    struct page page;
    struct scope scope;
    struct tsa_certificate_record *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    bool done = false;
    TRY(ask_page(request, others, &page, err));
    TRY(ask_organisation(m->core, request, err));
    actor_scope(request->arena, manage_actor(request), MAY_READ_CAS, &scope);
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_certificate_page(tx.tx, request->arena, &scope, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_certificate(&w, request->arena, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(tsa_certificates_get) {
    struct tsa_certificate_record record;
    TRY(ask_no_query(request, err));
    TRY(find(context, request, MAY_READ_CAS, &record, err));
    return reply_certificate(request, response, 200, &record);
}

static bool read_key(const struct json *document, const char **ret_type, const char **ret_uri,
                     struct error *err) {
    static const char *const members[] = {"uri", NULL};
    const struct json *key = json_get(document, "key");
    if (key == NULL || key->type == JSON_NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"key\" is missing.");
    if (json_get(key, "uri") != NULL) {
        TRY(json_only(key, members, err));
        return ask_string(key, "uri", ret_uri, err);
    }
    TRY(key_type_from_json(key, ret_type, err));
    if (strncmp(*ret_type, "SLH-DSA", 7) == 0 || strcmp(*ret_type, "Ed448") == 0)
        return fail(err, ERROR_POLICY, "tsa-certificate",
                    "key: timestamps are signed by RSA, EC, Ed25519 or ML-DSA keys.");
    return true;
}

static bool read_subject(struct arena *arena, const struct json *document, X509_NAME **ret, struct error *err) {
    const struct json *subject = json_get(document, "subject");
    if (subject == NULL || subject->type == JSON_NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"subject\" is missing.");
    if (!name_from_json(subject, ret, err)) {
        error_prefix(err, "The field \"subject\": ");
        return false;
    }
    keep_X509_NAME(arena, *ret);
    return true;
}

/* Key and request; nothing is stored yet. */
static bool make(struct tsp_management *m, struct arena *arena, const struct json *document,
                 struct tsa_certificate_record *record, struct key_record *ret_key, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    X509_NAME *subject;
    const char *type = NULL, *uri = NULL;
    TRY(read_key(document, &type, &uri, err));
    TRY(read_subject(arena, document, &subject, err));
    TRY(key_make(m->core, arena, type, uri, KEY_SIGN, record->organisation_id, ret_key, &key, err));
    TRY(csr_build(arena, subject, NULL, key, key_type_digest(ret_key->key_type), &record->csr, err));
    record->key_id = ret_key->id;
    record->key_type = ret_key->key_type;
    record->managed = ret_key->uri[0] == '\0';
    return true;
}

HANDLER(tsa_certificates_create) {
    static const char *const members[] = {"name", "ca", "key", "subject", NULL};
    struct tsp_management *m = context;
    const struct json *document;
    const char *slug;
    struct ca_record ca;
    struct key_record key;
    struct tsa_certificate_record record = {.id = uuid_new(), .created_us = clock_now_us()};
    bool done = false;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "name", &record.name, err));
    TRY(ask_string(document, "ca", &slug, err));
    if (record.name[0] == '\0' || strlen(record.name) > MAX_NAME_LENGTH)
        return fail(err, ERROR_POLICY, "tsa-name", "name: has 1 to %d characters.", MAX_NAME_LENGTH);
    TRY(authority_get(m->core, request->arena, manage_actor(request), slug, &ca, err));
    TRY(actor_may(manage_actor(request), MAY_MANAGE_CAS, ca.organisation_id, (struct uuid){{0}}, err));
    record.organisation_id = ca.organisation_id;
    record.changed_us = record.created_us;
    TRY(make(m, request->arena, document, &record, &key, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = key_insert(tx.tx, &key, err) && tsa_certificate_insert(tx.tx, &record, err) &&
                note(tx.tx, request, &record, "tsa-certificate.created", err);
    TRY(done);
    return reply_certificate(request, response, 201, &record);
}

HANDLER(tsa_certificates_remove) {
    struct tsp_management *m = context;
    struct tsa_certificate_record record;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(find(m, request, MAY_MANAGE_CAS, &record, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_certificate_delete(tx.tx, record.id, err) &&
                note(tx.tx, request, &record, "tsa-certificate.removed", err);
    TRY(done);
    reply_nothing(response);
    return true;
}

/* --- the certificate comes --------------------------------------------------------------------------- */

struct pile {
    X509 *items[MAX_CHAIN + 1];
    size_t count;
};

static bool read_pile(struct arena *arena, struct view text, struct pile *pile, struct error *err) {
    static const char end[] = "-----END CERTIFICATE-----";
    for (const uint8_t *to; (to = memmem(text.at, text.len, end, sizeof end - 1)) != NULL;) {
        size_t used = (size_t)(to - text.at) + sizeof end - 1;
        if (pile->count == MAX_CHAIN + 1)
            return fail(err, ERROR_TOO_LARGE, "chain-too-long", "More than %d certificates were given.",
                        MAX_CHAIN + 1);
        TRY(certificate_decode(arena, view_of(text.at, used), &pile->items[pile->count], err));
        keep_X509(arena, pile->items[pile->count++]);
        text = view_of(text.at + used, text.len - used);
    }
    return pile->count > 0 ||
           fail(err, ERROR_MALFORMED, "malformed-certificate", "There is no PEM certificate in the field.");
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

static X509 *take_issuer(struct pile *pile, X509 *subject) {
    for (size_t i = 0; i < pile->count; i++)
        if (certificate_is_issued(pile->items[i], subject)) {
            X509 *issuer = pile->items[i];
            pile->items[i] = pile->items[--pile->count];
            return issuer;
        }
    return NULL;
}

/* The public half of the key as one of OpenSSL's own, out of the request. */
static bool public_key(struct arena *arena, const struct tsa_certificate_record *record, EVP_PKEY **ret,
                       struct error *err) {
    AUTO(X509_REQ) *csr = NULL;
    struct view der;
    TRY(csr_decode(arena, record->csr, &csr, &der, err));
    *ret = X509_REQ_get_pubkey(csr);
    return *ret != NULL || fail_internal(err, "public key of a stored request");
}

static bool take_in(struct arena *arena, struct pile *pile, struct tsa_certificate_record *record,
                    struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct buffer chain = buffer_on(arena);
    TRY(public_key(arena, record, &key, err));
    X509 *own = take_own(pile, key);
    if (own == NULL)
        return fail(err, ERROR_POLICY, "tsa-certificate",
                    "No certificate that was given has the key of this request.");
    TRY(tsp_certificate_check(own, err));
    TRY(asn1_time_to_us(X509_get0_notBefore(own), &record->not_before_us, err));
    TRY(asn1_time_to_us(X509_get0_notAfter(own), &record->not_after_us, err));
    if (record->not_after_us <= clock_now_us())
        return fail(err, ERROR_POLICY, "tsa-certificate", "The certificate has expired already.");
    record->certificate = certificate_der(arena, own);
    for (X509 *next = take_issuer(pile, own); next != NULL; next = take_issuer(pile, next)) {
        struct view der = certificate_der(arena, next);
        buffer_add(&chain, der.at, der.len);
    }
    if (pile->count > 0)
        return fail(err, ERROR_POLICY, "tsa-certificate",
                    "A certificate that was given is no issuer in the chain; leave it out.");
    record->chain = buffer_view(&chain);
    record->changed_us = clock_now_us();
    return true;
}

HANDLER(tsa_certificates_import) {
    static const char *const members[] = {"certificate", NULL};
    struct tsp_management *m = context;
    struct tsa_certificate_record record;
    const struct json *document;
    const char *pem;
    struct pile pile = {.count = 0};
    bool done = false;
    TRY(find(m, request, MAY_MANAGE_CAS, &record, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "certificate", &pem, err));
    TRY(read_pile(request->arena, view_text(pem), &pile, err));
    TRY(take_in(request->arena, &pile, &record, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_certificate_set(tx.tx, &record, err) &&
                note(tx.tx, request, &record, "tsa-certificate.imported", err);
    TRY(done);
    tsp_forget(m->tsp);
    return reply_certificate(request, response, 200, &record);
}
