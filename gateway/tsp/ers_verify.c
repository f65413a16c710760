#include "tsp/ers.h"

#include "tsp/der.h"
#include "tsp/token.h"
#include "x509/certificate.h"

#include <openssl/asn1t.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/ess.h>
#include <openssl/ts.h>
#include <string.h>

/* The ASN.1 of RFC 4998, appendix A (IMPLICIT TAGS). */
DEFINE_STACK_OF(ASN1_OCTET_STRING)
typedef STACK_OF(ASN1_OCTET_STRING) PARTIAL_TREE;
DEFINE_STACK_OF(PARTIAL_TREE)
ASN1_ITEM_TEMPLATE(PARTIAL_TREE) =
    ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, PartialHashtree, ASN1_OCTET_STRING)
static_ASN1_ITEM_TEMPLATE_END(PARTIAL_TREE)

typedef struct {
    X509_ALGOR *digest;
    STACK_OF(ASN1_TYPE) *attributes;
    STACK_OF(PARTIAL_TREE) *tree;
    ASN1_TYPE *token;
} ARCHIVE_STAMP;
DEFINE_STACK_OF(ARCHIVE_STAMP)
ASN1_SEQUENCE(ARCHIVE_STAMP) = {
    ASN1_IMP_OPT(ARCHIVE_STAMP, digest, X509_ALGOR, 0),
    ASN1_IMP_SET_OF_OPT(ARCHIVE_STAMP, attributes, ASN1_ANY, 1),
    ASN1_IMP_SEQUENCE_OF_OPT(ARCHIVE_STAMP, tree, PARTIAL_TREE, 2),
    ASN1_SIMPLE(ARCHIVE_STAMP, token, ASN1_ANY),
} static_ASN1_SEQUENCE_END(ARCHIVE_STAMP)

typedef STACK_OF(ARCHIVE_STAMP) ARCHIVE_CHAIN;
DEFINE_STACK_OF(ARCHIVE_CHAIN)
ASN1_ITEM_TEMPLATE(ARCHIVE_CHAIN) =
    ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, ArchiveTimeStampChain, ARCHIVE_STAMP)
static_ASN1_ITEM_TEMPLATE_END(ARCHIVE_CHAIN)

typedef struct {
    ASN1_INTEGER *version;
    STACK_OF(X509_ALGOR) *digests;
    STACK_OF(ASN1_TYPE) *crypto_infos; /* on the algorithms: nothing that a verdict rests on */
    STACK_OF(ARCHIVE_CHAIN) *chains;
} EVIDENCE;
ASN1_SEQUENCE(EVIDENCE) = {
    ASN1_SIMPLE(EVIDENCE, version, ASN1_INTEGER),
    ASN1_SEQUENCE_OF(EVIDENCE, digests, X509_ALGOR),
    ASN1_IMP_SEQUENCE_OF_OPT(EVIDENCE, crypto_infos, ASN1_ANY, 0),
    ASN1_SEQUENCE_OF(EVIDENCE, chains, ARCHIVE_CHAIN),
} static_ASN1_SEQUENCE_END(EVIDENCE)

DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)
DEFINE_AUTO(TS_TST_INFO, TS_TST_INFO_free)
DEFINE_AUTO(ESS_SIGNING_CERT, ESS_SIGNING_CERT_free)
DEFINE_AUTO(ESS_SIGNING_CERT_V2, ESS_SIGNING_CERT_V2_free)

static void drop_evidence(void *evidence) {
    ASN1_item_free(evidence, ASN1_ITEM_rptr(EVIDENCE));
}

static bool malformed(struct error *err, const char *rule) {
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "evidence", "Evidence record: %s", rule);
}

static bool refuse(struct error *err, const char *rule) {
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "evidence", "Evidence record: %s", rule);
}

static bool decode(struct arena *arena, struct view der, EVIDENCE **ret, struct error *err) {
    const unsigned char *next = der.at;
    if (der.len == 0 || der.len > ERS_MAX_RECORD)
        return malformed(err, "it is empty or over 256 KiB");
    EVIDENCE *evidence =
        (EVIDENCE *)ASN1_item_d2i(NULL, &next, (long)der.len, ASN1_ITEM_rptr(EVIDENCE));
    if (evidence == NULL)
        return malformed(err, "it is no DER of an EvidenceRecord without encryption (RFC 4998)");
    arena_defer(arena, drop_evidence, evidence);
    if (next != der.at + der.len)
        return malformed(err, "bytes follow its end");
    if (ASN1_INTEGER_get(evidence->version) != 1)
        return malformed(err, "only version 1 is known");
    int stamps = 0;
    for (int i = 0; i < sk_ARCHIVE_CHAIN_num(evidence->chains); i++) {
        int some = sk_ARCHIVE_STAMP_num(sk_ARCHIVE_CHAIN_value(evidence->chains, i));
        stamps += some;
        if (some == 0 || stamps > ERS_MAX_STAMPS)
            return refuse(err, "a chain of it has no timestamp, or it has more than 100");
    }
    if (stamps == 0)
        return malformed(err, "it has no archive timestamp");
    *ret = evidence;
    return true;
}

