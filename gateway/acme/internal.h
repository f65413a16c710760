/* What the files of this room share. */
#ifndef GATEHOUSE_ACME_INTERNAL_H
#define GATEHOUSE_ACME_INTERNAL_H

#include "acme/acme.h"
#include "acme/jws.h"
#include "acme/own_nonces.h"
#include "acme/policy.h"
#include "base/uuid.h"
#include "ca/enrol.h"
#include "store/acme.h"

#include <openssl/evp.h>
#include <pthread.h>

#define VALIDATORS 4
#define SHARED_DIRECTORY "_" /* no slug has an underscore */
#define NONCE_LIFE_US (3600 * US_PER_SECOND)

struct sessions;
struct recent_orders;
struct reuse;
struct acme {
    struct core *core;
    struct sessions *sessions;
    struct recent_orders *recent;
    struct reuse *reuse;
    pthread_mutex_t mutex;
    EVP_MAC_CTX *nonce_mac; /* NULL until it is needed; only copied from then on */
    uint8_t nonce_maker[8]; /* this process */
    struct own_nonces *own_nonces;
    /* validators */
    pthread_cond_t wake;
    pthread_t threads[VALIDATORS];
    unsigned thread_count, wanted;
    bool stopping;
};

/* --- settings.c: of the instance, one JSON document
 * -------------------------------------------------- */
struct acme_settings {
    bool open; /* accounts without external binding, under policies that say so, too */
    const char *terms, *website; /* URLs or "" */
    struct text_list caa_identities;
    const char *default_policy; /* for such accounts in the shared directory: an id, or "" */
};
MUST_USE bool acme_settings_from_json(struct arena *arena, const struct json *document,
                                      struct acme_settings *ret, struct error *err);
/* "" and NULL: the defaults. */
MUST_USE bool acme_settings_parse(struct arena *arena, const char *text, struct acme_settings *ret,
                                  struct error *err);
const char *acme_settings_to_json(struct arena *arena, const struct acme_settings *settings);
MUST_USE bool acme_settings_get(struct acme *acme, struct arena *arena, struct acme_settings *ret,
                                struct error *err);

/* --- problem.c: urn:ietf:params:acme:error:NAME
 * ------------------------------------------------------- */
/* Fills an error that becomes this problem. */
bool acme_refuse(struct error *err, const char *name, enum error_kind kind, const char *message,
                 ...) PRINTF_LIKE(4, 5);
/* The name for any error of the rooms below. */
const char *acme_problem_name(const struct error *err);
int acme_problem_status(const struct error *err);
/* A problem object. identifier NULL: none. */
void acme_problem_write(struct json_writer *w, struct arena *arena, const struct error *err,
                        const struct identifier *identifier);

/* --- counts.c
 * ------------------------------------------------------------------------------------------ */
void count_order(const char *outcome);
void count_issued(const struct acme_order *order);
void count_validation(const char *type, enum acme_authorization_state state);
void count_binding(const char *outcome);
void count_limit(const char *limit);
void count_problem(const char *problem);

/* --- nonce.c
 * ------------------------------------------------------------------------------------------ */
struct nonce {
    uint8_t bytes[ACME_NONCE_SIZE];
    bool own;        /* counts at this process alone, and no row is needed to see that it counts once */
    unsigned stayed; /* so many requests of this client in turn had a nonce of this process */
};
/* For a client that has stayed so long. */
MUST_USE bool nonce_make(struct acme *acme, struct arena *arena, unsigned stayed, const char **ret,
                         struct error *err);
/* acme badNonce when no node has made it, another process made it for itself, or it is too old. */
MUST_USE bool nonce_check(struct acme *acme, struct arena *arena, const char *text, struct nonce *ret,
                          struct error *err);
/* One that is `own`: acme badNonce the second time. */
MUST_USE bool nonce_take_own(struct acme *acme, const struct nonce *nonce, struct error *err);

/* --- session.c: accounts that are at work, remembered
 * ------------------------------------------------------------------------------------------ */
/* An account with its policy and the instance's settings, parsed. What this process changes is seen at once, settings
 * changed by another within a second; whether account and policy are still what they were is asked by the statement
 * that spends the request's nonce, so nothing is answered by what is old (see post_spend). */
