/* Opening PKCS#12 files of strangers: every algorithm's cost is looked at before it is run. */
#include "x509/pkcs12.h"

#include "x509/internal.h"
#include "x509/pkcs12_handles.h"

#include <string.h>

#define MAX_NESTING 4
#define MAX_SAFES 20

struct opening {
    struct arena *arena;
    const char *password;
    struct pkcs12_contents *to;
    size_t bags;
    int64_t iterations; /* of all derivations so far */
    struct error *err;
};

static bool malformed(struct error *err, const char *what) {
    return REFUSE(err, ERROR_MALFORMED, "malformed-pkcs12", "PKCS#12: %s", what);
}

static bool wrong_password(struct error *err) {
    return REFUSE(err, ERROR_POLICY, "wrong-password",
                  "The password does not open it, or the file is damaged.");
}

static bool unsupported(struct error *err, const char *what) {
    return REFUSE(
        err, ERROR_POLICY, "pkcs12-protection",
        "It is protected by %.100s, which is not available here; write it anew with AES-256.",
        what);
}

static bool spend(struct opening *o, const ASN1_INTEGER *iterations) {
    int64_t count = 1;
    if (iterations != NULL && (ASN1_INTEGER_get_int64(&count, iterations) != 1 || count < 1))
        return malformed(o->err, "the number of iterations is no positive number.");
    if (count > KDF_MAX_ITERATIONS || (o->iterations += count) > 2 * (int64_t)KDF_MAX_ITERATIONS)
        return REFUSE(
            o->err, ERROR_POLICY, "pkcs12-protection",
            "It asks for more than %d iterations to derive a key from the password; write it "
            "anew with fewer.",
            KDF_MAX_ITERATIONS);
    return true;
}

static void *parameter_of(const X509_ALGOR *algorithm, const ASN1_ITEM *item, int *ret_nid) {
    const ASN1_OBJECT *oid;
    const void *value;
    int type;
    X509_ALGOR_get0(&oid, &type, &value, algorithm);
    *ret_nid = OBJ_obj2nid(oid);
    if (type != V_ASN1_SEQUENCE)
        return NULL;
    const ASN1_STRING *der = value;
    return item_decode(view_of(ASN1_STRING_get0_data(der), (size_t)ASN1_STRING_length(der)), item);
}

static const char *algorithm_name(struct arena *arena, const X509_ALGOR *algorithm) {
    const ASN1_OBJECT *oid;
    X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
    int nid = OBJ_obj2nid(oid);
    return nid == NID_undef ? oid_text(arena, oid) : OBJ_nid2ln(nid);
}

static bool check_pbkdf2(struct opening *o, const X509_ALGOR *kdf) {
    int nid;
    AUTO(PBKDF2PARAM) *parameters = parameter_of(kdf, ASN1_ITEM_rptr(PBKDF2PARAM), &nid);
    if (nid != NID_id_pbkdf2) /* scrypt may ask for gigabytes */
        return unsupported(o->err, algorithm_name(o->arena, kdf));
    if (parameters == NULL)
        return malformed(o->err, "the parameters of PBKDF2 are broken.");
    return spend(o, parameters->iter);
}

/* What deriving the key of this encryption costs. */
static bool check_cost(struct opening *o, const X509_ALGOR *algorithm) {
    int nid;
    AUTO(PBE2PARAM) *modern = parameter_of(algorithm, ASN1_ITEM_rptr(PBE2PARAM), &nid);
    if (nid == NID_pbes2) {
        if (modern == NULL)
            return malformed(o->err, "the parameters of PBES2 are broken.");
        o->to->protection =
            arena_printf(o->arena, "PBES2 %s", algorithm_name(o->arena, modern->encryption));
        return check_pbkdf2(o, modern->keyfunc);
    }
    AUTO(PBEPARAM) *old = parameter_of(algorithm, ASN1_ITEM_rptr(PBEPARAM), &nid);
    if (old == NULL)
        return unsupported(o->err, algorithm_name(o->arena, algorithm));
    o->to->protection = algorithm_name(o->arena, algorithm);
    TRY(spend(o, old->iter));
    int cipher = NID_undef, digest = NID_undef;
    if (EVP_PBE_find(EVP_PBE_TYPE_OUTER, nid, &cipher, &digest, NULL) != 1)
        return unsupported(o->err, algorithm_name(o->arena, algorithm));
    /* RC2 and RC4 are known by name, but live in a provider that is not loaded. */
    EVP_CIPHER *there = EVP_CIPHER_fetch(NULL, OBJ_nid2sn(cipher), NULL);
    EVP_CIPHER_free(there);
    return there != NULL || unsupported(o->err, algorithm_name(o->arena, algorithm));
}

