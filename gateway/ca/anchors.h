/* Trust anchors of a template: who from outside may enrol under it by EST and CMP with a certificate that is not
 * ours: devices with a manufacturer's certificate (IDevID, 3GPP vendor certificates), registration authorities. */
#ifndef GATEHOUSE_CA_ANCHORS_H
#define GATEHOUSE_CA_ANCHORS_H

#include "ca/core.h"
#include "store/anchors.h"
#include "x509/handles.h"

#define ANCHORS_MAX 100        /* of one template */
#define ANCHOR_CHAIN_MAX 16    /* certificates beside the client's that are looked at */
#define ANCHOR_CRL_URLS_MAX 8

struct anchored {
    struct uuid anchor_id;
    enum anchor_role role;
    const char *anchor_name;
    const char *subject;  /* of the client's certificate, RFC 4514 */
    const char *issuer;
    X509 *certificate;    /* the client's; the arena drops it */
    uint8_t fingerprint_sha256[32];
};
/* Is this certificate, whose key the peer has proved to hold, one that the template trusts? The chain (what the
 * peer sent, in any order) only helps to build a path. Checked: path to an anchor (which may be a subordinate CA
 * or, for ROLE_RA, the certificate itself), dates, digitalSignature where there is a keyUsage, key strength,
 * and revocation by the anchor's CRLs as its crl_check says.
 * ERROR_UNAUTHENTICATED "untrusted-certificate" (no path, dates ...), "revoked-certificate" (also on hold),
 * "no-crl" (required and not there or too old): the message names subject, reason and remedy. */
MUST_USE bool anchors_verify(struct core *core, struct arena *arena, struct uuid template_id,
                             struct view certificate, const struct view *chain, size_t chain_count,
                             struct anchored *ret, struct error *err);
/* The same on anchors and CRLs at hand, without the database. */
struct anchor_set {
    const struct anchor_record *anchors;
    size_t anchor_count;
    const struct anchor_crl_record *crls;
    size_t crl_count;
};
MUST_USE bool anchors_check(struct arena *arena, const struct anchor_set *set, struct view certificate,
                            const struct view *chain, size_t chain_count, int64_t now_us,
                            struct anchored *ret, struct error *err);

/* --- management: MAY_READ_TEMPLATES to see, MAY_MANAGE_TEMPLATES to change ---------------------------- */

struct anchor_order {
    enum anchor_role role;
    const char *name; /* 1-100 octets; NULL: from the certificate's subject */
    enum anchor_crl_check crl_check;
    const char *const *crl_urls;
    size_t crl_url_count;
    struct view certificate; /* PEM or DER */
};
MUST_USE bool anchor_create(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *template_slug, const struct anchor_order *order,
                            struct anchor_record *ret, struct error *err);
MUST_USE bool anchor_all(struct core *core, struct arena *arena, const struct actor *actor,
                         const char *template_slug, struct anchor_record **ret_items,
                         size_t *ret_count, struct error *err);
/* With the CRLs known below it (without their DER). */
MUST_USE bool anchor_get(struct core *core, struct arena *arena, const struct actor *actor,
                         const char *template_slug, struct uuid id, struct anchor_record *ret,
                         struct anchor_crl_record **ret_crls, size_t *ret_crl_count, struct error *err);
MUST_USE bool anchor_remove(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *template_slug, struct uuid id, struct error *err);
/* A CRL (PEM or DER, at most 1 MiB) of the anchor or of a CA below it. Its signature is checked against the
 * anchor when that is its issuer, else when it is used. */
MUST_USE bool anchor_put_crl(struct core *core, struct arena *arena, const struct actor *actor,
                             const char *template_slug, struct uuid id, struct view crl,
                             struct anchor_crl_record *ret, struct error *err);

/* --- for the job that fetches CRLs --------------------------------------------------------------------- */

/* Reads a CRL: ERROR_MALFORMED "malformed-crl", ERROR_TOO_LARGE "crl-too-large", ERROR_POLICY "crl-signature". */
MUST_USE bool anchor_crl_read(struct arena *arena, const struct anchor_record *anchor, struct view bytes,
                              struct anchor_crl_record *ret, struct error *err);
struct anchor_due {
    struct uuid anchor_id, template_id;
    const char *name;
    struct text_list urls;
};
/* Those whose CRLs have run out, will within a tenth of their life, or are older than an hour. */
MUST_USE bool anchors_due(struct core *core, struct arena *arena, struct anchor_due **ret_items,
                          size_t *ret_count, struct error *err);
MUST_USE bool anchors_fetched(struct core *core, struct arena *arena, const struct anchor_due *due,
                              struct view crl, struct error *err);

const char *anchor_role_name(enum anchor_role role);             /* "device", "ra" */
enum anchor_role anchor_role_from_name(const char *name);        /* 0 when unknown */
const char *anchor_crl_check_name(enum anchor_crl_check check);  /* "none", "ifAvailable", "required" */
MUST_USE bool anchor_crl_check_from_name(const char *name, enum anchor_crl_check *ret);

#endif
