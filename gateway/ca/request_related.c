/* RFC 9763: a certificate that goes with one this instance has issued before. */
#include "ca/request_flow.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/related.h"

/* A proof that was judged when the request came is not judged again for its age when somebody signs. */
#define ANY_AGE (INT64_C(100) * 366 * 86400)

static bool refused(struct error *err, const char *what) {
    return fail(err, ERROR_POLICY, "related-certificate", "%s", what);
}

static bool is_it(struct arena *arena, const struct related_request *asked,
                  const struct certificate_record *record, X509 **ret, struct error *err) {
    TRY(certificate_decode(arena, record->der, ret, err));
    keep_X509(arena, *ret);
    if (X509_NAME_cmp(X509_get_issuer_name(*ret), asked->issuer) != 0)
        *ret = NULL;
    return true;
}

/* Among the certificates that are valid now; a serial number is another issuer's, too, at most a few times. */
static bool find(struct tx *tx, struct arena *arena, const struct related_request *asked, X509 **ret,
                 struct certificate_record *ret_record, struct error *err) {
    struct certificate_filter filter = {.state = CERTIFICATE_VALID,
                                        .now_us = clock_now_us(),
                                        .serial = asked->serial,
                                        .archived = ARCHIVED_SHOWN};
    struct page page = {.limit = 20};
    struct certificate_record *items;
    const char *next;
    size_t count;
    *ret = NULL;
    TRY(certificate_list(tx, arena, &scope_everything, &filter, &page, &items, &count, &next, err));
    for (size_t i = 0; i < count && *ret == NULL; i++)
        TRY(certificate_by_id(tx, arena, &scope_everything, items[i].id, ret_record, err) &&
            is_it(arena, asked, ret_record, ret, err));
    return true;
}

bool flow_find_related(struct arena *arena, struct request_context *c, struct error *err) {
    struct related_request asked;
    struct certificate_record record;
    X509 *certificate = NULL;
    bool there = false, done = false;
    int64_t fresh = c->approver == NULL ? c->template.related.fresh_seconds : ANY_AGE;
    if (c->template.related.from == RELATED_NONE || c->asks_nobody)
        return true;
    TRY(related_read(arena, c->csr, &asked, &there, err));
    if (!there)
        return c->template.related.from == RELATED_REQUEST ||
               refused(err, "The template wants a CSR that proves another certificate of the same holder "
                            "(relatedCertRequest, rfc9763#3).");
    TX(tx, core_db(c->core), &done, err)
        tx.ok = find(tx.tx, arena, &asked, &certificate, &record, err);
    TRY(done);
    if (certificate == NULL)
        return refused(err, "The certificate that the CSR names (relatedCertRequest) is none that this "
                            "instance has issued and that is valid now.");
    TRY(related_check(&asked, certificate, c->csr, clock_now_us(), fresh, err));
    c->related = arena_printf(arena, "sha256:%s",
                              hex_encode(arena, view_of(record.fingerprint_sha256,
                                                        sizeof record.fingerprint_sha256)));
    return true;
}