static bool check_mac_cost(struct opening *o, PKCS12 *file) {
    const X509_ALGOR *algorithm = NULL;
    const ASN1_INTEGER *iterations = NULL;
    int nid;
    PKCS12_get0_mac(NULL, &algorithm, NULL, &iterations, file);
    AUTO(PBMAC1PARAM) *modern = parameter_of(algorithm, ASN1_ITEM_rptr(PBMAC1PARAM), &nid);
    if (nid != NID_pbmac1)
        return spend(o, iterations);
    if (modern == NULL)
        return malformed(o->err, "the parameters of PBMAC1 are broken.");
    return check_pbkdf2(o, modern->keyDerivationFunc);
}

/* rfc7292#B: some programs write no password as none, others as the empty one. */
static bool check_mac(struct opening *o, PKCS12 *file) {
    if (PKCS12_mac_present(file) != 1)
        return true;
    TRY(check_mac_cost(o, file));
    if (PKCS12_verify_mac(file, o->password, -1) == 1)
        return true;
    if (o->password[0] == '\0' && PKCS12_verify_mac(file, NULL, 0) == 1) {
        o->password = NULL;
        return true;
    }
    return wrong_password(o->err);
}

static bool add_key(struct opening *o, const PKCS8_PRIV_KEY_INFO *info) {
    EVP_PKEY *key = info == NULL ? NULL : EVP_PKCS82PKEY(info);
    ERR_clear_error();
    if (key == NULL) /* of a type that is not known here */
        return malformed(o->err, "a private key in it cannot be read.");
    o->to->keys[o->to->key_count++] = keep_EVP_PKEY(o->arena, key);
    return true;
}

static bool open_shrouded(struct opening *o, const PKCS12_SAFEBAG *bag) {
    const X509_ALGOR *algorithm;
    X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, NULL);
    TRY(check_cost(o, algorithm));
    AUTO(PKCS8_PRIV_KEY_INFO) *info = PKCS12_decrypt_skey(bag, o->password, -1);
    return info == NULL ? wrong_password(o->err) : add_key(o, info);
}

static bool open_bags(struct opening *o, const BAG_LIST *bags, int depth);

static bool open_bag(struct opening *o, const PKCS12_SAFEBAG *bag, int depth) {
    X509 *certificate;
    X509_CRL *crl;
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        return add_key(o, PKCS12_SAFEBAG_get0_p8inf(bag));
    case NID_pkcs8ShroudedKeyBag:
        return open_shrouded(o, bag);
    case NID_certBag:
        if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
            return true;
        if ((certificate = PKCS12_SAFEBAG_get1_cert(bag)) == NULL)
            return malformed(o->err, "a certificate in it cannot be read.");
        o->to->certificates[o->to->certificate_count++] = keep_X509(o->arena, certificate);
        return true;
    case NID_crlBag:
        if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Crl)
            return true;
        if ((crl = PKCS12_SAFEBAG_get1_crl(bag)) == NULL)
            return malformed(o->err, "a CRL in it cannot be read.");
        o->to->crls[o->to->crl_count++] = keep_X509_CRL(o->arena, crl);
        return true;
    case NID_safeContentsBag:
        return open_bags(o, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
    default:
        return true; /* secrets and what is not known: not ours */
    }
}