#define MAX_GROUP 1024

/* The values of a group together with what came out of the one before, sorted, hashed. */
static bool hash_group(const EVP_MD *md, PARTIAL_TREE *group, struct view carried, uint8_t *ret,
                       bool *ret_has, struct error *err) {
    struct view values[MAX_GROUP + 1];
    size_t count = 0;
    int given = sk_ASN1_OCTET_STRING_num(group);
    bool has = false;
    if (given > MAX_GROUP)
        return refuse(err, "a group of its tree has more than 1024 hashes");
    for (int i = 0; i < given; i++) {
        ASN1_OCTET_STRING *one = sk_ASN1_OCTET_STRING_value(group, i);
        values[count++] = view_of(ASN1_STRING_get0_data(one), (size_t)ASN1_STRING_length(one));
        has = has || view_equal(values[count - 1], carried);
    }
    /* rfc4998#4.3: in the first list the document's hash must be there; it is added to the others. */
    *ret_has = has;
    if (!has)
        values[count++] = carried;
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && ers_compare(values[j], values[j - 1]) < 0; j--) {
            struct view swap = values[j];
            values[j] = values[j - 1];
            values[j - 1] = swap;
        }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestInit_ex(context, md, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(context, values[i].at, values[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(context, ret, NULL) == 1;
    EVP_MD_CTX_free(context);
    return ok || fail_internal(err, "hash tree");
}

static bool climb(const EVP_MD *md, const ARCHIVE_STAMP *stamp, struct view imprint, uint8_t *root,
                  struct error *err) {
    struct view carried = imprint;
    uint8_t out[EVP_MAX_MD_SIZE];
    size_t size = (size_t)EVP_MD_get_size(md);
    int groups = stamp->tree == NULL ? 0 : sk_PARTIAL_TREE_num(stamp->tree);
    if (groups > 64)
        return refuse(err, "its tree is deeper than 64 levels");
    for (int i = 0; i < groups; i++) {
        bool has;
        TRY(hash_group(md, sk_PARTIAL_TREE_value(stamp->tree, i), carried, out, &has, err));
        if (i == 0 && !has)
            return refuse(err, "it is not about this hash");
        for (size_t k = 0; k < size; k++)
            root[k] = out[k];
        carried = view_of(root, size);
    }
    for (size_t k = 0; groups == 0 && k < size; k++)
        root[k] = imprint.at[k];
    return true;
}

static void drop_certificates(void *certificates) {
    sk_X509_pop_free((STACK_OF(X509) *)certificates, X509_free);
}

static const ASN1_STRING *signed_attribute(CMS_ContentInfo *cms, int nid) {
    CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
    return CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(nid), -3, V_ASN1_SEQUENCE);
}

/* rfc3161#2.2, rfc5816#2.2.2: the token names, signed, the certificate it is verified with. */
static bool names_signer(CMS_ContentInfo *cms, X509 *signer, const STACK_OF(X509) *others) {
    const ASN1_STRING *old = signed_attribute(cms, NID_id_smime_aa_signingCertificate),
                      *new = signed_attribute(cms, NID_id_smime_aa_signingCertificateV2);
    const unsigned char *old_at = old == NULL ? NULL : ASN1_STRING_get0_data(old),
                        *new_at = new == NULL ? NULL : ASN1_STRING_get0_data(new);
    AUTO(ESS_SIGNING_CERT) *first =
        old == NULL ? NULL : d2i_ESS_SIGNING_CERT(NULL, &old_at, ASN1_STRING_length(old));
    AUTO(ESS_SIGNING_CERT_V2) *second =
        new == NULL ? NULL : d2i_ESS_SIGNING_CERT_V2(NULL, &new_at, ASN1_STRING_length(new));
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool ok = chain != NULL && (old == NULL) == (first == NULL) && (new == NULL) == (second == NULL) &&
              sk_X509_push(chain, signer) > 0;
    for (int i = 0; ok && i < sk_X509_num(others); i++)
        ok = X509_cmp(sk_X509_value(others, i), signer) == 0 || sk_X509_push(chain, sk_X509_value(others, i)) > 0;
    ok = ok && OSSL_ESS_check_signing_certs(first, second, chain, 1) == 1;
    sk_X509_free(chain);
    return ok;
}

/* Signature and signer; the signed attributes of CMS are checked by CMS_verify. */
static bool verify_token(struct arena *arena, struct view token, TS_TST_INFO **ret_info,
                         struct ers_stamp *verdict, struct error *err) {
    AUTO(BIO) *content = BIO_new(BIO_s_mem());
    const unsigned char *at = token.at;
    AUTO(CMS_ContentInfo) *cms = d2i_CMS_ContentInfo(NULL, &at, (long)token.len);
    if (cms == NULL || OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_id_smime_ct_TSTInfo)
        return malformed(err, "it holds no timestamp token");
    verdict->certificates = CMS_get1_certs(cms);
    if (verdict->certificates != NULL)
        arena_defer(arena, drop_certificates, verdict->certificates);
    if (CMS_verify(cms, NULL, NULL, NULL, content, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
        return refuse(err, "the signature of its timestamp is wrong");
    STACK_OF(X509) *signers = CMS_get0_signers(cms);
    if (signers == NULL || sk_X509_num(signers) != 1) {
        sk_X509_free(signers);
        return refuse(err, "its timestamp has not exactly one signer");
    }
    verdict->signer = sk_X509_value(signers, 0);
    X509_up_ref(verdict->signer);
    keep_X509(arena, verdict->signer);
    sk_X509_free(signers);
    if (!names_signer(cms, verdict->signer, verdict->certificates))
        return refuse(err, "its timestamp does not name the certificate in it as its signer's");
    TRY(tsp_certificate_check(verdict->signer, err));
    *ret_info = d2i_TS_TST_INFO_bio(content, NULL);
    return *ret_info != NULL || malformed(err, "the content of its timestamp is no TSTInfo");
}

static bool read_time(const ASN1_GENERALIZEDTIME *time, int64_t *ret_us, struct error *err) {
    /* asn1_time_to_us knows whole seconds; the fraction is of no matter to a verdict. */
    char text[20] = "";
    const unsigned char *at = ASN1_STRING_get0_data(time);
    int len = ASN1_STRING_length(time);
    if (len < 15)
        return malformed(err, "its timestamp has no time");
    for (int i = 0; i < 14; i++)
        text[i] = (char)at[i];
    text[14] = 'Z';
    AUTO(ASN1_GENERALIZEDTIME) *whole = ASN1_GENERALIZEDTIME_new();
    if (whole == NULL || ASN1_GENERALIZEDTIME_set_string(whole, text) != 1)
        return malformed(err, "its timestamp has no time");
    return asn1_time_to_us(whole, ret_us, err);
}

static struct view encoded(struct arena *arena, const void *value, const ASN1_ITEM *item) {
    unsigned char *der = NULL;
    int len = ASN1_item_i2d(value, &der, item);
    struct view out = arena_copy(arena, der, len > 0 ? (size_t)len : 0);
    OPENSSL_free(der);
    return out;
}

struct walk {
    struct arena *arena;
    EVIDENCE *evidence;
    const struct ers_imprint *imprints;
    size_t imprint_count;
    struct ers_verdict *verdict;
    struct view last_token;
    int chain, stamp;
    const struct tsp_digest *digest; /* of the chain */
};

/* rfc4998#4.1: without digestAlgorithm the one of the timestamp is meant; #5.2: one for a chain. */
static bool choose_digest(struct walk *w, const ARCHIVE_STAMP *stamp, TS_TST_INFO *info,
                          struct error *err) {
    const ASN1_OBJECT *oid = NULL;
    TS_MSG_IMPRINT *stamped = TS_TST_INFO_get_msg_imprint(info);
    X509_ALGOR_get0(&oid, NULL, NULL,
                    stamp->digest != NULL ? stamp->digest : TS_MSG_IMPRINT_get_algo(stamped));
    const struct tsp_digest *digest = tsp_digest_by_nid(OBJ_obj2nid(oid));
    if (digest == NULL || digest->weak)
        return refuse(err, "its hash algorithm is unknown or too weak");
    if (w->stamp > 0 && digest != w->digest)
        return refuse(err, "a chain of it changes its hash algorithm");
    w->digest = digest;
    return true;
}

static bool imprint_under(const struct walk *w, struct view *ret, struct error *err) {
    for (size_t i = 0; i < w->imprint_count; i++) {
        const struct ers_imprint *one = &w->imprints[i];
        if (one->digest != NULL ? strcmp(one->digest, w->digest->name) != 0 : w->chain > 0)
            continue;
        if (one->hash.len != w->digest->size)
            return refuse(err, "it is about hashes of another length");
        *ret = one->hash;
        return true;
    }
    return fail(err, ERROR_POLICY, "evidence",
                "Evidence record: it was renewed under %s: the document's hash under it is needed, too.",
                w->digest->name);
}

/* The DER of the ArchiveTimeStampSequence before this chain. */
static struct view older_chains(const struct walk *w) {
    struct der d = der_on(w->arena, 8192);
    for (int i = w->chain; i > 0; i--)
        der_raw(&d, encoded(w->arena, sk_ARCHIVE_CHAIN_value(w->evidence->chains, i - 1),
                            ASN1_ITEM_rptr(ARCHIVE_CHAIN)));
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

/* What the timestamp must cover: the document; the token before it (#5.2); or the document's new hash with the hash
 * of all the evidence before (#5.3). */
static bool covered(const struct walk *w, uint8_t *ret, struct error *err) {
    struct view imprint;
    uint8_t both[2 * EVP_MAX_MD_SIZE];
    size_t size = w->digest->size;
    const EVP_MD *md = tsp_digest_md(w->digest->name);
    if (w->stamp > 0)
        return ers_token_hash(w->digest, w->last_token, ret, err);
    TRY(imprint_under(w, &imprint, err));
    if (w->chain == 0) {
        memcpy(ret, imprint.at, size);
        return true;
    }
    struct view older = older_chains(w);
    memcpy(both, imprint.at, size);
    return (EVP_Digest(older.at, older.len, both + size, NULL, md, NULL) == 1 &&
            EVP_Digest(both, 2 * size, ret, NULL, md, NULL) == 1) ||
           fail_internal(err, "hash of an evidence record");
}

static bool verify_stamp(struct walk *w, ARCHIVE_STAMP *stamp, struct error *err) {
    AUTO(TS_TST_INFO) *info = NULL;
    uint8_t root[EVP_MAX_MD_SIZE], value[EVP_MAX_MD_SIZE];
    const ASN1_OBJECT *oid = NULL;
    struct ers_verdict *verdict = w->verdict;
    struct ers_stamp *now = &verdict->stamps[verdict->stamp_count];
    struct view token = encoded(w->arena, stamp->token, ASN1_ITEM_rptr(ASN1_ANY));
    TRY(verify_token(w->arena, token, &info, now, err));
    TRY(choose_digest(w, stamp, info, err));
    TRY(covered(w, value, err));
    const struct tsp_digest *digest = w->digest;
    TRY(climb(tsp_digest_md(digest->name), stamp, view_of(value, digest->size), root, err));
    TS_MSG_IMPRINT *stamped = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OCTET_STRING *hash = TS_MSG_IMPRINT_get_msg(stamped);
    X509_ALGOR_get0(&oid, NULL, NULL, TS_MSG_IMPRINT_get_algo(stamped));
    if (OBJ_obj2nid(oid) != digest->nid ||
        !view_equal(view_of(root, digest->size),
                    view_of(ASN1_STRING_get0_data(hash), (size_t)ASN1_STRING_length(hash))))
        return refuse(err, "its timestamp is not about this tree");
    TRY(read_time(TS_TST_INFO_get_time(info), &now->time_us, err));
    if (verdict->stamp_count > 0 && now->time_us < now[-1].time_us)
        return refuse(err, "a timestamp of it is older than the one it renews");
    w->last_token = token;
    if (verdict->stamp_count++ > 0)
        return true;
    verdict->time_us = now->time_us;
    verdict->signer = now->signer;
    verdict->digest = digest->name;
    const ASN1_INTEGER *serial = TS_TST_INFO_get_serial(info);
    verdict->serial =
        arena_copy(w->arena, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
    char policy[128] = "";
    OBJ_obj2txt(policy, sizeof policy, TS_TST_INFO_get_policy_id(info), 1);
    verdict->policy = arena_strdup(w->arena, policy);
    return true;
}

bool ers_verify(struct arena *arena, struct view record, const struct ers_imprint *imprints,
                size_t imprint_count, struct ers_verdict *ret, struct error *err) {
    struct ers_verdict verdict = {.stamps = arena_array(arena, ERS_MAX_STAMPS, sizeof *verdict.stamps)};
    struct walk w = {.arena = arena,
                     .imprints = imprints,
                     .imprint_count = imprint_count,
                     .verdict = &verdict};
    TRY(decode(arena, record, &w.evidence, err));
    for (; w.chain < sk_ARCHIVE_CHAIN_num(w.evidence->chains); w.chain++) {
        ARCHIVE_CHAIN *chain = sk_ARCHIVE_CHAIN_value(w.evidence->chains, w.chain);
        for (w.stamp = 0; w.stamp < sk_ARCHIVE_STAMP_num(chain); w.stamp++)
            TRY(verify_stamp(&w, sk_ARCHIVE_STAMP_value(chain, w.stamp), err));
    }
    *ret = verdict;
    return true;
}
