/* The audit trail (docs/audit.md): events are sealed in batches, the seals chained, signed and timestamped; streams
 * carry sealed events elsewhere, with the database as their spool; files archive them. */
#ifndef GATEHOUSE_AUDIT_AUDIT_H
#define GATEHOUSE_AUDIT_AUDIT_H

#include "ca/core.h"
#include "http/types.h"
#include "jobs/jobs.h"
#include "store/seals.h"

#include <stdio.h>

/* --- the form of what is hashed --------------------------------------------------------------------------- */

/* One event as one line of JSON with a fixed order of members: what is hashed, exported and streamed. */
const char *audit_line(struct arena *arena, const struct event *event);
/* rfc6962#2.1: SHA-256 with 00 before a leaf and 01 before a node. */
void audit_leaf(const char *line, uint8_t ret_hash[static 32]);
/* The root over `count` leaves; they are overwritten. At least one. */
void audit_root(uint8_t (*leaves)[32], size_t count, uint8_t ret_root[static 32]);

/* --- sealing ------------------------------------------------------------------------------------------------ */

#define AUDIT_LAG_US INT64_C(5000000)  /* an event is sealed when it is this old */

/* Seals what can be sealed now: as many batches as there are. */
MUST_USE bool audit_seal(struct core *core, struct arena *arena, struct error *err);
/* The public key of the present audit key, made when there is none: PEM. */
MUST_USE bool audit_key(struct core *core, struct arena *arena, const char **ret_pem, struct error *err);

/* rfc3161#2.4: a token over the hash from that URL, about that hash and signed by its signer. */
MUST_USE bool timestamp_fetch(struct arena *arena, const char *url, const uint8_t hash[static 32],
                              struct view *ret_token, struct error *err);

/* --- verifying ---------------------------------------------------------------------------------------------- */

struct audit_report {
    int64_t seals, events, tokens, archived_seals; /* that were verified; those in files were not read */
    int64_t unsealed;        /* events past the last seal's time that no seal has */
    int64_t wrong;           /* findings */
};
/* Walks all seals: chain, signature, tree, timestamp token; and looks for events that no seal has. Findings go to
 * `out`, one a line. key_pem NULL: the keys in the database; else the one key that all must be signed by. */
MUST_USE bool audit_verify(struct core *core, FILE *out, const char *key_pem, struct audit_report *ret,
                           struct error *err);
/* An exported file, alone. The chain begins with its first seal. */
MUST_USE bool audit_verify_file(const char *path, FILE *out, const char *key_pem,
                                struct audit_report *ret, struct error *err);
/* Seals and their events as JSON lines: {"seal": {...}} after the lines of its events. until_us: seals whose last
 * event is before that time; 0: all. */
struct audit_export {
    int64_t first_seal, last_seal, events;
    uint8_t sha256[32]; /* of the file */
};
MUST_USE bool audit_export(struct core *core, FILE *out, int64_t until_us, struct audit_export *ret,
                           struct error *err);
/* Exports to the file, verifies it, then removes those events from the database. Needs the schema's owner. */
MUST_USE bool audit_archive(struct core *core, const char *path, int64_t until_us,
                            struct audit_export *ret, struct error *err);

/* --- the room ------------------------------------------------------------------------------------------------ */

struct http_room audit_room(struct core *core);
/* Sealing and streams; the number of jobs. */
size_t audit_jobs(struct core *core, struct job *table);

#endif