static bool open_bags(struct opening *o, const BAG_LIST *bags, int depth) {
    if (depth > MAX_NESTING)
        return malformed(o->err, "it is nested too deeply.");
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        if (++o->bags > PKCS12_MAX_BAGS)
            return REFUSE(o->err, ERROR_TOO_LARGE, "too-large",
                          "PKCS#12: it holds more than %d things.", PKCS12_MAX_BAGS);
        TRY(open_bag(o, sk_PKCS12_SAFEBAG_value(bags, i), depth));
    }
    return true;
}

static bool open_safe(struct opening *o, PKCS7 *safe) {
    if (PKCS7_type_is_data(safe)) {
        AUTO(BAG_LIST) *bags = PKCS12_unpack_p7data(safe);
        return bags == NULL ? malformed(o->err, "a part of it cannot be read.")
                            : open_bags(o, bags, 0);
    }
    if (!PKCS7_type_is_encrypted(safe) || safe->d.encrypted == NULL)
        return unsupported(o->err, "a public key");
    TRY(check_cost(o, safe->d.encrypted->enc_data->algorithm));
    AUTO(BAG_LIST) *bags = PKCS12_unpack_p7encdata(safe, o->password, o->password == NULL ? 0 : -1);
    return bags == NULL ? wrong_password(o->err) : open_bags(o, bags, 0);
}

bool pkcs12_open(struct arena *arena, struct view der, const char *password,
                 struct pkcs12_contents *ret, struct error *err) {
    struct pkcs12_contents contents = {
        .keys = arena_array(arena, PKCS12_MAX_BAGS, sizeof(EVP_PKEY *)),
        .certificates = arena_array(arena, PKCS12_MAX_BAGS, sizeof(X509 *)),
        .crls = arena_array(arena, PKCS12_MAX_BAGS, sizeof(X509_CRL *)),
        .protection = "none"};
    struct opening o = {
        .arena = arena, .password = password == NULL ? "" : password, .to = &contents, .err = err};
    if (der.len > PKCS12_MAX_SIZE)
        return fail(err, ERROR_TOO_LARGE, "too-large",
                    "The PKCS#12 file has %zu bytes; %zu is the most.", der.len, PKCS12_MAX_SIZE);
    AUTO(PKCS12) *file = item_decode(der, ASN1_ITEM_rptr(PKCS12));
    if (file == NULL)
        return malformed(
            err, "it is no PKCS#12 file (RFC 7292) in DER, is cut off, or bytes follow it.");
    AUTO(SAFE_LIST) *safes = PKCS12_unpack_authsafes(file);
    if (safes == NULL || sk_PKCS7_num(safes) > MAX_SAFES)
        return malformed(err,
                         "its contents cannot be read; only the mode with a password is known.");
    TRY(check_mac(&o, file));
    for (int i = 0; i < sk_PKCS7_num(safes); i++)
        TRY(open_safe(&o, sk_PKCS7_value(safes, i)));
    ERR_clear_error();
    *ret = contents;
    return true;
}

bool pkcs8_decrypt(struct arena *arena, struct view der, const char *password, EVP_PKEY **ret_key,
                   struct error *err) {
    EVP_PKEY *keys[1];
    struct pkcs12_contents contents = {.keys = keys};
    struct opening o = {.arena = arena, .password = password, .to = &contents, .err = err};
    const X509_ALGOR *algorithm;
    AUTO(X509_SIG) *sealed = item_decode(der, ASN1_ITEM_rptr(X509_SIG));
    if (sealed == NULL)
        return REFUSE(err, ERROR_MALFORMED, "malformed-key",
                      "It is no encrypted private key (RFC 5208) in DER or PEM.");
    X509_SIG_get0(sealed, &algorithm, NULL);
    TRY(check_cost(&o, algorithm));
    AUTO(PKCS8_PRIV_KEY_INFO) *info = PKCS8_decrypt(sealed, password, (int)strlen(password));
    if (info == NULL)
        return wrong_password(err);
    TRY(add_key(&o, info));
    *ret_key = keys[0];
    return true;
}
