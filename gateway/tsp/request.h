/* TimeStampReq (RFC 3161 section 2.4.1) and the older Authenticode request, told apart by content. */
#ifndef GATEHOUSE_TSP_REQUEST_H
#define GATEHOUSE_TSP_REQUEST_H

#include "tsp/profile.h"

#define TSP_REQUEST_MAX ((size_t)64 * 1024)
#define TSP_NONCE_MAX 64 /* octets of the INTEGER */

/* PKIFailureInfo of RFC 3161 section 2.4.2: bit numbers. */
enum tsp_failure {
    TSP_BAD_ALG = 0,
    TSP_BAD_REQUEST = 2,
    TSP_BAD_DATA_FORMAT = 5,
    TSP_TIME_NOT_AVAILABLE = 14,
    TSP_UNACCEPTED_POLICY = 15,
    TSP_UNACCEPTED_EXTENSION = 16,
    TSP_ADD_INFO_NOT_AVAILABLE = 17,
    TSP_SYSTEM_FAILURE = 25,
};

struct tsp_query {
    /* Views of what was decoded, or on the arena. */
    struct view imprint; /* MessageImprint, DER as it came */
    const char *digest;  /* of the imprint: "SHA-256" */
    struct view hash;    /* its octets */
    struct view policy;  /* DER of the OID; empty: none asked for */
    struct view nonce;   /* DER of the INTEGER; empty: none */
    bool certificates;   /* certReq */
};

/* Decodes exactly these bytes; what goes back into the token is encoded anew. What is not understood is
 * refused, extensions above all (rfc3161#2.4.1: unacceptedExtension, be they critical or not). Errors carry in
 * *ret_failure what the answer says; nothing of the issuer's own rules is looked at. */
MUST_USE bool tsp_request_decode(struct arena *arena, struct view der, struct tsp_query *ret,
                                 enum tsp_failure *ret_failure, struct error *err);
/* The same by OpenSSL's decoder, whatever the form: what decode falls back to, and is compared with by tests. */
MUST_USE bool tsp_request_decode_any(struct arena *arena, struct view der, struct tsp_query *ret,
                                     enum tsp_failure *ret_failure, struct error *err);
/* MessageImprint of a hash, DER. */
struct view tsp_imprint(struct arena *arena, const struct tsp_digest *digest, struct view hash);
/* The issuer's rules: digest and policy. ret_policy is the DER of the OID that the token names. */
MUST_USE bool tsp_request_check(const struct tsp_query *query, const struct tsp_profile *profile,
                                struct view *ret_policy, enum tsp_failure *ret_failure,
                                struct error *err);

/* True when the body cannot be a DER SEQUENCE and is base64: an Authenticode request. */
bool tsp_is_authenticode(struct view body);
/* The signature to be countersigned, out of the base64 of
 * SEQUENCE { OID 1.3.6.1.4.1.311.3.2.1, [attributes,] ContentInfo { data, [0] OCTET STRING } }. */
MUST_USE bool tsp_authenticode_decode(struct arena *arena, struct view body,
                                      struct view *ret_content, struct error *err);

#endif
