/* RFC 3161 tokens over seals: asked for by HTTP, looked at again when the trail is verified. */
#include "audit/internal.h"

#include "base/clock.h"
#include "net/fetch.h"

#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/ts.h>
#include <string.h>

DEFINE_AUTO(TS_REQ, TS_REQ_free)
DEFINE_AUTO(TS_RESP, TS_RESP_free)
DEFINE_AUTO(TS_MSG_IMPRINT, TS_MSG_IMPRINT_free)
DEFINE_AUTO(TS_TST_INFO, TS_TST_INFO_free)
DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)
DEFINE_AUTO(X509_ALGOR, X509_ALGOR_free)

static bool make_request(struct arena *arena, const uint8_t hash[static 32], struct view *ret,
                         struct error *err) {
    AUTO(TS_REQ) *request = TS_REQ_new();
    AUTO(TS_MSG_IMPRINT) *imprint = TS_MSG_IMPRINT_new();
    AUTO(X509_ALGOR) *algorithm = X509_ALGOR_new();
    AUTO(ASN1_INTEGER) *nonce = NULL;
    AUTO(BIGNUM) *number = NULL;
    uint8_t bytes[8];
    uint8_t *der = NULL;
    random_bytes(bytes, sizeof bytes);
    bytes[0] |= 0x40;
    number = BN_bin2bn(bytes, sizeof bytes, NULL);
    nonce = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
    if (request == NULL || imprint == NULL || algorithm == NULL || nonce == NULL ||
        X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) != 1 ||
        TS_MSG_IMPRINT_set_algo(imprint, algorithm) != 1 ||
        TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)hash, 32) != 1 ||
        TS_REQ_set_version(request, 1) != 1 || TS_REQ_set_msg_imprint(request, imprint) != 1 ||
        TS_REQ_set_nonce(request, nonce) != 1 || TS_REQ_set_cert_req(request, 1) != 1)
        return fail_internal(err, "timestamp request");
    int len = i2d_TS_REQ(request, &der);
    if (len <= 0)
        return fail_internal(err, "timestamp request");
    uint8_t *copy = arena_alloc(arena, (size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    *ret = view_of(copy, (size_t)len);
    return true;
}

bool timestamp_fits(struct view token, const uint8_t hash[static 32]) {
    const uint8_t *at = token.at;
    AUTO(CMS_ContentInfo) *cms = d2i_CMS_ContentInfo(NULL, &at, (long)token.len);
    AUTO(BIO) *content = BIO_new(BIO_s_mem());
    AUTO(TS_TST_INFO) *info = NULL;
    if (cms == NULL || content == NULL || at != token.at + token.len ||
        CMS_verify(cms, NULL, NULL, NULL, content, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
        return false;
    info = d2i_TS_TST_INFO_bio(content, NULL);
    if (info == NULL)
        return false;
    const ASN1_OCTET_STRING *message = TS_MSG_IMPRINT_get_msg(TS_TST_INFO_get_msg_imprint(info));
    return message != NULL && ASN1_STRING_length(message) == 32 &&
           CRYPTO_memcmp(ASN1_STRING_get0_data(message), hash, 32) == 0;
}

bool timestamp_fetch(struct arena *arena, const char *url, const uint8_t hash[static 32],
                     struct view *ret_token, struct error *err) {
    static const struct fetch_header headers[] = {{"Content-Type", "application/timestamp-query"}};
    struct fetch_request request = {
        .method = "POST", .url = url, .headers = headers, .header_count = 1, .reach = FETCH_ANYWHERE};
    struct fetch_reply reply;
    uint8_t *der = NULL;
    TRY(make_request(arena, hash, &request.body, err));
    TRY(fetch(arena, &request, &reply, err));
    const uint8_t *at = reply.body.at;
    AUTO(TS_RESP) *response = d2i_TS_RESP(NULL, &at, (long)reply.body.len);
    if (reply.status != 200 || response == NULL || TS_RESP_get_token(response) == NULL)
        return fail(err, ERROR_UNAVAILABLE, "no-timestamp",
                    "The timestamping authority at %.200s gave no token (HTTP %d).", url, reply.status);
    int len = i2d_PKCS7(TS_RESP_get_token(response), &der);
    if (len <= 0)
        return fail(err, ERROR_UNAVAILABLE, "no-timestamp", "The token of %.200s is broken.", url);
    uint8_t *copy = arena_alloc(arena, (size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    if (!timestamp_fits(view_of(copy, (size_t)len), hash))
        return fail(err, ERROR_UNAVAILABLE, "no-timestamp",
                    "The token of %.200s is about something else, or its signature is wrong.", url);
    *ret_token = view_of(copy, (size_t)len);
    return true;
}
