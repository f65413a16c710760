#include "x509/key_type.h"

#include "x509/internal.h"

#include <openssl/core_names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 8192
#define RSA_MAX_EXPONENT_BITS 256

enum family { RSA, EC, EDDSA, ML_DSA, SLH_DSA, ML_KEM };

struct key_type {
    const char *name; /* canonical */
    enum family family;
    const char *evp;   /* OpenSSL's name of the algorithm, or of the curve */
    const char *alias; /* another spelling that people use, or NULL */
};

static const struct key_type types[] = {
    {"RSA-2048", RSA, NULL, NULL},
    {"RSA-3072", RSA, NULL, NULL},
    {"RSA-4096", RSA, NULL, NULL},
    {"RSA-6144", RSA, NULL, NULL},
    {"RSA-7680", RSA, NULL, NULL},
    {"RSA-8192", RSA, NULL, NULL},
    {"P-256", EC, "prime256v1", "secp256r1"},
    {"P-384", EC, "secp384r1", NULL},
    {"P-521", EC, "secp521r1", NULL},
    {"secp256k1", EC, "secp256k1", "P-256K"},
    {"brainpoolP256r1", EC, "brainpoolP256r1", NULL},
    {"brainpoolP384r1", EC, "brainpoolP384r1", NULL},
    {"brainpoolP512r1", EC, "brainpoolP512r1", NULL},
    {"Ed25519", EDDSA, "ED25519", NULL},
    {"Ed448", EDDSA, "ED448", NULL},
    {"ML-DSA-44", ML_DSA, "ML-DSA-44", NULL},
    {"ML-DSA-65", ML_DSA, "ML-DSA-65", NULL},
    {"ML-DSA-87", ML_DSA, "ML-DSA-87", NULL},
    {"SLH-DSA-SHA2-128s", SLH_DSA, "SLH-DSA-SHA2-128s", NULL},
    {"SLH-DSA-SHA2-128f", SLH_DSA, "SLH-DSA-SHA2-128f", NULL},
    {"SLH-DSA-SHA2-192s", SLH_DSA, "SLH-DSA-SHA2-192s", NULL},
    {"SLH-DSA-SHA2-192f", SLH_DSA, "SLH-DSA-SHA2-192f", NULL},
    {"SLH-DSA-SHA2-256s", SLH_DSA, "SLH-DSA-SHA2-256s", NULL},
    {"SLH-DSA-SHA2-256f", SLH_DSA, "SLH-DSA-SHA2-256f", NULL},
    {"SLH-DSA-SHAKE-128s", SLH_DSA, "SLH-DSA-SHAKE-128s", NULL},
    {"SLH-DSA-SHAKE-128f", SLH_DSA, "SLH-DSA-SHAKE-128f", NULL},
    {"SLH-DSA-SHAKE-192s", SLH_DSA, "SLH-DSA-SHAKE-192s", NULL},
    {"SLH-DSA-SHAKE-192f", SLH_DSA, "SLH-DSA-SHAKE-192f", NULL},
    {"SLH-DSA-SHAKE-256s", SLH_DSA, "SLH-DSA-SHAKE-256s", NULL},
    {"SLH-DSA-SHAKE-256f", SLH_DSA, "SLH-DSA-SHAKE-256f", NULL},
    {"ML-KEM-512", ML_KEM, "ML-KEM-512", NULL},
    {"ML-KEM-768", ML_KEM, "ML-KEM-768", NULL},
    {"ML-KEM-1024", ML_KEM, "ML-KEM-1024", NULL},
};

#define TYPE_COUNT (sizeof types / sizeof types[0])
#define KNOWN_TYPES                                                                                \
    "RSA-2048 to RSA-8192, P-256, P-384, P-521, secp256k1, brainpoolP256r1/P384r1/P512r1, "        \
    "Ed25519, Ed448, ML-DSA-44/65/87 and the SLH-DSA sets of FIPS 205"

static const struct key_type *type_named(const char *name) {
    for (size_t i = 0; name != NULL && i < TYPE_COUNT; i++)
        if (strcasecmp(name, types[i].name) == 0 ||
            (types[i].family == EC && strcasecmp(name, types[i].evp) == 0) ||
            (types[i].alias != NULL && strcasecmp(name, types[i].alias) == 0))
            return &types[i];
    return NULL;
}

