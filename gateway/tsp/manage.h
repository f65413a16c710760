/* The REST routes of timestamping: issuers, certificates from elsewhere, logged tokens, evidence records, the
 * clock. Described in openapi.json. */
#ifndef GATEHOUSE_TSP_MANAGE_H
#define GATEHOUSE_TSP_MANAGE_H

#include "rest/handler.h"
#include "store/tsa.h"
#include "tsp/tsp.h"

/* The context of the routes. */
struct tsp_management {
    struct core *core;
    struct tsp *tsp;
};
struct http_room tsp_management_room(struct tsp_management *management);

/* --- what the files of the routes share ---------------------------------------------------------------- */

/* The CA in the path, when the actor has the permission for it. */
MUST_USE bool manage_ca(struct tsp_management *m, struct http_request *request, enum permission permission,
                        struct ca_record *ret, struct error *err);
/* "default" is the issuer without a name. */
const char *manage_issuer_name(const char *shown);
static inline const struct actor *manage_actor(const struct http_request *request) {
    return request->actor;
}

/* qualified.c: ERROR_POLICY "tsa-qualified". May that certificate (of the CA's own timestamping service: qualified_own,
 * which must not be called in a transaction) sign qualified timestamps? */
MUST_USE bool qualified_certificate(struct arena *arena, struct view der, struct error *err);
MUST_USE bool qualified_own(struct core *core, struct arena *arena, const struct ca_record *ca, struct error *err);
/* No two issuers with one key where one gives qualified timestamps and the other does not. */
struct tsp_profile;
MUST_USE bool qualified_alone(struct tx *tx, struct arena *arena, const struct ca_record *ca, const char *name,
                              const struct tsp_profile *profile, struct error *err);

HANDLER(issuers_list);
HANDLER(issuers_create);
HANDLER(issuers_get);
HANDLER(issuers_change);
HANDLER(issuers_remove);
HANDLER(tokens_page);
HANDLER(tokens_get);
HANDLER(clock_get);
HANDLER(tsa_certificates_list);
HANDLER(tsa_certificates_create);
HANDLER(tsa_certificates_get);
HANDLER(tsa_certificates_remove);
HANDLER(tsa_certificates_import);
HANDLER(evidence_create);
HANDLER(evidence_list);
HANDLER(evidence_get);
HANDLER(evidence_record);
HANDLER(evidence_renewal);
HANDLER(evidence_rehash);
HANDLER(evidence_verify);
struct tsp_digest;
struct tsp_query;
/* The hash algorithm of documents; ERROR_POLICY "evidence" for none that is strong. */
MUST_USE bool evidence_digest(const char *name, const struct tsp_digest **ret, struct error *err);
/* A request of our own about a root. */
void evidence_ask(struct arena *arena, const struct tsp_digest *digest, const uint8_t *root,
                  struct tsp_query *query);

#endif
