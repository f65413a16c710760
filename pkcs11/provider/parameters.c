/* Parameters of signature contexts: the ones that X.509, CMS, OCSP, TS and TLS code of OpenSSL sets
 * and asks. While verifying they go to the default provider's context. */
#include "provider/signature.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct named {
    const char *name;
    int value;
} paddings[] = {{OSSL_PKEY_RSA_PAD_MODE_PKCSV15, RSA_PKCS1_PADDING},
                {OSSL_PKEY_RSA_PAD_MODE_PSS, RSA_PKCS1_PSS_PADDING},
                {NULL, 0}},
  salts[] = {{OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST, RSA_PSS_SALTLEN_DIGEST},
             {OSSL_PKEY_RSA_PSS_SALT_LEN_MAX, RSA_PSS_SALTLEN_MAX},
             {OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO, RSA_PSS_SALTLEN_AUTO},
             {OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO_DIGEST_MAX, RSA_PSS_SALTLEN_AUTO_DIGEST_MAX},
             {NULL, 0}};

int signature_salt_length(const struct signature *s) {
    int digest = s->md == NULL ? 0 : EVP_MD_get_size(s->md);
    int room = (EVP_PKEY_get_bits(remote_key_public(s->remote)) + 6) / 8 - digest - 2;
    int salt = s->salt;
    if (salt == RSA_PSS_SALTLEN_DIGEST)
        salt = digest;
    else if (salt == RSA_PSS_SALTLEN_AUTO_DIGEST_MAX)
        salt = digest < room ? digest : room;
    else if (salt < 0)
        salt = room;
    return salt > room ? -1 : salt;
}

/* ---- setting --------------------------------------------------------------------------------- */

static bool fetch_digest(const char *name, EVP_MD **ret_md, enum wire_digest *ret_digest) {
    EVP_MD *md = EVP_MD_fetch(NULL, name, DEFAULT_QUERY);
    enum wire_digest digest =
        md == NULL ? WIRE_DIGEST_NONE : wire_digest_by_name(EVP_MD_get0_name(md));
    if (digest == WIRE_DIGEST_NONE) {
        EVP_MD_free(md);
        ERR_raise_data(ERR_LIB_PROV, PROV_R_INVALID_DIGEST, "%s", name);
        return false;
    }
    EVP_MD_free(*ret_md);
    *ret_md = md;
    *ret_digest = digest;
    return true;
}

bool signature_set_digest(struct signature *s, const char *name) {
    return fetch_digest(name, &s->md, &s->digest);
}

/* Once the message comes in, the digest stays what it is. */
static bool set_digest_param(struct signature *s, const OSSL_PARAM *p) {
    char name[64], *at = name;
    if (!OSSL_PARAM_get_utf8_string(p, &at, sizeof name) || signs_message(s))
        return false;
    return s->hash == NULL ? signature_set_digest(s, name) : EVP_MD_is_a(s->md, name);
}

static bool set_mgf_param(struct signature *s, const OSSL_PARAM *p) {
    char name[64], *at = name;
    return OSSL_PARAM_get_utf8_string(p, &at, sizeof name) &&
           fetch_digest(name, &s->mgf_md, &s->mgf_digest);
}

static bool named_value(const OSSL_PARAM *p, const struct named *names, bool numbers, int *ret) {
    if (p->data_type == OSSL_PARAM_INTEGER || p->data_type == OSSL_PARAM_UNSIGNED_INTEGER)
        return OSSL_PARAM_get_int(p, ret);
    if (p->data_type != OSSL_PARAM_UTF8_STRING || p->data == NULL)
        return false;
    for (; names->name != NULL; names++)
        if (strcmp(names->name, p->data) == 0) {
            *ret = names->value;
            return true;
        }
    char *end;
    long value = strtol(p->data, &end, 10);
    *ret = (int)value;
    return numbers && end != p->data && *end == '\0' && value >= INT_MIN && value <= INT_MAX;
}

static bool set_padding_param(struct signature *s, const OSSL_PARAM *p) {
    int padding;
    if (!named_value(p, paddings, false, &padding) ||
        (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE);
        return false;
    }
    s->padding = padding;
    return true;
}

static bool set_salt_param(struct signature *s, const OSSL_PARAM *p) {
    int salt;
    if (!named_value(p, salts, true, &salt) || salt < RSA_PSS_SALTLEN_AUTO_DIGEST_MAX ||
        salt > 1024) {
        ERR_raise(ERR_LIB_PROV, PROV_R_INVALID_SALT_LENGTH);
        return false;
    }
    s->salt = salt;
    return true;
}

static bool set_context_param(struct signature *s, const OSSL_PARAM *p) {
    void *at = s->context;
    size_t len = 0;
    if (!OSSL_PARAM_get_octet_string(p, &at, sizeof s->context, &len) ||
        (len > 0 && s->family == WIRE_EDDSA))
        return false;
    s->context_len = len;
    return true;
}

/* Ed25519ph, Ed25519ctx and their like are other algorithms that the wire does not know. */
static bool set_instance_param(struct signature *s, const OSSL_PARAM *p) {
    return p->data_type == OSSL_PARAM_UTF8_STRING && p->data != NULL && s->remote != NULL &&
           EVP_PKEY_is_a(remote_key_public(s->remote), p->data);
}

