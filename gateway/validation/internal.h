/* What the files of this room share. */
#ifndef GATEHOUSE_VALIDATION_INTERNAL_H
#define GATEHOUSE_VALIDATION_INTERNAL_H

#include "ca/validation.h"
#include "net/directory.h"
#include "rest/handler.h"
#include "validation/validation_room.h"

HANDLER(validators_list);
HANDLER(validators_create);
HANDLER(validators_get);
HANDLER(validators_change);
HANDLER(validators_remove);
HANDLER(validators_csr);
HANDLER(validators_certificate);
HANDLER(validators_crl);
HANDLER(validators_issued);
HANDLER(validators_fetch);
HANDLER(ca_servers_get);
HANDLER(ca_servers_put);
HANDLER(validator_servers_get);
HANDLER(validator_servers_put);
HANDLER(ca_publish_test);

/* Looks at the sources of one validator now; *ret_problem is "" or why nothing came. False only when that could not
 * be kept. */
MUST_USE bool validation_look(struct core *core, struct arena *arena, const struct validator_record *validator,
                              const char **ret_problem, struct error *err);
/* An LDAP URL of the owner's settings, with the access that is kept for its server; attribute, time-out and size are the
 * caller's to fill in. */
MUST_USE bool validation_place(struct core *core, struct arena *arena, const char *owner, const char *url,
                               struct directory_place *ret, struct error *err);
/* Jobs; context: the core. */
bool validation_look_at_all(void *context, struct arena *arena, struct error *err);
/* Whether the place (of the settings of that CA) takes files from us now; what is tried there is removed again. */
MUST_USE bool publish_try(struct core *core, struct arena *arena, const char *slug, const char *url, struct error *err);
bool publish_all(void *context, struct arena *arena, struct error *err);

#endif
