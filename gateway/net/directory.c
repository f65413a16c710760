#include "net/directory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_VALUES 16

bool directory_failed(const char *url, const char *what, LDAP *ld, int code, struct error *err) {
    char *more = NULL;
    if (ld != NULL)
        ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
    fail(err, ERROR_UNAVAILABLE, "directory-failed", "The directory %.200s: %s: %s%s%.150s.", url, what,
         ldap_err2string(code), more == NULL || more[0] == '\0' ? "" : ", ", more == NULL ? "" : more);
    ldap_memfree(more);
    return false;
}

void directory_drop(LDAP **ld) {
    if (*ld != NULL)
        ldap_unbind_ext_s(*ld, NULL, NULL);
}
void directory_drop_message(LDAPMessage **message) {
    if (*message != NULL)
        ldap_msgfree(*message);
}

/* --- the connection --------------------------------------------------------------------------------------------- */

/* The library reads CA certificates from a file alone; this one has no name. */
static bool set_ca(LDAP *ld, const char *pem, int *ret_file) {
    char path[64];
    size_t len = strlen(pem);
    int file = memfd_create("gatehouse-ca", MFD_CLOEXEC);
    *ret_file = file;
    if (file < 0 || write(file, pem, len) != (ssize_t)len)
        return false;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, path) == LDAP_OPT_SUCCESS;
}

static bool set_tls(LDAP *ld, const char *ca, int *ret_file) {
    int demand = LDAP_OPT_X_TLS_DEMAND, oldest = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
    return ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &oldest) == LDAP_OPT_SUCCESS &&
           (ca == NULL || ca[0] == '\0' || set_ca(ld, ca, ret_file)) &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS;
}

static bool set_options(LDAP *ld, int timeout_s) {
    int version = LDAP_VERSION3;
    struct timeval timeout = {.tv_sec = timeout_s};
    return ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_TIMEOUT, &timeout) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS;
}

/* rfc4513#5.1.2: a name with an empty password would be let in as nobody. */
static bool bind_as(LDAP *ld, const struct directory_server *server, struct error *err) {
    bool anonymous = server->user == NULL || server->user[0] == '\0';
    const char *password = anonymous || server->password == NULL ? "" : server->password;
    if (!anonymous && password[0] == '\0')
        return fail(err, ERROR_UNAVAILABLE, "directory-failed", "The directory %.200s: the password of %.200s is missing.",
                    server->url, server->user);
    struct berval secret = {strlen(password), (char *)(uintptr_t)password};
    int code = ldap_sasl_bind_s(ld, anonymous ? "" : server->user, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
    return code == LDAP_SUCCESS || directory_failed(server->url, "the service account is not let in", ld, code, err);
}

bool directory_connect(const struct directory_server *server, LDAP **ret, struct error *err) {
    int code = ldap_initialize(ret, server->url), file = -1;
    if (code != LDAP_SUCCESS)
        return directory_failed(server->url, "the URL cannot be used", NULL, code, err);
    bool set = set_options(*ret, server->timeout_s) && set_tls(*ret, server->ca, &file);
    if (file >= 0)
        close(file);
    if (!set)
        return directory_failed(server->url, "TLS cannot be set up; look at the CA certificates", NULL, LDAP_LOCAL_ERROR,
                                err);
    if (server->start_tls && (code = ldap_start_tls_s(*ret, NULL, NULL)) != LDAP_SUCCESS)
        return directory_failed(server->url, "StartTLS", *ret, code, err);
    return bind_as(*ret, server, err);
}

/* --- one attribute ------------------------------------------------------------------------------------------------- */

static void drop_url(LDAPURLDesc **url) {
    ldap_free_urldesc(*url);
}

static bool parse(const char *text, LDAPURLDesc **ret, struct error *err) {
    LDAPURLDesc *url = NULL;
    bool readable = ldap_url_parse(text, &url) == LDAP_URL_SUCCESS;
    *ret = url;
    return (readable && (strcmp(url->lud_scheme, "ldap") == 0 || strcmp(url->lud_scheme, "ldaps") == 0) &&
            url->lud_host != NULL && url->lud_host[0] != '\0' && url->lud_dn != NULL && url->lud_dn[0] != '\0' &&
            url->lud_crit_exts == 0 &&
            (url->lud_attrs == NULL || url->lud_attrs[0] == NULL || url->lud_attrs[1] == NULL)) ||
           fail(err, ERROR_POLICY, "bad-url",
                "%.200s is no LDAP URL (RFC 4516) with a host, an entry's name and at most one attribute.", text);
}

bool directory_url_check(const char *text, struct error *err) {
    __attribute__((cleanup(drop_url))) LDAPURLDesc *url = NULL;
    return parse(text, &url, err);
}

/* Without the DN: the library takes no more. */
static const char *server_part(struct arena *arena, const LDAPURLDesc *url) {
    bool v6 = strchr(url->lud_host, ':') != NULL;
    return arena_printf(arena, "%s://%s%s%s:%d", url->lud_scheme, v6 ? "[" : "", url->lud_host, v6 ? "]" : "",
                        url->lud_port);
}

static bool reach(struct arena *arena, const struct directory_place *place, const LDAPURLDesc *url, LDAP **ret,
                  struct error *err) {
    struct directory_server server = place->server;
    Sockbuf *socket = NULL;
    ber_len_t most = place->max_bytes;
    server.url = server_part(arena, url);
    TRY(directory_connect(&server, ret, err));
    return most == 0 ||
           (ldap_get_option(*ret, LDAP_OPT_SOCKBUF, &socket) == LDAP_OPT_SUCCESS &&
            ber_sockbuf_ctrl(socket, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1) ||
           fail_internal(err, "size of an LDAP answer");
}

static const char *attribute_of(const struct directory_place *place, const LDAPURLDesc *url) {
    return url->lud_attrs == NULL || url->lud_attrs[0] == NULL ? place->attribute : url->lud_attrs[0];
}

static void add_values(struct arena *arena, LDAP *ld, LDAPMessage *entry, const char *attribute,
                       struct view *values, size_t *count) {
    struct berval **found = ldap_get_values_len(ld, entry, attribute);
    for (size_t i = 0; found != NULL && found[i] != NULL && *count < MAX_VALUES; i++)
        values[(*count)++] = arena_copy(arena, found[i]->bv_val, found[i]->bv_len);
    ldap_value_free_len(found);
}

bool directory_read(struct arena *arena, const struct directory_place *place, struct view **ret_values,
                    size_t *ret_count, struct error *err) {
    __attribute__((cleanup(drop_url))) LDAPURLDesc *url = NULL;
    SCOPED_LDAP LDAP *ld = NULL;
    SCOPED_MESSAGE LDAPMessage *found = NULL;
    struct timeval timeout = {.tv_sec = place->server.timeout_s};
    TRY(parse(place->url, &url, err));
    TRY(reach(arena, place, url, &ld, err));
    const char *attribute = attribute_of(place, url);
    char *const wanted[] = {(char *)(uintptr_t)attribute, NULL};
    int scope = url->lud_scope == LDAP_SCOPE_DEFAULT ? LDAP_SCOPE_BASE : url->lud_scope;
    int code = ldap_search_ext_s(ld, url->lud_dn, scope, url->lud_filter == NULL ? "(objectClass=*)" : url->lud_filter,
                                 (char **)(uintptr_t)wanted, 0, NULL, NULL, &timeout, MAX_VALUES, &found);
    if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED)
        return directory_failed(place->url, "the search", ld, code, err);
    *ret_values = arena_array(arena, MAX_VALUES, sizeof **ret_values);
    *ret_count = 0;
    for (LDAPMessage *entry = ldap_first_entry(ld, found); entry != NULL; entry = ldap_next_entry(ld, entry))
        add_values(arena, ld, entry, attribute, *ret_values, ret_count);
    return *ret_count > 0 || fail(err, ERROR_UNAVAILABLE, "directory-failed", "The directory %.200s has no value of %s there.",
                                  place->url, attribute);
}

/* What is written to an entry: the attribute, and classes that allow it. */
struct change {
    LDAP *ld;
    const char *dn, *attribute;
    struct berval value;
};

static int modify(const struct change *c, const char *with_class) {
    struct berval *values[] = {(struct berval *)(uintptr_t)&c->value, NULL};
    char *classes[] = {(char *)(uintptr_t)with_class, NULL};
    LDAPMod replace = {.mod_op = LDAP_MOD_REPLACE | LDAP_MOD_BVALUES,
                       .mod_type = (char *)(uintptr_t)c->attribute,
                       .mod_vals.modv_bvals = values};
    LDAPMod class = {.mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t)"objectClass", .mod_vals.modv_strvals = classes};
    LDAPMod *alone[] = {&replace, NULL}, *both[] = {&class, &replace, NULL};
    return ldap_modify_ext_s(c->ld, c->dn, with_class == NULL ? alone : both, NULL, NULL);
}