struct account_session {
    struct acme_account account;
    struct acme_policy_record policy_record;
    struct acme_policy policy;
    struct acme_settings settings;
    struct text_list scope; /* of the account's external binding */
    struct jwk jwk;
};
struct sessions *sessions_new(void);
void sessions_free(struct sessions *sessions);
/* Lives as long as the arena. fresh: whatever is remembered. *ret_remembered: it was not read just now.
 * ERROR_NOT_FOUND. */
MUST_USE bool session_open(struct acme *acme, struct arena *arena, struct uuid account_id, bool fresh,
                           const struct account_session **ret, bool *ret_remembered, struct error *err);

/* --- recent.c: orders whose next request is to come
 * ------------------------------------------------------------------------------------------ */
struct recent_orders *recent_new(void);
void recent_free(struct recent_orders *orders);
/* Copies. certificate NULL: the order has none yet, but its one authorization is valid. */
void recent_keep(struct recent_orders *orders, const struct acme_order *order,
                 const struct certificate_record *certificate);
/* At most once for each, and in this state alone. Lives as long as the arena. */
bool recent_take(struct recent_orders *orders, struct arena *arena, struct uuid id, enum acme_order_state state,
                 struct acme_opened_order *ret);

/* --- reuse.c: valid authorizations that orders use again
 * ------------------------------------------------------------------------------------------ */
struct reuse *reuse_new(void);
void reuse_free(struct reuse *reuse);
/* By account, policy and identifier. */
void reuse_keep(struct reuse *reuse, const struct acme_authorization *authorization);
/* One for what *ret names, valid beyond that time as far as is known here: fills id, state and expires_us. */
bool reuse_find(struct reuse *reuse, int64_t until_us, struct acme_authorization *ret);

/* --- post.c: what every signed request has in common
 * ---------------------------------------------------- */
struct subproblem {
    struct identifier identifier;
    struct error error;
};
struct post {
    struct acme *acme;
    struct core *core;
    struct arena *arena;
    struct http_request *request;
    struct http_response *response;
    const char *base;      /* https://pki.example.org */
    const char *directory; /* "_" or the template's slug */
    struct uuid directory_id;
    struct enrolment_target target; /* of a template's directory */
    struct acme_settings settings;  /* with an account; else acme_settings_get */
    struct actor actor;
    /* of signed requests */
    struct jws jws;
    struct jwk jwk;
    struct nonce nonce;
    bool nonce_taken; /* it is `own`, and used from now on */
    bool nonce_read, spent;
    bool fresh;      /* nothing remembered will do */
    bool remembered; /* the account is: spending the nonce asks whether it is still so */
    const struct json *payload; /* NULL: POST-as-GET */
    bool has_account;
    struct acme_account account;
    struct acme_policy_record policy_record;
    struct acme_policy policy;
    struct text_list scope;  /* of the account's external binding */
    struct acme_order order; /* of the path, see order_load */
    bool recent;             /* it is remembered: for changing it its state is asked again */
    struct uuid authorization; /* remembered, or nil: spending the nonce asks whether it is still valid */
    struct view certificate; /* of the order */
    struct uuid certificate_ca, certificate_key;
    /* for the answer */
    struct subproblem *subproblems;
    size_t subproblem_count;
    const char *terms_link; /* with userActionRequired */
    int64_t retry_after_s;
    bool algorithms;   /* with badSignatureAlgorithm */
    bool is_directory; /* it does not link to itself */
    int status;        /* of a refusal; 0: that of its problem */
};

/* POST_ORDER: the path's second parameter is an order. POST_READY, POST_FINISHED: what is remembered of a ready one, or a
 * valid one, will do. */
enum post_gate { POST_KID = 1, POST_JWK = 2, POST_ORDER = 4, POST_READY = 8, POST_FINISHED = 16 };
/* Spends the nonce in the handler's transaction; the handler sets post->spent after COMMIT. That tells, too, when the
 * nonce was used before, or the account is not what was remembered of it: post_handle sees to both errors. */
