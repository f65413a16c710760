/* Trust anchors of a template: certificates from outside whose holders may enrol (EST, CMP), and the CRLs of
 * their issuers. */
#ifndef GATEHOUSE_STORE_ANCHORS_H
#define GATEHOUSE_STORE_ANCHORS_H

#include "store/db.h"
#include "store/limits.h"

enum anchor_role {
    ANCHOR_DEVICE = 1, /* what is below it is a device: a manufacturer's CA */
    ANCHOR_RA = 2,     /* what is below it, or it itself, is a registration authority that speaks for others */
};
enum anchor_crl_check {
    ANCHOR_CRL_NONE = 0,
    ANCHOR_CRL_IF_THERE = 1, /* a revoked certificate is refused; without a current CRL it is not known */
    ANCHOR_CRL_REQUIRED = 2, /* without a current CRL of every issuer nobody gets in */
};

struct anchor_record {
    struct uuid id, template_id;
    enum anchor_role role;
    const char *name;
    enum anchor_crl_check crl_check;
    const char *crl_urls; /* JSON array of http(s) URLs */
    uint8_t fingerprint_sha256[32];
    const char *subject; /* RFC 4514 */
    int64_t not_after_us;
    struct view certificate; /* DER */
    int64_t created_us;
};
/* ERROR_CONFLICT "exists" when the template has this certificate already. */
MUST_USE bool anchor_insert(struct tx *tx, const struct anchor_record *anchor, struct error *err);
/* All of a template, oldest first. */
MUST_USE bool anchor_list(struct tx *tx, struct arena *arena, struct uuid template_id,
                          struct anchor_record **ret_items, size_t *ret_count, struct error *err);
/* ERROR_NOT_FOUND. */
MUST_USE bool anchor_by_id(struct tx *tx, struct arena *arena, struct uuid template_id, struct uuid id,
                           struct anchor_record *ret, struct error *err);
/* With its CRLs. ERROR_NOT_FOUND. */
MUST_USE bool anchor_delete(struct tx *tx, struct uuid template_id, struct uuid id, struct error *err);
/* Those of all templates that name CRL URLs; without their certificates. */
MUST_USE bool anchor_list_with_urls(struct tx *tx, struct arena *arena, struct anchor_record **ret_items,
                                    size_t *ret_count, struct error *err);

struct anchor_crl_record {
    struct uuid anchor_id;
    uint8_t issuer_hash[32]; /* SHA-256 of the issuer's name, DER */
    const char *issuer;      /* RFC 4514 */
    int64_t this_update_us, next_update_us; /* next 0: never */
    int64_t stored_us;
    struct view der;         /* at most MAX_DOCUMENT */
};
/* Puts it in the place of the one of the same issuer unless that is newer. */
MUST_USE bool anchor_crl_put(struct tx *tx, const struct anchor_crl_record *crl, struct error *err);
MUST_USE bool anchor_crl_list(struct tx *tx, struct arena *arena, struct uuid anchor_id, bool want_der,
                              struct anchor_crl_record **ret_items, size_t *ret_count,
                              struct error *err);
/* Of all anchors of a template, with DER. */
MUST_USE bool anchor_crl_list_template(struct tx *tx, struct arena *arena, struct uuid template_id,
                                       struct anchor_crl_record **ret_items, size_t *ret_count,
                                       struct error *err);

#endif
