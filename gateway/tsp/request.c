#include "tsp/request.h"

#include "base/encode.h"
#include "tsp/der.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ts.h>
#include <string.h>

static bool refuse(enum tsp_failure failure, enum tsp_failure *ret_failure, struct error *err,
                   const char *rule) {
    ERR_clear_error();
    *ret_failure = failure;
    return fail(err, ERROR_MALFORMED, "timestamp-request", "Timestamp request: %s", rule);
}

static void drop_request(void *request) {
    TS_REQ_free(request);
}

static struct view own_bytes(struct arena *arena, unsigned char *bytes, int len) {
    struct view copy = len > 0 ? arena_copy(arena, bytes, (size_t)len) : (struct view){NULL, 0};
    OPENSSL_free(bytes);
    return copy;
}

static bool read_imprint(struct arena *arena, TS_REQ *request, struct tsp_query *query,
                         enum tsp_failure *ret_failure, struct error *err) {
    TS_MSG_IMPRINT *imprint = TS_REQ_get_msg_imprint(request);
    const ASN1_OBJECT *oid = NULL;
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&oid, &type, &value, TS_MSG_IMPRINT_get_algo(imprint));
    const struct tsp_digest *digest = tsp_digest_by_nid(OBJ_obj2nid(oid));
    if (digest == NULL)
        return refuse(TSP_BAD_ALG, ret_failure, err, "the hash algorithm of the imprint is not known here");
    if (type != V_ASN1_UNDEF && type != V_ASN1_NULL)
        return refuse(TSP_BAD_ALG, ret_failure, err, "the hash algorithm has parameters; leave them out");
    const ASN1_OCTET_STRING *hash = TS_MSG_IMPRINT_get_msg(imprint);
    if ((size_t)ASN1_STRING_length(hash) != digest->size)
        return refuse(TSP_BAD_DATA_FORMAT, ret_failure, err,
                      "the imprint has another length than its hash algorithm gives");
    unsigned char *der = NULL;
    int len = i2d_TS_MSG_IMPRINT(imprint, &der);
    query->imprint = own_bytes(arena, der, len);
    query->digest = digest->name;
    query->hash = arena_copy(arena, ASN1_STRING_get0_data(hash), digest->size);
    return true;
}

static bool read_options(struct arena *arena, TS_REQ *request, struct tsp_query *query,
                         enum tsp_failure *ret_failure, struct error *err) {
    unsigned char *der = NULL;
    const ASN1_INTEGER *nonce = TS_REQ_get_nonce(request);
    ASN1_OBJECT *policy = TS_REQ_get_policy_id(request);
    if (TS_REQ_get_ext_count(request) > 0)
        return refuse(TSP_UNACCEPTED_EXTENSION, ret_failure, err,
                      "no extensions are known here; leave them out");
    if (nonce != NULL) {
        if (ASN1_STRING_length(nonce) > TSP_NONCE_MAX)
            return refuse(TSP_BAD_REQUEST, ret_failure, err, "the nonce is longer than 64 octets");
        int len = i2d_ASN1_INTEGER(nonce, &der);
        query->nonce = own_bytes(arena, der, len);
        der = NULL;
    }
    if (policy != NULL) {
        int len = i2d_ASN1_OBJECT(policy, &der);
        query->policy = own_bytes(arena, der, len);
    }
    query->certificates = TS_REQ_get_cert_req(request) != 0;
    return true;
}

bool tsp_request_decode_any(struct arena *arena, struct view der, struct tsp_query *ret,
                            enum tsp_failure *ret_failure, struct error *err) {
    const unsigned char *next = der.at;
    struct tsp_query query = {0};
    if (der.len == 0 || der.len > TSP_REQUEST_MAX)
        return refuse(TSP_BAD_DATA_FORMAT, ret_failure, err,
                      der.len == 0 ? "it is empty" : "it is over 64 KiB");
    TS_REQ *request = d2i_TS_REQ(NULL, &next, (long)der.len);
    if (request == NULL)
        return refuse(TSP_BAD_DATA_FORMAT, ret_failure, err, "it is no DER of a TimeStampReq (RFC 3161)");
    arena_defer(arena, drop_request, request);
    if (next != der.at + der.len)
        return refuse(TSP_BAD_DATA_FORMAT, ret_failure, err, "bytes follow its end");
    if (TS_REQ_get_version(request) != 1)
        return refuse(TSP_BAD_REQUEST, ret_failure, err, "only version 1 is known");
    TRY(read_imprint(arena, request, &query, ret_failure, err));
    TRY(read_options(arena, request, &query, ret_failure, err));
    *ret = query;
    return true;
}

