#include "signer/token_keys.h"

#include "signer/find.h"
#include "signer/handles.h"
#include "signer/managed.h"
#include "signer/objects.h"
#include "signer/private_key.h"
#include "signer/public_key.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <string.h>

#define OBJECTS_MAX 1000
#define ID_SIZE 8

/* Of Yubico's module, since 2.3: one octet each. */
#define CKA_YUBICO_TOUCH_POLICY (CKA_VENDOR_DEFINED | 0x59554201UL)
#define CKA_YUBICO_PIN_POLICY (CKA_VENDOR_DEFINED | 0x59554202UL)

/* One request, as the tasks see it. */
struct work {
    struct arena *arena;
    const struct token_order *order;
    struct pkcs11_uri uri;
    struct token *token;
    struct wire_buffer *rows;
    const struct key_type *type;
    CK_ULONG bits;
    EVP_PKEY *key;         /* of an import, else NULL */
    struct template value; /* its private part */
};

static struct uri_token token_parts(const struct token *token) {
    return (struct uri_token){token->label, token->manufacturer, token->model, token->serial};
}

static struct view attribute(struct task *task, struct arena *arena, CK_OBJECT_HANDLE object,
                             CK_ATTRIBUTE_TYPE type) {
    struct view value;
    CK_RV rv = object_attribute(task->f, task->session.handle, object, type, arena, &value);
    return rv == CKR_OK ? value : view_of(NULL, 0);
}

/* ---- list ------------------------------------------------------------------------------------ */

static void describe_public(struct task *task, struct work *w, CK_OBJECT_HANDLE object,
                            struct wire_row *row) {
    AUTO(EVP_PKEY) *key = NULL;
    const struct key_type *type;
    struct error ignored = {0};
    char name[KEY_TYPE_NAME_SIZE];
    if (!find_public_half(task, object, &key, &ignored)) {
        row->text = view_text(arena_strdup(w->arena, ignored.message));
        return;
    }
    if (key_type_of_public(key, &type, &ignored)) {
        key_type_full_name(type, key, name);
        row->key_type = view_text(arena_strdup(w->arena, name));
    }
    (void)!public_key_encode(w->arena, key, &row->der, &ignored);
}

static void add_key(struct task *task, struct work *w, CK_OBJECT_HANDLE object) {
    CK_SESSION_HANDLE session = task->session.handle;
    struct uri_token parts = token_parts(w->token);
    struct wire_row row = {.name = attribute(task, w->arena, object, CKA_LABEL),
                           .id = attribute(task, w->arena, object, CKA_ID)};
    row.uri = view_text(pkcs11_uri_of_key(w->arena, &parts, row.id, arena_text(w->arena, row.name)));
    if (object_flag(task->f, session, object, CKA_ALWAYS_AUTHENTICATE))
        row.flags |= WIRE_KEY_ALWAYS_AUTHENTICATE;
    if (object_flag(task->f, session, object, CKA_LOCAL))
        row.flags |= WIRE_KEY_MADE_HERE;
    if (object_flag(task->f, session, object, CKA_EXTRACTABLE))
        row.flags |= WIRE_KEY_EXTRACTABLE;
    describe_public(task, w, object, &row);
    wire_add_row(w->rows, &row);
}

