/* Reading lists of others entry by entry: a list of a million takes 380 MB in OpenSSL's structures and nothing
 * here. What is not entries is decoded by OpenSSL. */
#include "base/clock.h"
#include "x509/crl.h"
#include "x509/crl_internal.h"
#include "x509/internal.h"

#include <openssl/asn1t.h>

#define TAG_TIME_UTC 0x17
#define TAG_TIME_GENERAL 0x18
#define TAG_SEQUENCE 0x30
#define TAG_EXTENSIONS 0xa0

static bool bad(struct error *err, const char *rule) {
    return REFUSE(err, ERROR_MALFORMED, "crl", "CRL: %s", rule);
}

struct element {
    uint8_t tag;
    struct view content, whole;
};

/* DER with single-octet tags and definite, shortest lengths of up to four octets; `in` moves on. */
static bool take(struct view *in, struct element *ret) {
    if (in->len < 2 || (in->at[0] & 0x1f) == 0x1f)
        return false;
    size_t len = in->at[1], head = 2;
    if (len >= 0x80) {
        size_t octets = len - 0x80;
        if (octets < 1 || octets > 4 || in->len < 2 + octets || in->at[2] == 0)
            return false;
        len = 0;
        for (size_t i = 0; i < octets; i++)
            len = len << 8 | in->at[2 + i];
        head += octets;
        if (len < 0x80)
            return false;
    }
    if (len > in->len - head)
        return false;
    *ret = (struct element){in->at[0], view_of(in->at + head, len), view_of(in->at, head + len)};
    *in = view_of(in->at + head + len, in->len - head - len);
    return true;
}

static bool take_tag(struct view *in, uint8_t tag, struct element *ret) {
    return in->len > 0 && in->at[0] == tag && take(in, ret);
}

/* --- times --------------------------------------------------------------------------------------------- */

static bool digits(const uint8_t *at, size_t count, int64_t *ret) {
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        value = value * 10 + (at[i] - '0');
    }
    *ret = value;
    return true;
}

static int64_t days_before(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = year / 400, yoe = year - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool date_ok(int64_t year, int64_t month, int64_t day) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
           day <= lengths[month - 1] + (leap && month == 2);
}

