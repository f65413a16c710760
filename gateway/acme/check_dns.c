/* dns-01 (rfc8555#8.4) and CAA (rfc8659, rfc8657). */
#include "acme/internal.h"

#include "base/encode.h"

#include <string.h>
#include <strings.h>

bool check_dns(const struct check *check, struct error *err) {
    struct dns_config config = acme_policy_dns(check->policy);
    const char *name =
        arena_printf(check->arena, "_acme-challenge.%s", check->authorization->identifier);
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

/* --- CAA
 * -------------------------------------------------------------------------------------------------
 */

struct caa_set {
    struct dns_caa *items;
    size_t count;
    bool critical_unknown;
    const char *found_at;
};

static bool known_tag(const char *tag) {
    static const char *const tags[] = {"issue",    "issuewild",    "iodef",       "issuemail",
                                       "issuevmc", "contactemail", "contactphone"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (strcmp(tags[i], tag) == 0)
            return true;
    return false;
}

/* rfc8659#3: the records of the closest name that has any. */
static bool climb(struct arena *arena, const struct dns_config *config, const char *name,
                  struct caa_set *ret, struct error *err) {
    for (const char *at = name; at != NULL && *at != '\0';
         at = strchr(at, '.') == NULL ? NULL : strchr(at, '.') + 1) {
        struct dns_reply reply;
        struct error why = {0};
        if (!dns_query(arena, config, at, DNS_CAA, &reply, &why))
            return acme_refuse(err, "caa", ERROR_POLICY,
                               "The CAA records of %.200s cannot be read: %.250s", at, why.message);
        if (reply.count == 0)
            continue;
        ret->items = arena_array(arena, reply.count, sizeof *ret->items);
        ret->found_at = at;
        for (size_t i = 0; i < reply.count; i++) {
            struct dns_caa one;
            if (!dns_caa(arena, reply.records[i], &one))
                return acme_refuse(err, "caa", ERROR_POLICY, "%.200s has a broken CAA record.", at);
            ret->critical_unknown = ret->critical_unknown || (one.critical && !known_tag(one.tag));
            ret->items[ret->count++] = one;
        }
        return true;
    }
    return true;
}

static struct view trimmed(const char *at, size_t len) {
    while (len > 0 && (*at == ' ' || *at == '\t'))
        at++, len--;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return view_of(at, len);
}

/* rfc8657: accounturi and validationmethods narrow who may. */
static bool parameters_fit(struct arena *arena, const char *text, const char *account_url,
                           const char *method) {
    for (const char *at = text; at != NULL;) {
        const char *end = strchr(at, ';');
        struct view one = trimmed(at, end == NULL ? strlen(at) : (size_t)(end - at));
        const char *pair = arena_text(arena, one);
        if (strncasecmp(pair, "accounturi=", 11) == 0 && strcmp(pair + 11, account_url) != 0)
            return false;
        if (strncasecmp(pair, "validationmethods=", 18) == 0 && method != NULL &&
            strstr(pair + 18, method) == NULL)
            return false;
        at = end == NULL ? NULL : end + 1;
    }
    return true;
}

static bool record_fits(struct arena *arena, const struct dns_caa *record,
                        const struct acme_settings *settings, const char *account_url,
                        const char *method) {
    const char *semicolon = strchr(record->value, ';');
    size_t len = semicolon == NULL ? strlen(record->value) : (size_t)(semicolon - record->value);
    const char *issuer = arena_text(arena, trimmed(record->value, len));
    for (size_t i = 0; i < settings->caa_identities.count; i++)
        if (strcasecmp(issuer, settings->caa_identities.items[i]) == 0)
            return semicolon == NULL || parameters_fit(arena, semicolon + 1, account_url, method);
    return false;
}

bool check_caa(struct arena *arena, const struct acme_policy *policy,
               const struct acme_settings *settings, const struct identifier *identifier,
               const char *account_url, const char *method, struct error *err) {
    struct dns_config config = acme_policy_dns(policy);
    struct caa_set set = {0};
    bool restricted = false, wild = false;
    if (identifier->kind != ACME_DNS)
        return true;
    TRY(climb(arena, &config, identifier->value, &set, err));
    if (set.critical_unknown)
        return acme_refuse(err, "caa", ERROR_POLICY,
                           "%.200s has a critical CAA record of an unknown kind.", set.found_at);
    for (size_t i = 0; i < set.count; i++)
        wild = wild || (identifier->wildcard && strcmp(set.items[i].tag, "issuewild") == 0);
    for (size_t i = 0; i < set.count; i++) {
        if (strcmp(set.items[i].tag, wild ? "issuewild" : "issue") != 0)
            continue;
        restricted = true;
        if (record_fits(arena, &set.items[i], settings, account_url, method))
            return true;
    }
    return !restricted ||
           acme_refuse(err, "caa", ERROR_POLICY,
                       "The CAA records at %.200s do not name this CA; add one of its identities "
                       "(caaIdentities in the directory).",
                       set.found_at);
}
