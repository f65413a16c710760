/* Apple configuration profiles. Private to this room. */
#ifndef GATEHOUSE_SCEP_APPLE_H
#define GATEHOUSE_SCEP_APPLE_H

#include "scep/exchange.h"
#include "scep/room.h"
#include "store/scep.h"

struct apple_plan {
    const char *name, *organisation, *identifier;
    const char *url, *challenge;
    const struct json *subject, *sans; /* as in a request; sans may be NULL */
    const struct ca_record *ca;
    struct view *chain; /* the CA first, the root last */
    size_t chain_count;
    const struct json *acme, *wifi, *vpn; /* of the order; or NULL */
    const char *identity_uuid, *root_uuid; /* by apple_profile, for payloads that refer to others */
    int64_t key_bits;
    bool macos;
};
/* The property list, not yet signed. */
const char *apple_profile(struct arena *arena, struct apple_plan *plan);

#endif
