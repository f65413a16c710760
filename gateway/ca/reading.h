/* A validation node only reads: a database of which it may change nothing, often a replica that follows another. So it
 * must know how old what it reads is. Every node that writes notes once a round (jobs-interval) that it was there; the
 * last such time that can be read here is the one up to which this node knows everything. It is the thisUpdate of OCSP
 * answers (rfc6960#2.4), and when it is too long ago there are none. */
#ifndef GATEHOUSE_CA_READING_H
#define GATEHOUSE_CA_READING_H

#include "ca/core.h"

struct reading;
struct reading *reading_new(int64_t most_behind_us);
void reading_free(struct reading *reading); /* NULL is accepted */
struct reading *core_reading(struct core *core); /* NULL: this node writes, too */

/* On a node that reads only: the time up to which it knows everything, looked up once a second at most; never later than
 * now. 0: no node that writes was ever here. */
MUST_USE bool reading_as_of(struct core *core, int64_t *ret_us, struct error *err);
/* The same; ERROR_UNAVAILABLE "database-behind" when that is longer ago than may be. */
MUST_USE bool reading_recent(struct core *core, int64_t *ret_us, struct error *err);

#endif