/* --- the usual request, read without building anything ------------------------------------------------ */

/* The content of the value at the front of *rest, which moves behind it: this tag, fewer than 128 octets. */
static bool take(struct view *rest, uint8_t tag, struct view *ret) {
    if (rest->len < 2 || rest->at[0] != tag || rest->at[1] >= 128 || rest->at[1] > rest->len - 2)
        return false;
    *ret = view_of(rest->at + 2, rest->at[1]);
    *rest = view_of(ret->at + ret->len, rest->len - 2 - ret->len);
    return true;
}

static bool is_next(struct view rest, uint8_t tag) {
    return rest.len > 0 && rest.at[0] == tag;
}

/* X.690 8.19.2: a subidentifier's first octet is not 80; the last octet ends one. */
static bool is_oid(struct view content) {
    if (content.len == 0 || (content.at[content.len - 1] & 0x80) != 0)
        return false;
    for (size_t i = 0; i < content.len; i++)
        if (content.at[i] == 0x80 && (i == 0 || (content.at[i - 1] & 0x80) == 0))
            return false;
    return true;
}

static bool is_integer(struct view content) {
    return content.len > 0 && content.len <= TSP_NONCE_MAX &&
           (content.len == 1 || (content.at[0] != 0 && content.at[0] != 0xff) ||
            ((content.at[0] ^ content.at[1]) & 0x80) != 0);
}

static const struct tsp_digest *digest_of(struct view oid) {
    for (size_t i = 0; i < tsp_digest_count; i++) {
        const ASN1_OBJECT *object = OBJ_nid2obj(tsp_digests[i].nid);
        if (view_equal(oid, view_of(OBJ_get0_data(object), OBJ_length(object))))
            return &tsp_digests[i];
    }
    return NULL;
}

static struct view whole(struct view content) {
    return view_of(content.at - 2, content.len + 2);
}

static bool take_imprint(struct view *rest, struct tsp_query *query) {
    struct view imprint, algorithm, oid, none = {0};
    const struct tsp_digest *digest;
    if (!take(rest, DER_SEQUENCE, &imprint))
        return false;
    query->imprint = whole(imprint);
    if (!take(&imprint, DER_SEQUENCE, &algorithm) || !take(&algorithm, DER_OID, &oid) ||
        (algorithm.len > 0 && !take(&algorithm, DER_NULL, &none)) || none.len > 0 || algorithm.len > 0 ||
        (digest = digest_of(oid)) == NULL || !take(&imprint, DER_OCTETS, &query->hash))
        return false;
    query->digest = digest->name;
    return imprint.len == 0 && query->hash.len == digest->size;
}

/* Clients write one form: DER, with nothing that is refused. It is taken as it stands. */
static bool take_usual(struct view rest, struct tsp_query *query) {
    struct view body, part;
    if (!take(&rest, DER_SEQUENCE, &body) || rest.len > 0 || !take(&body, DER_INTEGER, &part) ||
        !view_is(part, "\x01") || !take_imprint(&body, query))
        return false;
    if (is_next(body, DER_OID)) {
        if (!take(&body, DER_OID, &part) || !is_oid(part))
            return false;
        query->policy = whole(part);
    }
    if (is_next(body, DER_INTEGER)) {
        if (!take(&body, DER_INTEGER, &part) || !is_integer(part))
            return false;
        query->nonce = whole(part);
    }
    if (is_next(body, DER_BOOLEAN)) {
        if (!take(&body, DER_BOOLEAN, &part) || !view_is(part, "\xff"))
            return false;
        query->certificates = true;
    }
    return body.len == 0;
}

bool tsp_request_decode(struct arena *arena, struct view der, struct tsp_query *ret,
                        enum tsp_failure *ret_failure, struct error *err) {
    struct tsp_query query = {0};
    if (!take_usual(der, &query))
        return tsp_request_decode_any(arena, der, ret, ret_failure, err);
    *ret = query;
    return true;
}

