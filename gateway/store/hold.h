/* What the rows of a transaction hang on: it is there, it is what the caller thinks it is, and it stays so until the
 * transaction ends (a shared lock). Asked once a transaction for each. */
#ifndef GATEHOUSE_STORE_HOLD_H
#define GATEHOUSE_STORE_HOLD_H

#include "store/db.h"

struct held {
    struct uuid template_id; /* nil: the CA alone */
    struct uuid ca_id;
    struct uuid organisation_id; /* the CA's */
    int64_t template_version, ca_revision;
};
/* Fills the rest. version and revision are compared with what is there unless they are 0: ERROR_CONFLICT
 * "changed-meanwhile". ERROR_NOT_FOUND when one of them is not there, or the template is not the CA's. */
MUST_USE bool hold(struct tx *tx, struct held *held, struct error *err);

/* This transaction changes a template, a CA, a setting, or an account or policy of ACME: what db_rules_changed counts
 * when it has committed. */
void tx_changes_rules(struct tx *tx);

#endif
