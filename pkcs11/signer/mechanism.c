#include "signer/mechanism.h"

#include <string.h>

/* What Cryptoki calls a digest in the parameters of PSS and OAEP, and the last byte of the digest's
 * OID. */
static const struct {
    CK_MECHANISM_TYPE hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
    uint8_t oid; /* under 2.16.840.1.101.3.4.2, 0: SHA-1 */
} digest_ids[WIRE_DIGEST_END] = {
    [WIRE_SHA1] = {CKM_SHA_1, CKG_MGF1_SHA1, 0},
    [WIRE_SHA224] = {CKM_SHA224, CKG_MGF1_SHA224, 4},
    [WIRE_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256, 1},
    [WIRE_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384, 2},
    [WIRE_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512, 3},
    [WIRE_SHA3_224] = {CKM_SHA3_224, CKG_MGF1_SHA3_224, 7},
    [WIRE_SHA3_256] = {CKM_SHA3_256, CKG_MGF1_SHA3_256, 8},
    [WIRE_SHA3_384] = {CKM_SHA3_384, CKG_MGF1_SHA3_384, 9},
    [WIRE_SHA3_512] = {CKM_SHA3_512, CKG_MGF1_SHA3_512, 10},
};

static bool unfit(const struct key_type *type, struct error *err) {
    return fail(err, ERROR_POLICY, "key-unfit", "A key of type %s cannot do this operation.",
                type->name);
}

static void *as_bytes(struct view v) {
    return (void *)(uintptr_t)v.at; /* Cryptoki's pointers are not const, its functions are */
}

static bool check_digest(const struct wire_digest_info *info, struct view data, struct error *err) {
    if (info == NULL)
        return fail(err, ERROR_MALFORMED, "bad-data", "The signature names no digest.");
    if (data.len != info->size)
        return fail(err, ERROR_MALFORMED, "bad-data", "A %s digest has %zu bytes, not %zu.",
                    info->name, info->size, data.len);
    return true;
}

/* rfc8017#9.2: DigestInfo with NULL parameters, as its note 1 lists them. */
static void put_digest_info(unsigned digest, struct view hash, struct operation *op) {
    static const uint8_t sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                   0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
    static const uint8_t sha2[] = {0x30, 0,    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0,    0x05, 0x00, 0x04, 0};
    size_t prefix = digest == WIRE_SHA1 ? sizeof sha1 : sizeof sha2;
    memcpy(op->digest_info, digest == WIRE_SHA1 ? sha1 : sha2, prefix);
    if (digest != WIRE_SHA1) {
        op->digest_info[1] = (uint8_t)(17 + hash.len);
        op->digest_info[14] = digest_ids[digest].oid;
        op->digest_info[18] = (uint8_t)hash.len;
    }
    memcpy(op->digest_info + prefix, hash.at, hash.len);
    op->input = view_of(op->digest_info, prefix + hash.len);
}

static bool sign_pkcs1(const struct sign_terms *terms, struct operation *op, struct error *err) {
    TRY(check_digest(wire_digest_info(terms->digest), terms->data, err));
    put_digest_info(terms->digest, terms->data, op);
    op->mechanism = (CK_MECHANISM){CKM_RSA_PKCS, NULL, 0};
    return true;
}

static bool sign_pss(const struct sign_terms *terms, struct operation *op, struct error *err) {
    TRY(check_digest(wire_digest_info(terms->digest), terms->data, err));
    unsigned mgf = terms->mgf_digest == WIRE_DIGEST_NONE ? terms->digest : terms->mgf_digest;
    op->pss = (CK_RSA_PKCS_PSS_PARAMS){digest_ids[terms->digest].hash, digest_ids[mgf].mgf,
                                       terms->salt_length};
    op->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &op->pss, sizeof op->pss};
    op->input = terms->data;
    return true;
}

/* FIPS 186-5 section 6.4.1: the leftmost bits of a digest that is longer than the order. Tokens
 * differ in whether they do it themselves. */