static bool find_objects(struct task *task, const struct pkcs11_uri *uri, CK_OBJECT_CLASS class,
                         CK_OBJECT_HANDLE *ret_objects, size_t *ret_count, struct error *err) {
    CK_ATTRIBUTE match[3] = {ATTRIBUTE(CKA_CLASS, class)};
    size_t count = 1;
    if (uri->id.at != NULL)
        match[count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(CKA_ID, uri->id.at, uri->id.len);
    else if (uri->object != NULL)
        match[count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(CKA_LABEL, uri->object, strlen(uri->object));
    CK_RV rv = objects_find(task->f, task->session.handle, match, count, ret_objects, OBJECTS_MAX,
                            ret_count);
    return rv == CKR_OK ? true : task_fail(task, "C_FindObjects", rv, err);
}

static bool list_keys(struct task *task, void *subject, struct error *err) {
    struct work *w = subject;
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    size_t count;
    w->rows->len = 0; /* a second attempt begins anew */
    TRY(find_objects(task, &w->uri, CKO_PRIVATE_KEY, objects, &count, err));
    for (size_t i = 0; i < count; i++)
        add_key(task, w, objects[i]);
    return true;
}

static bool list_certificates(struct task *task, void *subject, struct error *err) {
    struct work *w = subject;
    struct pkcs11_uri uri = w->uri;
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    size_t count;
    w->rows->len = 0;
    if (uri.id.at != NULL)
        uri.object = NULL;
    TRY(find_objects(task, &uri, CKO_CERTIFICATE, objects, &count, err));
    for (size_t i = 0; i < count; i++) {
        struct wire_row row = {.name = attribute(task, w->arena, objects[i], CKA_LABEL),
                               .id = attribute(task, w->arena, objects[i], CKA_ID),
                               .der = attribute(task, w->arena, objects[i], CKA_VALUE)};
        wire_add_row(w->rows, &row);
    }
    return true;
}

/* ---- make ------------------------------------------------------------------------------------ */

/* "always" is the standard's, the rest is a YubiKey's own; nothing is asked for by default. */
static void add_policies(struct template *t, const struct token_order *order) {
    if (order->pin_policy == WIRE_POLICY_ALWAYS)
        template_add_flag(t, CKA_ALWAYS_AUTHENTICATE, true);
    else if (order->pin_policy != WIRE_POLICY_DEFAULT)
        template_add(t, CKA_YUBICO_PIN_POLICY, &order->pin_policy, sizeof order->pin_policy);
    if (order->touch_policy != WIRE_POLICY_DEFAULT)
        template_add(t, CKA_YUBICO_TOUCH_POLICY, &order->touch_policy, sizeof order->touch_policy);
}

static struct template public_template(const struct work *w) {
    struct template t = {.count = 0};
    template_add_place(&t, &w->uri);
    template_add_public(&t, w->type, w->order->purpose);
    return t;
}

/* A key of a token stays there. */
static struct template private_template(const struct work *w, bool says_so) {
    struct template t = {.count = 0};
    template_add_place(&t, &w->uri);
    template_add_private(&t, w->type, w->order->purpose);
    if (says_so)
        template_add_flag(&t, CKA_EXTRACTABLE, false);
    add_policies(&t, w->order);
    return t;
}

static CK_RV generate_pair(struct task *task, const struct work *w, bool says_so,
                           CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private) {
    CK_MECHANISM mechanism = {w->type->generate, NULL, 0};
    struct template public_rows = public_template(w), private_rows = private_template(w, says_so);
    template_add_size(&public_rows, w->type, &w->bits);
    return task->f->C_GenerateKeyPair(task->session.handle, &mechanism, public_rows.rows,
                                      public_rows.count, private_rows.rows, private_rows.count,
                                      ret_public, ret_private);
}

/* ---- import ---------------------------------------------------------------------------------- */

/* Programs look for the public half (ssh, pkcs11-tool); a token that shows it by itself may refuse the object. */
static CK_RV put_public(struct task *task, const struct work *w, CK_OBJECT_HANDLE *ret_public) {
    struct template t = {.count = 0};
    template_add_class(&t, w->type, CKO_PUBLIC_KEY);
    struct template rest = public_template(w);
    for (size_t i = 0; i < rest.count; i++)
        t.rows[t.count++] = rest.rows[i];
    if (!public_key_add(&t, w->arena, w->type, w->key)) {
        fail_internal(NULL, "empties the error queue");
        return CKR_FUNCTION_NOT_SUPPORTED;
    }
    return task->f->C_CreateObject(task->session.handle, t.rows, t.count, ret_public);
}

/* ykcs11 takes these rows of a private key, and refuses the whole for any other. */
static void leave_essential(struct template *t) {
    static const CK_ATTRIBUTE_TYPE others[] = {CKA_PRIVATE, CKA_SIGN, CKA_DECRYPT, CKA_MODULUS, CKA_PRIVATE_EXPONENT};
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        bool other = false;
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            other = other || t->rows[i].type == others[k];
        if (!other)
            t->rows[kept++] = t->rows[i];
    }
    t->count = kept;
}

static CK_RV put_private(struct task *task, const struct work *w, bool says_so, CK_OBJECT_HANDLE *ret_private) {
    struct template t = private_template(w, says_so);
    template_add_class(&t, w->type, CKO_PRIVATE_KEY);
    if (w->type->params.len > 0)
        template_add(&t, CKA_EC_PARAMS, w->type->params.at, w->type->params.len);
    if (w->type->parameter_set != 0)
        template_add(&t, CKA_PARAMETER_SET, &w->type->parameter_set, sizeof w->type->parameter_set);
    for (size_t i = 0; i < w->value.count; i++)
        t.rows[t.count++] = w->value.rows[i];
    if (!says_so)
        leave_essential(&t);
    return task->f->C_CreateObject(task->session.handle, t.rows, t.count, ret_private);
}

static CK_RV put_pair(struct task *task, const struct work *w, bool says_so, CK_OBJECT_HANDLE *ret_public,
                      CK_OBJECT_HANDLE *ret_private) {
    CK_RV rv = put_private(task, w, says_so, ret_private);
    if (rv != CKR_OK || put_public(task, w, ret_public) == CKR_OK)
        return rv;
    *ret_public = CK_INVALID_HANDLE;
    return CKR_OK;
}

/* ---- make or import -------------------------------------------------------------------------- */

static CK_RV make_pair(struct task *task, const struct work *w, bool says_so, CK_OBJECT_HANDLE *ret_public,
                       CK_OBJECT_HANDLE *ret_private) {
    return (w->key == NULL ? generate_pair : put_pair)(task, w, says_so, ret_public, ret_private);
}

static bool not_made(struct task *task, const struct work *w, CK_RV rv, struct error *err) {
    bool policies = w->order->pin_policy != WIRE_POLICY_DEFAULT || w->order->touch_policy != WIRE_POLICY_DEFAULT;
    task_fail(task, w->key == NULL ? "C_GenerateKeyPair" : "C_CreateObject", rv, err);
    if (rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_USER_TYPE_INVALID)
        fail(err, ERROR_FORBIDDEN, "officer-needed",
             "Token \"%s\" lets its security officer alone make keys: give the officer's PIN (a "
             "YubiKey's is its management key).",
             w->token->label);
    else if (rv == CKR_ATTRIBUTE_TYPE_INVALID && policies)
        fail(err, ERROR_POLICY, "token-cannot",
             "Token \"%s\" takes no such PIN or touch policy: it is no YubiKey, or its module is older than "
             "ykcs11 2.3; set it with the vendor's tool.",
             w->token->label);
    return false;
}

/* A token that knows few places (YubiKey) would overwrite the key that is in one. A private key may be out of sight, for the
 * security officer or because the token has lost a log-in: its public half is looked for as well. */
static bool must_be_free(struct task *task, const struct pkcs11_uri *place, struct error *err) {
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < 2 && count == 0; i++)
        TRY(find_objects(task, place, classes[i], objects, &count, err));
    return count == 0 ||
           fail(err, ERROR_CONFLICT, "key-exists",
                "Token \"%s\" holds a key under this id or label already, which is not overwritten: "
                "delete it first or name another place.",
                task->token->label);
}

