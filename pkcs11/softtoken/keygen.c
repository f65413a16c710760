/* C_GenerateKey, C_GenerateKeyPair */
#include "draft.h"
#include "key.h"
#include "seal.h"
#include "session.h"

/* Keys take long to make: the session is locked meanwhile, the token is not. */

static CK_RV generate_secret(struct session *session, const struct mechanism *mechanism,
                             const CK_ATTRIBUTE *given, CK_ULONG count,
                             CK_OBJECT_HANDLE *ret_handle) {
    AUTO(attributes) struct attributes attrs = {0};
    AUTO(bytes) struct bytes value = {0};
    AUTO(object) struct object *object = NULL;
    struct draft draft = {
        .origin = ORIGIN_GENERATE,
        .class = CKO_SECRET_KEY,
        .key_type = mechanism->key_type,
        .mechanism = mechanism->type,
        .by_so = atomic_load(&session->slot->login) == LOGIN_SO,
    };
    TRY(draft_attributes(&draft, given, count, &attrs));
    CK_ULONG len = attributes_ulong(&attrs, CKA_VALUE_LEN, 0);
    if (len < mechanism->key_min || len > mechanism->key_max)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    TRY(bytes_reserve(&value, len));
    TRY(random_octets(value.at, len));
    value.len = len;
    TRY(draft_secret(&draft, session->slot, &attrs, &value, &object));
    return session_add(session, object, ret_handle);
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism, CK_ATTRIBUTE *pTemplate,
                    CK_ULONG ulCount, CK_OBJECT_HANDLE *phKey) {
    AUTO(session) struct session *session = NULL;
    const struct mechanism *mechanism;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pMechanism == NULL || phKey == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(template_check(pTemplate, ulCount));
    TRY(mechanism_find(pMechanism->mechanism, CKF_GENERATE, &mechanism));
    TRY(mechanism_no_parameter(pMechanism));
    return generate_secret(session, mechanism, pTemplate, ulCount, phKey);
}

struct half {
    struct draft draft;
    struct attributes attrs;
    struct object *object;
};

static void half_drop(struct half *half) {
    attributes_drop(&half->attrs);
    object_unref(half->object);
}

static struct half half_of(const struct session *session, const struct mechanism *mechanism,
                           CK_OBJECT_CLASS class) {
    return (struct half){
        .draft =
            {
                .origin = ORIGIN_GENERATE,
                .class = class,
                .key_type = mechanism->key_type,
                .mechanism = mechanism->type,
                .by_so = atomic_load(&session->slot->login) == LOGIN_SO,
            },
    };
}

/* What the caller may not make is refused before minutes are spent on a large key. */
static CK_RV may_make(const struct session *session, const struct attributes *attrs) {
    struct object sketch = {
        .on_token = attributes_bool(attrs, CKA_TOKEN),
        .private = attributes_bool(attrs, CKA_PRIVATE),
    };
    return session_may_write(session, &sketch);
}

static CK_RV make_pair(struct session *session, struct half *public, struct half *private) {
    EVP_PKEY *pkey = NULL;
    TRY(may_make(session, &public->attrs));
    TRY(may_make(session, &private->attrs));
    TRY(key_generate(public->draft.key_type, &public->attrs, &pkey));
    /* The form of the curve's name that was asked for, on both halves. */
    const struct attribute *curve = attributes_find(&public->attrs, CKA_EC_PARAMS);
    CK_RV rv = CKR_OK;
    if (curve != NULL)
        rv = attributes_set(&private->attrs, CKA_EC_PARAMS, attribute_at(curve), curve->len);
    if (rv == CKR_OK)
        rv = draft_key(&public->draft, session->slot, &public->attrs, pkey, &public->object);
    if (rv == CKR_OK)
        rv = draft_key(&private->draft, session->slot, &private->attrs, pkey, &private->object);
    EVP_PKEY_free(pkey);
    if (public->object != NULL) { /* it has the private part too: make its own when it is used */
        EVP_PKEY_free(atomic_exchange(&public->object->pkey, NULL));
    }
    return rv;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE hSession, CK_MECHANISM *pMechanism,
                        CK_ATTRIBUTE *pPublicKeyTemplate, CK_ULONG ulPublicKeyAttributeCount,
                        CK_ATTRIBUTE *pPrivateKeyTemplate, CK_ULONG ulPrivateKeyAttributeCount,
                        CK_OBJECT_HANDLE *phPublicKey, CK_OBJECT_HANDLE *phPrivateKey) {
    AUTO(session) struct session *session = NULL;
    const struct mechanism *mechanism;
    CK_OBJECT_HANDLE public_handle, private_handle;
    REQUIRE_READY();
    TRY(session_get(hSession, &session));
    if (pMechanism == NULL || phPublicKey == NULL || phPrivateKey == NULL)
        return CKR_ARGUMENTS_BAD;
    TRY(template_check(pPublicKeyTemplate, ulPublicKeyAttributeCount));
    TRY(template_check(pPrivateKeyTemplate, ulPrivateKeyAttributeCount));
    TRY(mechanism_find(pMechanism->mechanism, CKF_GENERATE_KEY_PAIR, &mechanism));
    TRY(mechanism_no_parameter(pMechanism));
    AUTO(half) struct half public = half_of(session, mechanism, CKO_PUBLIC_KEY);
    AUTO(half) struct half private = half_of(session, mechanism, CKO_PRIVATE_KEY);
    TRY(draft_attributes(&public.draft, pPublicKeyTemplate, ulPublicKeyAttributeCount,
                         &public.attrs));
    TRY(draft_attributes(&private.draft, pPrivateKeyTemplate, ulPrivateKeyAttributeCount,
                         &private.attrs));
    TRY(make_pair(session, &public, &private));
    TRY(session_add(session, public.object, &public_handle));
    CK_RV rv = session_add(session, private.object, &private_handle);
    if (rv != CKR_OK) { /* both or none */
        CK_RV undone = slot_remove(session->slot, public.object);
        (void)undone; /* the first failure is what the caller has to know */
        return rv;
    }
    *phPublicKey = public_handle;
    *phPrivateKey = private_handle;
    return CKR_OK;
}