/* The bits in "RSA-3072", else 0. */
static long rsa_bits(const char *name) {
    char *end;
    if (strncasecmp(name, "RSA-", 4) != 0 || name[4] < '1' || name[4] > '9')
        return 0;
    long bits = strtol(name + 4, &end, 10);
    return *end == '\0' && bits <= 65536 ? bits : 0;
}

const char *key_type_canonical(const char *name) {
    const struct key_type *type = type_named(name);
    return type == NULL ? NULL : type->name;
}

static bool unknown_type(const char *name, struct error *err) {
    return fail(err, ERROR_MALFORMED, "unknown-key-type",
                "The key type \"%.60s\" is not known; use one of " KNOWN_TYPES ".", name);
}

bool key_type_from_json(const struct json *value, const char **ret_type, struct error *err) {
    static const char *const members[] = {"type", "bits", "curve", NULL};
    const char *type = NULL, *curve = NULL;
    char name[KEY_TYPE_SIZE];
    int64_t bits = 0;

    if (value != NULL && value->type == JSON_STRING) {
        type = value->text;
    } else {
        TRY(json_only(value, members, err));
        TRY(json_string(value, "type", &type, err));
        TRY(json_string(value, "curve", &curve, err));
        TRY(json_int(value, "bits", 1, 65536, &bits, err));
    }
    if (type == NULL)
        return fail(err, ERROR_MALFORMED, "unknown-key-type",
                    "The key has no \"type\"; write {\"type\":\"EC\",\"curve\":\"P-384\"} or "
                    "{\"type\":\"RSA\",\"bits\":3072}.");
    bool is_rsa = strcasecmp(type, "RSA") == 0, is_ec = strcasecmp(type, "EC") == 0;
    if ((is_rsa && bits == 0) || (is_ec && curve == NULL) || (!is_rsa && bits != 0) ||
        (!is_ec && curve != NULL))
        return fail(err, ERROR_MALFORMED, "unknown-key-type",
                    "A key of type \"RSA\" is written with \"bits\", one of type \"EC\" with "
                    "\"curve\", any other with \"type\" alone.");
    if (is_rsa) {
        snprintf(name, sizeof name, "RSA-%d", (int)bits);
        type = name;
    }
    const struct key_type *known = type_named(is_ec ? curve : type);
    /* An ML-KEM key signs nothing: it is a subject's, never one of ours. */
    if (known == NULL || (is_ec && known->family != EC) || known->family == ML_KEM)
        return unknown_type(is_ec ? curve : type, err);
    *ret_type = known->name;
    return true;
}

void key_type_write_json(struct json_writer *w, const char *key_type) {
    const struct key_type *type = type_named(key_type);
    long bits = rsa_bits(key_type);
    json_open_object(w);
    if (bits > 0) {
        json_put_string(w, "type", "RSA");
        json_put_int(w, "bits", bits);
    } else if (type != NULL && type->family == EC) {
        json_put_string(w, "type", "EC");
        json_put_string(w, "curve", type->name);
    } else {
        json_put_string(w, "type", key_type);
    }
    json_close_object(w);
}

static const char *curve_name(EVP_PKEY *key) {
    char group[64];
    size_t len = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1)
        return NULL;
    const struct key_type *type = type_named(group);
    return type != NULL && type->family == EC ? type->name : NULL;
}

bool key_type_of(EVP_PKEY *key, char ret_type[static KEY_TYPE_SIZE]) {
    const char *name = NULL;
    if (key == NULL)
        return false;
    if (EVP_PKEY_is_a(key, "RSA")) {
        int bits = EVP_PKEY_get_bits(key);
        if (bits <= 0)
            return false;
        snprintf(ret_type, KEY_TYPE_SIZE, "RSA-%d", bits);
        return true;
    }
    if (EVP_PKEY_is_a(key, "EC"))
        name = curve_name(key);
    for (size_t i = 0; name == NULL && i < TYPE_COUNT; i++)
        if (types[i].family > EC && EVP_PKEY_is_a(key, types[i].evp))
            name = types[i].name;
    ERR_clear_error();
    if (name == NULL)
        return false;
    snprintf(ret_type, KEY_TYPE_SIZE, "%s", name);
    return true;
}

