#include "ocsp/request.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/certificate.h"

#include <openssl/err.h>
#include <string.h>

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_MALFORMED, "ocsp-request", "OCSP request: %s", rule);
}

static void drop_request(void *request) {
    OCSP_REQUEST_free(request);
}

/* The same bytes come out again, or they were no DER: BER's other spellings of one request would
 * each need an answer of its own. */
static bool is_der(OCSP_REQUEST *request, struct view der) {
    unsigned char *again = NULL;
    int len = i2d_OCSP_REQUEST(request, &again);
    bool same = len > 0 && (size_t)len == der.len && memcmp(again, der.at, der.len) == 0;
    OPENSSL_free(again);
    return same;
}

/* rfc9654#2.1: Nonce ::= OCTET STRING(SIZE(1..128)), other lengths MUST be refused as malformed. */
static bool check_nonce(const X509_EXTENSION *extension, struct error *err) {
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data((X509_EXTENSION *)extension);
    const unsigned char *at = ASN1_STRING_get0_data(value);
    const unsigned char *end = at + ASN1_STRING_length(value);
    AUTO(ASN1_OCTET_STRING) *nonce = d2i_ASN1_OCTET_STRING(NULL, &at, end - at);
    if (nonce == NULL || at != end)
        return refuse(err, "the nonce is no OCTET STRING; encode it as RFC 9654 says");
    int len = ASN1_STRING_length(nonce);
    if (len < 1 || len > OCSP_NONCE_MAX)
        return refuse(err, "the nonce must have 1 to 128 octets; 32 are recommended (RFC 9654)");
    return true;
}

static bool check_extensions(struct ocsp_query *query, struct error *err) {
    int count = OCSP_REQUEST_get_ext_count(query->request);
    for (int i = 0; i < count; i++) {
        const X509_EXTENSION *extension = OCSP_REQUEST_get_ext(query->request, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object((X509_EXTENSION *)extension));
        if (nid == NID_id_pkix_OCSP_Nonce) {
            if (query->nonce)
                return refuse(err, "there are two nonces; send one");
            TRY(check_nonce(extension, err));
            query->nonce = true;
        } else if (X509_EXTENSION_get_critical(extension) > 0 &&
                   nid != NID_id_pkix_OCSP_acceptableResponses) {
            return refuse(err, "a critical extension is not known here; do not mark it critical");
        }
    }
    return true;
}

static bool collect_ids(struct ocsp_query *query, struct error *err) {
    int count = OCSP_request_onereq_count(query->request);
    if (count < 1)
        return refuse(err, "it asks for nothing; name at least one certificate");
    if (count > OCSP_MAX_CERTIDS)
        return refuse(err, "it names more than 16 certificates; split it");
    for (int i = 0; i < count; i++) {
        OCSP_ONEREQ *one = OCSP_request_onereq_get0(query->request, i);
        for (int j = 0; j < OCSP_ONEREQ_get_ext_count(one); j++)
            if (X509_EXTENSION_get_critical(OCSP_ONEREQ_get_ext(one, j)) > 0)
                return refuse(err, "a critical extension of a single request is not known here");
        query->ids[i] = OCSP_onereq_get0_id(one);
    }
    query->count = (size_t)count;
    return true;
}

/* There is no accessor for the version. rfc6960#4.1.1: version [0] EXPLICIT Version DEFAULT v1, the
 * first member of tbsRequest, which is the first member of the request; v1(0) is written A0 03 02
 * 01 00. */
static bool is_version_1(struct view der) {
    const unsigned char *at = der.at;
    long len = (long)der.len, inner = 0;
    int tag, class;
    for (int level = 0; level < 2; level++) {
        if (ASN1_get_object(&at, &inner, &tag, &class, len) & 0x80)
            return false;
        len = inner;
    }
    if (len < 1 || *at != 0xa0)
        return true;
    return len >= 5 && memcmp(at, "\xa0\x03\x02\x01\x00", 5) == 0;
}

bool ocsp_request_decode(struct arena *arena, struct view der, struct ocsp_query *ret_query,
                         struct error *err) {
    if (der.len > OCSP_REQUEST_MAX)
        return fail(err, ERROR_TOO_LARGE, "ocsp-request",
                    "OCSP request: over 10 KiB; ask for fewer certificates at once");
    if (der.len == 0)
        return refuse(err, "it is empty");
    const unsigned char *next = der.at;
    struct ocsp_query query = {.request = d2i_OCSP_REQUEST(NULL, &next, (long)der.len)};
    if (query.request == NULL) {
        ERR_clear_error();
        return refuse(err, "it is no DER of an OCSPRequest (RFC 6960)");
    }
    arena_defer(arena, drop_request, query.request);
    if (next != der.at + der.len)
        return refuse(err, "bytes follow its end");
    if (!is_der(query.request, der))
        return refuse(err, "it is BER, not DER");
    if (!is_version_1(der))
        return refuse(err, "only version 1 is known");
    TRY(collect_ids(&query, err));
    TRY(check_extensions(&query, err));
    *ret_query = query;
    return true;
}

bool ocsp_path_names_ca(const char *raw_path) {
    const char *at = strchr(raw_path + (*raw_path != '\0'), '/');
    return at != NULL && ((at[1] >= 'a' && at[1] <= 'z') || (at[1] >= '0' && at[1] <= '9'));
}

