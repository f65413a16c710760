#include "tsp/profile.h"

#include "base/clock.h"
#include "tsp/profile_access.h"

#include <openssl/objects.h>
#include <string.h>

/* A TSA that nobody has set up names no rules of its own. */
#define ANY_POLICY "2.5.29.32.0"
#define MAX_OID_TEXT 256
#define MAX_ACCURACY_S 3600

const struct tsp_digest tsp_digests[] = {
    {"SHA-224", NID_sha224, 28, false},     {"SHA-256", NID_sha256, 32, false},
    {"SHA-384", NID_sha384, 48, false},     {"SHA-512", NID_sha512, 64, false},
    {"SHA3-224", NID_sha3_224, 28, false},  {"SHA3-256", NID_sha3_256, 32, false},
    {"SHA3-384", NID_sha3_384, 48, false},  {"SHA3-512", NID_sha3_512, 64, false},
    {"SHA-1", NID_sha1, 20, true},
};
const size_t tsp_digest_count = sizeof tsp_digests / sizeof *tsp_digests;

const struct tsp_digest *tsp_digest_by_name(const char *name) {
    for (size_t i = 0; i < tsp_digest_count; i++)
        if (strcmp(tsp_digests[i].name, name) == 0)
            return &tsp_digests[i];
    return NULL;
}

const struct tsp_digest *tsp_digest_by_nid(int nid) {
    for (size_t i = 0; i < tsp_digest_count; i++)
        if (tsp_digests[i].nid == nid)
            return &tsp_digests[i];
    return NULL;
}

const EVP_MD *tsp_digest_md(const char *name) {
    const struct tsp_digest *digest = tsp_digest_by_name(name);
    return digest == NULL ? NULL : EVP_get_digestbynid(digest->nid);
}

static bool read_policy(struct arena *arena, const char *text, struct tsp_profile *profile,
                        struct error *err) {
    unsigned char *der = NULL;
    ASN1_OBJECT *oid = strlen(text) > MAX_OID_TEXT ? NULL : OBJ_txt2obj(text, 1);
    int len = oid == NULL ? 0 : i2d_ASN1_OBJECT(oid, &der);
    ASN1_OBJECT_free(oid);
    if (len <= 0)
        return fail(err, ERROR_POLICY, "tsa-policy",
                    "policies: \"%.60s\" is no object identifier; write it with dots, 1.3.6.1.4.1....",
                    text);
    struct view bytes = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    for (size_t i = 0; i < profile->policy_count; i++)
        if (view_equal(profile->policy_ders[i], bytes))
            return fail(err, ERROR_POLICY, "tsa-policy", "policies: %.60s is there twice.", text);
    profile->policies[profile->policy_count] = arena_strdup(arena, text);
    profile->policy_ders[profile->policy_count++] = bytes;
    return true;
}

static bool read_policies(struct arena *arena, const struct json *document,
                          struct tsp_profile *profile, struct error *err) {
    const struct json *list = NULL;
    TRY(json_array(document, "policies", &list, err));
    if (list == NULL)
        return read_policy(arena, ANY_POLICY, profile, err);
    if (list->count < 1 || list->count > TSP_MAX_POLICIES)
        return fail(err, ERROR_POLICY, "tsa-policy",
                    "policies: has %zu entries; 1 to %d are possible, the first is the default.",
                    list->count, TSP_MAX_POLICIES);
    JSON_EACH (item, list) {
        if (item->type != JSON_STRING)
            return fail(err, ERROR_MALFORMED, "wrong-type", "policies: every entry is a string.");
        TRY(read_policy(arena, item->text, profile, err));
    }
    return true;
}

static bool read_digests(const struct json *document, struct tsp_profile *profile,
                         struct error *err) {
    const struct json *list = NULL;
    TRY(json_array(document, "digests", &list, err));
    for (size_t i = 0; list == NULL && i < tsp_digest_count; i++)
        if (!tsp_digests[i].weak)
            profile->digests |= 1u << i;
    JSON_EACH (item, list) {
        const struct tsp_digest *digest =
            item->type == JSON_STRING ? tsp_digest_by_name(item->text) : NULL;
        if (digest == NULL)
            return fail(err, ERROR_POLICY, "tsa-digest",
                        "digests: \"%.40s\" is not known; SHA-224, SHA-256, SHA-384, SHA-512, SHA3-224, "
                        "SHA3-256, SHA3-384, SHA3-512 and SHA-1 are.",
                        item->text == NULL ? "" : item->text);
        profile->digests |= 1u << (digest - tsp_digests);
    }
    return profile->digests != 0 ||
           fail(err, ERROR_POLICY, "tsa-digest", "digests: name at least one.");
}

