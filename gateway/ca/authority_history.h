/* What a CA signed elsewhere, entry by entry. For authority_history*.c, authority_create.c and tests. */
#ifndef GATEHOUSE_CA_AUTHORITY_HISTORY_H
#define GATEHOUSE_CA_AUTHORITY_HISTORY_H

#include "ca/authority.h"

/* One serial number. */
struct past {
    struct view serial; /* as in certificate_record */
    X509 *certificate;  /* NULL: not at hand */
    const char *subject;   /* index.txt's, or "" */
    int64_t not_after_us;  /* 0: not known */
    size_t order; /* in which they were read */
    bool revoked;
    int reason;
    int64_t revoked_us, invalidity_us;
};
struct past_list {
    struct past *items; /* by serial number, each once */
    size_t count;
    struct view crl; /* DER; empty: none */
    int64_t crl_number, crl_this_update_us, crl_next_update_us; /* number 0: none */
};
/* Pure. `key` is the CA's public key: every certificate and the CRL must be signed by it.
 * ERROR_MALFORMED "malformed-index" names the line, "malformed-certificate", "crl"; ERROR_POLICY
 * "not-from-ca"; ERROR_TOO_LARGE "too-large". */
MUST_USE bool history_read(struct arena *arena, const struct ca_history *history, EVP_PKEY *key,
                           struct past_list *ret, struct error *err);
/* Stores it, in several transactions; what is there already is left as it is. ca->not_after_us may be 0. */
MUST_USE bool history_take(struct core *core, struct arena *arena, const struct actor *actor,
                           const struct ca_record *ca, const struct ca_history *history,
                           struct ca_history_result *ret, struct error *err);

#endif
