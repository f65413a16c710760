/* The CMP server (RFC 9810, lightweight profile RFC 9483): one message in, one message out. No HTTP here; the state
 * of a transaction is in the database, so any node answers the next message. */
#ifndef GATEHOUSE_CMP_CMP_H
#define GATEHOUSE_CMP_CMP_H

#include "cmp/settings.h"
#include "jobs/jobs.h"

struct cmp_call {
    struct core *core;
    struct arena *arena;
    const char *template_slug;
    const char *operation; /* of the path (rfc9483#6.1), or NULL */
    const char *address, *request_id;
    int64_t now_us;
};
/* Always an answer when there is somebody to answer: refusals are error messages. False when the bytes are no
 * PKIMessage ("malformed-cmp"), the template is not there, or database or signer are away. */
MUST_USE bool cmp_serve(const struct cmp_call *call, struct view in, struct view *ret_out, struct error *err);

struct http_room cmp_room(struct core *core);
/* Their number; room for CMP_JOBS in the table. */
#define CMP_JOBS 2
size_t cmp_jobs(struct core *core, struct job *table);

#endif