bool key_type_of_spki(const X509_PUBKEY *spki, char ret_type[static KEY_TYPE_SIZE]) {
    ASN1_OBJECT *algorithm = NULL;
    X509_ALGOR *parameters = NULL;
    const void *curve = NULL;
    int of = V_ASN1_UNDEF;
    if (spki == NULL || X509_PUBKEY_get0_param(&algorithm, NULL, NULL, &parameters, spki) != 1)
        return false;
    X509_ALGOR_get0(NULL, &of, &curve, parameters);
    if (OBJ_obj2nid(algorithm) != NID_X9_62_id_ecPublicKey || of != V_ASN1_OBJECT)
        return key_type_of(X509_PUBKEY_get0(spki), ret_type);
    const char *name = OBJ_nid2sn(OBJ_obj2nid(curve));
    const struct key_type *type = name == NULL ? NULL : type_named(name);
    if (type == NULL || type->family != EC)
        return false;
    snprintf(ret_type, KEY_TYPE_SIZE, "%s", type->name);
    return true;
}

static bool entry_allows(const char *entry, const char *key_type) {
    const struct key_type *type = type_named(key_type);
    long bits = rsa_bits(key_type), least = rsa_bits(entry);

    if (bits > 0) {
        if (strcasecmp(entry, "RSA") == 0)
            least = RSA_MIN_BITS;
        return least > 0 && bits >= least;
    }
    if (type == NULL)
        return false;
    if (strcasecmp(entry, "EC") == 0)
        return type->family == EC;
    if (strcasecmp(entry, "ML-DSA") == 0)
        return type->family == ML_DSA;
    if (strcasecmp(entry, "SLH-DSA") == 0)
        return type->family == SLH_DSA;
    if (strcasecmp(entry, "ML-KEM") == 0)
        return type->family == ML_KEM;
    return type_named(entry) == type;
}

bool key_type_allowed(const char *key_type, const char *const *allowed, size_t count) {
    if (count == 0)
        return type_named(key_type) != NULL || rsa_bits(key_type) >= RSA_MIN_BITS;
    for (size_t i = 0; i < count; i++)
        if (entry_allows(allowed[i], key_type))
            return true;
    return false;
}

const EVP_MD *key_type_digest(const char *key_type) {
    long bits = rsa_bits(key_type);
    if (bits > 0)
        return bits >= 4096 ? EVP_sha512() : EVP_sha256();
    const struct key_type *type = type_named(key_type);
    if (type == NULL || type->family != EC)
        return NULL;
    if (strcmp(type->name, "P-521") == 0 || strcmp(type->name, "brainpoolP512r1") == 0)
        return EVP_sha512();
    bool middle = strcmp(type->name, "P-384") == 0 || strcmp(type->name, "brainpoolP384r1") == 0;
    return middle ? EVP_sha384() : EVP_sha256();
}

bool key_type_is_ec(const char *key_type) {
    const struct key_type *type = type_named(key_type);
    return type != NULL && type->family == EC;
}

int key_type_strength(const char *key_type) {
    static const struct {
        long bits;
        int strength;
    } rsa[] = {{15360, 256}, {7680, 192}, {3072, 128}, {2048, 112}, {1024, 80}};
    long bits = rsa_bits(key_type);
    for (size_t i = 0; bits > 0 && i < sizeof rsa / sizeof rsa[0]; i++)
        if (bits >= rsa[i].bits)
            return rsa[i].strength;
    const struct key_type *type = type_named(key_type);
    if (bits > 0 || type == NULL)
        return 0;
    if (strstr(type->name, "521") != NULL || strstr(type->name, "512") != NULL ||
        strstr(type->name, "-256s") != NULL || strstr(type->name, "-256f") != NULL ||
        strcmp(type->name, "ML-DSA-87") == 0)
        return 256;
    if (strcmp(type->name, "Ed448") == 0)
        return 224;
    bool middle = strstr(type->name, "384") != NULL || strstr(type->name, "-192") != NULL ||
                  strcmp(type->name, "ML-DSA-65") == 0;
    return middle ? 192 : 128;
}