MUST_USE bool post_spend(struct tx *tx, const struct post *post, struct error *err);
/* True for these two. */
bool post_not_spent(const struct error *err);
/* What was remembered beside the account is not so any more: the request is handled once more by what is read anew. */
bool post_look_again(struct error *err);
/* The same in a transaction of its own: a nonce is accepted once, also when the rest of the request
 * fails or only reads (rfc8555#6.5). Does nothing when it is spent. */
MUST_USE bool post_spend_alone(struct post *post, struct error *err);
/* acme malformed unless there is a payload, an object. */
MUST_USE bool post_needs_payload(const struct post *post, struct error *err);
MUST_USE bool post_is_get(const struct post *post, struct error *err);
MUST_USE bool post_policy(struct post *post, const struct acme_policy_record *record,
                          struct error *err);
const char *post_url(const struct post *post, const char *what, struct uuid id);
void post_reply(struct post *post, int status, struct json_writer *w);
void post_link(struct post *post, const char *url, const char *rel);
/* Adds an event of the account's organisation in the caller's transaction; details may be NULL. */
MUST_USE bool post_note(struct tx *tx, const struct post *post, const char *code, const char *kind,
                        struct uuid object, const char *details, struct error *err);
MUST_USE bool ask_uuid(const struct post *post, size_t parameter, const char *what,
                       struct uuid *ret, struct error *err);

/* --- account.c
 * ------------------------------------------------------------------------------------------ */
bool acme_new_account(struct post *post, struct error *err);
/* Its policy is switched on, and it has agreed to the terms as they are now. */
MUST_USE bool account_may_order(struct post *post, struct error *err);
bool acme_account(struct post *post, struct error *err);
bool acme_account_orders(struct post *post, struct error *err);
bool acme_key_change(struct post *post, struct error *err);

/* --- authorization.c, challenge.c
 * ------------------------------------------------------------------------ */
enum challenge_state {
    CHALLENGE_PENDING,
    CHALLENGE_PROCESSING,
    CHALLENGE_VALID,
    CHALLENGE_INVALID
};
struct challenge {
    const char *type, *token;
    const char *account; /* URL, of dns-account-01 and dns-persist-01, else "" */
    const char *key;     /* device-attest-01: SHA-256 of the attested key's SPKI in hex, or "" */
    enum challenge_state state;
    int64_t attempts, validated_us;
    const struct json *problem; /* or NULL */
};
#define MAX_CHALLENGES 8
struct challenges {
    struct challenge items[MAX_CHALLENGES];
    size_t count;
};
MUST_USE bool challenges_read(struct arena *arena, const char *text, struct challenges *ret,
                              struct error *err);
const char *challenges_write(struct arena *arena, const struct challenges *challenges);
const char *challenge_state_name(enum challenge_state state);
/* As the client sees it: a pending or valid one that has expired is so no more. */
enum acme_authorization_state authorization_state(const struct acme_authorization *authorization);
const char *authorization_state_name(enum acme_authorization_state state);
/* How a challenge is shown. */
void challenge_show(struct post *post, struct json_writer *w, struct uuid authorization,
                    const struct challenge *one);
/* The answer to device-attest-01: it is judged at once. */
MUST_USE bool challenge_attest(struct post *post, struct acme_authorization *authorization,
                               struct challenges *challenges, struct challenge *one,
                               struct error *err);
/* One of the account that can be used again, as far as is known without asking; false when none is. */
bool authorization_remembered(const struct post *post, const struct identifier *identifier,
                              struct acme_authorization *ret);
/* One of the account that can be used again; ret->id is nil when there is none. */
MUST_USE bool authorization_find(struct tx *tx, const struct post *post,
                                 const struct identifier *identifier,
                                 struct acme_authorization *ret, struct error *err);
/* A new one, in the caller's transaction. */
MUST_USE bool authorization_make(struct tx *tx, const struct post *post,
                                 const struct identifier *identifier,
                                 struct acme_authorization *ret, struct error *err);
/* May this account ask for it at all? acme rejectedIdentifier says why not. */
MUST_USE bool authorization_allowed(const struct post *post, const struct identifier *identifier,
                                    struct error *err);