static bool sign_ecdsa(const struct key_type *type, const struct sign_terms *terms,
                       struct operation *op, struct error *err) {
    if (terms->data.len == 0 || terms->data.len > 64)
        return fail(err, ERROR_MALFORMED, "bad-data", "ECDSA signs a digest of 1 to 64 bytes.");
    op->mechanism = (CK_MECHANISM){CKM_ECDSA, NULL, 0};
    op->input = view_of(terms->data.at,
                        terms->data.len < type->order_size ? terms->data.len : type->order_size);
    return true;
}

static bool sign_eddsa(const struct key_type *type, const struct sign_terms *terms,
                       struct operation *op, struct error *err) {
    if (terms->context.len > 0)
        return unfit(type, err);
    op->mechanism = (CK_MECHANISM){CKM_EDDSA, NULL, 0};
    op->input = terms->data;
    if (strcmp(type->name, "Ed448") == 0) { /* Ed448 has a context always, here the empty one */
        op->eddsa = (CK_EDDSA_PARAMS){CK_FALSE, 0, NULL};
        op->mechanism = (CK_MECHANISM){CKM_EDDSA, &op->eddsa, sizeof op->eddsa};
    }
    return true;
}

static bool sign_pq(CK_MECHANISM_TYPE mechanism, const struct sign_terms *terms,
                    struct operation *op) {
    op->mechanism = (CK_MECHANISM){mechanism, NULL, 0};
    op->input = terms->data;
    if (terms->context.len > 0) {
        op->context = (CK_SIGN_ADDITIONAL_CONTEXT){CKH_HEDGE_PREFERRED, as_bytes(terms->context),
                                                   terms->context.len};
        op->mechanism = (CK_MECHANISM){mechanism, &op->context, sizeof op->context};
    }
    return true;
}

bool operation_sign(const struct key_type *type, const struct sign_terms *terms,
                    struct operation *op, struct error *err) {
    switch (terms->scheme) {
    case WIRE_RSA_PKCS1:
        return type->ckk == CKK_RSA ? sign_pkcs1(terms, op, err) : unfit(type, err);
    case WIRE_RSA_PSS:
        return type->ckk == CKK_RSA ? sign_pss(terms, op, err) : unfit(type, err);
    case WIRE_ECDSA:
        return type->ckk == CKK_EC ? sign_ecdsa(type, terms, op, err) : unfit(type, err);
    case WIRE_EDDSA:
        return type->ckk == CKK_EC_EDWARDS ? sign_eddsa(type, terms, op, err) : unfit(type, err);
    case WIRE_ML_DSA:
        return type->ckk == CKK_ML_DSA ? sign_pq(CKM_ML_DSA, terms, op) : unfit(type, err);
    case WIRE_SLH_DSA:
        return type->ckk == CKK_SLH_DSA ? sign_pq(CKM_SLH_DSA, terms, op) : unfit(type, err);
    default:
        return unfit(type, err);
    }
}

bool operation_decrypt(const struct key_type *type, const struct decrypt_terms *terms,
                       struct operation *op, struct error *err) {
    if (type->ckk != CKK_RSA)
        return unfit(type, err);
    op->input = terms->data;
    if (terms->scheme == WIRE_RSA_PKCS1) {
        op->mechanism = (CK_MECHANISM){CKM_RSA_PKCS, NULL, 0};
        return true;
    }
    if (terms->scheme != WIRE_RSA_OAEP || wire_digest_info(terms->digest) == NULL)
        return unfit(type, err);
    unsigned mgf = terms->mgf_digest == WIRE_DIGEST_NONE ? terms->digest : terms->mgf_digest;
    op->oaep = (CK_RSA_PKCS_OAEP_PARAMS){
        digest_ids[terms->digest].hash, digest_ids[mgf].mgf, CKZ_DATA_SPECIFIED,
        terms->label.len == 0 ? NULL : as_bytes(terms->label), terms->label.len};
    op->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_OAEP, &op->oaep, sizeof op->oaep};
    return true;
}
