/* Lists that are served: each is held once, whoever reads it holds a reference. Private to this room. */
#ifndef GATEHOUSE_CA_CRL_CACHE_H
#define GATEHOUSE_CA_CRL_CACHE_H

#include "ca/core.h"
#include "store/certificates.h"

struct crl_held; /* a list in memory */
/* memory: what the record's der lies in, freed by free() with the last reference; NULL: der is copied. */
struct crl_held *crl_hold(const struct crl_record *crl, void *memory);
void crl_release(struct crl_held *held);
/* Of the list, without a copy of it: der lies in it. */
const struct crl_record *crl_held_record(const struct crl_held *held);
/* The same in PEM, made once. */
struct view crl_held_pem(struct crl_held *held);

struct crl_cache;
struct crl_cache *crl_cache_new(void);
void crl_cache_free(struct crl_cache *cache);
struct crl_cache *core_crl_cache(struct core *core);

/* A kind of list: everything of a CA, a partition, or the delta. */
struct crl_kind {
    struct uuid ca_id;
    int scope;
    bool delta;
    struct uuid key_id; /* that signs; nil: the CA's first one */
};
/* With a reference for the caller, or NULL; *ret_epoch is the one it is known to be right at. */
struct crl_held *crl_cache_find(struct crl_cache *cache, const struct crl_kind *kind, int64_t *ret_epoch);
/* Takes a reference of its own. */
void crl_cache_put(struct crl_cache *cache, const struct crl_kind *kind, struct crl_held *held,
                   int64_t epoch);
/* One maker of a kind of list at a time in this process. */
void crl_cache_lock(struct crl_cache *cache, const struct crl_kind *kind);
void crl_cache_unlock(struct crl_cache *cache, const struct crl_kind *kind);

#endif