/* "/ocsp/{ca}/REST" or "/ocsp/REST": what follows the segments, or NULL. */
static const char *after_ca(const char *raw_path) {
    const char *at = raw_path;
    int segments = ocsp_path_names_ca(raw_path) ? 3 : 2;
    for (int segment = 0; segment < segments; segment++) {
        at = strchr(at, '/');
        if (at == NULL)
            return NULL;
        at++;
    }
    return at;
}

/* rfc6960#A.1.1: url-encoding of the base64 encoding. Some clients encode "+", "/" and "=", some do
 * not; a plus sign always means a plus sign here. */
bool ocsp_request_from_path(struct arena *arena, const char *raw_path, struct view *ret_der,
                            struct error *err) {
    const char *at = after_ca(raw_path);
    if (at == NULL || *at == '\0')
        return refuse(err, "the path ends before the base64 of a request");
    size_t len = strlen(at);
    /* Three characters an octet of base64 when all of it is percent-encoded. */
    if (len > OCSP_REQUEST_MAX * 4)
        return fail(err, ERROR_TOO_LARGE, "ocsp-request",
                    "OCSP request: over 10 KiB; ask for fewer certificates at once");
    char *text = arena_alloc(arena, len + 1);
    size_t n = 0;
    for (; *at != '\0'; at++) {
        if (*at != '%') {
            text[n++] = *at;
            continue;
        }
        int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
        if (high < 0 || low < 0)
            return refuse(err, "a percent sign in the path is not followed by two hex digits");
        text[n++] = (char)(high << 4 | low);
        at += 2;
    }
    if (!base64_decode(arena, view_of(text, n), ret_der))
        return refuse(err, "the path holds no base64 (RFC 4648, with padding)");
    return true;
}

bool ocsp_id_serial(struct arena *arena, const OCSP_CERTID *id, struct view *ret_serial) {
    ASN1_INTEGER *serial = NULL;
    OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *)id);
    if (serial == NULL || ASN1_STRING_type(serial) != V_ASN1_INTEGER)
        return false; /* negative ones are of type V_ASN1_NEG_INTEGER */
    size_t len = (size_t)ASN1_STRING_length(serial);
    struct view number = der_number(arena, view_of(ASN1_STRING_get0_data(serial), len));
    if (len == 0 || number.len > 20)
        return false;
    *ret_serial = number;
    return true;
}

/* The CA itself and its issuers are anchors, each for itself. */
static X509_STORE *anchors(struct view ca, struct view chain, int64_t now_us) {
    X509_STORE *store = X509_STORE_new();
    struct view runs[] = {ca, chain};
    for (size_t i = 0; store != NULL && i < 2; i++) {
        X509 *anchor;
        bool kept = true;
        while (kept && (anchor = certificate_next(&runs[i])) != NULL) {
            kept = X509_STORE_add_cert(store, anchor) == 1;
            X509_free(anchor);
        }
    }
    if (store != NULL) {
        X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
        X509_VERIFY_PARAM_set_time(param, (time_t)(now_us / US_PER_SECOND));
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    }
    return store;
}

bool ocsp_request_verify(OCSP_REQUEST *request, struct view ca, struct view chain, int64_t now_us,
                         struct error *err) {
    if (OCSP_request_is_signed(request) != 1)
        return fail(err, ERROR_UNAUTHENTICATED, "ocsp-signature-needed",
                    "OCSP request: this CA's responder answers signed requests only (rfc6960#2.3).");
    X509_STORE *store = anchors(ca, chain, now_us);
    bool ok = store != NULL && OCSP_request_verify(request, NULL, store, 0) == 1;
    X509_STORE_free(store);
    ERR_clear_error();
    return ok || fail(err, ERROR_FORBIDDEN, "ocsp-signature",
                      "OCSP request: its signature does not verify with a certificate of this CA.");
}

struct issuer_hashes ocsp_id_issuer(const OCSP_CERTID *id) {
    ASN1_OBJECT *algorithm = NULL;
    ASN1_OCTET_STRING *name = NULL, *key = NULL;
    OCSP_id_get0_info(&name, &algorithm, &key, NULL, (OCSP_CERTID *)(uintptr_t)id);
    return (struct issuer_hashes){
        OBJ_obj2nid(algorithm), view_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name)),
        view_of(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key))};
}

bool ocsp_id_issuer_is(const OCSP_CERTID *id, const X509 *ca) {
    static const int known[] = {NID_sha1,   NID_sha224,   NID_sha256,   NID_sha384,
                                NID_sha512, NID_sha3_256, NID_sha3_384, NID_sha3_512};
    ASN1_OBJECT *algorithm = NULL;
    ASN1_OCTET_STRING *name_hash = NULL, *key_hash = NULL;
    OCSP_id_get0_info(&name_hash, &algorithm, &key_hash, NULL, (OCSP_CERTID *)id);
    int nid = OBJ_obj2nid(algorithm);
    const EVP_MD *digest = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == nid)
            digest = EVP_get_digestbynid(nid);
    if (digest == NULL)
        return false;
    unsigned char name[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE];
    unsigned name_len = 0, key_len = 0;
    if (X509_NAME_digest(X509_get_subject_name(ca), digest, name, &name_len) != 1 ||
        X509_pubkey_digest(ca, digest, key, &key_len) != 1)
        return false;
    return view_equal(view_of(name, name_len), view_of(ASN1_STRING_get0_data(name_hash),
                                                       (size_t)ASN1_STRING_length(name_hash))) &&
           view_equal(view_of(key, key_len), view_of(ASN1_STRING_get0_data(key_hash),
                                                     (size_t)ASN1_STRING_length(key_hash)));
}