/* Only below "cn=": the class has that attribute, and a name is part of its entry. */
static int add_named(const struct change *c, char *name) {
    struct berval *values[] = {(struct berval *)(uintptr_t)&c->value, NULL};
    char *classes[] = {(char *)(uintptr_t)"cRLDistributionPoint", NULL}, *names[] = {name, NULL};
    LDAPMod class = {.mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t)"objectClass", .mod_vals.modv_strvals = classes};
    LDAPMod cn = {.mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t)"cn", .mod_vals.modv_strvals = names};
    LDAPMod list = {.mod_op = LDAP_MOD_ADD | LDAP_MOD_BVALUES,
                    .mod_type = (char *)(uintptr_t)c->attribute,
                    .mod_vals.modv_bvals = values};
    LDAPMod *all[] = {&class, &cn, &list, NULL};
    return ldap_add_ext_s(c->ld, c->dn, all, NULL, NULL);
}

static int add_entry(struct arena *arena, const struct change *c) {
    LDAPDN dn = NULL;
    int code = LDAP_NO_SUCH_OBJECT;
    if (ldap_str2dn(c->dn, &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && dn != NULL && dn[0] != NULL &&
        dn[0][0] != NULL && dn[0][1] == NULL && dn[0][0]->la_attr.bv_len == 2 &&
        strncasecmp(dn[0][0]->la_attr.bv_val, "cn", 2) == 0)
        code = add_named(c, arena_text(arena, view_of(dn[0][0]->la_value.bv_val, dn[0][0]->la_value.bv_len)));
    ldap_dnfree(dn);
    return code;
}

bool directory_write(struct arena *arena, const struct directory_place *place, const char *auxiliary_class,
                     struct view value, struct error *err) {
    __attribute__((cleanup(drop_url))) LDAPURLDesc *url = NULL;
    SCOPED_LDAP LDAP *ld = NULL;
    TRY(parse(place->url, &url, err));
    TRY(reach(arena, place, url, &ld, err));
    struct change change = {ld, url->lud_dn, attribute_of(place, url),
                            {value.len, (char *)(uintptr_t)value.at}};
    int code = modify(&change, NULL);
    if (code == LDAP_OBJECT_CLASS_VIOLATION)
        code = modify(&change, auxiliary_class);
    else if (code == LDAP_NO_SUCH_OBJECT)
        code = add_entry(arena, &change);
    return code == LDAP_SUCCESS || directory_failed(place->url, "writing", ld, code, err);
}
