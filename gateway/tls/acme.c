#include "base/encode.h"
#include "ca/authority_material.h"
#include "ca/key_use.h"
#include "store/organisations.h"
#include "tls/internal.h"
#include "x509/csr.h"
#include "x509/san.h"

#include <string.h>

#define MOST_TOKEN 200

struct order {
    struct acme_client session;
    const char *url, *finalize;
    const struct json *authorizations;
    struct challenge challenges[CHALLENGES_MAX];
    const char *urls[CHALLENGES_MAX];     /* of the challenges */
    const char *pending[CHALLENGES_MAX];  /* of their authorizations */
    size_t count;
};

static const char *text_of(const struct json *object, const char *name) {
    const struct json *value = json_get(object, name);
    return value == NULL || value->type != JSON_STRING ? "" : value->text;
}

static bool refused(const struct order *o, const char *what, const struct json *document, struct error *err) {
    const struct json *problem = json_get(document, "error");
    const char *detail = text_of(problem, "detail");
    return fail(err, ERROR_POLICY, "tls-acme", "The ACME server of %.120s: %.100s: %.250s", o->session.use->directory, what,
                detail[0] == '\0' ? "no reason given" : detail);
}

/* rfc8555#7.4; addresses by rfc8738. */
static bool new_order(struct order *o, const GENERAL_NAMES *sans, struct error *err) {
    struct json_writer w = json_writer_on(o->session.arena);
    struct acme_client_answer answer;
    json_open_object(&w);
    json_name(&w, "identifiers");
    json_open_array(&w);
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const char *type, *text = san_text(o->session.arena, sk_GENERAL_NAME_value(sans, i), &type);
        json_open_object(&w);
        json_put_string(&w, "type", type);
        json_put_string(&w, "value", strchr(text, ':') + 1);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    TRY(acme_client_post(&o->session, "the order", o->session.new_order, json_written(&w), &answer, err));
    o->url = answer.location == NULL ? "" : arena_strdup(o->session.arena, answer.location);
    o->finalize = text_of(answer.document, "finalize");
    o->authorizations = json_get(answer.document, "authorizations");
    if (o->url[0] == '\0' || o->finalize[0] == '\0' || o->authorizations == NULL || o->authorizations->count > CHALLENGES_MAX)
        return refused(o, "its order cannot be used", NULL, err);
    return true;
}

/* A token is of base64url (rfc8555#8.3): it becomes part of a path. */
static bool token_valid(const char *token) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strlen(token);
    return len > 0 && len <= MOST_TOKEN && strspn(token, alphabet) == len;
}

static bool take_challenge(struct order *o, const char *url, const struct json *authorization, struct error *err) {
    const struct json *challenges = json_get(authorization, "challenges");
    JSON_EACH (challenge, challenges) {
        const char *token = text_of(challenge, "token");
        if (strcmp(text_of(challenge, "type"), "http-01") != 0 || !token_valid(token))
            continue;
        o->challenges[o->count] = (struct challenge){
            token, arena_printf(o->session.arena, "%s.%s", token, o->session.thumbprint)};
        o->urls[o->count] = text_of(challenge, "url");
        o->pending[o->count++] = url;
        return true;
    }
    return refused(o, arena_printf(o->session.arena, "it offers no http-01 for %.60s",
                                   text_of(json_get(authorization, "identifier"), "value")),
                   NULL, err);
}

static bool collect_challenges(struct order *o, struct error *err) {
    JSON_EACH (item, o->authorizations) {
        struct acme_client_answer answer;
        const char *url = item->type == JSON_STRING ? item->text : "";
        TRY(acme_client_post(&o->session, "an authorization", url, NULL, &answer, err));
        if (strcmp(text_of(answer.document, "status"), "valid") != 0)
            TRY(take_challenge(o, url, answer.document, err));
    }
    return true;
}

