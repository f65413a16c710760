#include "cmp/exchange.h"

#include "base/clock.h"
#include "ca/status.h"
#include "store/generations.h"
#include "x509/certificate.h"
#include "x509/name.h"

#include <openssl/err.h>
#include <string.h>

typedef bool inform(struct exchange *x, const CMP_INFO *asked, struct view *ret_value, int *ret_nid,
                    struct error *err);

/* rfc9483#4.3.1: all but what the client must trust by itself: here the whole chain, the root last. */
static bool ca_certs(struct exchange *x, __attribute__((unused)) const CMP_INFO *asked, struct view *ret_value,
                     __attribute__((unused)) int *ret_nid, struct error *err) {
    struct view *chain;
    size_t count;
    TRY(authority_chain(x->core, x->arena, &x->target.ca, &chain, &count, err));
    *ret_value = wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, chain, count));
    return true;
}

/* The root above the CA as it is now, and its further certificates. A root elsewhere is known as the end of the
 * chain alone. */
static bool find_root(struct exchange *x, struct view *ret_now, struct ca_certificate **ret_links, size_t *ret_count,
                      struct error *err) {
    struct ca_record ca = {0};
    struct view *chain;
    size_t count;
    bool done = false;
    TX(tx, core_db(x->core), &done, err) {
        ca = x->target.ca;
        tx.ok = true;
        for (int depth = 0; tx.ok && depth < 16 && !uuid_is_nil(ca.issuer_id); depth++)
            tx.ok = ca_by_id(tx.tx, x->arena, &scope_everything, ca.issuer_id, &ca, err);
        tx.ok = tx.ok && ca_certificate_list(tx.tx, x->arena, ca.id, ret_links, ret_count, err);
    }
    TRY(done);
    TRY(authority_chain(x->core, x->arena, &ca, &chain, &count, err));
    *ret_now = count == 0 ? view_of(NULL, 0) : chain[count - 1];
    return true;
}

/* The one that certifies the subject's key by the issuer's; empty when there is none. */
static struct view link_of(struct exchange *x, const struct ca_certificate *links, size_t count, X509 *subject,
                           X509 *issuer) {
    struct view found = {0};
    for (size_t i = 0; i < count; i++) {
        X509 *link = NULL;
        struct error ignored = {0};
        if (links[i].not_after_us < x->call->now_us || !certificate_decode(x->arena, links[i].certificate, &link, &ignored))
            continue;
        keep_X509(x->arena, link);
        if (EVP_PKEY_eq(X509_get0_pubkey(link), X509_get0_pubkey(subject)) == 1 &&
            X509_verify(link, X509_get0_pubkey(issuer)) == 1)
            found = links[i].certificate;
    }
    ERR_clear_error();
    return found;
}

/* rfc9483#4.3.2: when the root of the CA is another than the one asked about (a new key, the same name), it is told
 * as newWithNew, with newWithOld and oldWithNew where there are such links. Without an update the value is absent. */
static bool root_update(struct exchange *x, const CMP_INFO *asked, struct view *ret_value, int *ret_nid,
                        struct error *err) {
    struct view old = asn1_any(x->arena, asked->value), present;
    struct ca_certificate *links = NULL;
    X509 *before = NULL, *now = NULL;
    size_t count = 0;
    *ret_nid = NID_id_it_rootCaKeyUpdate;
    *ret_value = view_of(NULL, 0);
    TRY(find_root(x, &present, &links, &count, err));
    if (old.len == 0 || present.len == 0 || view_equal(old, present))
        return true;
    if (!certificate_decode(x->arena, old, &before, err))
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "cmp-request", "The old root cannot be read.");
    keep_X509(x->arena, before);
    TRY(certificate_decode(x->arena, present, &now, err));
    keep_X509(x->arena, now);
    if (X509_NAME_cmp(X509_get_subject_name(before), X509_get_subject_name(now)) != 0)
        return REFUSED(x, CMP_WRONG_AUTHORITY, ERROR_POLICY, "cmp-request",
                       "The certificate asked about was never the root of this CA.");
    *ret_value = WIRE_SEQ(x->arena, present, wire_tagged(x->arena, 0, link_of(x, links, count, now, before)),
                          wire_tagged(x->arena, 1, link_of(x, links, count, before, now)));
    return true;
}

