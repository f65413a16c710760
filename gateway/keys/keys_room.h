/* The keys of people: made, used and given out here; recovery of kept ones by two persons; Java trust stores
 * ; the instance's keys and the
 * key-encryption keys (docs/keys.md). */
#ifndef GATEHOUSE_KEYS_KEYS_ROOM_H
#define GATEHOUSE_KEYS_KEYS_ROOM_H

#include "ca/kek.h"
#include "http/types.h"
#include "jobs/jobs.h"

/* The routes, with the core as their context. */
struct http_room keys_room(struct core *core);
/* Rotation, and counting the uses of keys; at least every `most_us`. The watch, with core and node set, lives as long as
 * the jobs. The number of jobs. */
size_t keys_jobs(struct kek_watch *watch, int64_t most_us, struct job *table);

#endif
