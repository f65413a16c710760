#include "identity/outside.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "net/directory.h"

#include <string.h>
#include <strings.h>

#define TIMEOUT_S 8
#define MAX_CA_PEM ((size_t)64 * 1024)
#define MAX_GROUPS 500
#define MAX_FILTER ((size_t)2000)

/* --- settings --------------------------------------------------------------------------------------------------- */

struct directory {
    const char *url;
    bool start_tls;
    const char *ca; /* PEM; NULL: the system's */
    const char *bind_dn;
    const char *base, *filter;
    const char *username, *subject, *display_name, *email; /* attributes */
    const char *member_of;                                 /* attribute of the person; "": none */
    const char *group_base, *group_filter;                 /* NULL: no search for groups */
};

static bool bad_setting(const char *what, struct error *err) {
    return fail(err, ERROR_POLICY, "bad-setting", "The directory's settings are refused: %s.", what);
}

static bool read_texts(const struct json *settings, struct directory *d, struct error *err) {
    return json_string(settings, "url", &d->url, err) && json_bool(settings, "startTls", &d->start_tls, err) &&
           json_string(settings, "ca", &d->ca, err) && json_string(settings, "bindDn", &d->bind_dn, err) &&
           json_string(settings, "base", &d->base, err) && json_string(settings, "filter", &d->filter, err) &&
           json_string(settings, "usernameAttribute", &d->username, err) &&
           json_string(settings, "subjectAttribute", &d->subject, err) &&
           json_string(settings, "nameAttribute", &d->display_name, err) &&
           json_string(settings, "mailAttribute", &d->email, err) &&
           json_string(settings, "groupAttribute", &d->member_of, err) &&
           json_string(settings, "groupBase", &d->group_base, err) &&
           json_string(settings, "groupFilter", &d->group_filter, err);
}

static bool one_place(const char *filter) {
    const char *at = strstr(filter, "{}");
    return filter[0] == '(' && strlen(filter) <= MAX_FILTER && at != NULL && strstr(at + 2, "{}") == NULL;
}

static bool is_attribute(const char *name) {
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-;.") == strlen(name) &&
           strlen(name) <= 100;
}

static bool read_directory(const struct json *settings, struct directory *ret, struct error *err) {
    struct directory d = {.filter = "(&(objectClass=person)(uid={}))",
                          .username = "uid",
                          .subject = "entryUUID",
                          .display_name = "cn",
                          .email = "mail",
                          .member_of = "memberOf",
                          .group_filter = "(member={})"};
    TRY(read_texts(settings, &d, err));
    if (d.url == NULL || d.base == NULL)
        return bad_setting("\"url\" and \"base\" are needed", err);
    bool tls = strncasecmp(d.url, "ldaps://", 8) == 0;
    if ((!tls && strncasecmp(d.url, "ldap://", 7) != 0) || strpbrk(d.url, " ,") != NULL || strlen(d.url) > 500)
        return bad_setting("\"url\" is one ldaps:// or ldap:// URL", err);
    if (tls == d.start_tls)
        return bad_setting("ldap:// needs \"startTls\", and ldaps:// has TLS already: passwords never go in the clear", err);
    if (!one_place(d.filter) || !one_place(d.group_filter))
        return bad_setting("a filter begins with \"(\" and has \"{}\" once", err);
    if (!is_attribute(d.username) || !is_attribute(d.subject) || !is_attribute(d.display_name) ||
        !is_attribute(d.email) || !is_attribute(d.member_of) || d.username[0] == '\0' || d.subject[0] == '\0')
        return bad_setting("an attribute's name cannot be", err);
    if (d.ca != NULL && (strlen(d.ca) > MAX_CA_PEM || strstr(d.ca, "-----BEGIN CERTIFICATE-----") == NULL))
        return bad_setting("\"ca\" is no PEM of certificates", err);
    *ret = d;
    return true;
}

