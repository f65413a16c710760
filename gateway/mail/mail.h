/* Mail: composed from a template of the catalogue, queued in the database in the transaction of what it tells of, sent
 * by a job with retries.
 *
 *     struct mail_ready ready;
 *     TRY(mail_prepare(core, arena, &mail, &ready, err));     no transaction open: it may ask the signer
 *     TX(tx, core_db(core), &done, err)
 *         tx.ok = ... && mail_enqueue(tx.tx, &ready, err);
 *
 * While no mail server is set up, nothing is queued and both succeed: look at mail_possible where a mail must come.
 * docs/mail.md */
#ifndef GATEHOUSE_MAIL_MAIL_H
#define GATEHOUSE_MAIL_MAIL_H

#include "ca/core.h"
#include "http/types.h"
#include "jobs/jobs.h"
#include "store/mail.h"

struct mail_variable {
    const char *name, *value;
};
struct mail_attachment {
    const char *name, *type; /* "expiring.csv", "text/csv"; ASCII */
    struct view bytes;       /* at most MAIL_MAX_ATTACHMENT */
};
#define MAIL_MAX_ATTACHMENT ((size_t)2 * 1024 * 1024)

struct mail {
    const char *template;        /* a name of the catalogue (catalogue.c) */
    struct uuid organisation_id; /* whose wording; nil: the instance's */
    const char *to;              /* one address; checked by mail_address_check */
    const struct mail_variable *variables; /* of the template; absent ones are empty */
    size_t variable_count;
    const struct mail_attachment *attachment; /* or NULL */
    const char *once; /* names the occasion: a second mail of the same to the same address is not queued; or NULL */
};
struct mail_ready {
    bool nothing; /* no mail server is set up */
    struct mail_message message;
    uint8_t once[32];
};
MUST_USE bool mail_prepare(struct core *core, struct arena *arena, const struct mail *mail,
                           struct mail_ready *ret, struct error *err);
MUST_USE bool mail_enqueue(struct tx *tx, const struct mail_ready *ready, struct error *err);
/* Both, in a transaction of its own. */
MUST_USE bool mail_send(struct core *core, struct arena *arena, const struct mail *mail, struct error *err);
/* Whether a mail server is set up. */
MUST_USE bool mail_possible(struct core *core, struct arena *arena, bool *ret_possible, struct error *err);
/* local@domain in ASCII, at most 254 characters: ERROR_POLICY "bad-email". */
MUST_USE bool mail_address_check(const char *address, struct error *err);

/* A mail server from the configuration; it wins over what the API set. Once, before threads start; server NULL:
 * none. The texts must live on. */
struct mail_configuration {
    const char *server; /* smtps://user@host:port, smtp:// (STARTTLS), smtp-plain:// */
    const char *from, *password_file, *ca_file;
};
MUST_USE bool mail_configure(struct arena *arena, const struct mail_configuration *configuration,
                             struct error *err);

/* REST under /api/v1/mail. */
struct http_room mail_room(struct core *core);
/* Writes at most MAIL_JOBS of them. */
#define MAIL_JOBS 2
size_t mail_jobs(struct core *core, struct job *table);

#endif
