/* What these bytes are: the structures differ so much in their first members that at most one
 * decoder takes them whole. */
#include "x509/inspect_items.h"

#include "x509/internal.h"
#include "x509/pkcs12.h"
#include "x509/pkcs12_handles.h"

#include <string.h>

static void drop_cms(void *object) {
    CMS_ContentInfo_free(object);
}
static void drop_ts_request(void *object) {
    TS_REQ_free(object);
}
static void drop_ts_response(void *object) {
    TS_RESP_free(object);
}
static void drop_scts(void *object) {
    SCT_LIST_free(object);
}

static const char too_many_locked[] =
    "Only five encrypted things are opened at once; send it by itself.";

static struct inspect_item *add_item(struct inspection *in, enum inspect_kind kind, struct view der,
                                     int within) {
    if (in->count == INSPECT_MAX_ITEMS) {
        (void)fail(in->err, ERROR_TOO_LARGE, "too-large", "There are more than %d things in it.",
                   INSPECT_MAX_ITEMS);
        return NULL;
    }
    struct inspect_item *item = &in->items[in->count++];
    *item = (struct inspect_item){.kind = kind, .der = der, .within = within};
    return item;
}

static int index_of(const struct inspection *in, const struct inspect_item *item) {
    return (int)(item - in->items);
}

bool inspect_add_certificate(struct inspection *in, X509 *certificate, int within) {
    struct inspect_item *item = add_item(
        in, KIND_CERTIFICATE, item_der(in->arena, certificate, ASN1_ITEM_rptr(X509)), within);
    if (item == NULL)
        return false;
    item->object = certificate;
    item->key = X509_get0_pubkey(certificate);
    return true;
}

bool inspect_add_crl(struct inspection *in, X509_CRL *crl, int within) {
    struct inspect_item *item =
        add_item(in, KIND_CRL, item_der(in->arena, crl, ASN1_ITEM_rptr(X509_CRL)), within);
    if (item != NULL)
        item->object = crl;
    return item != NULL;
}

/* The item's DER is the public half: the private one goes nowhere, not even as a hash. */
bool inspect_add_key(struct inspection *in, EVP_PKEY *key, const char *label, int within) {
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    struct view public_half_der = arena_copy(in->arena, der, len > 0 ? (size_t)len : 0);
    OPENSSL_free(der);
    struct inspect_item *item = add_item(in, KIND_PRIVATE_KEY, public_half_der, within);
    if (item == NULL)
        return false;
    item->label = label;
    item->object = item->key = key;
    return true;
}

static bool add_certificates(struct inspection *in, STACK_OF(X509) *list, int within) {
    bool ok = true;
    for (int i = 0; ok && i < sk_X509_num(list); i++) {
        X509 *certificate = sk_X509_value(list, i);
        X509_up_ref(certificate);
        ok = inspect_add_certificate(in, keep_X509(in->arena, certificate), within);
    }
    return ok;
}

static bool add_crls(struct inspection *in, STACK_OF(X509_CRL) *list, int within) {
    bool ok = true;
    for (int i = 0; ok && i < sk_X509_CRL_num(list); i++) {
        X509_CRL *crl = sk_X509_CRL_value(list, i);
        X509_CRL_up_ref(crl);
        ok = inspect_add_crl(in, keep_X509_CRL(in->arena, crl), within);
    }
    return ok;
}

static bool open_cms(struct inspection *in, struct inspect_item *item) {
    int within = index_of(in, item);
    STACK_OF(X509) *certificates = CMS_get1_certs(item->object);
    STACK_OF(X509_CRL) *crls = CMS_get1_crls(item->object);
    bool ok = add_certificates(in, certificates, within) && add_crls(in, crls, within);
    sk_X509_pop_free(certificates, X509_free);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
    return ok;
}

static bool open_pkcs12(struct inspection *in, struct inspect_item *item) {
    struct pkcs12_contents contents;
    struct error err = {0};
    int within = index_of(in, item);
    if (++in->opened > INSPECT_MAX_OPENED) {
        item->problem = too_many_locked;
        return true;
    }
    if (!pkcs12_open(in->arena, item->der, in->password, &contents, &err)) {
        if (err.kind == ERROR_MALFORMED)
            return false;
        item->problem = in->password == NULL && strcmp(err.type, "wrong-password") == 0
                            ? "It is encrypted; give its password."
                            : arena_strdup(in->arena, err.message);
        return true;
    }
    item->object = arena_alloc(in->arena, sizeof contents);
    memcpy(item->object, &contents, sizeof contents);
    for (size_t i = 0; i < contents.key_count; i++)
        TRY(inspect_add_key(in, contents.keys[i], NULL, within));
    for (size_t i = 0; i < contents.certificate_count; i++)
        TRY(inspect_add_certificate(in, contents.certificates[i], within));
    for (size_t i = 0; i < contents.crl_count; i++)
        TRY(inspect_add_crl(in, contents.crls[i], within));
    return true;
}

