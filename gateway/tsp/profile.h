/* What an issuer of timestamps does: one document, the same in the database, the REST API and here.
 *
 * {"enabled":true,"policies":["1.2.3.4"],"digests":["SHA-256"],"accuracy":{"seconds":1,"millis":0,"micros":0},
 *  "ordering":false,"serialLength":16,"tsaName":false,"qualified":false,"signatureDigest":"SHA-256",
 *  "chain":"issuers","authenticode":true,"logTokens":false,"certificate":"UUID",
 *  "access":{"addresses":["192.0.2.0/24"],"basic":false,"users":[],"clientCertificate":false,"clientCas":[],
 *            "perMinute":0,"perMinuteAndAddress":0}}
 *
 * Every member may be left out. */
#ifndef GATEHOUSE_TSP_PROFILE_H
#define GATEHOUSE_TSP_PROFILE_H

#include "base/json.h"
#include "base/uuid.h"

#include <openssl/evp.h>

#define TSP_MAX_POLICIES 16
#define TSP_MAX_ENTRIES 64

/* Digests of imprints, in the order of their documentation. */
struct tsp_digest {
    const char *name; /* "SHA-256" */
    int nid;
    size_t size;
    bool weak; /* only where an issuer names it */
};
extern const struct tsp_digest tsp_digests[];
extern const size_t tsp_digest_count;
const struct tsp_digest *tsp_digest_by_name(const char *name);
const struct tsp_digest *tsp_digest_by_nid(int nid);
/* OpenSSL's digest of that name, for the life of the process; NULL for none of ours. */
const EVP_MD *tsp_digest_md(const char *name);

enum tsp_chain { TSP_CHAIN_SIGNER, TSP_CHAIN_ISSUERS, TSP_CHAIN_ALL };

struct tsp_range { /* addresses, IPv4 as ::ffff:a.b.c.d */
    uint8_t address[16];
    unsigned bits;
};

struct tsp_profile {
    bool enabled, ordering, tsa_name, qualified, authenticode, log_tokens;
    const char *policies[TSP_MAX_POLICIES]; /* dotted */
    struct view policy_ders[TSP_MAX_POLICIES];
    size_t policy_count;
    uint32_t digests; /* bits by index in tsp_digests */
    bool has_accuracy;
    int64_t accuracy_us; /* 1 us - 3600 s */
    int64_t serial_length; /* 8-20 octets */
    const char *signature_digest; /* NULL: by key */
    enum tsp_chain chain;
    struct uuid certificate_id; /* nil: the CA's own TSA service */
    struct {
        const char *address_texts[TSP_MAX_ENTRIES];
        struct tsp_range ranges[TSP_MAX_ENTRIES];
        size_t range_count;
        bool basic;
        const char *users[TSP_MAX_ENTRIES];
        size_t user_count;
        bool client_certificate;
        const char *cas[TSP_MAX_ENTRIES];
        size_t ca_count;
        int64_t per_minute, per_minute_and_address; /* 0: no limit */
    } access;
};

/* What an issuer that is set up anew must keep beside that; one that is stored goes on as it is. ERROR_POLICY. */
MUST_USE bool tsp_profile_check(const struct tsp_profile *profile, struct error *err);
/* ERROR_MALFORMED for shapes, ERROR_POLICY "tsa-..." for values; the message names the member. Lives on the
 * arena; the document need not. */
MUST_USE bool tsp_profile_read(struct arena *arena, const struct json *document,
                               struct tsp_profile *ret, struct error *err);
/* All members, those that were left out with their defaults. */
void tsp_profile_write(struct json_writer *w, const struct tsp_profile *profile);

/* An address of a peer in the form of struct tsp_range; false when it is none. */
bool tsp_address_parse(const char *text, uint8_t ret_address[static 16]);
bool tsp_address_in(const uint8_t address[static 16], const struct tsp_range *ranges, size_t count);

#endif
