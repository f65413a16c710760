/* The public pages: what a stranger may do without an account. docs/public-pages.md
 *   GET /request/{template} /claim/{secret} /cps/{ca}   the page (admin-ui/public); /public/{*} its files
 *   GET /cps/{ca}.txt                                   the practice statement as text
 *   /api/v1/public/...                                  what the page asks
 * On the HTTPS listener alone. One setting closes them all. */
#ifndef GATEHOUSE_PUBLIC_PUBLIC_H
#define GATEHOUSE_PUBLIC_PUBLIC_H

#include "ca/core.h"
#include "http/types.h"
#include "jobs/jobs.h"

struct public_pages;

/* directory: of the page's files; one that is not there is no error. ERROR_UNAVAILABLE "console" when a file cannot be
 * read. */
MUST_USE bool public_pages_open(struct core *core, const char *directory, struct public_pages **ret,
                                struct error *err);
/* After the listeners and jobs have stopped. NULL is accepted. */
void public_pages_free(struct public_pages *pages);
struct http_room public_room(struct public_pages *pages);
/* Writes at most PUBLIC_JOBS of them. */
#define PUBLIC_JOBS 2
size_t public_jobs(struct public_pages *pages, struct job *table);

#endif
