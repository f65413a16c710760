/* Servers of others that a CA's lists are sent to, or that a validator's come from: who we are there, and which
 * certificates we trust there. Kept for each CA and validator, so that nobody's access serves somebody else's lists.
 * Passwords are sealed, and travel by TLS alone: https, ldaps, or ldap with StartTLS. */
#ifndef GATEHOUSE_CA_SERVERS_H
#define GATEHOUSE_CA_SERVERS_H

#include "base/json.h"
#include "ca/core.h"

#define SERVERS_MAX 8

/* Whose servers; all from its record. */
struct server_owner {
    const char *kind; /* of object in events: "ca" or "validator" */
    const char *slug; /* CAs and validators share one space */
    struct uuid organisation_id, ca_id;
};

struct server {
    const char *address;  /* scheme://host[:port] */
    const char *username; /* HTTP user or DN; "": none */
    const char *ca_pem;   /* "": the system's */
    const char *sealed;   /* password; "": none */
};
struct servers {
    struct server *items;
    size_t count;
    int64_t version; /* 0: never written */
};

/* MAY_READ_CAS. */
MUST_USE bool servers_get(struct core *core, struct arena *arena, const struct actor *actor,
                          const struct server_owner *owner, struct servers *ret, struct error *err);
/* {"items":[{"server","username","password","caCertificates"}],"version"}: MAY_MANAGE_CAS. A password that is absent
 * stays as it is for that server and user name. ERROR_POLICY "bad-server", ERROR_CONFLICT "changed-meanwhile". */
MUST_USE bool servers_put(struct core *core, struct arena *arena, const struct actor *actor,
                          const struct server_owner *owner, const struct json *document, struct servers *ret,
                          struct error *err);

struct server_login {
    const char *username, *password, *ca_pem; /* NULL: none */
};
/* For a URL of one of the owner's settings; all NULL when its server is not listed. */
MUST_USE bool servers_login(struct core *core, struct arena *arena, const char *owner_slug, const char *url,
                            struct server_login *ret, struct error *err);

#endif
