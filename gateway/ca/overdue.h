/* Lists of revoked certificates and OCSP signers that should have been renewed (or sent elsewhere) and could not be,
 * most often because the CA's token is away. What there is goes on to its end; from the first failure on readyz warns,
 * and there is an event. */
#ifndef GATEHOUSE_CA_OVERDUE_H
#define GATEHOUSE_CA_OVERDUE_H

#include "ca/authority.h"

enum overdue_kind { OVERDUE_CRL, OVERDUE_OCSP, OVERDUE_COPY /* of a list, in another place */ };

struct overdue_item {
    char ca[80]; /* slug, with the generation behind it */
    enum overdue_kind kind;
    char reason[192];
    int64_t until_us; /* the end of what there is; 0: there is nothing */
    int64_t told_us;  /* when this process wrote the event; 0: another does */
};

struct overdue; /* of this process */
struct overdue *overdue_new(void);
void overdue_free(struct overdue *overdue);
struct overdue *core_overdue(struct core *core);

/* A renewal of this (generation of a) CA failed for that reason, or (why NULL) worked or was not needed. One node of all
 * writes the event, once a day while it lasts ("ca.crl-overdue", "ca.ocsp-overdue"; afterwards "ca.crl-renewed",
 * "ca.ocsp-renewed"; "ca.crl-not-published", "ca.crl-published-again"). No transaction is open. */
void overdue_note(struct core *core, struct arena *arena, const struct ca_record *ca, enum overdue_kind kind,
                  const struct error *why);
/* What is overdue now, at most `most`. */
size_t overdue_read(struct core *core, struct overdue_item *ret, size_t most);
/* As a sentence for people. */
const char *overdue_text(struct arena *arena, const struct overdue_item *item);

#endif