static bool look_at_places(struct task *task, void *subject, struct error *err) {
    const struct work *w = subject;
    struct pkcs11_uri by_id = w->uri, by_label = w->uri;
    by_id.object = NULL;
    by_label.id = view_of(NULL, 0);
    return (by_id.id.at == NULL || must_be_free(task, &by_id, err)) &&
           (by_label.object == NULL || must_be_free(task, &by_label, err));
}

/* ykcs11 2.2 says so; 2.7 takes an RSA key with a row that it does not know for one of X25519, which then does not fit. The
 * same key in the same place once more changes nothing. */
static bool was_told_too_much(const struct work *w, CK_RV rv) {
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || (w->key != NULL && rv == CKR_DEVICE_ERROR);
}

/* ykcs11 2.2 does not know CKA_EXTRACTABLE in a template; what was made without it is looked at. */
static bool make_key(struct task *task, void *subject, struct error *err) {
    struct work *w = subject;
    CK_OBJECT_HANDLE public_object, private_object;
    TRY(look_at_places(task, w, err)); /* once more, as who writes sees it */
    CK_RV rv = make_pair(task, w, true, &public_object, &private_object);
    if (was_told_too_much(w, rv)) {
        rv = make_pair(task, w, false, &public_object, &private_object);
        if (rv == CKR_OK &&
            object_flag(task->f, task->session.handle, private_object, CKA_EXTRACTABLE)) {
            task->f->C_DestroyObject(task->session.handle, private_object);
            task->f->C_DestroyObject(task->session.handle, public_object);
            return fail(err, ERROR_POLICY, "token-cannot",
                        "Token \"%s\" makes keys that can leave it; use another one.",
                        w->token->label);
        }
    }
    return rv == CKR_OK || not_made(task, w, rv, err);
}

