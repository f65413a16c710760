/* The keys of people, made in the signer and kept here sealed: their owner makes CSRs and self-signed certificates
 * with them and has them out as a file; one that is kept for recovery comes out for two persons together. Every export
 * is an event. */
#ifndef GATEHOUSE_CA_USER_KEYS_H
#define GATEHOUSE_CA_USER_KEYS_H

#include "ca/issue.h"
#include "ca/person_key.h"
#include "store/user_keys.h"

struct user_key_order {
    const char *name;     /* 1-200 octets */
    const char *key_type; /* as person_key_make takes it */
    enum user_key_kind kind;
};
/* The actor's own: MAY_CREATE_REQUESTS somewhere. */
MUST_USE bool user_key_create(struct core *core, struct arena *arena, const struct actor *actor,
                              const struct user_key_order *order, struct user_key_record *ret,
                              struct error *err);
MUST_USE bool user_key_own_list(struct core *core, struct arena *arena, const struct actor *actor,
                                struct user_key_record **ret_items, size_t *ret_count,
                                struct error *err);
/* Those of others that can be recovered, of organisations where the actor has MAY_RECOVER_KEYS. */
MUST_USE bool user_key_recoverable_page(struct core *core, struct arena *arena,
                                        const struct actor *actor, const struct page *page,
                                        struct user_key_record **ret_items, size_t *ret_count,
                                        const char **ret_next, struct error *err);
/* The actor's own one; what is somebody else's is not found. */
MUST_USE bool user_key_owned(struct core *core, struct arena *arena, const struct actor *actor,
                           struct uuid id, struct user_key_record *ret, struct error *err);
MUST_USE bool user_key_remove(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid id, struct error *err);

/* A CSR with the names of the proposal; with a template (slug, or NULL) those that the template makes of them, after
 * all of its rules. */
MUST_USE bool user_key_csr(struct core *core, struct arena *arena, const struct actor *actor,
                           struct uuid id, const char *template_slug, const struct json *proposal,
                           struct view *ret_csr, struct error *err);

/* A certificate that the key signs for itself, without a CA; kept with the key, in place of one before it. */
struct self_signed_order {
    const struct json *proposal; /* subject, sans, validityDays (365) or notBefore and notAfter */
    struct text_list key_usage;  /* none: digitalSignature */
    struct text_list extended_key_usage;
};
MUST_USE bool user_key_self_sign(struct core *core, struct arena *arena, const struct actor *actor,
                                 struct uuid id, const struct self_signed_order *order,
                                 struct view *ret_der, struct error *err);

enum user_key_form { USER_KEY_PKCS8, USER_KEY_PKCS12, USER_KEY_JKS };
const char *user_key_form_name(enum user_key_form form); /* "pkcs8", "pkcs12", "jks" */
struct user_key_export {
    enum user_key_form form;
    const char *password;
    enum pkcs12_protection protection; /* of PKCS#12; for Java's key store PKCS12_COMPATIBLE */
    const char *alias;                 /* NULL: the key's name */
    struct uuid certificate_id;        /* with its chain; nil: the self-signed one */
};
MUST_USE bool user_key_file(struct core *core, struct arena *arena, const struct actor *actor,
                            struct uuid id, const struct user_key_export *order,
                            struct view *ret_file, struct error *err);

/* --- recovery: MAY_RECOVER_KEYS in the key's organisation, and two persons ------------------------------- */

#define RECOVERY_ASK_DAYS 7   /* so long it waits for the second person, */
#define RECOVERY_OPEN_HOURS 24 /* and so long the first has then to fetch the key, once */

MUST_USE bool recovery_ask(struct core *core, struct arena *arena, const struct actor *actor,
                           struct uuid key_id, const char *reason, struct recovery_record *ret,
                           struct error *err);
MUST_USE bool recovery_all(struct core *core, struct arena *arena, const struct actor *actor,
                           struct recovery_record **ret_items, size_t *ret_count,
                           struct error *err);
/* By another person than who asked: ERROR_FORBIDDEN "second-person". */
MUST_USE bool recovery_decide(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid id, bool approve, struct recovery_record *ret,
                              struct error *err);
/* To who asked, once. */
MUST_USE bool recovery_file(struct core *core, struct arena *arena, const struct actor *actor,
                            struct uuid id, const struct user_key_export *order,
                            struct view *ret_file, struct error *err);
const char *recovery_state_name(const struct recovery_record *recovery); /* "asked" ... "over" */

/* For requests with a key made here (request_more.h): keeps the key of `owner` before it is used. */
MUST_USE bool user_key_keep(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *name, const struct person_key *key,
                            struct user_key_record *ret, struct error *err);
/* When it came to nothing. */
void user_key_forget(struct core *core, struct arena *arena, const struct actor *actor,
                     const struct user_key_record *key);

#endif