static bool wait_for_authorization(struct order *o, const char *url, struct error *err) {
    for (;;) {
        struct acme_client_answer answer;
        TRY(acme_client_post(&o->session, "an authorization", url, NULL, &answer, err));
        const char *status = text_of(answer.document, "status");
        if (strcmp(status, "valid") == 0)
            return true;
        if (strcmp(status, "pending") != 0) {
            const struct json *challenges = json_get(answer.document, "challenges"), *failed = NULL;
            JSON_EACH (challenge, challenges)
                if (json_get(challenge, "error") != NULL)
                    failed = challenge;
            return refused(o, arena_printf(o->session.arena, "%.60s was not validated",
                                           text_of(json_get(answer.document, "identifier"), "value")),
                           failed, err);
        }
        TRY(acme_client_wait(&o->session, "validation", answer.retry_s, err));
    }
}

static bool validate(struct order *o, struct error *err) {
    struct acme_client_answer answer;
    TRY(collect_challenges(o, err));
    if (o->count == 0)
        return true;
    TRY(challenges_put(o->session.core, o->session.arena, o->challenges, o->count, err));
    for (size_t i = 0; i < o->count; i++)
        TRY(acme_client_post(&o->session, "a challenge", o->urls[i], "{}", &answer, err));
    for (size_t i = 0; i < o->count; i++)
        TRY(wait_for_authorization(o, o->pending[i], err));
    return true;
}

/* Its name stands in the SANs alone: longer ones than 64 fit there, too. */
static bool make_csr(struct order *o, const GENERAL_NAMES *sans, EVP_PKEY *key, const char **ret, struct error *err) {
    AUTO(X509_NAME) *subject = X509_NAME_new();
    struct view der;
    TRY(csr_build(o->session.arena, subject, sans, key, key_type_digest(o->session.use->key_type), &der, err));
    *ret = arena_printf(o->session.arena, "{\"csr\":\"%s\"}", base64url_encode(o->session.arena, der));
    return true;
}

static bool finish(struct order *o, const char *csr, struct view *ret_pem, struct error *err) {
    struct acme_client_answer answer;
    TRY(acme_client_post(&o->session, "the CSR", o->finalize, csr, &answer, err));
    for (;;) {
        const char *status = text_of(answer.document, "status"), *certificate = text_of(answer.document, "certificate");
        if (strcmp(status, "valid") == 0 && certificate[0] != '\0') {
            TRY(acme_client_post(&o->session, "the certificate", certificate, NULL, &answer, err));
            *ret_pem = answer.body;
            return true;
        }
        if (strcmp(status, "invalid") == 0)
            return refused(o, "the order failed", answer.document, err);
        TRY(acme_client_wait(&o->session, "the certificate", answer.retry_s, err) &&
            acme_client_post(&o->session, "the order", o->url, NULL, &answer, err));
    }
}

static bool take_certificate(struct order *o, struct view pem, struct acme_client_result *ret, struct error *err) {
    AUTO(EVP_PKEY) *public_key = NULL;
    struct ca_material material = {.count = 0};
    TRY(material_read_certificates(o->session.arena, pem, &material, err));
    TRY(key_from_spki(ret->key.spki, &public_key, err) && own_tls_check(material.certificates[0], public_key, err));
    ret->certificate = material.certificates[0];
    ret->chain = own_tls_order_chain(o->session.arena, ret->certificate, material.certificates, material.count);
    return true;
}

bool acme_client_order(struct core *core, struct arena *arena, const struct own_tls_settings *use, struct acme_client_result *ret,
                struct error *err) {
    struct order *o = arena_alloc(arena, sizeof *o);
    struct organisation organisation;
    GENERAL_NAMES *sans;
    EVP_PKEY *key;
    const char *csr;
    struct view pem;
    bool done = false;
    memset(o, 0, sizeof *o);
    TRY(own_tls_sans(arena, &use->names, &sans, err));
    TRY(acme_client_open(core, arena, use, &o->session, err));
    TRY(new_order(o, sans, err) && validate(o, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, arena, "default", &organisation, err);
    TRY(done && key_make(core, arena, use->key_type, NULL, KEY_SIGN, organisation.id, &ret->key, &key, err));
    keep_EVP_PKEY(arena, key);
    return make_csr(o, sans, key, &csr, err) && finish(o, csr, &pem, err) && take_certificate(o, pem, ret, err);
}
