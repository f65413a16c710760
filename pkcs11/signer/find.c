#include "signer/find.h"

#include "signer/handles.h"
#include "signer/objects.h"
#include "signer/public_key.h"

#include <string.h>

static bool find_one(struct token *token, struct session session, CK_ATTRIBUTE *match, size_t count,
                     CK_OBJECT_HANDLE *ret_object, CK_RV *ret_rv, struct error *err) {
    CK_OBJECT_HANDLE found[2];
    size_t found_count = 0;
    *ret_rv = objects_find(token->module->f, session.handle, match, count, found, 2, &found_count);
    if (*ret_rv != CKR_OK)
        return ckr_fail(err, token->label, "C_FindObjects", *ret_rv);
    if (found_count == 0)
        return fail(err, ERROR_NOT_FOUND, "key-not-found",
                    "Token \"%s\" holds no key that matches the PKCS#11 URI%s.", token->label,
                    token_logged_in(token) ? ""
                                           : " (nobody is logged in: private keys are not seen)");
    if (found_count > 1)
        return fail(
            err, ERROR_CONFLICT, "key-ambiguous",
            "Token \"%s\" holds several keys that match the PKCS#11 URI: add id= or object= to it.",
            token->label);
    *ret_object = found[0];
    return true;
}

static bool find_private(struct key *key, struct session session, CK_OBJECT_HANDLE *ret_object,
                         CK_RV *ret_rv, struct error *err) {
    const struct pkcs11_uri *uri = &key->uri;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE match[3] = {ATTRIBUTE(CKA_CLASS, class)};
    size_t count = 1;
    *ret_rv = CKR_OK;
    if (uri->type != URI_ANY && uri->type != URI_PRIVATE)
        return fail(err, ERROR_MALFORMED, "bad-uri",
                    "The PKCS#11 URI must have type=private, or none.");
    if (uri->object == NULL && uri->id.at == NULL)
        return fail(err, ERROR_MALFORMED, "bad-uri",
                    "The PKCS#11 URI names a token but no key: add object= or id= to it.");
    if (uri->object != NULL)
        match[count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(CKA_LABEL, uri->object, strlen(uri->object));
    if (uri->id.at != NULL)
        match[count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(CKA_ID, uri->id.at, uri->id.len);
    return find_one(key->token, session, match, count, ret_object, ret_rv, err);
}

static bool public_from_certificate(struct token *token, struct session session,
                                    CK_OBJECT_HANDLE object, EVP_PKEY **ret_key) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view der;
    if (object_attribute(token->module->f, session.handle, object, CKA_VALUE, arena, &der) !=
        CKR_OK)
        return false;
    const uint8_t *at = der.at;
    AUTO(X509) *certificate = d2i_X509(NULL, &at, (long)der.len);
    EVP_PKEY *key = certificate == NULL ? NULL : X509_get_pubkey(certificate);
    if (key == NULL)
        fail_internal(NULL, "empties the error queue");
    *ret_key = key;
    return key != NULL;
}

/* The public half beside a private key carries the same CKA_ID: a public key object, or a
 * certificate. */
static bool public_by_id(struct token *token, struct session session, struct view id,
                         CK_OBJECT_CLASS class, EVP_PKEY **ret_key) {
    CK_ATTRIBUTE match[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE_BYTES(CKA_ID, id.at, id.len)};
    CK_OBJECT_HANDLE object;
    CK_RV rv;
    if (!find_one(token, session, match, 2, &object, &rv, NULL))
        return false;
    if (class == CKO_CERTIFICATE)
        return public_from_certificate(token, session, object, ret_key);
    return public_key_read(token->module->f, session.handle, object, ret_key, &rv, NULL);
}

static bool read_public(struct token *token, struct session session, CK_OBJECT_HANDLE object,
                        EVP_PKEY **ret_key, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const CK_FUNCTION_LIST *f = token->module->f;
    struct view id;
    CK_RV rv;
    if (public_key_from_info(f, session.handle, object, ret_key))
        return true;
    if (object_attribute(f, session.handle, object, CKA_ID, arena, &id) == CKR_OK && id.len > 0 &&
        (public_by_id(token, session, id, CKO_PUBLIC_KEY, ret_key) ||
         public_by_id(token, session, id, CKO_CERTIFICATE, ret_key)))
        return true;
    if (public_key_read(f, session.handle, object, ret_key, &rv,
                        NULL)) /* RSA keys tell it themselves */
        return true;
    return fail(
        err, ERROR_NOT_FOUND, "key-without-public",
        "Token \"%s\": the private key was found, but neither its public key nor its certificate "
        "with the same id.",
        token->label);
}

static bool find_in(struct key *key, struct session session, CK_RV *ret_rv, struct error *err) {
    CK_OBJECT_HANDLE object;
    TRY(find_private(key, session, &object, ret_rv, err));
    TRY(read_public(key->token, session, object, &key->public_key, err));
    return key_type_of_public(key->public_key, &key->type, err);
}

static bool find_object_in(struct key *key, struct session session, CK_RV *ret_rv,
                           struct error *err) {
    TRY(find_private(key, session, &key->object, ret_rv, err));
    key->always_authenticate =
        object_flag(key->token->module->f, session.handle, key->object, CKA_ALWAYS_AUTHENTICATE);
    key->generation = session.generation;
    return true;
}

static bool with_session(struct key *key,
                         bool (*work)(struct key *, struct session, CK_RV *, struct error *),
                         struct error *err) {
    for (int attempt = 0;; attempt++) {
        struct session session;
        CK_RV rv = CKR_OK;
        TRY(token_take(key->token, &session, err));
        bool done = work(key, session, &rv, err);
        token_give(key->token, session, rv);
        if (done)
            return true;
        if (attempt > 0 || rv == CKR_OK || !token_recover(key->token, rv, session.generation))
            return false;
    }
}

bool find_public_key(struct key *key, struct error *err) {
    return with_session(key, find_in, err);
}

bool find_private_key(struct key *key, struct error *err) {
    return with_session(key, find_object_in, err);
}