static bool open_ocsp_response(struct inspection *in, struct inspect_item *item) {
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(item->object);
    if (basic == NULL)
        return true; /* an error answer has none */
    keep_OCSP_BASICRESP(in->arena, basic);
    const STACK_OF(X509) *certificates = OCSP_resp_get0_certs(basic);
    return add_certificates(in, (STACK_OF(X509) *)(uintptr_t)certificates, index_of(in, item));
}

static bool open_ts_response(struct inspection *in, struct inspect_item *item) {
    const PKCS7 *token = TS_RESP_get_token(item->object);
    if (token == NULL)
        return true;
    struct view der = item_der(in->arena, token, ASN1_ITEM_rptr(PKCS7));
    return inspect_add(in, der, NULL, index_of(in, item)) || in->err->kind == ERROR_NONE;
}

/* Structures with an ASN.1 template, tried in turn. */
static const struct {
    enum inspect_kind kind;
    const ASN1_ITEM *(*item)(void);
    void (*drop)(void *object);
    bool (*open)(struct inspection *in, struct inspect_item *item);
} shapes[] = {
    {KIND_CERTIFICATE, X509_it, drop_X509, NULL},
    {KIND_CSR, X509_REQ_it, drop_X509_REQ, NULL},
    {KIND_CRL, X509_CRL_it, drop_X509_CRL, NULL},
    {KIND_CMS, CMS_ContentInfo_it, drop_cms, open_cms},
    {KIND_OCSP_RESPONSE, OCSP_RESPONSE_it, drop_OCSP_RESPONSE, open_ocsp_response},
    {KIND_OCSP_REQUEST, OCSP_REQUEST_it, drop_OCSP_REQUEST, NULL},
};

static bool add_shape(struct inspection *in, size_t at, struct view der, int within,
                      bool *ret_known) {
    void *object = item_decode(der, shapes[at].item());
    if (object == NULL)
        return true;
    *ret_known = true;
    arena_defer(in->arena, shapes[at].drop, object);
    struct inspect_item *item = add_item(in, shapes[at].kind, der, within);
    if (item == NULL)
        return false;
    item->object = object;
    if (item->kind == KIND_CERTIFICATE)
        item->key = X509_get0_pubkey(object);
    if (item->kind == KIND_CSR)
        item->key = X509_REQ_get0_pubkey(object);
    ERR_clear_error();
    return shapes[at].open == NULL || shapes[at].open(in, item);
}

/* Timestamp messages: their templates are not exported, their decoders are. */
static bool add_timestamp(struct inspection *in, struct view der, int within, bool *ret_known) {
    const unsigned char *at = der.at;
    TS_REQ *request = d2i_TS_REQ(NULL, &at, (long)der.len);
    if (request != NULL)
        arena_defer(in->arena, drop_ts_request, request);
    if (request != NULL && at == der.at + der.len) {
        struct inspect_item *item = add_item(in, KIND_TS_REQUEST, der, within);
        *ret_known = true;
        if (item != NULL)
            item->object = request;
        return item != NULL;
    }
    at = der.at;
    TS_RESP *response = d2i_TS_RESP(NULL, &at, (long)der.len);
    if (response != NULL)
        arena_defer(in->arena, drop_ts_response, response);
    if (response == NULL || at != der.at + der.len)
        return true;
    struct inspect_item *item = add_item(in, KIND_TS_RESPONSE, der, within);
    *ret_known = true;
    if (item == NULL)
        return false;
    item->object = response;
    return open_ts_response(in, item);
}

