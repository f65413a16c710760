/* LDAP directories (RFC 4511): connecting to one, and the values of an attribute of one entry (RFC 4516 URLs). */
#ifndef GATEHOUSE_NET_DIRECTORY_H
#define GATEHOUSE_NET_DIRECTORY_H

#include "base/arena.h"

#include <ldap.h>

struct directory_server {
    const char *url;       /* ldap:// or ldaps://; what follows host and port is not looked at */
    bool start_tls;        /* with ldap:// */
    const char *ca;        /* PEM; NULL: the system's */
    const char *user;      /* DN; NULL or "": anonymous */
    const char *password;  /* of user */
    int timeout_s;
};
/* Bound as the user. Each failure is ERROR_UNAVAILABLE "directory-failed" and names server and step. */
MUST_USE bool directory_connect(const struct directory_server *server, LDAP **ret, struct error *err);
/* For the steps after connecting; always false. ld may be NULL. */
bool directory_failed(const char *url, const char *what, LDAP *ld, int code, struct error *err);

void directory_drop(LDAP **ld);
void directory_drop_message(LDAPMessage **message);
#define SCOPED_LDAP __attribute__((cleanup(directory_drop)))
#define SCOPED_MESSAGE __attribute__((cleanup(directory_drop_message)))

/* An ldap:// or ldaps:// URL with host and DN, of one attribute at most: "ldap://host/cn=CA,o=Example?attribute?scope?
 * filter". ERROR_POLICY "bad-url". */
MUST_USE bool directory_url_check(const char *url, struct error *err);

struct directory_place {
    const char *url;       /* as above */
    const char *attribute; /* when the URL names none */
    struct directory_server server; /* its url is not looked at */
    size_t max_bytes;      /* of an answer */
};
/* All values of the attribute in the entries that the URL finds; none is an error, too. */
MUST_USE bool directory_read(struct arena *arena, const struct directory_place *place, struct view **ret_values,
                             size_t *ret_count, struct error *err);
/* The value becomes the attribute's only one. An entry "cn=..." that is not there is made (cRLDistributionPoint,
 * rfc4523#3.7); one of another class is given the auxiliary class that has the attribute. */
MUST_USE bool directory_write(struct arena *arena, const struct directory_place *place, const char *auxiliary_class,
                              struct view value, struct error *err);

#endif
