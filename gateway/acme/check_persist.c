/* dns-persist-01 (draft-ietf-acme-dns-persist): a record that stays, and names CA and account. Its
 * text has the form of a CAA issue-value (rfc8659#4.2). */
#include "acme/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *trimmed(struct arena *arena, const char *at, size_t len) {
    while (len > 0 && (*at == ' ' || *at == '\t'))
        at++, len--;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return arena_text(arena, view_of(at, len));
}

struct record {
    const char *issuer, *account, *policy, *until; /* NULL: not there */
};

static bool set(const char **member, const char *value) {
    if (*member != NULL) /* twice: nobody can say which one counts */
        return false;
    *member = value;
    return true;
}

static bool parameter(struct arena *arena, struct record *r, const char *text) {
    const char *equals = strchr(text, '=');
    if (equals == NULL)
        return false;
    const char *tag = trimmed(arena, text, (size_t)(equals - text));
    const char *value = trimmed(arena, equals + 1, strlen(equals + 1));
    if (strcasecmp(tag, "accounturi") == 0)
        return set(&r->account, value);
    if (strcasecmp(tag, "policy") == 0)
        return set(&r->policy, value);
    if (strcasecmp(tag, "persistUntil") == 0)
        return set(&r->until, value);
    return true; /* unknown ones are ignored */
}

static bool read_record(struct arena *arena, const char *text, struct record *ret) {
    const char *semicolon = strchr(text, ';');
    size_t len = semicolon == NULL ? strlen(text) : (size_t)(semicolon - text);
    *ret = (struct record){.issuer = trimmed(arena, text, len)};
    while (semicolon != NULL) {
        const char *at = semicolon + 1;
        semicolon = strchr(at, ';');
        len = semicolon == NULL ? strlen(at) : (size_t)(semicolon - at);
        if (!parameter(arena, ret, trimmed(arena, at, len)))
            return false;
    }
    return true;
}

/* NULL when it authorizes, else why it does not. */
static const char *problem(const struct check *check, const struct record *r) {
    bool issuer = false;
    size_t len = strlen(r->issuer);
    if (len > 0 && r->issuer[len - 1] == '.')
        len--;
    for (size_t i = 0; i < check->issuers.count; i++)
        issuer = issuer || (strlen(check->issuers.items[i]) == len &&
                            strncasecmp(check->issuers.items[i], r->issuer, len) == 0);
    if (!issuer)
        return "names another CA";
    if (r->account == NULL || strcmp(r->account, check->account_url) != 0)
        return "names no account or another one";
    if (check->authorization->wildcard &&
        (r->policy == NULL || strcasecmp(r->policy, "wildcard") != 0))
        return "does not say policy=wildcard";
    if (r->until != NULL) {
        size_t digits = strspn(r->until, "0123456789");
        if (digits == 0 || digits > 12 || r->until[digits] != '\0')
            return "has a persistUntil that is no time in seconds";
        if (strtoll(r->until, NULL, 10) <= clock_now_us() / US_PER_SECOND)
            return "is over by its persistUntil";
    }
    return NULL;
}

bool check_dns_persist(const struct check *check, struct error *err) {
    struct dns_config config = acme_policy_dns(check->policy);
    const char *name =
        arena_printf(check->arena, "_validation-persist.%s", check->authorization->identifier);
    const char *why = "is not there";
    struct dns_reply reply;
    struct error failure = {0};
    if (!dns_query(check->arena, &config, name, DNS_TXT, &reply, &failure))
        return acme_refuse(err, "dns", ERROR_POLICY, "%s", failure.message);
    for (size_t i = 0; i < reply.count; i++) {
        struct record record;
        struct view text;
        if (!dns_txt(check->arena, reply.records[i], &text))
            continue;
        const char *line = arena_text(check->arena, text);
        why = strlen(line) != text.len || !read_record(check->arena, line, &record)
                  ? "is malformed"
                  : problem(check, &record);
        if (why == NULL)
            return true;
    }
    return acme_refuse(err, "incorrectResponse", ERROR_POLICY,
                       "The TXT record at %.200s %s; \"%s; accounturi=%.200s%s\" was expected.",
                       name, why, check->issuers.count > 0 ? check->issuers.items[0] : "",
                       check->account_url,
                       check->authorization->wildcard ? "; policy=wildcard" : "");
}
