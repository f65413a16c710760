/* Validation authority (RFC 6960 section 2.2, "Trusted Responder" and "Authorized Responder"): OCSP for an authority
 * that is not ours, from the lists that it publishes. A validator is the object of one such authority: its certificate,
 * its CRL sources, a responder key made here, and the certificate that the authority gave it.
 *
 * A list is taken when its signature verifies with the authority's certificate, its issuer and key identifier are the
 * authority's, its number is higher than the present one's, and it has not ended. It is kept as it came and served
 * again; each node reads it into an index once. When it ends, answers are tryLater: nothing is guessed. */
#ifndef GATEHOUSE_CA_VALIDATION_H
#define GATEHOUSE_CA_VALIDATION_H

#include "ca/service.h"
#include "ca/status.h"
#include "store/validators.h"

#define VALIDATION_MAX_SOURCES 8
#define VALIDATION_MAX_LIST ((size_t)256 * 1024 * 1024)
struct validation_settings {
    struct text_list issued_sources;         /* http(s) URLs of the issued serial numbers */
    const char *issued_signer;               /* PEM: whose key signs these; NULL: nobody's */
    struct text_list sources, delta_sources; /* http(s) or ldap(s) URLs, tried in their order */
    int64_t interval_s, timeout_s;           /* between two looks; for one fetch */
    int64_t warn_s;                          /* before the end of the list */
    int64_t ocsp_hours;
    bool never_issued_revoked;               /* where the issued serial numbers are known */
    bool require_signed;
    bool by_name; /* as in struct ocsp_settings */
    bool accept_named; /* lists that name a distribution point: the authority keeps one for all certificates */
    bool trusted; /* the responder's certificate is its own: clients trust it by configuration */
};
MUST_USE bool validation_settings_read(struct arena *arena, const struct json *document,
                                       struct validation_settings *ret, struct error *err);
MUST_USE bool validation_settings_of(struct arena *arena, const struct validator_record *validator,
                                     struct validation_settings *ret, struct error *err);
const char *validation_settings_write(struct arena *arena, const struct validation_settings *settings);

struct validation_order {
    const char *name, *organisation; /* organisation: slug, NULL: default */
    struct view certificate;         /* of the authority, PEM or DER */
    const char *key_type;            /* of the responder; NULL: P-256 */
    const struct json *settings;
};
/* All need MAY_READ_CAS or MAY_MANAGE_CAS of the organisation. */
MUST_USE bool validation_create(struct core *core, struct arena *arena, const struct actor *actor,
                                const struct validation_order *order, struct validator_record *ret,
                                struct error *err);
MUST_USE bool validation_get(struct core *core, struct arena *arena, const struct actor *actor,
                             const char *slug, struct validator_record *ret, struct error *err);
MUST_USE bool validation_all(struct core *core, struct arena *arena, const struct actor *actor,
                             struct validator_record **ret_items, size_t *ret_count, struct error *err);
/* name, settings: NULL: unchanged. revision 0: whatever it is now. */
MUST_USE bool validation_change(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *slug, int64_t revision, const char *name,
                                const struct json *settings, struct validator_record *ret,
                                struct error *err);
MUST_USE bool validation_remove(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *slug, struct error *err);
/* The responder's certificate, PEM or DER: of its key, from the authority, for OCSP signing, now. ERROR_POLICY
 * "bad-responder". */
MUST_USE bool validation_import(struct core *core, struct arena *arena, const struct actor *actor,
                                const char *slug, struct view certificate, struct validator_record *ret,
                                struct error *err);
/* A CRL, complete or delta, PEM or DER, from wherever it came. *ret_news is false for one that is there already. */
MUST_USE bool validation_take_crl(struct core *core, struct arena *arena, const struct actor *actor,
                                  const struct validator_record *validator, struct view bytes,
                                  bool *ret_news, struct error *err);
/* The serial numbers that the authority has issued, hexadecimal, one a line: others are not known. Where the settings
 * name a signer they come in CMS SignedData, not older than those before. The same ones again are no news. */
MUST_USE bool validation_take_issued(struct core *core, struct arena *arena, const struct actor *actor,
                                     const char *slug, struct view text, struct validator_record *ret,
                                     struct error *err);
/* The content of CMS SignedData by this certificate's key, and when it was signed. ERROR_POLICY "list-refused". */
MUST_USE bool validation_open_signed(struct arena *arena, const char *signer_pem, struct view bytes, struct view *ret_text,
                                     int64_t *ret_signed_us, struct error *err);
/* What a look at the sources came to; problem "" or why there was nothing. Warns of a list that will end. */
MUST_USE bool validation_checked(struct core *core, struct arena *arena,
                                 const struct validator_record *validator, const char *problem,
                                 struct error *err);

/* --- answering: no actor, cached for at most a second ---------------------------------------------------- */

/* The authority as the responder knows CAs: without a key. */
MUST_USE bool validation_authority(struct core *core, struct arena *arena, const char *slug,
                                   struct ca_record *ret, struct error *err);
/* ERROR_UNAVAILABLE "list-stale". */
MUST_USE bool validation_status(struct core *core, struct arena *arena, const struct ca_record *ca,
                                struct view serial, struct status_answer *ret, struct error *err);
MUST_USE bool validation_identity(struct core *core, struct arena *arena, const struct ca_record *ca,
                                  struct service_identity *ret, struct error *err);
/* The authority's own list as it came. */
MUST_USE bool validation_crl(struct core *core, struct arena *arena, const char *slug,
                             struct crl_document *ret, struct error *err);

#endif
