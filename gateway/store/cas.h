/* Certification authorities, their keys, and the service certificates (OCSP, TSA ...) they live with. */
#ifndef GATEHOUSE_STORE_CAS_H
#define GATEHOUSE_STORE_CAS_H

#include "store/db.h"
#include "store/limits.h"
#include "store/scope.h"

/* A key: a managed one (wrapped blob) or one in a token (PKCS#11 URI). */
struct key_record {
    struct uuid id, organisation_id;
    const char *key_type;   /* canonical */
    int purpose;            /* enum key_purpose */
    struct view blob;       /* managed: the wrapped key; else empty */
    const char *uri;        /* token: RFC 7512 URI; else "" */
    struct view spki;       /* SubjectPublicKeyInfo, DER */
    int64_t created_us;
};
MUST_USE bool key_insert(struct tx *tx, const struct key_record *key, struct error *err);
MUST_USE bool key_by_id(struct tx *tx, struct arena *arena, struct uuid id, struct key_record *ret,
                        struct error *err);
/* Likewise, from the view of the keys that sign OCSP answers: all that a validation node may read (sql/validation.sql). */
MUST_USE bool key_of_answers(struct tx *tx, struct arena *arena, struct uuid id, struct key_record *ret,
                             struct error *err);

enum ca_state {
    CA_ACTIVE = 1,
    CA_WAITING = 2, /* for its certificate */
    CA_DISABLED = 3,
    CA_CERTIFICATE_ONLY = 4, /* somebody else has the key: an issuer in chains, whose CRL may be given to us */
};

struct ca_record {
    struct uuid id, organisation_id;
    const char *slug, *name;
    struct uuid issuer_id;     /* a CA of this instance, or nil */
    enum ca_state state;
    struct uuid key_id;
    const char *key_type;
    struct view certificate;   /* DER; empty while waiting */
    struct view chain;         /* DER certificates of the issuers, concatenated, nearest first; may be empty */
    struct view csr;           /* DER; empty unless made as "CSR only" */
    const char *subject;       /* RFC 4514 */
    int64_t not_before_us, not_after_us; /* of the certificate; 0 while waiting */
    const char *settings;      /* one JSON document */
    int64_t epoch;             /* grows with every revocation or unhold: caches of CRL and OCSP hang on it */
    int64_t revision;          /* for compare-and-set of edits */
    int64_t created_us;
    int64_t generation;        /* which of its keys, in their order, this is: 1 for the first */
    struct uuid next_key_id;   /* the key of a re-key that waits for its certificate, or nil */
    int64_t expiry_warned;     /* days before the end that were warned of; 0: none yet */
    const char *missing_issuer; /* not stored: what the import of just now says about a chain that is not complete, or NULL */
};
/* Epoch and revision as given. ERROR_CONFLICT "exists" on a slug that is in use (claim it first). */
MUST_USE bool ca_insert(struct tx *tx, const struct ca_record *ca, struct error *err);
MUST_USE bool ca_by_slug(struct tx *tx, struct arena *arena, const struct scope *scope, const char *slug,
                         struct ca_record *ret, struct error *err);
MUST_USE bool ca_by_id(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                       struct ca_record *ret, struct error *err);
/* Those of the CAs `ids` that are the organisation's. */
MUST_USE bool ca_ids_of(struct tx *tx, struct arena *arena, struct uuid organisation_id, const struct uuid *ids,
                        size_t count, struct uuid **ret_ids, size_t *ret_count, struct error *err);
/* By slug. */
MUST_USE bool ca_list(struct tx *tx, struct arena *arena, const struct scope *scope,
                      const struct page *page, struct ca_record **ret_items, size_t *ret_count,
                      const char **ret_next, struct error *err);