static bool read_accuracy(const struct json *document, struct tsp_profile *profile,
                          struct error *err) {
    static const char *const members[] = {"seconds", "millis", "micros", NULL};
    const struct json *accuracy = json_get(document, "accuracy");
    int64_t seconds = 0, millis = 0, micros = 0;
    profile->has_accuracy = accuracy == NULL || accuracy->type != JSON_NULL;
    profile->accuracy_us = US_PER_SECOND;
    if (accuracy == NULL || !profile->has_accuracy)
        return true;
    TRY(json_object(document, "accuracy", &accuracy, err));
    TRY(json_only(accuracy, members, err));
    TRY(json_int(accuracy, "seconds", 0, MAX_ACCURACY_S, &seconds, err));
    TRY(json_int(accuracy, "millis", 0, 999, &millis, err)); /* rfc3161#2.4.2: 1..999 */
    TRY(json_int(accuracy, "micros", 0, 999, &micros, err));
    profile->accuracy_us = seconds * US_PER_SECOND + millis * 1000 + micros;
    return profile->accuracy_us > 0 ||
           fail(err, ERROR_POLICY, "tsa-accuracy",
                "accuracy: no clock is right to 0 s; write null to say nothing about it.");
}

static bool read_chain(const struct json *document, struct tsp_profile *profile,
                       struct error *err) {
    const char *chain = "issuers";
    TRY(json_string(document, "chain", &chain, err));
    if (strcmp(chain, "signer") == 0)
        profile->chain = TSP_CHAIN_SIGNER;
    else if (strcmp(chain, "issuers") == 0)
        profile->chain = TSP_CHAIN_ISSUERS;
    else if (strcmp(chain, "all") == 0)
        profile->chain = TSP_CHAIN_ALL;
    else
        return fail(err, ERROR_POLICY, "tsa-chain",
                    "chain: is \"signer\", \"issuers\" (without the root) or \"all\", not \"%.40s\".",
                    chain);
    return true;
}

static bool read_signature_digest(struct arena *arena, const struct json *document,
                                  struct tsp_profile *profile, struct error *err) {
    const char *name = NULL;
    TRY(json_string(document, "signatureDigest", &name, err));
    if (name == NULL)
        return true;
    const struct tsp_digest *digest = tsp_digest_by_name(name);
    if (digest == NULL || digest->weak || digest->size < 32)
        return fail(err, ERROR_POLICY, "tsa-digest",
                    "signatureDigest: \"%.40s\" cannot be used; SHA-256, SHA-384, SHA-512 and SHA3-256, "
                    "SHA3-384, SHA3-512 can, or null for what suits the key.",
                    name);
    profile->signature_digest = arena_strdup(arena, name);
    return true;
}

static bool read_certificate(const struct json *document, struct tsp_profile *profile,
                             struct error *err) {
    const char *id = NULL;
    TRY(json_string(document, "certificate", &id, err));
    if (id != NULL && !uuid_parse(id, &profile->certificate_id))
        return fail(err, ERROR_POLICY, "tsa-certificate",
                    "certificate: is the id of a timestamping certificate, or null for the CA's own.");
    return true;
}

static bool read_switches(const struct json *document, struct tsp_profile *profile,
                          struct error *err) {
    profile->enabled = true;
    TRY(json_bool(document, "enabled", &profile->enabled, err));
    TRY(json_bool(document, "ordering", &profile->ordering, err));
    TRY(json_bool(document, "tsaName", &profile->tsa_name, err));
    TRY(json_bool(document, "qualified", &profile->qualified, err));
    profile->authenticode = !profile->qualified;
    TRY(json_bool(document, "authenticode", &profile->authenticode, err));
    return json_bool(document, "logTokens", &profile->log_tokens, err);
}

