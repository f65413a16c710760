/* How far an authority and what it has issued are from post-quantum algorithms (FIPS 203 to 205). */
#ifndef GATEHOUSE_CA_READINESS_H
#define GATEHOUSE_CA_READINESS_H

#include "ca/authority.h"
#include "store/certificates.h"

#define READINESS_MAX_ADVICE 8
struct readiness {
    const char *ca, *key_type;
    bool post_quantum;       /* its own key */
    bool chain_post_quantum; /* and all above it */
    int64_t valid_to_us;     /* 0: no certificate yet */
    int64_t valid, valid_post_quantum; /* certificates that are neither expired nor revoked */
    struct key_type_count *kinds;
    size_t kind_count;
    int64_t templates, templates_post_quantum; /* enabled ones; those that take such keys */
    const char *advice[READINESS_MAX_ADVICE];
    size_t advice_count;
};
/* A page of authorities that the actor sees, with MAY_READ_CAS. */
MUST_USE bool readiness_page(struct core *core, struct arena *arena, const struct actor *actor,
                             const struct page *page, struct readiness **ret_items, size_t *ret_count,
                             const char **ret_next, struct error *err);

#endif