/* nil: an issuer that is not in this instance. */
MUST_USE bool ca_set_issuer(struct tx *tx, struct uuid id, struct uuid issuer_id, struct error *err);
/* Notes which end was warned of; *ret_taken is false when another node did it first. */
MUST_USE bool ca_set_warned(struct tx *tx, struct uuid id, int64_t before, int64_t now, bool *ret_taken,
                            struct error *err);
/* waiting -> active. ERROR_CONFLICT "ca-state" when it is not waiting any more. */
MUST_USE bool ca_set_certificate(struct tx *tx, struct uuid id, struct view certificate,
                                 struct view chain, int64_t not_before_us, int64_t not_after_us,
                                 const char *subject, struct error *err);
/* Name, settings and state (active <-> disabled); ERROR_CONFLICT "changed-meanwhile" when the revision moved.
 * A waiting CA stays waiting (pass CA_WAITING): ERROR_CONFLICT "ca-state" otherwise. */
MUST_USE bool ca_update(struct tx *tx, struct uuid id, int64_t revision, const char *name,
                        const char *settings, enum ca_state state, struct error *err);
/* ERROR_CONFLICT "ca-in-use" when it has certificates that are neither expired nor revoked (held ones may
 * come back; its own and those of its OCSP, TSA and SCEP services do not count), subordinate CAs or open
 * requests; otherwise the CA, its templates, requests and service certificates are marked deleted
 * and disappear from every list; certificates, events and the slug stay. */
MUST_USE bool ca_delete(struct tx *tx, struct uuid id, int64_t now_us, struct error *err);
/* What ca_delete takes along (and the certificates, which stay as records). */
struct ca_below {
    const char **templates; /* slugs */
    size_t template_count;
    int64_t services, certificates;
};
MUST_USE bool ca_below(struct tx *tx, struct arena *arena, struct uuid id, struct ca_below *ret,
                       struct error *err);
MUST_USE bool ca_epoch(struct tx *tx, struct uuid id, int64_t *ret_epoch, struct error *err);

/* Service certificates: a delegated certificate and its key for one use of a CA. The newest counts. */
enum service_use {
    SERVICE_OCSP = 1,
    SERVICE_TSA = 2,
    SERVICE_SCEP = 3,
    SERVICE_TLS = 4,
    SERVICE_CMP = 5,
    SERVICE_AGENT = 6,
};
#define SERVICE_USE_COUNT 7 /* one more than the greatest */
const char *service_use_name(enum service_use use); /* "OCSP" ... */
struct service_record {
    struct uuid id;
    struct uuid ca_id;          /* nil: the instance's own (TLS, agents) */
    enum service_use use;
    struct uuid issuer_key_id;  /* the CA's key that signed it; nil: its first one */
    struct uuid key_id;
    struct view certificate;    /* DER */
    struct view chain;          /* as in ca_record */
    int64_t not_before_us, not_after_us, created_us;
};
MUST_USE bool service_insert(struct tx *tx, const struct service_record *service, struct error *err);
/* The instance's own of that use are no longer in use: the next one that is inserted is the current one, however soon
 * it ends. */
MUST_USE bool service_retire(struct tx *tx, enum service_use use, int64_t now_us, struct error *err);
/* Those that end after now_us, newest first (by not_after). */
MUST_USE bool service_list(struct tx *tx, struct arena *arena, struct uuid ca_id, enum service_use use,
                           int64_t now_us, struct service_record **ret_items, size_t *ret_count,
                           struct error *err);
/* The newest by not_after that this key of the CA has signed (nil: its first one) and that was made by then, or
 * ERROR_NOT_FOUND. */
MUST_USE bool service_current_of(struct tx *tx, struct arena *arena, struct uuid ca_id, struct uuid issuer_key_id,
                                 enum service_use use, int64_t made_by_us, struct service_record *ret, struct error *err);
/* The same of the first key, or of the instance itself, whenever it was made. */
MUST_USE bool service_current(struct tx *tx, struct arena *arena, struct uuid ca_id,
                              enum service_use use, struct service_record *ret, struct error *err);

#endif