static bool add_encrypted_key(struct inspection *in, struct view der, int within) {
    EVP_PKEY *key = NULL;
    struct error err = {0};
    bool allowed = ++in->opened <= INSPECT_MAX_OPENED;
    if (in->password != NULL && allowed && pkcs8_decrypt(in->arena, der, in->password, &key, &err))
        return inspect_add_key(in, key, NULL, within);
    struct inspect_item *item = add_item(in, KIND_PRIVATE_KEY, der, within);
    if (item == NULL)
        return false;
    item->problem = in->password == NULL ? "The key is encrypted; give its password."
                    : !allowed           ? too_many_locked
                                         : arena_strdup(in->arena, err.message);
    return true;
}

/* A private key as PKCS#8 or in the older forms of RSA and EC. */
static EVP_PKEY *read_private_key(struct view der) {
    AUTO(PKCS8_PRIV_KEY_INFO) *info = item_decode(der, ASN1_ITEM_rptr(PKCS8_PRIV_KEY_INFO));
    if (info != NULL)
        return EVP_PKCS82PKEY(info);
    static const int old[] = {EVP_PKEY_RSA, EVP_PKEY_EC};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        const unsigned char *at = der.at;
        EVP_PKEY *key = d2i_PrivateKey(old[i], NULL, &at, (long)der.len);
        if (key != NULL && at == der.at + der.len)
            return key;
        EVP_PKEY_free(key);
    }
    return NULL;
}

static bool add_key(struct inspection *in, struct view der, int within, bool *ret_known) {
    AUTO(X509_SIG) *sealed = item_decode(der, ASN1_ITEM_rptr(X509_SIG));
    const unsigned char *at = der.at;
    if (sealed != NULL) {
        *ret_known = true;
        return add_encrypted_key(in, der, within);
    }
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.len);
    bool is_public = key != NULL && at == der.at + der.len;
    if (!is_public) {
        EVP_PKEY_free(key);
        key = read_private_key(der);
    }
    ERR_clear_error();
    if (key == NULL)
        return true;
    *ret_known = true;
    keep_EVP_PKEY(in->arena, key);
    if (!is_public)
        return inspect_add_key(in, key, NULL, within);
    struct inspect_item *item = add_item(in, KIND_PUBLIC_KEY, der, within);
    if (item != NULL)
        item->object = item->key = key;
    return item != NULL;
}

/* rfc6962#3.3: the list alone, or in the OCTET STRING of the extension. */
static bool add_scts(struct inspection *in, struct view der, int within, bool *ret_known) {
    const unsigned char *at = der.at;
    STACK_OF(SCT) *list = NULL;
    if (der.len > 2 && der.at[0] == V_ASN1_OCTET_STRING)
        list = d2i_SCT_LIST(NULL, &at, (long)der.len);
    else if (der.len > 2 && (((size_t)der.at[0] << 8) | der.at[1]) == der.len - 2)
        list = o2i_SCT_LIST(NULL, &at, der.len);
    if (list == NULL)
        return true;
    arena_defer(in->arena, drop_scts, list);
    if (at != der.at + der.len || sk_SCT_num(list) == 0)
        return true;
    *ret_known = true;
    struct inspect_item *item = add_item(in, KIND_SCT_LIST, der, within);
    if (item != NULL)
        item->object = list;
    return item != NULL;
}

/* Recognised by its OID (rfc7292#4): a file with another content type is none of ours. */
static bool add_pkcs12(struct inspection *in, struct view der, int within, bool *ret_known) {
    PKCS12 *file = item_decode(der, ASN1_ITEM_rptr(PKCS12));
    if (file == NULL)
        return true;
    PKCS12_free(file);
    struct inspect_item *item = add_item(in, KIND_PKCS12, der, within);
    if (item == NULL)
        return false;
    *ret_known = open_pkcs12(in, item);
    if (!*ret_known)
        in->count--;
    return *ret_known || in->err->kind == ERROR_NONE;
}

bool inspect_add(struct inspection *in, struct view der, const char *label, int within) {
    bool known = false, ok = true;
    size_t at = in->count;
    if (der.len == 0 || der.len > INSPECT_MAX_SIZE)
        return false;
    ok = add_pkcs12(in, der, within, &known);
    for (size_t i = 0; ok && !known && i < sizeof shapes / sizeof shapes[0]; i++)
        ok = add_shape(in, i, der, within, &known);
    if (ok && !known)
        ok = add_timestamp(in, der, within, &known);
    if (ok && !known)
        ok = add_key(in, der, within, &known);
    if (ok && !known)
        ok = add_scts(in, der, within, &known);
    ERR_clear_error();
    if (known && label != NULL && at < in->count)
        in->items[at].label = label;
    return ok && known;
}
