#include "x509/minima.h"

#include "x509/key_type.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

const struct minima minima_default = {.key_strength = 112, .digest_bits = 224};

static bool one_of(const char *name, int64_t value, const int64_t *allowed, struct error *err) {
    for (size_t i = 0; i < 4; i++)
        if (allowed[i] == value)
            return true;
    return fail(err, ERROR_POLICY, "bad-minimum", "\"%s\" is %lld, %lld, %lld or %lld, not %lld.", name,
                (long long)allowed[0], (long long)allowed[1], (long long)allowed[2], (long long)allowed[3],
                (long long)value);
}

bool minima_read(const struct json *document, struct minima *m, struct error *err) {
    static const int64_t strengths[] = {112, 128, 192, 256}, digests[] = {224, 256, 384, 512};
    struct minima read = *m;
    TRY(json_int(document, "leastKeyStrength", 0, 1024, &read.key_strength, err));
    TRY(json_int(document, "leastDigestBits", 0, 1024, &read.digest_bits, err));
    TRY(one_of("leastKeyStrength", read.key_strength, strengths, err));
    TRY(one_of("leastDigestBits", read.digest_bits, digests, err));
    *m = read;
    return true;
}

void minima_write(struct json_writer *w, const struct minima *m) {
    json_put_int(w, "leastKeyStrength", m->key_strength);
    json_put_int(w, "leastDigestBits", m->digest_bits);
}

bool minima_key(const struct minima *m, EVP_PKEY *key, const char *object, struct error *err) {
    char type[KEY_TYPE_SIZE] = "of an unknown type";
    int strength = key_type_of(key, type) ? key_type_strength(type) : 0;
    if (strength >= m->key_strength || m->key_strength <= minima_default.key_strength)
        return true;
    return fail(err, ERROR_POLICY, "weak-key",
                "%s: the key (%s) has %d bits of strength, the template asks for %lld (\"leastKeyStrength\": 128 is "
                "RSA-3072 or P-256, 192 RSA-7680 or P-384).",
                object, type, strength, (long long)m->key_strength);
}

/* rfc4055#3.1: the digest of RSASSA-PSS is in the parameters; absent it is SHA-1. */
bool signature_digest(const X509_ALGOR *algorithm, int *ret_nid) {
    const ASN1_OBJECT *object;
    const void *value;
    int type, key = NID_undef, nid;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    nid = OBJ_obj2nid(object);
    if (nid != NID_rsassaPss)
        return OBJ_find_sigid_algs(nid, ret_nid, &key) == 1 || (ERR_clear_error(), false);
    RSA_PSS_PARAMS *pss = type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS)) : NULL;
    *ret_nid = pss == NULL || pss->hashAlgorithm == NULL ? NID_sha1 : OBJ_obj2nid(pss->hashAlgorithm->algorithm);
    RSA_PSS_PARAMS_free(pss);
    ERR_clear_error();
    return true;
}

bool minima_digest(const struct minima *m, const EVP_MD *digest) {
    return digest != NULL && (int64_t)EVP_MD_get_size(digest) * 8 >= m->digest_bits;
}

bool minima_signature(const struct minima *m, const X509_ALGOR *algorithm, const char *object, struct error *err) {
    int nid = NID_undef;
    bool known = signature_digest(algorithm, &nid);
    if (known && (nid == NID_undef || minima_digest(m, EVP_get_digestbynid(nid))))
        return true;
    return fail(err, ERROR_POLICY, "weak-signature",
                "%s: it is signed with %s, the template asks for digests of %lld bits or more (\"leastDigestBits\").",
                object, known ? OBJ_nid2sn(nid) : "an unknown algorithm", (long long)m->digest_bits);
}