bool acme_new_authz(struct post *post, struct error *err);
bool acme_authz(struct post *post, struct error *err);
bool acme_challenge(struct post *post, struct error *err);

/* --- order.c, finalize.c, certificate.c
 * ------------------------------------------------------------------- */
enum order_status { ORDER_PENDING, ORDER_READY, ORDER_PROCESSING, ORDER_VALID, ORDER_INVALID };
const char *order_status_name(enum order_status status);
/* By its state and its authorizations. */
MUST_USE bool order_status(struct core *core, struct arena *arena, const struct acme_order *order,
                           enum order_status *ret, struct error *err);
/* The order of the path, if it is the account's. */
MUST_USE bool order_load(const struct post *post, struct acme_order *ret, struct error *err);
/* The CSR is for the key that the order's devices have attested. */
MUST_USE bool order_check_attested(struct post *post, const struct acme_order *order, EVP_PKEY *key,
                                   struct error *err);
void order_reply(struct post *post, int status, const struct acme_order *order,
                 enum order_status now);
/* With the status that it has. */
MUST_USE bool order_show(struct post *post, const struct acme_order *order, struct error *err);
MUST_USE bool order_identifiers(struct arena *arena, const struct acme_order *order,
                                struct identifier **ret, size_t *ret_count, struct error *err);
bool acme_new_order(struct post *post, struct error *err);
bool acme_order(struct post *post, struct error *err);
bool acme_finalize(struct post *post, struct error *err);
/* A request that waited for people may be done by now. */
MUST_USE bool order_refresh(struct core *core, struct arena *arena, struct acme_order *order,
                            struct error *err);
bool acme_certificate(struct post *post, struct error *err);
bool acme_revoke(struct post *post, struct error *err);
/* The certificate that a renewal identifier names (rfc9773#4.1). */
MUST_USE bool ari_certificate(struct core *core, struct arena *arena, const char *text,
                              struct certificate_record *ret, struct error *err);
/* NULL when the certificate has no key identifier of its issuer. */
const char *ari_name(struct arena *arena, struct view certificate);
void ari_window(const struct certificate_record *certificate, int64_t now_us, int64_t *ret_start_us,
                int64_t *ret_end_us);

/* --- validate.c, check_*.c
 * ---------------------------------------------------------------------------------- */
void validators_wake(struct acme *acme);
struct check {
    struct arena *arena;
    const struct acme_policy *policy;
    const struct acme_authorization *authorization;
    const char *token;
    const char *account_url;       /* or "" */
    struct text_list issuers;      /* names of this CA in DNS (caaIdentities) */
    const char *key_authorization; /* rfc8555#8.1 */
    uint8_t digest[32];            /* SHA-256 of it */
};
/* The errors are ACME problems in words an administrator can act on, with what was seen. */
MUST_USE bool check_http(const struct check *check, struct error *err);
MUST_USE bool check_dns(const struct check *check, struct error *err);
MUST_USE bool check_dns_account(const struct check *check, struct error *err);
MUST_USE bool check_dns_persist(const struct check *check, struct error *err);
MUST_USE bool check_tls(const struct check *check, struct error *err);
typedef bool check_challenge(const struct check *check, struct error *err);
/* vantage.c: enough of the policy's vantage points see it, too; true when it has none. */
MUST_USE bool check_from_vantages(check_challenge *how, const struct check *check, struct error *err);
struct caa_name;
struct caa_issuer;
MUST_USE bool caa_from_vantages(struct arena *arena, const struct acme_policy *policy,
                                const struct caa_name *name, const struct caa_issuer *issuer,
                                struct error *err);
/* Addresses of the identifier, IPv6 first. */
MUST_USE bool check_addresses(const struct check *check, struct net_address **ret,
                              size_t *ret_count, struct error *err);
/* What a peer sent, made printable and short. */
const char *check_seen(struct arena *arena, struct view bytes, size_t most);
/* rfc8659, rfc8657: may we issue for it? acme caa. */
MUST_USE bool check_caa(struct arena *arena, const struct acme_policy *policy,
                        const struct acme_settings *settings, const struct identifier *identifier,
                        const char *account_url, const char *method, struct error *err);

#endif
