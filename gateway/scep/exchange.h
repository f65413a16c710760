/* One message on its way through the room. Private to it. */
#ifndef GATEHOUSE_SCEP_EXCHANGE_H
#define GATEHOUSE_SCEP_EXCHANGE_H

#include "ca/enrol.h"
#include "scep/message.h"
#include "scep/settings.h"

/* The template behind a URL and how SCEP treats it. Secrets in the settings are sealed. */
struct scep_target {
    struct enrolment_target enrolment;
    struct scep_settings settings;
};
/* ERROR_NOT_FOUND when SCEP is no door of it; ERROR_FORBIDDEN "scep-address" when the address may not. */
MUST_USE bool scep_target_open(struct core *core, struct arena *arena, const char *slug,
                               const char *address, struct scep_target *ret, struct error *err);
MUST_USE bool scep_settings_of(struct core *core, struct arena *arena, struct uuid template_id,
                               struct scep_settings *ret, int64_t *ret_version, struct error *err);

struct scep_exchange {
    struct core *core;
    struct arena *arena;
    const char *address, *request_id;
    const struct scep_target *target;
    struct scep_message message;
    struct scep_recipient *recipients; /* newest first; the first one signs */
    size_t recipient_count;
    /* of PKCSReq and RenewalReq */
    struct view csr_der;
    X509_REQ *csr;
    const char *challenge; /* a secret, or NULL */
    struct certificate_record renewed;
    bool renewal;
    struct view poll_key, transaction; /* see operation.c */
};
/* The answer to one pkiMessage: a CertRep. False only when none can be made: ERROR_MALFORMED for what is no
 * SCEP message, ERROR_UNAVAILABLE, ERROR_INTERNAL, ERROR_TOO_MANY for what can be tried again. */
MUST_USE bool scep_operate(struct scep_exchange *x, struct view bytes, struct view *ret_der,
                           struct error *err);
/* RA certificates and CA chain for GetCACert; *ret_single when there is no RA. */
MUST_USE bool scep_recipients(struct core *core, struct arena *arena, const struct ca_record *ca,
                              struct scep_recipient **ret_items, size_t *ret_count,
                              struct error *err);

/* Why a request may be made, and what follows from it. */
struct scep_validation {
    bool approved;             /* the template's approval by a role is given by the rule */
    struct uuid credential_id; /* to be spent with the request; or nil */
    struct uuid requester_id;
    const char *requester;
    const struct json *proposal;
    const char *notify;        /* "webhook", "intune" or NULL: whom to tell */
    const char *rule;          /* "challenge", "renewal" ... for events */
};
/* ERROR_UNAUTHENTICATED "bad-challenge", ERROR_POLICY, ERROR_TOO_MANY. */
MUST_USE bool scep_validate(struct scep_exchange *x, struct scep_validation *ret, struct error *err);
/* Keeps what came and went while the template's capture runs: decoded, secrets blanked. */
void scep_capture_exchange(struct scep_exchange *x, struct view reply, const char *outcome);

/* Secrets of the settings; "" stays "". */
const char *scep_secret_place(struct arena *arena, struct uuid template_id, const char *name);
MUST_USE bool scep_secret(struct core *core, struct arena *arena, struct uuid template_id,
                          const char *name, const char *sealed, const char **ret, struct error *err);

#endif