bool tsp_profile_read(struct arena *arena, const struct json *document, struct tsp_profile *ret,
                      struct error *err) {
    static const char *const members[] = {
        "enabled",   "policies",        "digests", "accuracy",     "ordering",  "serialLength", "tsaName",
        "qualified", "signatureDigest", "chain",   "authenticode", "logTokens", "certificate",  "access",
        NULL};
    struct tsp_profile profile = {.serial_length = 16};
    TRY(json_only(document, members, err));
    TRY(read_switches(document, &profile, err));
    TRY(read_policies(arena, document, &profile, err));
    TRY(read_digests(document, &profile, err));
    TRY(read_accuracy(document, &profile, err));
    /* Eight octets are 63 random bits: about one pair in a billion tokens would share one by chance once
     * in twenty instances; sixteen never do. */
    TRY(json_int(document, "serialLength", 8, 20, &profile.serial_length, err));
    TRY(read_chain(document, &profile, err));
    TRY(read_signature_digest(arena, document, &profile, err));
    TRY(read_certificate(document, &profile, err));
    TRY(tsp_profile_read_access(arena, document, &profile, err));
    *ret = profile;
    return true;
}

static void write_lists(struct json_writer *w, const struct tsp_profile *profile) {
    json_name(w, "policies");
    json_open_array(w);
    for (size_t i = 0; i < profile->policy_count; i++)
        json_add_string(w, profile->policies[i]);
    json_close_array(w);
    json_name(w, "digests");
    json_open_array(w);
    for (size_t i = 0; i < tsp_digest_count; i++)
        if ((profile->digests & 1u << i) != 0)
            json_add_string(w, tsp_digests[i].name);
    json_close_array(w);
}

static void write_accuracy(struct json_writer *w, const struct tsp_profile *profile) {
    json_name(w, "accuracy");
    if (!profile->has_accuracy) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    json_put_int(w, "seconds", profile->accuracy_us / US_PER_SECOND);
    json_put_int(w, "millis", profile->accuracy_us / 1000 % 1000);
    json_put_int(w, "micros", profile->accuracy_us % 1000);
    json_close_object(w);
}

static bool unqualified(struct error *err, const char *rule) {
    return fail(err, ERROR_POLICY, "tsa-qualified", "%s", rule);
}

bool tsp_profile_check(const struct tsp_profile *profile, struct error *err) {
    if (!profile->qualified)
        return true;
    /* EN 319 421, 7.7.2; EN 319 422, 5.2.2 */
    if (!profile->has_accuracy || profile->accuracy_us > US_PER_SECOND)
        return fail(err, ERROR_POLICY, "tsa-accuracy", "accuracy: a qualified timestamp says it, and it is one second or "
                                                       "better (ETSI EN 319 421 and 319 422).");
    if (profile->ordering)
        return unqualified(err, "ordering: a qualified timestamp does not say it (ETSI EN 319 422, 5.2.2); leave it false.");
    if (profile->authenticode)
        return unqualified(err, "authenticode: what the old protocol gives cannot say that it is qualified, and a qualified "
                                "issuer's key gives nothing else (ETSI EN 319 421, 8.2); make it false.");
    if ((profile->digests & 1u << (tsp_digest_by_name("SHA-1") - tsp_digests)) != 0)
        return unqualified(err, "digests: no qualified timestamp is about a SHA-1 hash (ETSI TS 119 312); leave it out.");
    /* EN 319 422, annex A: "best practices" 0.4.0.2023.1.1 or a policy of the TSA's own. */
    for (size_t i = 0; i < profile->policy_count; i++)
        if (strcmp(profile->policies[i], ANY_POLICY) == 0)
            return unqualified(err, "policies: a qualified timestamp names a policy: 0.4.0.2023.1.1 (ETSI EN 319 421, 5.2) or "
                                    "one of your own.");
    return true;
}

void tsp_profile_write(struct json_writer *w, const struct tsp_profile *profile) {
    static const char *const chains[] = {"signer", "issuers", "all"};
    char id[UUID_TEXT_SIZE];
    json_open_object(w);
    json_put_bool(w, "enabled", profile->enabled);
    write_lists(w, profile);
    write_accuracy(w, profile);
    json_put_bool(w, "ordering", profile->ordering);
    json_put_int(w, "serialLength", profile->serial_length);
    json_put_bool(w, "tsaName", profile->tsa_name);
    json_put_bool(w, "qualified", profile->qualified);
    json_put_string(w, "signatureDigest", profile->signature_digest);
    json_put_string(w, "chain", chains[profile->chain]);
    json_put_bool(w, "authenticode", profile->authenticode);
    json_put_bool(w, "logTokens", profile->log_tokens);
    uuid_format(profile->certificate_id, id);
    json_put_string(w, "certificate", uuid_is_nil(profile->certificate_id) ? NULL : id);
    tsp_profile_write_access(w, profile);
    json_close_object(w);
}