struct view tsp_imprint(struct arena *arena, const struct tsp_digest *digest, struct view hash) {
    unsigned char *oid = NULL;
    struct der d = der_on(arena, 128);
    int len = i2d_ASN1_OBJECT(OBJ_nid2obj(digest->nid), &oid);
    der_put(&d, DER_OCTETS, hash);
    size_t mark = der_mark(&d);
    der_raw(&d, view_of(oid, len > 0 ? (size_t)len : 0));
    OPENSSL_free(oid);
    der_wrap(&d, DER_SEQUENCE, mark);
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

bool tsp_request_check(const struct tsp_query *query, const struct tsp_profile *profile,
                       struct view *ret_policy, enum tsp_failure *ret_failure, struct error *err) {
    size_t digest = (size_t)(tsp_digest_by_name(query->digest) - tsp_digests);
    if ((profile->digests & 1u << digest) == 0)
        return refuse(TSP_BAD_ALG, ret_failure, err,
                      "this issuer does not timestamp imprints of that hash algorithm");
    if (query->policy.len == 0) {
        *ret_policy = profile->policy_ders[0];
        return true;
    }
    for (size_t i = 0; i < profile->policy_count; i++)
        if (view_equal(profile->policy_ders[i], query->policy)) {
            *ret_policy = query->policy;
            return true;
        }
    return refuse(TSP_UNACCEPTED_POLICY, ret_failure, err,
                  "this issuer does not work under the policy asked for");
}

/* --- Authenticode ----------------------------------------------------------------------------------- */

typedef struct {
    ASN1_OBJECT *type;
    ASN1_OCTET_STRING *content; /* [0] EXPLICIT */
} AUTHENTICODE_CONTENT;

typedef struct {
    ASN1_OBJECT *type;
    AUTHENTICODE_CONTENT *content;
} AUTHENTICODE_REQUEST;

ASN1_SEQUENCE(AUTHENTICODE_CONTENT) = {
    ASN1_SIMPLE(AUTHENTICODE_CONTENT, type, ASN1_OBJECT),
    ASN1_EXP(AUTHENTICODE_CONTENT, content, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(AUTHENTICODE_CONTENT)

ASN1_SEQUENCE(AUTHENTICODE_REQUEST) = {
    ASN1_SIMPLE(AUTHENTICODE_REQUEST, type, ASN1_OBJECT),
    ASN1_SIMPLE(AUTHENTICODE_REQUEST, content, AUTHENTICODE_CONTENT),
} static_ASN1_SEQUENCE_END(AUTHENTICODE_REQUEST)

static void drop_authenticode(void *request) {
    ASN1_item_free(request, ASN1_ITEM_rptr(AUTHENTICODE_REQUEST));
}

/* A DER SEQUENCE whose length is above 127 begins with 30 8x; '0' (0x30) begins no base64 of a SEQUENCE. */
bool tsp_is_authenticode(struct view body) {
    size_t i = 0;
    while (i < body.len && (body.at[i] == ' ' || body.at[i] == '\r' || body.at[i] == '\n' ||
                            body.at[i] == '\t'))
        i++;
    return i < body.len && body.at[i] == 'M';
}

bool tsp_authenticode_decode(struct arena *arena, struct view body, struct view *ret_content,
                             struct error *err) {
    struct view der;
    char oid[64] = "";
    /* Some clients send a NUL after the text. */
    while (body.len > 0 && body.at[body.len - 1] == '\0')
        body.len--;
    if (body.len > TSP_REQUEST_MAX || !base64_decode(arena, body, &der))
        return fail(err, ERROR_MALFORMED, "timestamp-request",
                    "Authenticode request: it is no base64, or longer than 64 KiB.");
    const unsigned char *next = der.at;
    AUTHENTICODE_REQUEST *request = (AUTHENTICODE_REQUEST *)ASN1_item_d2i(
        NULL, &next, (long)der.len, ASN1_ITEM_rptr(AUTHENTICODE_REQUEST));
    ERR_clear_error();
    if (request != NULL)
        arena_defer(arena, drop_authenticode, request);
    if (request == NULL || next != der.at + der.len)
        return fail(err, ERROR_MALFORMED, "timestamp-request",
                    "Authenticode request: it is no DER of a TimeStampRequest without attributes.");
    OBJ_obj2txt(oid, sizeof oid, request->type, 1);
    if (strcmp(oid, "1.3.6.1.4.1.311.3.2.1") != 0 ||
        OBJ_obj2nid(request->content->type) != NID_pkcs7_data)
        return fail(err, ERROR_MALFORMED, "timestamp-request",
                    "Authenticode request: it asks for another countersignature than that of data.");
    const ASN1_OCTET_STRING *content = request->content->content;
    if (ASN1_STRING_length(content) == 0)
        return fail(err, ERROR_MALFORMED, "timestamp-request",
                    "Authenticode request: there is no signature to countersign.");
    *ret_content = arena_copy(arena, ASN1_STRING_get0_data(content), (size_t)ASN1_STRING_length(content));
    return true;
}