static bool must_be_zero(struct signature *s, const OSSL_PARAM *p) {
    int value;
    (void)s;
    return OSSL_PARAM_get_int(p, &value) && value == 0;
}

static bool must_be_one(struct signature *s, const OSSL_PARAM *p) {
    int value;
    (void)s;
    return OSSL_PARAM_get_int(p, &value) && value == 1;
}

static const struct {
    const char *name;
    bool (*set)(struct signature *, const OSSL_PARAM *);
    unsigned families; /* bits */
} setters[] = {
#define DIGESTING (1u << WIRE_RSA_PKCS1 | 1u << WIRE_ECDSA)
#define WITH_CONTEXT (1u << WIRE_EDDSA | 1u << WIRE_ML_DSA | 1u << WIRE_SLH_DSA)
    {OSSL_SIGNATURE_PARAM_DIGEST, set_digest_param, ~0u},
    {OSSL_SIGNATURE_PARAM_PAD_MODE, set_padding_param, 1u << WIRE_RSA_PKCS1},
    {OSSL_SIGNATURE_PARAM_PSS_SALTLEN, set_salt_param, 1u << WIRE_RSA_PKCS1},
    {OSSL_SIGNATURE_PARAM_MGF1_DIGEST, set_mgf_param, 1u << WIRE_RSA_PKCS1},
    {OSSL_SIGNATURE_PARAM_NONCE_TYPE, must_be_zero, 1u << WIRE_ECDSA},
    {OSSL_SIGNATURE_PARAM_CONTEXT_STRING, set_context_param, WITH_CONTEXT},
    {OSSL_SIGNATURE_PARAM_INSTANCE, set_instance_param, 1u << WIRE_EDDSA},
    {OSSL_SIGNATURE_PARAM_MESSAGE_ENCODING, must_be_one, WITH_CONTEXT},
    {OSSL_SIGNATURE_PARAM_DETERMINISTIC, must_be_zero, WITH_CONTEXT},
    {OSSL_SIGNATURE_PARAM_MU, must_be_zero, WITH_CONTEXT},
};
#define SETTERS (sizeof setters / sizeof setters[0])

int signature_set_params(void *context, const OSSL_PARAM params[]) {
    struct signature *s = context;
    if (params == NULL || params[0].key == NULL)
        return 1;
    if (s->check_ctx != NULL)
        return EVP_PKEY_CTX_set_params(s->check_ctx, params);
    for (size_t i = 0; i < SETTERS; i++) {
        const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, setters[i].name);
        if (p != NULL && ((setters[i].families >> s->family & 1) == 0 || !setters[i].set(s, p)))
            return 0;
    }
    return 1;
}

const OSSL_PARAM *signature_settable(void *context, void *provider) {
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_INSTANCE, NULL, 0),
        OSSL_PARAM_END};
    (void)context, (void)provider;
    return params;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool get_algorithm_id(const struct signature *s, OSSL_PARAM *p) {
    EVP_PKEY_CTX *ctx;
    EVP_MD_CTX *shadow = signature_shadow(s, &ctx);
    OSSL_PARAM ask[] = {*p, OSSL_PARAM_construct_end()};
    bool done = shadow != NULL && EVP_PKEY_CTX_get_params(ctx, ask) == 1;
    p->return_size = ask[0].return_size;
    EVP_MD_CTX_free(shadow);
    return done;
}

static bool get_named(OSSL_PARAM *p, const struct named *names, int value) {
    char number[16];
    if (p->data_type == OSSL_PARAM_INTEGER || p->data_type == OSSL_PARAM_UNSIGNED_INTEGER)
        return OSSL_PARAM_set_int(p, value);
    for (; names->name != NULL; names++)
        if (names->value == value)
            return OSSL_PARAM_set_utf8_string(p, names->name);
    snprintf(number, sizeof number, "%d", value);
    return OSSL_PARAM_set_utf8_string(p, number);
}

static bool get_digest(OSSL_PARAM *p, const EVP_MD *md) {
    return OSSL_PARAM_set_utf8_string(p, md == NULL ? "" : EVP_MD_get0_name(md));
}

int signature_get_params(void *context, OSSL_PARAM params[]) {
    struct signature *s = context;
    OSSL_PARAM *p;
    if (s->check_ctx != NULL)
        return EVP_PKEY_CTX_get_params(s->check_ctx, params);
    if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID)) != NULL &&
        (s->remote == NULL || !get_algorithm_id(s, p)))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST)) != NULL &&
        !get_digest(p, s->md))
        return 0;
    if (s->family != WIRE_RSA_PKCS1)
        return 1;
    if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) != NULL &&
        !get_named(p, paddings, s->padding))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) != NULL &&
        !get_named(p, salts, s->salt))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST)) != NULL &&
        !get_digest(p, s->mgf_md == NULL ? s->md : s->mgf_md))
        return 0;
    return 1;
}

const OSSL_PARAM *signature_gettable(void *context, void *provider) {
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_END};
    (void)context, (void)provider;
    return params;
}