/* rfc5280#4.1.2.5: with seconds and Z, without fractions. */
static bool read_time(const struct element *e, int64_t *ret_us) {
    const uint8_t *at = e->content.at;
    int64_t year, month, day, hour, minute, second;
    if (e->tag == TAG_TIME_UTC && e->content.len == 13) {
        if (!digits(at, 2, &year))
            return false;
        year += year < 50 ? 2000 : 1900;
        at += 2;
    } else if (e->tag == TAG_TIME_GENERAL && e->content.len == 15) {
        if (!digits(at, 4, &year))
            return false;
        at += 4;
    } else {
        return false;
    }
    if (!digits(at, 2, &month) || !digits(at + 2, 2, &day) || !digits(at + 4, 2, &hour) ||
        !digits(at + 6, 2, &minute) || !digits(at + 8, 2, &second) || at[10] != 'Z' ||
        !date_ok(year, month, day) || hour > 23 || minute > 59 || second > 59)
        return false;
    *ret_us = (days_before(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * US_PER_SECOND;
    return true;
}

static bool take_time(struct view *in, int64_t *ret_us) {
    struct element e;
    return take(in, &e) && read_time(&e, ret_us);
}

/* --- extensions ---------------------------------------------------------------------------------------- */

struct extension {
    struct view oid, value; /* value: content of the OCTET STRING */
    bool critical;
};

static bool take_extension(struct view *in, struct extension *ret) {
    struct element sequence, e;
    if (!take_tag(in, TAG_SEQUENCE, &sequence) || !take_tag(&sequence.content, V_ASN1_OBJECT, &e))
        return false;
    *ret = (struct extension){.oid = e.content};
    if (take_tag(&sequence.content, V_ASN1_BOOLEAN, &e))
        ret->critical = e.content.len == 1 && e.content.at[0] != 0;
    if (!take_tag(&sequence.content, V_ASN1_OCTET_STRING, &e) || sequence.content.len != 0)
        return false;
    ret->value = e.content;
    return true;
}

/* id-ce (2.5.29) and its last number; -1 for others */
static int id_ce(struct view oid) {
    return oid.len == 3 && oid.at[0] == 0x55 && oid.at[1] == 0x1d ? oid.at[2] : -1;
}

static bool read_integer(struct view value, struct view *ret) {
    struct element e;
    if (!take_tag(&value, V_ASN1_INTEGER, &e) || value.len != 0 || e.content.len == 0 || e.content.len > 21 ||
        e.content.at[0] >= 0x80)
        return false;
    *ret = e.content;
    return true;
}

static bool read_authority(struct view value, struct view *ret) {
    struct element sequence, e;
    if (!take_tag(&value, TAG_SEQUENCE, &sequence))
        return false;
    if (take_tag(&sequence.content, 0x80, &e))
        *ret = e.content;
    return true;
}

/* A distribution point's name alone says which list this is, maybe of several; anything beyond it says that the list
 * is about some certificates or reasons only (rfc5280#5.2.5). */
static bool read_distribution(struct view value, struct crl_facts *facts) {
    struct element sequence, e;
    if (!take_tag(&value, TAG_SEQUENCE, &sequence))
        return false;
    while (sequence.content.len > 0) {
        if (!take(&sequence.content, &e))
            return false;
        bool set = e.tag == 0x83 || (e.content.len > 0 && e.content.at[e.content.len - 1] != 0);
        if (e.tag == 0x84)
            facts->indirect = set;
        else if (e.tag == 0xa0)
            facts->named = true;
        else if (set)
            facts->partition = true;
    }
    return true;
}

static bool read_extension(const struct extension *x, struct crl_facts *facts, struct error *err) {
    bool ok = true;
    switch (id_ce(x->oid)) {
    case 20:
        ok = read_integer(x->value, &facts->number);
        break;
    case 27:
        ok = read_integer(x->value, &facts->base_number);
        break;
    case 28:
        ok = read_distribution(x->value, facts);
        break;
    case 35:
        ok = read_authority(x->value, &facts->authority_key);
        break;
    default: /* rfc5280#5.2: a list with an unknown critical extension must not be used */
        if (x->critical)
            return bad(err, "it has a critical extension that is not known here (rfc5280#5.2).");
    }
    return ok || bad(err, "an extension is broken.");
}

static bool read_extensions(struct view tbs, struct crl_facts *facts, struct error *err) {
    struct element wrapper, list;
    struct extension x;
    if (tbs.len == 0)
        return true;
    if (!take_tag(&tbs, TAG_EXTENSIONS, &wrapper) || tbs.len != 0 ||
        !take_tag(&wrapper.content, TAG_SEQUENCE, &list) || wrapper.content.len != 0)
        return bad(err, "something else stands where its extensions should.");
    while (list.content.len > 0) {
        if (!take_extension(&list.content, &x))
            return bad(err, "an extension is broken.");
        TRY(read_extension(&x, facts, err));
    }
    return true;
}

bool crl_read(struct view der, struct crl_facts *ret, struct error *err) {
    struct crl_facts facts = {.next_update_us = 0};
    struct element outer, tbs, algorithm, e;
    struct view rest = der;
    if (!take_tag(&rest, TAG_SEQUENCE, &outer) || rest.len != 0)
        return bad(err, "it is no DER of a CertificateList, or bytes follow its end (rfc5280#5.1).");
    if (!take_tag(&outer.content, TAG_SEQUENCE, &tbs))
        return bad(err, "it has no tbsCertList.");
    facts.tbs = tbs.whole;
    rest = tbs.content;
    if (take_tag(&rest, V_ASN1_INTEGER, &e) && !view_equal(e.content, VIEW_LITERAL("\x01")))
        return bad(err, "its version is not 2 (rfc5280#5.1.2.1).");
    if (!take_tag(&rest, TAG_SEQUENCE, &algorithm) || !take_tag(&outer.content, TAG_SEQUENCE, &e) ||
        !view_equal(algorithm.whole, e.whole))
        return bad(err, "its two signature algorithms differ (rfc5280#5.1.1.2).");
    if (!take_tag(&rest, TAG_SEQUENCE, &e))
        return bad(err, "it has no issuer.");
    facts.issuer = e.whole;
    if (!take_time(&rest, &facts.this_update_us))
        return bad(err, "its thisUpdate is no time (rfc5280#5.1.2.4).");
    if (rest.len > 0 && (rest.at[0] == TAG_TIME_UTC || rest.at[0] == TAG_TIME_GENERAL) &&
        !take_time(&rest, &facts.next_update_us))
        return bad(err, "its nextUpdate is no time (rfc5280#5.1.2.5).");
    if (take_tag(&rest, TAG_SEQUENCE, &e))
        facts.entries = e.content;
    TRY(read_extensions(rest, &facts, err));
    *ret = facts;
    return true;
}

/* --- entries ------------------------------------------------------------------------------------------- */

static bool read_entry_extension(const struct extension *x, struct crl_entry *entry, struct error *err) {
    struct view value = x->value;
    struct element e;
    switch (id_ce(x->oid)) {
    case 21:
        if (!take_tag(&value, V_ASN1_ENUMERATED, &e) || e.content.len != 1 ||
            reason_name(e.content.at[0]) == NULL)
            return bad(err, "an entry has a reason that does not exist.");
        entry->reason = e.content.at[0];
        return true;
    case 24:
        return take_time(&value, &entry->invalidity_us) || bad(err, "an entry's invalidity date is broken.");
    case 29:
        return bad(err, "it has entries of other issuers (rfc5280#5.3.3), which are not read here.");
    default:
        return !x->critical || bad(err, "an entry has a critical extension that is not known here.");
    }
}

bool crl_next(struct view *entries, struct crl_entry *ret, struct error *err) {
    struct crl_entry entry = {.reason = REASON_UNSPECIFIED};
    struct element sequence, e, list;
    struct extension x;
    if (entries->len == 0)
        return false;
    if (!take_tag(entries, TAG_SEQUENCE, &sequence) || !take_tag(&sequence.content, V_ASN1_INTEGER, &e) ||
        !take_time(&sequence.content, &entry.revoked_us))
        return bad(err, "an entry is broken.");
    entry.serial = e.content;
    if (sequence.content.len > 0) {
        if (!take_tag(&sequence.content, TAG_SEQUENCE, &list) || sequence.content.len != 0)
            return bad(err, "an entry is broken.");
        while (list.content.len > 0) {
            if (!take_extension(&list.content, &x))
                return bad(err, "an extension of an entry is broken.");
            if (!read_entry_extension(&x, &entry, err))
                return false;
        }
    }
    *ret = entry;
    return true;
}

/* --- signature ----------------------------------------------------------------------------------------- */

/* RSA-PSS has its parameters in the AlgorithmIdentifier, which OpenSSL reads for whole structures alone: here for
 * one that is its own DER. It copies the list. */
static bool verify_pss(struct view tbs, X509_ALGOR *algorithm, struct view signature, EVP_PKEY *key) {
    ASN1_BIT_STRING bits = {.length = (int)signature.len,
                            .data = (unsigned char *)(uintptr_t)signature.at,
                            .type = V_ASN1_BIT_STRING,
                            .flags = ASN1_STRING_FLAG_BITS_LEFT};
    ASN1_STRING content = {.length = (int)tbs.len,
                           .data = (unsigned char *)(uintptr_t)tbs.at,
                           .type = V_ASN1_SEQUENCE};
    return ASN1_item_verify(ASN1_ITEM_rptr(ASN1_SEQUENCE), algorithm, &bits, &content, key) == 1;
}

static bool verify_tbs(struct view tbs, struct view algorithm, struct view signature, EVP_PKEY *key) {
    const unsigned char *at = algorithm.at;
    const ASN1_OBJECT *object = NULL;
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    X509_ALGOR *parsed = d2i_X509_ALGOR(NULL, &at, (long)algorithm.len);
    int digest = NID_undef, key_type = NID_undef;
    bool ok = false;
    X509_ALGOR_get0(&object, NULL, NULL, parsed);
    int nid = parsed == NULL ? NID_undef : OBJ_obj2nid(object);
    if (nid == NID_undef || context == NULL)
        ok = false;
    else if (nid == NID_rsassaPss)
        ok = verify_pss(tbs, parsed, signature, key);
    else if (OBJ_find_sigid_algs(nid, &digest, &key_type) != 1 || digest == NID_undef) /* EdDSA, ML-DSA ... */
        ok = EVP_PKEY_is_a(key, OBJ_nid2sn(nid)) == 1 &&
             EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
             EVP_DigestVerify(context, signature.at, signature.len, tbs.at, tbs.len) == 1;
    else
        ok = EVP_PKEY_is_a(key, OBJ_nid2sn(key_type)) == 1 &&
             EVP_DigestVerifyInit_ex(context, NULL, OBJ_nid2sn(digest), NULL, NULL, key, NULL) == 1 &&
             EVP_DigestVerify(context, signature.at, signature.len, tbs.at, tbs.len) == 1;
    X509_ALGOR_free(parsed);
    return ok;
}

bool crl_verify_with(struct view der, EVP_PKEY *key, struct error *err) {
    struct element outer, tbs, algorithm, bits;
    if (!take_tag(&der, TAG_SEQUENCE, &outer) || !take_tag(&outer.content, TAG_SEQUENCE, &tbs) ||
        !take_tag(&outer.content, TAG_SEQUENCE, &algorithm) ||
        !take_tag(&outer.content, V_ASN1_BIT_STRING, &bits) || bits.content.len < 2 ||
        bits.content.at[0] != 0)
        return bad(err, "it has no signature.");
    struct view signature = view_of(bits.content.at + 1, bits.content.len - 1);
    return (key != NULL && verify_tbs(tbs.whole, algorithm.whole, signature, key)) ||
           REFUSE(err, ERROR_POLICY, "crl-signature",
                  "CRL: its signature does not verify with the key of its issuer.");
}

bool crl_verify(struct view der, const X509 *issuer, struct error *err) {
    return crl_verify_with(der, X509_get0_pubkey(issuer), err);
}