static bool make(struct work *w, struct error *err) {
    if ((w->order->purpose & PURPOSE_DECRYPT) != 0 && w->type->ckk != CKK_RSA)
        return fail(err, ERROR_POLICY, "key-unfit",
                    "A key of type %s cannot decrypt: use an RSA key for that.", w->type->name);
    if (w->uri.id.at == NULL && w->uri.object == NULL)
        return fail(err, ERROR_MALFORMED, "bad-uri",
                    "The PKCS#11 URI must say where the key goes: add object= or id= (a YubiKey's "
                    "slots 9a, 9c, 9d, 9e are id=%%01 to %%04, 82 to 95 %%05 to %%18).");
    TRY(task_run(w->token, look_at_places, w, err));
    if (w->uri.id.at == NULL) {
        uint8_t id[ID_SIZE];
        random_bytes(id, sizeof id);
        w->uri.id = arena_copy(w->arena, id, sizeof id);
    }
    TRY(token_write(w->token, w->order->officer_pin, make_key, w, err));
    TRY(task_run(w->token, list_keys, w, err));
    return w->rows->len > 0 ||
           fail(err, ERROR_UNAVAILABLE, "token-failed",
                "Token \"%s\" says that it made the key, but does not show it.", w->token->label);
}

static bool make_new(struct work *w, struct error *err) {
    return key_type_by_name(w->order->key_type, &w->type, &w->bits, err) && make(w, err);
}

/* The token's own word for the public key is what counts: it must be the one that was given. */
static bool import(struct work *w, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct view spki, rows;
    struct wire_row row;
    TRY(private_key_decode(w->order->private_key, &key, &w->type, err));
    TRY(private_key_add(&w->value, w->arena, w->type, key, err));
    TRY(public_key_encode(w->arena, key, &spki, err));
    w->key = key;
    bool done = make(w, err);
    w->key = NULL;
    for (size_t i = 0; i < w->value.count; i++)
        OPENSSL_cleanse(w->value.rows[i].pValue, w->value.rows[i].ulValueLen);
    TRY(done);
    rows = view_of(w->rows->at, w->rows->len);
    bool there = wire_next_row(&rows, &row);
    if (there && row.der.len == 0)
        return fail(err, ERROR_UNAVAILABLE, "token-failed",
                    "Token \"%s\" took the key, but its public key cannot be read there: %.*s", w->token->label,
                    (int)row.text.len, (const char *)row.text.at);
    return (there && view_equal(row.der, spki)) ||
           fail(err, ERROR_UNAVAILABLE, "token-failed",
                "Token \"%s\" took the key, but shows another public key under its name.", w->token->label);
}

/* ---- remove ---------------------------------------------------------------------------------- */

static bool remove_class(struct task *task, struct view id, CK_OBJECT_CLASS class,
                         struct error *err) {
    struct pkcs11_uri uri = {.id = id};
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    size_t count;
    TRY(find_objects(task, &uri, class, objects, &count, err));
    for (size_t i = 0; i < count; i++) {
        CK_RV rv = task->f->C_DestroyObject(task->session.handle, objects[i]);
        /* some modules drop the public half with the private one */
        if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID)
            return task_fail(task, "C_DestroyObject", rv, err);
    }
    return true;
}

