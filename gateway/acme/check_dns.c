/* dns-01 (rfc8555#8.4) and CAA (rfc8659, rfc8657). */
#include "acme/internal.h"

#include "base/encode.h"
#include "net/caa.h"

#include <openssl/sha.h>
#include <string.h>

static bool check_digest(const struct check *check, const char *name, struct error *err) {
    struct dns_config config = acme_policy_dns(check->policy);
    const char *wanted = base64url_encode(check->arena, view_of(check->digest, 32));
    struct buffer seen = buffer_on(check->arena);
    struct dns_reply reply;
    struct error why = {0};
    if (!dns_query(check->arena, &config, name, DNS_TXT, &reply, &why))
        return acme_refuse(err, "dns", ERROR_POLICY, "%s", why.message);
    for (size_t i = 0; i < reply.count; i++) {
        struct view text;
        if (!dns_txt(check->arena, reply.records[i], &text))
            continue;
        if (view_is(text, wanted))
            return true;
        if (i < 5)
            buffer_printf(&seen, "%s\"%s\"", i == 0 ? "" : ", ",
                          check_seen(check->arena, text, 60));
    }
    if (reply.count == 0)
        return acme_refuse(err, "incorrectResponse", ERROR_POLICY,
                           "There is no TXT record at %.250s%s; \"%s\" was expected.", name,
                           reply.status == DNS_NO_NAME ? " (the name does not exist)" : "", wanted);
    return acme_refuse(err, "incorrectResponse", ERROR_POLICY,
                       "The TXT records at %.200s are %.250s; \"%s\" was expected.", name,
                       buffer_text(&seen), wanted);
}

bool check_dns(const struct check *check, struct error *err) {
    return check_digest(
        check, arena_printf(check->arena, "_acme-challenge.%s", check->authorization->identifier),
        err);
}

/* draft-ietf-acme-dns-account-label#3.2: a label of the account's own, so that several can prove
 * the same name */
bool check_dns_account(const struct check *check, struct error *err) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t digest[32];
    char label[17] = {0};
    SHA256((const unsigned char *)check->account_url, strlen(check->account_url), digest);
    for (int i = 0; i < 16; i++) { /* rfc4648#6: ten octets are sixteen characters */
        int bit = i * 5;
        unsigned two = (unsigned)digest[bit / 8] << 8 | digest[bit / 8 + 1];
        label[i] = letters[two >> (11 - bit % 8) & 31];
    }
    return check_digest(check,
                        arena_printf(check->arena, "_%s._acme-challenge.%s", label,
                                     check->authorization->identifier),
                        err);
}

bool check_caa(struct arena *arena, const struct acme_policy *policy,
               const struct acme_settings *settings, const struct identifier *identifier,
               const char *account_url, const char *method, struct error *err) {
    struct dns_config config = acme_policy_dns(policy);
    struct caa_name name = {identifier->value, identifier->wildcard};
    const char **identities =
        arena_array(arena, settings->caa_identities.count + 1, sizeof *identities);
    struct error why = {0};
    if (identifier->kind != ACME_DNS)
        return true;
    for (size_t i = 0; i < settings->caa_identities.count; i++)
        identities[i] = settings->caa_identities.items[i];
    /* rfc8657#4: who was approved ahead was proved by no method, and fits no list of them */
    struct caa_issuer issuer = {identities, account_url, method, false};
    return (caa_check(arena, &config, &name, &issuer, &why) &&
            caa_from_vantages(arena, policy, &name, &issuer, &why)) ||
           acme_refuse(err, "caa", ERROR_POLICY, "%.400s", why.message);
}
