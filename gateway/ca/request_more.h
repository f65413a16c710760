/* Requests without a CSR, their claim links, keys made here, renewal, comments. */
#ifndef GATEHOUSE_CA_REQUEST_MORE_H
#define GATEHOUSE_CA_REQUEST_MORE_H

#include "ca/issue.h"
#include "store/claims.h"
#include "x509/pkcs12.h"

#define CLAIM_DAYS 7
#define CLAIM_MAX_DAYS 90

/* A claim link, shown once; the database keeps a hash. */
struct claim_link {
    const char *secret; /* 43 characters of base64url */
    const char *url;    /* of the page for people */
    int64_t expires_us;
};

/* A request made of subject, SANs and validity alone (submission->csr is empty). Policy judges what
 * can be judged without a key. pre_approved: by who may decide, under a template whose doors name "preapproved"; then
 * the claim link is there at once (not with four eyes). */
struct form_order {
    struct submission submission;
    bool pre_approved;
    int64_t claim_days; /* 0: CLAIM_DAYS */
    /* Runs in the transaction that stores the request; may be NULL. See struct enrolment. */
    bool (*alongside)(struct tx *tx, void *context, const struct request_record *request, struct error *err);
    void *context;
};
MUST_USE bool request_submit_form(struct core *core, struct arena *arena, const struct actor *actor,
                                  const struct form_order *order,
                                  struct request_record *ret_request, struct claim_link *ret_link,
                                  struct error *err);
/* Approves a request without CSR: its link goes out (ret_link->secret is NULL while the second of
 * four eyes has not looked). ERROR_CONFLICT "has-csr": sign that one. */
MUST_USE bool request_approve(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid id, int64_t claim_days, struct request_record *ret,
                              struct claim_link *ret_link, struct error *err);
/* A new link; those before it open nothing any more. */
MUST_USE bool request_resend(struct core *core, struct arena *arena, const struct actor *actor,
                             struct uuid id, int64_t claim_days, struct request_record *ret,
                             struct claim_link *ret_link, struct error *err);
/* A further link of a request that waits for its CSR: claim_insert of the record, in the caller's transaction, makes it
 * open. days 0: CLAIM_DAYS. Who may have one is the caller's to know. */
MUST_USE bool claim_link_new(struct core *core, struct arena *arena, struct uuid request_id, int64_t days,
                             struct claim_link *ret_link, struct claim_record *ret_record, struct error *err);
/* To another template of the same CA, whose policy must take it; it is pending again. */
MUST_USE bool request_change_template(struct core *core, struct arena *arena,
                                      const struct actor *actor, struct uuid id,
                                      const char *template_slug, struct request_record *ret,
                                      struct error *err);

/* What the holder of a link may know. ERROR_NOT_FOUND for a link that is unknown, spent, over, or
 * whose request is not waiting: a stranger learns no more. */
struct claim_offer {
    struct request_record request;
    struct text_list keys; /* that the template allows; empty: every type */
    int64_t expires_us;
    const char *ca_name, *template_name; /* as people know them */
};
MUST_USE bool claim_look(struct core *core, struct arena *arena, const char *secret,
                         struct claim_offer *ret, struct error *err);
/* The CSR gives the key and proves it; its subject and SANs give way to the approved ones. One use.
 */
MUST_USE bool claim_deliver(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *secret, struct view csr, struct request_record *ret_request,
                            struct certificate_record *ret_certificate, struct error *err);

/* A key that is made here for somebody else: by the signer, from which it comes encrypted by the password; it leaves
 * inside a PKCS#12 file and is kept nowhere but where `keep` says so. */
struct made_key {
    const char *key_type;
    const char *password;
    enum pkcs12_protection protection;
    bool keep; /* for recovery under dual control (user_keys.h); of requests alone */
};
/* Checks type and password before anything is done. */
MUST_USE bool made_key_check(const struct made_key *wanted, struct error *err);
/* submission->csr is not looked at. ERROR_POLICY "approval-needed" when the template wants an
 * approval first. */
MUST_USE bool request_with_key(struct core *core, struct arena *arena, const struct actor *actor,
                               const struct submission *submission, const struct made_key *wanted,
                               struct request_record *ret_request,
                               struct certificate_record *ret_certificate, struct view *ret_pkcs12,
                               struct error *err);
MUST_USE bool claim_with_key(struct core *core, struct arena *arena, const struct actor *actor,
                             const char *secret, const struct made_key *wanted,
                             struct request_record *ret_request,
                             struct certificate_record *ret_certificate, struct view *ret_pkcs12,
                             struct error *err);

/* A certificate like that one: its subject and SANs, its template as it stands now. csr empty: the
 * CSR it was made of, so the same key. keep_end: not longer than the old one (a re-issue). */
struct renewal_order {
    struct uuid certificate_id;
    const char *door;
    struct view csr;
    bool keep_end, issue;
};
MUST_USE bool certificate_renew(struct core *core, struct arena *arena, const struct actor *actor,
                                const struct renewal_order *order,
                                struct request_record *ret_request,
                                struct certificate_record *ret_certificate, struct error *err);

/* By whoever sees the request. ERROR_POLICY "bad-comment". */
MUST_USE bool request_comment(struct core *core, struct arena *arena, const struct actor *actor,
                              struct uuid id, const char *text, struct comment_record *ret,
                              struct error *err);
MUST_USE bool request_comments(struct core *core, struct arena *arena, const struct actor *actor,
                               struct uuid id, struct comment_record **ret_items, size_t *ret_count,
                               struct error *err);

/* Ends requests whose claim links are all over: a job. */
MUST_USE bool requests_expire(struct core *core, struct arena *arena, struct error *err);

#endif
