/* A certificate like one that is there. */
#include "ca/request_more.h"

#include "base/clock.h"
#include "x509/name.h"
#include "x509/san.h"

/* Subject and SANs of the certificate as a proposal; its end, too, for a re-issue. */
static bool proposal_of(struct arena *arena, const struct certificate_record *old, bool keep_end,
                        const struct json **ret_proposal, struct error *err) {
    AUTO(X509) *certificate = NULL;
    struct json_writer w = json_writer_on(arena);
    TRY(certificate_decode(arena, old->der, &certificate, err));
    AUTO(GENERAL_NAMES) *sans = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    json_open_object(&w);
    json_put_string(&w, "subject", name_text(arena, X509_get_subject_name(certificate)));
    json_name(&w, "sans");
    san_write_json(&w, arena, sans);
    if (keep_end)
        json_put_time(&w, "notAfter", old->not_after_us);
    json_close_object(&w);
    return json_parse(arena, view_text(json_written(&w)), ret_proposal, err);
}

/* The CSR that it was made of. */
static bool csr_of(struct core *core, struct arena *arena, const struct certificate_record *old,
                   struct view *ret_csr, struct error *err) {
    struct request_record request = {0};
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = request_by_id(tx.tx, arena, &scope_everything, old->request_id, &request, err);
    TRY(done);
    *ret_csr = request.csr;
    return request.csr.len > 0 || fail(err, ERROR_CONFLICT, "no-csr",
                                       "The CSR of the certificate is not there; send a new one.");
}

bool certificate_renew(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct renewal_order *order, struct request_record *ret_request,
                       struct certificate_record *ret_certificate, struct error *err) {
    struct submission submission = {.door = order->door, .csr = order->csr, .issue = order->issue};
    struct certificate_record *old = &submission.renews;
    TRY(certificate_get(core, arena, actor, order->certificate_id, old, err));
    if (old->template_slug[0] == '\0' || uuid_is_nil(old->request_id))
        return fail(err, ERROR_CONFLICT, "no-template",
                    "The certificate was made under no template; it is renewed where it is used.");
    submission.template_slug = old->template_slug;
    if (submission.csr.len == 0)
        TRY(csr_of(core, arena, old, &submission.csr, err));
    TRY(proposal_of(arena, old, order->keep_end, &submission.proposal, err));
    return request_submit(core, arena, actor, &submission, ret_request, ret_certificate, err);
}