/* CRLStatus without a thisUpdate, or with an older one, gets the current CRL (rfc9483#4.3.4). */
static bool newer_wanted(struct exchange *x, const CMP_INFO *asked, int64_t this_update_us, bool *ret,
                         struct error *err) {
    unsigned tag;
    struct view list, status, content, source, at;
    *ret = true;
    if (asked->value == NULL || !wire_unwrap(asn1_any(x->arena, asked->value), &tag, &list) ||
        !wire_next(&list, &status) || !wire_unwrap(status, &tag, &content) || !wire_next(&content, &source))
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "cmp-request", "The CRLStatus cannot be read.");
    if (!wire_next(&content, &at))
        return true;
    const ASN1_TIME *time = asn1_read(x->arena, at, ASN1_ITEM_rptr(ASN1_TIME));
    int64_t have_us = 0;
    if (time == NULL || !asn1_time_to_us(time, &have_us, err))
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "cmp-request", "thisUpdate cannot be read.");
    *ret = have_us < this_update_us / US_PER_SECOND * US_PER_SECOND;
    return true;
}

static bool crls(struct exchange *x, const CMP_INFO *asked, struct view *ret_value, int *ret_nid,
                 struct error *err) {
    struct crl_document crl;
    bool wanted;
    *ret_nid = NID_id_it_crls;
    TRY(status_crl(x->core, x->arena, x->target.ca.slug, &crl, err));
    TRY(newer_wanted(x, asked, crl.this_update_us, &wanted, err));
    *ret_value = wanted ? WIRE_SEQ(x->arena, crl.der) : view_of(NULL, 0);
    return true;
}

static bool current_crl(struct exchange *x, __attribute__((unused)) const CMP_INFO *asked, struct view *ret_value,
                        __attribute__((unused)) int *ret_nid, struct error *err) {
    struct crl_document crl;
    TRY(status_crl(x->core, x->arena, x->target.ca.slug, &crl, err));
    *ret_value = crl.der;
    return true;
}

/* --- what the template takes -------------------------------------------------------------------------- */

static bool names_key(const struct template *template, const char *prefix) {
    for (size_t i = 0; i < template->keys.count; i++)
        if (strncmp(template->keys.items[i], prefix, strlen(prefix)) == 0)
            return true;
    return template->keys.count == 0;
}

static struct view ec_algorithm(struct exchange *x, int curve) {
    return WIRE_SEQ(x->arena, wire_oid(x->arena, NID_X9_62_id_ecPublicKey), wire_oid(x->arena, curve));
}

/* AlgorithmIdentifiers of the template's key types, one after the other. */
static struct view key_algorithms(struct exchange *x, bool encryption) {
    const struct template *t = &x->target.template;
    static const struct {
        const char *prefix;
        int nid;
    } plain[] = {{"Ed25519", NID_ED25519},        {"Ed448", NID_ED448},
                 {"ML-DSA-44", NID_ML_DSA_44},    {"ML-DSA-65", NID_ML_DSA_65},
                 {"ML-DSA-87", NID_ML_DSA_87}};
    struct view parts[16];
    size_t count = 0;
    bool ec = names_key(t, "EC");
    if (names_key(t, "RSA"))
        parts[count++] = WIRE_SEQ(x->arena, wire_oid(x->arena, NID_rsaEncryption), wire_null());
    if (ec || names_key(t, "P-256"))
        parts[count++] = ec_algorithm(x, NID_X9_62_prime256v1);
    if (ec || names_key(t, "P-384"))
        parts[count++] = ec_algorithm(x, NID_secp384r1);
    if (ec || names_key(t, "P-521"))
        parts[count++] = ec_algorithm(x, NID_secp521r1);
    for (size_t i = 0; !encryption && i < sizeof plain / sizeof plain[0]; i++)
        if (names_key(t, plain[i].prefix) || (strncmp(plain[i].prefix, "ML-DSA", 6) == 0 && names_key(t, "ML-DSA")))
            parts[count++] = WIRE_SEQ(x->arena, wire_oid(x->arena, plain[i].nid));
    return wire_join(x->arena, parts, count);
}

static bool sign_types(struct exchange *x, __attribute__((unused)) const CMP_INFO *asked, struct view *ret_value,
                       __attribute__((unused)) int *ret_nid, __attribute__((unused)) struct error *err) {
    *ret_value = wire_wrap(x->arena, WIRE_SEQUENCE, key_algorithms(x, false));
    return true;
}

static bool encryption_types(struct exchange *x, __attribute__((unused)) const CMP_INFO *asked,
                             struct view *ret_value, __attribute__((unused)) int *ret_nid,
                             __attribute__((unused)) struct error *err) {
    *ret_value = wire_wrap(x->arena, WIRE_SEQUENCE, key_algorithms(x, true));
    return true;
}

