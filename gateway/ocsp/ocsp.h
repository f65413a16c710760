/* The OCSP responder (RFC 6960, RFC 9654, HTTP caching as RFC 5019 section 6):
 *   POST /ocsp/{ca}            application/ocsp-request
 *   GET  /ocsp/{ca}/{base64}
 *   POST /ocsp, GET /ocsp/{base64}   the CertID says which CA
 * Answers without a nonce are kept ready per request, until the CA's epoch moves or half of their
 * life is over; an answer with a nonce is made fresh. One answer about a certificate this CA never
 * issued is not kept: the epoch does not move when a certificate is issued. */
#ifndef GATEHOUSE_OCSP_OCSP_H
#define GATEHOUSE_OCSP_OCSP_H

#include "base/clock.h"
#include "ca/service.h"
#include "ca/status.h"
#include "http/types.h"

/* What the answers of a CA are like. */
struct ocsp_profile {
    int64_t validity_us;
    bool never_issued_revoked; /* rfc6960#2.2: a serial that was never issued is `revoked` */
    bool require_signed;
    bool by_name; /* the answer names its signer by its subject (rfc6960#4.2.1), not by its key */
    int64_t archive_us;        /* rfc6960#4.4.4: how far back before producedAt; 0: not said */
};

/* What the responder asks of the core; a table, so that tests and the fuzzer stand in its place. */
struct ocsp_source {
    bool (*authority)(void *context, struct arena *arena, const char *ca_slug,
                      struct ca_record *ret, struct error *err);
    bool (*status)(void *context, struct arena *arena, const struct ca_record *ca,
                   struct view serial, struct status_answer *ret, struct error *err);
    bool (*identity)(void *context, struct arena *arena, const struct ca_record *ca,
                     struct service_identity *ret, struct error *err);
    bool (*profile)(void *context, struct arena *arena, const struct ca_record *ca,
                    struct ocsp_profile *ret, struct error *err);
    /* The slug of the CA that a CertID names. */
    bool (*issuer)(void *context, struct arena *arena, const struct issuer_hashes *hashes,
                   const char **ret_slug, struct error *err);
    void *context;
};
/* status_authority(), status_certificate(), service_ocsp() and the CA's settings, from the core. */
struct ocsp_source ocsp_source_core(struct core *core);

struct ocsp_responder;

#define OCSP_CACHE_BYTES ((size_t)64 * 1024 * 1024)
struct ocsp_responder *ocsp_responder_new(const struct ocsp_source *source, size_t cache_bytes);
/* After the listeners have stopped. */
void ocsp_responder_free(struct ocsp_responder *responder);

/* Makes anew what is asked for often and will soon be too old, so that nobody waits for it: a job of every node.
 * context: the responder. */
MUST_USE bool ocsp_make_ahead(void *context, struct arena *arena, struct error *err);
#define OCSP_AHEAD_US (60 * US_PER_SECOND) /* how often that job runs */

struct http_room ocsp_room(struct ocsp_responder *responder);

#endif
