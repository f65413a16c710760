/* The process's memory of authorities and CRLs. */
#ifndef GATEHOUSE_CA_STATUS_CACHE_H
#define GATEHOUSE_CA_STATUS_CACHE_H

#include "ca/core.h"

struct status_cache;
struct status_cache *status_cache_new(void);
void status_cache_free(struct status_cache *cache);
struct status_cache *core_status_cache(struct core *core);
/* After a change of this node: the next answer reads the database. */
void status_cache_forget(struct core *core);

/* Grows with every change on this node: what was read before is not used any more. */
unsigned long long status_cache_generation(struct core *core);

/* In validation_answer.c. */
struct validation_cache;
struct validation_cache *validation_cache_new(void);
void validation_cache_free(struct validation_cache *cache);
struct validation_cache *core_validation_cache(struct core *core);

/* In status_issuers.c. */
struct issuer_table;
struct issuer_table *issuer_table_new(void);
void issuer_table_free(struct issuer_table *table);
struct issuer_table *core_issuer_table(struct core *core);

/* Opened service identities, in service.c. */
struct service_cache;
struct service_cache *service_cache_new(void);
void service_cache_free(struct service_cache *cache);
void service_cache_forget(struct service_cache *cache); /* all of them */
struct service_cache *core_service_cache(struct core *core);

#endif
