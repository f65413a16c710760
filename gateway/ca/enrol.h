/* The one door of every protocol: ACME, SCEP, EST and CMP parse and authenticate, then ask here. What they
 * ask goes the way of every request (ca/issue.h): policy, lint, signature, one transaction.
 *
 * A device that repeats itself gets the same answer: (template, door, transaction) is unique in the database,
 * so a retry, on another node, too, finds the request it made before. */
#ifndef GATEHOUSE_CA_ENROL_H
#define GATEHOUSE_CA_ENROL_H

#include "ca/issue.h"
#include "store/templates.h"

#define MAX_TRANSACTION 128 /* octets */

struct enrolment {
    const char *template_slug;
    const char *door;            /* "acme", "scep", "est", "cmp", "public" ...: must be in the template's doors */
    struct view transaction;     /* 1-128 octets that name it within template and door; empty: always a new one */
    struct view csr;             /* PKCS#10, PEM or DER */
    /* The protocol has checked possession of the key, or its rules ask for no proof: `csr` may then carry a
     * null signature (rfc5272#C.1), see csr_unsigned. */
    bool proven;
    const struct json *proposal; /* beside the CSR, see struct proposal; or NULL */
    const char *requester;       /* what people see in lists: "acme: alice@example.org"; at most 200 characters */
    struct uuid requester_id;    /* a user on whose behalf it is done, or nil */
    /* The protocol's own rules have approved it: that counts as the approval of a template with approval
     * "role". "always" and "four-eyes" wait for people all the same. */
    bool approved;
    /* The certificate that this one renews, or nil: its template's rules decide (renewal_check); it is revoked
     * as superseded when they say so. */
    struct uuid renews;
    /* The account at whose protocol it was asked for, as rfc8657#3 names it in CAA records, when the protocol
     * itself has looked at the methods of validation; or NULL. */
    const char *account_url;
    /* What the protocol has found in the database shows that nothing was stored under this transaction yet: it is not
     * looked for before. (If it comes meanwhile, it is found afterwards.) */
    bool first;
    X509_REQ *opened; /* `csr` as csr_decode gave it, when the protocol has decoded it; or NULL. Borrowed. */
    /* Runs in the transaction that stores the request (and again when that is retried): to spend a challenge,
     * to write the protocol's own row. May be NULL. ret_request->id is set; its state is what it will be. */
    bool (*alongside)(struct tx *tx, void *context, const struct request_record *request, struct error *err);
    void *context;
};

struct enrolled {
    struct request_record request;         /* state tells: REQUEST_ISSUED, _PENDING, _APPROVED, _DECLINED ... */
    struct certificate_record certificate; /* when issued; else its id is nil */
};

/* `actor` names who asks in the events: name, address, request id; it needs no grants (see actor_device).
 * ERROR_CONFLICT "transaction-reused" when the transaction is known with another key or another subject
 * and SANs; with the same ones it is answered with what became of it. Other errors as request_submit. */
MUST_USE bool enrol(struct core *core, struct arena *arena, const struct actor *actor,
                    const struct enrolment *enrolment, struct enrolled *ret, struct error *err);
/* What became of it. ERROR_NOT_FOUND when there is none. */
MUST_USE bool enrol_poll(struct core *core, struct arena *arena, const char *template_slug, const char *door,
                         struct view transaction, struct enrolled *ret, struct error *err);
/* The same by the request's id, which only its asker may know. */
MUST_USE bool enrol_poll_id(struct core *core, struct arena *arena, struct uuid request_id,
                            struct enrolled *ret, struct error *err);

/* A name for enrolment.transaction that stands for all of these parts and their bounds: 32 octets. */
struct view enrol_transaction(struct arena *arena, const struct view *parts, size_t count);

/* The actor of a device that a protocol has authenticated. Strings are not copied. */
struct actor actor_device(const char *name, const char *address, const char *request_id);

/* What a protocol needs to know of a template before it asks: the record, its CA, and the parsed document.
 * No actor: being reachable by the door is the permission. ERROR_NOT_FOUND when there is no such template or
 * its doors do not name this one (a stranger does not learn which), ERROR_CONFLICT "ca-state",
 * ERROR_POLICY "template-disabled". */
struct enrolment_target {
    struct template_record record;
    struct template template;
    struct ca_record ca;
};
MUST_USE bool enrol_target(struct core *core, struct arena *arena, const char *template_slug,
                           const char *door, struct enrolment_target *ret, struct error *err);

/* A certificate of this instance by its DER, for renewal and client authentication: found by fingerprint,
 * so nothing of it needs to be trusted. ERROR_NOT_FOUND. ret->revoked tells whether it is revoked or held. */
MUST_USE bool enrol_certificate(struct core *core, struct arena *arena, struct view der,
                                struct certificate_record *ret, struct error *err);
/* Takes back a certificate for its holder: the protocol has checked that the asker holds its key or asked for
 * it (ACME, CMP rr). Reasons as certificate_revoke. */
MUST_USE bool enrol_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                           struct uuid certificate_id, int reason, struct error *err);

#endif
