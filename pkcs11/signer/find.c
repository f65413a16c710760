#include "signer/find.h"

#include "signer/handles.h"
#include "signer/objects.h"
#include "signer/public_key.h"
#include "signer/task.h"

#include <string.h>

static bool find_one(struct task *task, CK_ATTRIBUTE *match, size_t count,
                     CK_OBJECT_HANDLE *ret_object, struct error *err) {
    CK_OBJECT_HANDLE found[2];
    size_t found_count = 0;
    const char *label = task->token->label;
    CK_RV rv = objects_find(task->f, task->session.handle, match, count, found, 2, &found_count);
    if (rv != CKR_OK)
        return task_fail(task, "C_FindObjects", rv, err);
    /* ykcs11 forgets a log-in when its card was reset by another program, and says so by showing no private keys */
    if (found_count == 0 && token_logged_in(task->token) && token_session_is_public(task->token, task->session.handle))
        return task_fail(task, "C_FindObjects", CKR_USER_NOT_LOGGED_IN, err);
    if (found_count == 0)
        return fail(err, ERROR_NOT_FOUND, "key-not-found",
                    "Token \"%s\" holds no key that matches the PKCS#11 URI%s.", label,
                    token_logged_in(task->token)
                        ? ""
                        : " (nobody is logged in: private keys are not seen)");
    if (found_count > 1)
        return fail(
            err, ERROR_CONFLICT, "key-ambiguous",
            "Token \"%s\" holds several keys that match the PKCS#11 URI: add id= or object= "
            "to it.",
            label);
    *ret_object = found[0];
    return true;
}

bool find_by_uri(struct task *task, const struct pkcs11_uri *uri,
                         CK_OBJECT_HANDLE *ret_object, struct error *err) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE match[3] = {ATTRIBUTE(CKA_CLASS, class)};
    size_t count = 1;
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
    return find_one(task, match, count, ret_object, err);
}

static bool public_from_certificate(struct task *task, CK_OBJECT_HANDLE object,
                                    EVP_PKEY **ret_key) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view der;
    if (object_attribute(task->f, task->session.handle, object, CKA_VALUE, arena, &der) != CKR_OK)
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
static bool public_by_id(struct task *task, struct view id, CK_OBJECT_CLASS class,
                         EVP_PKEY **ret_key) {
    CK_ATTRIBUTE match[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE_BYTES(CKA_ID, id.at, id.len)};
    CK_OBJECT_HANDLE object;
    CK_RV rv;
    struct task quiet = *task; /* not finding one is no failure */
    if (!find_one(&quiet, match, 2, &object, NULL))
        return false;
    if (class == CKO_CERTIFICATE)
        return public_from_certificate(task, object, ret_key);
    return public_key_read(task->f, task->session.handle, object, ret_key, &rv, NULL);
}

bool find_public_half(struct task *task, CK_OBJECT_HANDLE object, EVP_PKEY **ret_key,
                        struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    CK_SESSION_HANDLE session = task->session.handle;
    struct view id;
    CK_RV rv;
    if (public_key_from_info(task->f, session, object, ret_key))
        return true;
    if (object_attribute(task->f, session, object, CKA_ID, arena, &id) == CKR_OK && id.len > 0 &&
        (public_by_id(task, id, CKO_PUBLIC_KEY, ret_key) ||
         public_by_id(task, id, CKO_CERTIFICATE, ret_key)))
        return true;
    /* RSA keys tell it themselves */
    if (public_key_read(task->f, session, object, ret_key, &rv, NULL))
        return true;
    return fail(err, ERROR_NOT_FOUND, "key-without-public",
                "Token \"%s\": the private key was found, but neither its public key nor its "
                "certificate with the same id.",
                task->token->label);
}

static bool find_public(struct task *task, void *subject, struct error *err) {
    struct key *key = subject;
    CK_OBJECT_HANDLE object;
    TRY(find_by_uri(task, &key->uri, &object, err));
    TRY(find_public_half(task, object, &key->public_key, err));
    return key_type_of_public(key->public_key, &key->type, err);
}

static bool find_object(struct task *task, void *subject, struct error *err) {
    struct key *key = subject;
    TRY(find_by_uri(task, &key->uri, &key->object, err));
    key->always_authenticate =
        object_flag(task->f, task->session.handle, key->object, CKA_ALWAYS_AUTHENTICATE);
    key->generation = task->session.generation;
    return true;
}

bool find_public_key(struct key *key, struct error *err) {
    return task_run(key->token, find_public, key, err);
}

bool find_private_key(struct key *key, struct error *err) {
    return task_run(key->token, find_object, key, err);
}