static bool symmetric(struct exchange *x, __attribute__((unused)) const CMP_INFO *asked, struct view *ret_value,
                      __attribute__((unused)) int *ret_nid, __attribute__((unused)) struct error *err) {
    *ret_value = WIRE_SEQ(x->arena, wire_oid(x->arena, NID_aes_256_cbc));
    return true;
}

/* Controls of keySpec (rfc9480#2.15): algId for each type, rsaKeyLen with the least size. */
static struct view key_spec(struct exchange *x) {
    struct view rest = key_algorithms(x, false), algorithm, parts[16] = {{0}};
    size_t count = 0;
    while (count < 15 && wire_next(&rest, &algorithm))
        parts[count++] = WIRE_SEQ(x->arena, wire_oid(x->arena, NID_id_regCtrl_algId), algorithm);
    if (names_key(&x->target.template, "RSA"))
        parts[count++] = WIRE_SEQ(x->arena, wire_oid(x->arena, NID_id_regCtrl_rsaKeyLen), wire_int(x->arena, 2048));
    return wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, parts, count));
}

/* rfc9483#4.3.3: the fixed and the required parts of the subject (an empty value is for the client to fill in),
 * and an empty SAN of each kind that must be there is not expressible, so SANs are left to the client. */
static bool request_template(struct exchange *x, __attribute__((unused)) const CMP_INFO *asked,
                             struct view *ret_value, __attribute__((unused)) int *ret_nid, struct error *err) {
    const struct template *t = &x->target.template;
    X509_NAME *name = NULL;
    if (t->subject.fixed != NULL)
        TRY(name_from_json(t->subject.fixed, &name, err));
    if (name == NULL)
        name = X509_NAME_new();
    keep_X509_NAME(x->arena, name);
    for (size_t i = 0; i < t->subject.required.count; i++)
        if (X509_NAME_get_index_by_NID(name, OBJ_txt2nid(t->subject.required.items[i]), -1) < 0)
            X509_NAME_add_entry_by_txt(name, t->subject.required.items[i], MBSTRING_UTF8,
                                       (const unsigned char *)"", 0, -1, 0);
    ERR_clear_error();
    struct view subject = {0};
    if (X509_NAME_entry_count(name) > 0)
        subject = wire_tagged(x->arena, 5, asn1_der(x->arena, name, ASN1_ITEM_rptr(X509_NAME)));
    *ret_value = WIRE_SEQ(x->arena, WIRE_SEQ(x->arena, subject), key_spec(x));
    return true;
}

static const struct {
    int nid;
    inform *inform;
} kinds[] = {{NID_id_it_caCerts, ca_certs},
             {NID_id_it_rootCaCert, root_update},
             {NID_id_it_crlStatusList, crls},
             {NID_id_it_currentCRL, current_crl},
             {NID_id_it_certReqTemplate, request_template},
             {NID_id_it_signKeyPairTypes, sign_types},
             {NID_id_it_encKeyPairTypes, encryption_types},
             {NID_id_it_preferredSymmAlg, symmetric}};
#define KINDS (sizeof kinds / sizeof kinds[0])

bool cmp_inform(struct exchange *x, struct error *err) {
    const CMP_INFOS *list = asn1_read(x->arena, x->m.content, ASN1_ITEM_rptr(CMP_INFOS));
    struct view answers[CMP_REQUESTS_MAX + 1], unknown[CMP_REQUESTS_MAX];
    size_t count = 0, unknown_count = 0;
    if (list == NULL || sk_CMP_INFO_num(list) > CMP_REQUESTS_MAX)
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "malformed-cmp",
                       "The GenMsgContent cannot be read, or asks for more than %d things.", CMP_REQUESTS_MAX);
    for (int i = 0; i < sk_CMP_INFO_num(list); i++) {
        const CMP_INFO *asked = sk_CMP_INFO_value(list, i);
        int nid = OBJ_obj2nid(asked->type);
        size_t k = 0;
        while (k < KINDS && kinds[k].nid != nid)
            k++;
        if (k == KINDS) {
            unknown[unknown_count++] = asn1_der(x->arena, asked->type, ASN1_ITEM_rptr(ASN1_OBJECT));
            continue;
        }
        struct view value = {0};
        TRY(kinds[k].inform(x, asked, &value, &nid, err));
        answers[count++] = cmp_info(x->arena, nid, value);
    }
    if (unknown_count > 0) /* rfc9810#5.3.19.7 */
        answers[count++] = cmp_info(x->arena, NID_id_it_unsupportedOIDs,
                                    wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, unknown, unknown_count)));
    x->body = CMP_GENP;
    x->content = wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, answers, count));
    return true;
}