bool outside_check_directory(struct arena *arena, const struct json *settings, struct error *err) {
    static const char *const members[] = {
        "url",           "startTls",      "ca",            "bindDn",         "base",      "filter",
        "usernameAttribute", "subjectAttribute", "nameAttribute", "mailAttribute", "groupAttribute",
        "groupBase",     "groupFilter",   "requiredGroup", "organisation",   "roles",     NULL};
    struct directory d;
    struct identity_rules rules;
    return json_only(settings, members, err) && read_directory(settings, &d, err) &&
           identity_rules_read(arena, settings, &rules, err);
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static bool failed(const struct directory *d, const char *what, LDAP *ld, int code, struct error *err) {
    return directory_failed(d->url, what, ld, code, err);
}

static bool connect_to(const struct directory *d, const char *secret, LDAP **ret, struct error *err) {
    bool anonymous = d->bind_dn == NULL || d->bind_dn[0] == '\0';
    if (!anonymous && (secret == NULL || secret[0] == '\0'))
        return bad_setting("\"bindDn\" needs its password as the secret", err);
    return directory_connect(&(struct directory_server){.url = d->url,
                                                        .start_tls = d->start_tls,
                                                        .ca = d->ca,
                                                        .user = d->bind_dn,
                                                        .password = secret,
                                                        .timeout_s = TIMEOUT_S},
                             ret, err);
}

/* --- searching ------------------------------------------------------------------------------------------------------ */

const char *ldap_escape(struct arena *arena, const char *text) {
    struct buffer out = buffer_on(arena);
    for (; *text != '\0'; text++)
        if (strchr("*()\\", *text) != NULL || (unsigned char)*text < 0x20 || (unsigned char)*text == 0x7f)
            buffer_printf(&out, "\\%02x", (unsigned)(unsigned char)*text);
        else
            buffer_add_byte(&out, (uint8_t)*text);
    return buffer_text(&out);
}

static const char *fill(struct arena *arena, const char *filter, const char *value) {
    const char *at = strstr(filter, "{}");
    return arena_printf(arena, "%.*s%s%s", (int)(at - filter), filter, ldap_escape(arena, value), at + 2);
}

static bool search(LDAP *ld, const struct directory *d, const char *base, const char *filter,
                   const char *const attributes[], int limit, LDAPMessage **ret, struct error *err) {
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int code = ldap_search_ext_s(ld, base, LDAP_SCOPE_SUBTREE, filter, (char **)(uintptr_t)attributes, 0, NULL,
                                 NULL, &timeout, limit, ret);
    /* Too many for the limit: what came is told by its number. */
    if (code == LDAP_SUCCESS || code == LDAP_SIZELIMIT_EXCEEDED)
        return true;
    return failed(d, code == LDAP_NO_SUCH_OBJECT ? "the base does not exist" : "the search", ld, code, err);
}

/* Octets that are no text (objectGUID) in hexadecimal. */
static const char *text_of(struct arena *arena, const struct berval *value) {
    struct view bytes = view_of((const uint8_t *)value->bv_val, value->bv_len);
    bool plain = utf8_valid(bytes);
    for (size_t i = 0; plain && i < bytes.len; i++)
        plain = bytes.at[i] >= 0x20;
    return plain ? arena_text(arena, bytes) : hex_encode(arena, bytes);
}

static const char *value_of(LDAP *ld, struct arena *arena, LDAPMessage *entry, const char *attribute) {
    struct berval **values = attribute[0] == '\0' ? NULL : ldap_get_values_len(ld, entry, attribute);
    const char *text = values == NULL || values[0] == NULL ? NULL : text_of(arena, values[0]);
    ldap_value_free_len(values);
    return text;
}

static void add_group(struct text_list *groups, const char *name) {
    if (groups->count < MAX_GROUPS)
        groups->items[groups->count++] = name;
}

static void add_member_of(LDAP *ld, struct arena *arena, LDAPMessage *entry, const char *attribute,
                          struct text_list *groups) {
    struct berval **values = attribute[0] == '\0' ? NULL : ldap_get_values_len(ld, entry, attribute);
    for (size_t i = 0; values != NULL && values[i] != NULL; i++)
        add_group(groups, text_of(arena, values[i]));
    ldap_value_free_len(values);
}

static const char *dn_of(LDAP *ld, struct arena *arena, LDAPMessage *entry) {
    char *dn = ldap_get_dn(ld, entry);
    const char *text = dn == NULL ? NULL : arena_text(arena, view_text(dn));
    ldap_memfree(dn);
    return text;
}

/* Groups that list the person, where the directory keeps no memberOf. */
static bool add_groups(LDAP *ld, struct arena *arena, const struct directory *d, const char *dn,
                       struct text_list *groups, struct error *err) {
    static const char *const nothing[] = {LDAP_NO_ATTRS, NULL};
    SCOPED_MESSAGE LDAPMessage *found = NULL;
    if (d->group_base == NULL || d->group_base[0] == '\0')
        return true;
    TRY(search(ld, d, d->group_base, fill(arena, d->group_filter, dn), nothing, MAX_GROUPS, &found, err));
    for (LDAPMessage *entry = ldap_first_entry(ld, found); entry != NULL; entry = ldap_next_entry(ld, entry)) {
        const char *name = dn_of(ld, arena, entry);
        if (name != NULL)
            add_group(groups, name);
    }
    return true;
}

/* The person's entry; *ret_dn NULL when there is none, or more than one. */
static bool find_person(LDAP *ld, struct arena *arena, const struct directory *d, const char *username,
                        const char **ret_dn, struct identity *ret, struct error *err) {
    const char *const attributes[] = {d->username, d->subject, d->display_name[0] == '\0' ? d->subject : d->display_name,
                                      d->email[0] == '\0' ? d->subject : d->email,
                                      d->member_of[0] == '\0' ? d->subject : d->member_of, NULL};
    SCOPED_MESSAGE LDAPMessage *found = NULL;
    *ret_dn = NULL;
    TRY(search(ld, d, d->base, fill(arena, d->filter, username), attributes, 2, &found, err));
    if (found == NULL || ldap_count_entries(ld, found) != 1)
        return true;
    LDAPMessage *entry = ldap_first_entry(ld, found);
    struct identity who = {.subject = value_of(ld, arena, entry, d->subject),
                           .username = value_of(ld, arena, entry, d->username),
                           .display_name = value_of(ld, arena, entry, d->display_name),
                           .email = value_of(ld, arena, entry, d->email)};
    if (who.subject == NULL || who.username == NULL)
        return fail(err, ERROR_UNAVAILABLE, "directory-failed",
                    "The directory %.200s tells no %s of %.100s; look at the attributes in the settings.", d->url,
                    who.subject == NULL ? d->subject : d->username, username);
    who.groups.items = arena_array(arena, MAX_GROUPS, sizeof *who.groups.items);
    add_member_of(ld, arena, entry, d->member_of, &who.groups);
    *ret_dn = dn_of(ld, arena, entry);
    *ret = who;
    return true;
}

/* rfc4513#5.1.2: an empty password is no password; the caller sees to it. */
static int bind_as(LDAP *ld, const char *dn, const char *password) {
    struct berval secret = {strlen(password), (char *)(uintptr_t)password};
    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* --- all ------------------------------------------------------------------------------------------------------------- */

static bool check_password(const struct directory *d, LDAP *ld, const char *dn, const char *password,
                           bool *ret_right, struct error *err) {
    int code = bind_as(ld, dn, password);
    *ret_right = code == LDAP_SUCCESS;
    /* A directory that keeps somebody out says so in many ways; none of them is ours to tell apart. */
    return code == LDAP_SUCCESS || code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH ||
           code == LDAP_UNWILLING_TO_PERFORM || code == LDAP_CONSTRAINT_VIOLATION ||
           code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_NO_SUCH_OBJECT ||
           failed(d, "the password cannot be tried", ld, code, err);
}

bool ldap_authenticate(struct arena *arena, const struct json *settings, const char *secret,
                       const char *username, const char *password, bool *ret_right, struct identity *ret,
                       struct error *err) {
    SCOPED_LDAP LDAP *ld = NULL;
    struct directory d;
    const char *dn;
    *ret_right = false;
    TRY(read_directory(settings, &d, err));
    if (username[0] == '\0' || password[0] == '\0' || strlen(username) > 200)
        return true;
    TRY(connect_to(&d, secret, &ld, err));
    TRY(find_person(ld, arena, &d, username, &dn, ret, err));
    if (dn == NULL)
        return true;
    TRY(add_groups(ld, arena, &d, dn, &ret->groups, err));
    return check_password(&d, ld, dn, password, ret_right, err);
}

bool ldap_try(struct arena *arena, const struct json *settings, const char *secret, struct error *err) {
    static const char *const nothing[] = {LDAP_NO_ATTRS, NULL};
    SCOPED_LDAP LDAP *ld = NULL;
    SCOPED_MESSAGE LDAPMessage *found = NULL;
    struct directory d;
    (void)arena;
    TRY(read_directory(settings, &d, err));
    TRY(connect_to(&d, secret, &ld, err));
    return search(ld, &d, d.base, "(objectClass=*)", nothing, 1, &found, err);
}