bool key_type_is_quantum_safe(const char *key_type) {
    const struct key_type *type = type_named(key_type);
    return type != NULL && type->family >= ML_DSA;
}

static bool weak(struct error *err, const char *object, const char *what) {
    return REFUSE(err, ERROR_POLICY, "weak-key", "%s: %s Make a new key.", object, what);
}

/* No honest modulus has a factor under 752: a broken random source or a crafted key does. */
static bool has_small_factor(const BIGNUM *modulus) {
    for (BN_ULONG d = 3; d < 752; d += 2)
        if (BN_mod_word(modulus, d) == 0)
            return true;
    return false;
}

static bool check_rsa(EVP_PKEY *key, const char *object, struct error *err) {
    AUTO(BIGNUM) *n = NULL, *e = NULL;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
        return weak(err, object, "the RSA public key cannot be read.");
    int bits = BN_num_bits(n);
    if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
        return fail(err, ERROR_POLICY, "weak-key",
                    "%s: the RSA key has %d bits; 2048 to 8192 are accepted (NIST SP 800-131A). "
                    "Make a new key of at least 2048 bits.",
                    object, bits);
    /* NIST SP 800-56B 6.4.1.1 and 6.4.2.1: n odd; 2^16 < e < 2^256, e odd. */
    if (!BN_is_odd(n))
        return weak(err, object, "the RSA modulus is even (NIST SP 800-56B).");
    if (has_small_factor(n))
        return weak(err, object, "the RSA modulus has a factor under 752 (NIST SP 800-89).");
    if (!BN_is_odd(e) || BN_num_bits(e) <= 16 || BN_num_bits(e) > RSA_MAX_EXPONENT_BITS)
        return weak(err, object,
                    "the RSA public exponent must be odd and between 65537 and 2^256 (NIST SP "
                    "800-56B).");
    return true;
}

static bool check_ec(EVP_PKEY *key, const char *object, struct error *err) {
    int explicit_parameters = 0;
    /* rfc5480#2.1.1: implicitCurve and specifiedCurve MUST NOT be used. Crafted parameters with a
     * generator of the attacker's choice made CVE-2020-0601. */
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                               &explicit_parameters) == 1 &&
        explicit_parameters != 0)
        return weak(err, object,
                    "the curve is given by explicit parameters; a named curve is required "
                    "(rfc5480#2.1.1).");
    AUTO(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (ctx == NULL || EVP_PKEY_public_check(ctx) != 1)
        return weak(err, object,
                    "the public point is not on its curve, or is the point at infinity (NIST SP "
                    "800-56A 5.6.2.3.3).");
    return true;
}

bool key_check(EVP_PKEY *key, const char *object, struct error *err) {
    char type[KEY_TYPE_SIZE];
    int explicit_parameters = 0;

    if (key == NULL)
        return weak(err, object, "the public key cannot be read.");
    if (EVP_PKEY_is_a(key, "RSA"))
        return check_rsa(key, object, err);
    if (EVP_PKEY_is_a(key, "EC") &&
        (key_type_of(key, type) ||
         (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                 &explicit_parameters) == 1 &&
          explicit_parameters != 0)))
        return check_ec(key, object, err);
    if (key_type_of(key, type))
        return true;
    return REFUSE(err, ERROR_POLICY, "weak-key",
                  "%s: keys of this type are not certified here; use one of " KNOWN_TYPES ".",
                  object);
}

bool key_spki(struct arena *arena, EVP_PKEY *key, struct view *ret_der, struct error *err) {
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len <= 0)
        return fail_internal(err, "i2d_PUBKEY");
    *ret_der = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

bool key_from_spki(struct view der, EVP_PKEY **ret_key, struct error *err) {
    const unsigned char *next = der.at;
    AUTO(EVP_PKEY) *key = NULL;
    if (der.len > 0 && der.len <= 1024 * 1024)
        key = d2i_PUBKEY(NULL, &next, (long)der.len);
    if (key == NULL || next != der.at + der.len)
        return REFUSE(err, ERROR_MALFORMED, "malformed-key",
                      "The public key is no DER SubjectPublicKeyInfo of a known type "
                      "(rfc5280#4.1.2.7), or bytes follow it.");
    *ret_key = TAKE(key);
    return true;
}
