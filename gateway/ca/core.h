/* The core: what every protocol asks. It knows authorities, templates, requests, certificates and their
 * status; it knows no HTTP and no SQL. Functions take the actor who asks and check what it may. */
#ifndef GATEHOUSE_CA_CORE_H
#define GATEHOUSE_CA_CORE_H

#include "ca/access.h"
#include "store/db.h"

#include "provider/signer.h"

struct core; /* one per process; all functions are safe to call from any thread */

/* Where issuers that an imported CA certificate names (caIssuers) are fetched from. */
struct core_issuers {
    bool never;
    const char *const *allowed; /* addresses and networks of this host, too; NULL-terminated, or NULL */
};

struct core_config {
    struct db *db;
    struct signer *signer;
    const char *publish_directory; /* under which lists may be published as files; NULL: nowhere */
    /* A validation node: nothing is written, nothing but OCSP answers is signed. See ca/reading.h. */
    bool reads_only;
    int64_t most_behind_us;
    struct core_issuers issuers; /* kept as long as the core */
    const char *http, *https; /* its base URLs; else NULL: the instance's settings say them */
    const char *node;         /* its name among the nodes, the same after a restart; or NULL; kept as long as the core */
};

/* Reads the instance's settings (public URLs) when they are first needed. */
struct core *core_new(const struct core_config *config);
void core_free(struct core *core);

struct db *core_db(struct core *core);
struct signer *core_signer(struct core *core);
const char *core_publish_directory(struct core *core); /* or NULL */
const char *core_node(const struct core *core);        /* "" when it has no name */
const struct core_issuers *core_issuers(const struct core *core);
bool core_reads_only(const struct core *core);

/* The instance's base URLs without a trailing slash: what goes into CDP, AIA and OCSP (plain HTTP) and into
 * links for people (HTTPS). Set at `init`, settings "public-http" and "public-https". */
struct core_urls {
    const char *http, *https;
};
MUST_USE bool core_public_urls(struct core *core, struct arena *arena, struct core_urls *ret_urls,
                               struct error *err);

/* A key record as EVP_PKEY, cached in the process; the caller frees the reference. */
struct key_record;
MUST_USE bool core_key(struct core *core, struct uuid key_id, EVP_PKEY **ret_key, struct error *err);
/* The key of this id has changed its place. */
void core_key_moved(struct core *core, struct uuid key_id);

/* Opened keys are read from the database again when they are next used: they were wrapped anew, or destroyed. */
void core_forget_keys(struct core *core);

#endif