static bool remove_key(struct task *task, void *subject, struct error *err) {
    struct work *w = subject;
    CK_OBJECT_HANDLE object;
    TRY(find_by_uri(task, &w->uri, &object, err));
    struct view id = attribute(task, w->arena, object, CKA_ID);
    CK_RV rv = task->f->C_DestroyObject(task->session.handle, object);
    if (rv != CKR_OK) {
        task_fail(task, "C_DestroyObject", rv, err);
        return fail(err, ERROR_POLICY, "token-cannot",
                    "Token \"%s\" does not delete this key%s; use the vendor's tool (a YubiKey before "
                    "firmware 5.7 only overwrites keys).",
                    w->token->label,
                    w->order->officer_pin.len > 0 ? "" : " for its user (give the officer's PIN)");
    }
    return id.len == 0 || (remove_class(task, id, CKO_PUBLIC_KEY, err) &&
                           remove_class(task, id, CKO_CERTIFICATE, err));
}

/* ---- certificate ----------------------------------------------------------------------------- */

static bool store_certificate(struct task *task, void *subject, struct error *err) {
    struct work *w = subject;
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_OBJECT_HANDLE object;
    const uint8_t *at = w->order->certificate.at;
    uint8_t *subject_der = NULL;
    AUTO(X509) *certificate = d2i_X509(NULL, &at, (long)w->order->certificate.len);
    if (certificate == NULL || at != w->order->certificate.at + w->order->certificate.len) {
        fail_internal(NULL, "empties the error queue");
        return fail(err, ERROR_MALFORMED, "bad-certificate", "The certificate is no valid DER.");
    }
    int subject_len = i2d_X509_NAME(X509_get_subject_name(certificate), &subject_der);
    struct template t = {.count = 0};
    template_add(&t, CKA_CLASS, &class, sizeof class);
    template_add(&t, CKA_CERTIFICATE_TYPE, &type, sizeof type);
    template_add_place(&t, &w->uri);
    template_add(&t, CKA_SUBJECT, subject_der, subject_len < 0 ? 0 : (size_t)subject_len);
    template_add(&t, CKA_VALUE, w->order->certificate.at, w->order->certificate.len);
    CK_RV rv = task->f->C_CreateObject(task->session.handle, t.rows, t.count, &object);
    OPENSSL_free(subject_der);
    if (rv == CKR_OK)
        return true;
    task_fail(task, "C_CreateObject", rv, err);
    if (rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_USER_TYPE_INVALID)
        fail(err, ERROR_FORBIDDEN, "officer-needed",
             "Token \"%s\" lets its security officer alone write certificates: give the officer's "
             "PIN (a YubiKey's is its management key).",
             w->token->label);
    return false;
}

static bool store(struct work *w, struct error *err) {
    if (w->uri.id.at == NULL)
        return fail(err, ERROR_MALFORMED, "bad-uri",
                    "The PKCS#11 URI must name the key that the certificate belongs to: add id= to it.");
    return token_write(w->token, w->order->officer_pin, store_certificate, w, err);
}

bool token_serve(struct vault *vault, struct arena *arena, unsigned action,
                 const struct token_order *order, struct wire_buffer *rows, struct error *err) {
    struct work w = {.arena = arena, .order = order, .rows = rows};
    if (action == WIRE_TOKEN_CHECK)
        return token_check(vault, arena, order->uri, rows, err);
    TRY(pkcs11_uri_parse(arena, order->uri, &w.uri, err));
    if (action == WIRE_TOKEN_INIT)
        return token_init(vault, arena, order, &w.uri, rows, err);
    TRY(vault_token(vault, &w.uri, &w.token, err));
    switch (action) {
    case WIRE_TOKEN_KEYS: return task_run(w.token, list_keys, &w, err);
    case WIRE_TOKEN_CERTIFICATES: return task_run(w.token, list_certificates, &w, err);
    case WIRE_TOKEN_MAKE: return make_new(&w, err);
    case WIRE_TOKEN_IMPORT: return import(&w, err);
    case WIRE_TOKEN_REMOVE: return token_write(w.token, order->officer_pin, remove_key, &w, err);
    default: return store(&w, err);
    }
}
