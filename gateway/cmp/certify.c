#include "cmp/exchange.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/name.h"

#include <openssl/err.h>
#include <string.h>

/* One request while it is made. */
struct making {
    struct exchange *x;
    struct wanted *w;
    size_t index;
    const CRMF_TEMPLATE *template; /* NULL: p10cr */
    X509_REQ *csr;                 /* p10cr, for its names */
    struct view der;               /* PKCS#10 */
    bool proven, encrypt;
    struct uuid renews;
    const X509_NAME *subject;
    const GENERAL_NAMES *sans;
    EXTENSION_LIST *extensions;
};

/* --- names -------------------------------------------------------------------------------------------- */

static GENERAL_NAMES *sans_of(struct arena *arena, const EXTENSION_LIST *list) {
    GENERAL_NAMES *sans = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
    if (sans != NULL)
        keep_GENERAL_NAMES(arena, sans);
    ERR_clear_error();
    return sans;
}

static struct view names_der(struct arena *arena, const GENERAL_NAMES *sans) {
    return sans == NULL ? view_of(NULL, 0) : asn1_der(arena, sans, ASN1_ITEM_rptr(GENERAL_NAMES));
}

/* A holder of a certificate renews it, or gets another for the same names; more is the template's to allow. */
static bool check_names(struct making *k, struct error *err) {
    struct exchange *x = k->x;
    if (!x->peer.own || x->by_ra || x->settings.own == CMP_OWN_ANY)
        return true;
    if (x->settings.own == CMP_OWN_NONE)
        return REFUSED(x, CMP_NOT_AUTHORIZED, ERROR_FORBIDDEN, "cmp-request",
                       "Certificates of this template do not allow to ask for others (\"ownCertificates\").");
    const GENERAL_NAMES *old = sans_of(x->arena, X509_get0_extensions(x->peer.x509));
    if (X509_NAME_cmp(k->subject, X509_get_subject_name(x->peer.x509)) != 0 ||
        (k->sans != NULL && !view_equal(names_der(x->arena, k->sans), names_der(x->arena, old))))
        return REFUSED(x, CMP_BAD_CERT_TEMPLATE, ERROR_POLICY, "cmp-request",
                       "Subject and alternative names must be those of the certificate that the request is "
                       "protected with; other ones need \"ownCertificates\": \"any\", a shared secret or an RA.");
    return true;
}

/* --- renewal ------------------------------------------------------------------------------------------ */

static bool old_certificate(struct exchange *x, const CRMF_CERT_ID *id, struct certificate_record *ret,
                            struct error *err) {
    AUTO(BIGNUM) *number = ASN1_INTEGER_to_BN(id->serial, NULL);
    uint8_t octets[MAX_SERIAL];
    bool done = false;
    if (number == NULL || BN_is_negative(number) || BN_num_bytes(number) > MAX_SERIAL - 1)
        return REFUSED(x, CMP_BAD_CERT_ID, ERROR_MALFORMED, "cmp-request", "oldCertID holds no serial number.");
    int len = BN_num_bytes(number) + (BN_num_bits(number) % 8 == 0 ? 1 : 0);
    BN_bn2binpad(number, octets, len);
    TX(tx, core_db(x->core), &done, err)
        tx.ok = certificate_by_serial(tx.tx, x->arena, x->target.ca.id, view_of(octets, (size_t)len), ret, err);
    return done || REFUSED(x, CMP_BAD_CERT_ID, ERROR_NOT_FOUND, "cmp-request",
                           "oldCertID names no certificate of this CA.");
}

/* rfc9483#4.1.3: the protecting certificate is the one to be renewed; an RA names it by oldCertID. */
static bool find_old(struct making *k, const CRMF_REQUEST *request, struct error *err) {
    struct exchange *x = k->x;
    struct certificate_record old = {0};
    const CRMF_CERT_ID *id = NULL;
    if (x->m.body != CMP_KUR)
        return true;
    for (int i = 0; i < sk_CMP_INFO_num(request->controls); i++) {
        const CMP_INFO *control = sk_CMP_INFO_value(request->controls, i);
        if (OBJ_obj2nid(control->type) == NID_id_regCtrl_oldCertID)
            id = asn1_read(x->arena, asn1_any(x->arena, control->value), ASN1_ITEM_rptr(CRMF_CERT_ID));
    }
    if (id != NULL)
        TRY(old_certificate(x, id, &old, err));
    else if (x->peer.own)
        old = x->peer.certificate;
    else
        return REFUSED(x, CMP_BAD_CERT_ID, ERROR_POLICY, "cmp-request",
                       "kur must be protected with the certificate to be renewed, or, from an RA, name it by "
                       "oldCertID.");
    if (!x->peer.ra && !(x->peer.own && uuid_equal(old.id, x->peer.certificate.id)))
        return REFUSED(x, CMP_NOT_AUTHORIZED, ERROR_FORBIDDEN, "cmp-request",
                       "oldCertID is not the certificate that the request is protected with.");
    k->renews = old.id;
    if (x->peer.ra && k->template->subject == NULL) {
        X509 *certificate = NULL;
        TRY(certificate_decode(x->arena, old.der, &certificate, err));
        k->subject = X509_get_subject_name(keep_X509(x->arena, certificate));
    }
    return true;
}

/* --- CRMF to PKCS#10 ---------------------------------------------------------------------------------- */

/* What the template leaves open is taken from the old certificate (rfc9483#4.1.3). */
static bool fill_names(struct making *k, struct error *err) {
    struct exchange *x = k->x;
    const EXTENSION_LIST *asked = k->template->extensions;
    if (k->template->subject != NULL)
        k->subject = k->template->subject;
    else if (k->subject == NULL && x->m.body == CMP_KUR)
        k->subject = X509_get_subject_name(x->peer.x509);
    if (k->subject == NULL)
        k->subject = keep_X509_NAME(x->arena, X509_NAME_new());
    EXTENSION_LIST *all = sk_X509_EXTENSION_new_null();
    if (all == NULL)
        return fail_internal(err, "no memory");
    k->extensions = keep_EXTENSION_LIST(x->arena, all);
    for (int i = 0; i < sk_X509_EXTENSION_num(asked); i++)
        if (sk_X509_EXTENSION_push(all, X509_EXTENSION_dup(sk_X509_EXTENSION_value(asked, i))) == 0)
            return fail_internal(err, "no memory");
    if (x->m.body == CMP_KUR && x->peer.own && X509v3_get_ext_by_NID(all, NID_subject_alt_name, -1) < 0) {
        const EXTENSION_LIST *old = X509_get0_extensions(x->peer.x509);
        int at = X509v3_get_ext_by_NID(old, NID_subject_alt_name, -1);
        if (at >= 0 && sk_X509_EXTENSION_push(all, X509_EXTENSION_dup(sk_X509_EXTENSION_value(old, at))) == 0)
            return fail_internal(err, "no memory");
    }
    k->sans = sans_of(x->arena, all);
    return true;
}

static bool has_key(const CRMF_TEMPLATE *template) {
    const unsigned char *bits;
    int len = 0;
    return template->public_key != NULL &&
           X509_PUBKEY_get0_param(NULL, &bits, &len, NULL, template->public_key) == 1 && len > 0;
}

static bool check_key(struct exchange *x, EVP_PKEY *key, struct error *err) {
    x->fail = CMP_BAD_CERT_TEMPLATE;
    TRY(minima_key(&x->settings.algorithms.least, key, "public key of the request", err));
    x->fail = CMP_NO_FAIL;
    return true;
}

static bool read_request(struct making *k, const CRMF_MESSAGE *message, struct error *err) {
    struct exchange *x = k->x;
    EVP_PKEY *key = NULL;
    x->fail = CMP_BAD_DATA_FORMAT;
    const CRMF_REQUEST *request =
        asn1_read(x->arena, asn1_any(x->arena, message->request), ASN1_ITEM_rptr(CRMF_REQUEST));
    if (request == NULL || ASN1_INTEGER_get_int64(&k->w->id, request->id) != 1)
        return fail(err, ERROR_MALFORMED, "malformed-cmp", "A CertRequest cannot be read.");
    x->fail = CMP_NO_FAIL;
    k->template = request->template;
    TRY(find_old(k, request, err));
    TRY(fill_names(k, err));
    TRY(check_names(k, err));
    if (!has_key(k->template)) {
        if (message->proof != NULL) /* rfc9483#4.1.6 */
            return REFUSED(x, CMP_BAD_POP, ERROR_MALFORMED, "cmp-request",
                           "A request for a key to be made here carries no proof of possession.");
        TRY(cmp_make_key(x, k->template, &k->w->new_key, &key, err));
    } else {
        key = X509_PUBKEY_get0(k->template->public_key);
        if (key == NULL)
            return ERR_clear_error(), REFUSED(x, CMP_BAD_CERT_TEMPLATE, ERROR_POLICY, "weak-key",
                                              "The public key in the template is of no known type.");
        TRY(check_key(x, key, err));
        TRY(cmp_check_proof(x, message, request, &k->encrypt, err));
    }
    k->proven = true;
    return csr_unsigned(x->arena, k->subject, NULL, k->extensions, key, &k->der, err);
}

static bool read_pkcs10(struct making *k, struct error *err) {
    struct exchange *x = k->x;
    X509_REQ *csr = NULL;
    GENERAL_NAMES *sans = NULL;
    k->w->id = -1; /* rfc9483#4.1.4 */
    TRY(csr_decode(x->arena, x->m.content, &csr, &k->der, err));
    k->csr = keep_X509_REQ(x->arena, csr);
    TRY(check_key(x, X509_REQ_get0_pubkey(csr), err));
    const X509_ALGOR *algorithm;
    X509_REQ_get0_signature(csr, NULL, &algorithm);
    x->fail = CMP_BAD_ALG;
    TRY(minima_signature(&x->settings.algorithms.least, algorithm, "CSR", err));
    x->fail = CMP_NO_FAIL;
    k->subject = X509_REQ_get_subject_name(csr);
    TRY(csr_sans(csr, &sans, err));
    k->sans = keep_GENERAL_NAMES(x->arena, sans);
    return check_names(k, err);
}

/* --- asking the core ---------------------------------------------------------------------------------- */

static bool put_validity(struct making *k, struct json_writer *w, struct error *err) {
    const CRMF_VALIDITY *validity = k->template == NULL ? NULL : k->template->validity;
    const struct {
        const char *name;
        const ASN1_TIME *time;
    } ends[] = {{"notBefore", validity == NULL ? NULL : validity->not_before},
                {"notAfter", validity == NULL ? NULL : validity->not_after}};
    for (size_t i = 0; i < 2; i++) {
        int64_t us;
        if (ends[i].time == NULL)
            continue;
        TRY(asn1_time_to_us(ends[i].time, &us, err));
        if (i == 0 && us <= k->x->call->now_us)
            continue; /* "from now on" by a clock that is a little slow */
        json_put_time(w, ends[i].name, us);
    }
    return true;
}

/* Validity of the template; the names that the shared secret is bound to take the place of the asked ones. */
static bool proposal(struct making *k, const struct json **ret, struct error *err) {
    static const char *const bound_members[] = {"subject", "sans"};
    const struct json *bound = NULL;
    struct json_writer w = json_writer_on(k->x->arena);
    json_open_object(&w);
    TRY(put_validity(k, &w, err));
    if (k->x->peer.protection == CMP_BY_MAC && k->x->peer.credential.bound != NULL &&
        k->x->peer.credential.bound[0] != '\0')
        TRY(json_parse(k->x->arena, view_text(k->x->peer.credential.bound), &bound, err));
    for (size_t i = 0; i < 2; i++) {
        const struct json *member = json_get(bound, bound_members[i]);
        if (member == NULL || member->count == 0)
            continue;
        json_name(&w, bound_members[i]);
        json_add_value(&w, member);
    }
    json_close_object(&w);
    return json_parse(k->x->arena, view_text(json_written(&w)), ret, err);
}

static bool spend(struct tx *tx, void *context, __attribute__((unused)) const struct request_record *request,
                  struct error *err) {
    struct making *k = context;
    if (k->index > 0 || k->x->peer.protection != CMP_BY_MAC)
        return true;
    return credential_spend(tx, k->x->peer.credential.id, k->x->call->now_us, err);
}

static struct view transaction_of(struct making *k) {
    struct view parts[] = {view_of(k->x->peer.hash, 32), k->x->m.transaction_id, wire_int(k->x->arena, k->w->id)};
    struct view all = wire_join(k->x->arena, parts, 3);
    uint8_t *hash = arena_alloc(k->x->arena, 32);
    EVP_Digest(all.at, all.len, hash, NULL, EVP_sha256(), NULL);
    return view_of(hash, 32);
}

static bool ask(struct making *k, struct error *err) {
    struct exchange *x = k->x;
    struct actor actor = cmp_actor(x);
    struct enrolment e = {.template_slug = x->target.record.slug,
                          .door = "cmp",
                          .transaction = transaction_of(k),
                          .csr = k->der,
                          .proven = k->proven,
                          .requester = x->peer.name,
                          .approved = !x->peer.device || x->settings.approve_devices,
                          .renews = k->renews,
                          .alongside = spend,
                          .context = k};
    TRY(proposal(k, &e.proposal, err));
    return enrol(x->core, x->arena, &actor, &e, &k->w->enrolled, err);
}

static const char *key_place(struct exchange *x, int64_t id) {
    return arena_printf(x->arena, "cmp_certificates/%s/%lld", uuid_text(x->arena, x->row.id), (long long)id);
}

static bool fill_row(struct making *k, struct error *err) {
    struct exchange *x = k->x;
    struct wanted *w = k->w;
    w->row = (struct cmp_certificate){.transaction = x->row.id,
                                      .cert_req_id = w->id,
                                      .encrypted = k->encrypt,
                                      .request_id = w->enrolled.request.id,
                                      .certificate_id = w->enrolled.certificate.id,
                                      .renews_id = k->renews,
                                      .credential_id = x->peer.credential.id,
                                      .sealed_key = "",
                                      .reason = w->refused != NULL ? w->refused : ""};
    if (w->refused == NULL && w->new_key.blob.len > 0 && uuid_is_nil(w->enrolled.certificate.id))
        return secret_seal(x->core, x->arena, key_place(x, w->id), person_key_pack(x->arena, &w->new_key),
                           &w->row.sealed_key, err);
    return true;
}

static bool is_ours(const struct error *err) {
    return err->kind == ERROR_INTERNAL || err->kind == ERROR_UNAVAILABLE;
}

static bool one(struct exchange *x, const CRMF_MESSAGE *message, struct error *err) {
    struct making k = {.x = x, .index = x->wanted_count, .w = &x->wanted[x->wanted_count]};
    struct error refused = {0};
    k.w->fail = CMP_NO_FAIL;
    x->fail = CMP_NO_FAIL;
    bool ok = message == NULL ? read_pkcs10(&k, &refused) : read_request(&k, message, &refused);
    ok = ok && ask(&k, &refused);
    if (!ok && is_ours(&refused)) {
        *err = refused;
        return false;
    }
    if (!ok) { /* the others of the message go on */
        k.w->refused = arena_strdup(x->arena, refused.message);
        k.w->fail = x->fail != CMP_NO_FAIL ? x->fail : cmp_fail_of(&refused);
        x->fail = CMP_NO_FAIL;
    }
    x->wanted_count++;
    return fill_row(&k, err);
}

static bool same_id_twice(const struct exchange *x) {
    for (size_t i = 0; i < x->wanted_count; i++)
        for (size_t j = 0; j < i; j++)
            if (x->wanted[i].id == x->wanted[j].id)
                return true;
    return false;
}

bool cmp_certify(struct exchange *x, struct error *err) {
    if (x->m.body == CMP_P10CR)
        return one(x, NULL, err) && cmp_tell(x, err);
    const CRMF_MESSAGES *messages = asn1_read(x->arena, x->m.content, ASN1_ITEM_rptr(CRMF_MESSAGES));
    int count = sk_CRMF_MESSAGE_num(messages);
    if (messages == NULL || count < 1 || count > CMP_REQUESTS_MAX)
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "malformed-cmp",
                       "The CertReqMessages cannot be read, or are more than %d.", CMP_REQUESTS_MAX);
    for (int i = 0; i < count; i++)
        TRY(one(x, sk_CRMF_MESSAGE_value(messages, i), err));
    if (same_id_twice(x))
        return REFUSED(x, CMP_BAD_DATA_FORMAT, ERROR_MALFORMED, "malformed-cmp",
                       "Two requests of the message have the same certReqId.");
    return cmp_tell(x, err);
}

/* --- what became of it -------------------------------------------------------------------------------- */

static bool opened_key(struct exchange *x, struct wanted *w, struct error *err) {
    struct view packed;
    if (w->new_key.blob.len > 0 || w->row.sealed_key[0] == '\0')
        return true;
    TRY(secret_open(x->core, x->arena, key_place(x, w->id), w->row.sealed_key, &packed, err));
    return person_key_unpack(x->arena, packed, &w->new_key, err);
}

/* CertifiedKeyPair: certOrEncCert with explicit tags 0 and 1, privateKey with 0. */
static bool key_pair(struct exchange *x, struct wanted *w, struct view *ret, struct error *err) {
    struct view certificate = w->enrolled.certificate.der, envelope, private_key = {0};
    TRY(opened_key(x, w, err));
    if (w->new_key.blob.len > 0) {
        TRY(cmp_envelope_key(x, &w->new_key, &envelope, err));
        private_key = wire_tagged(x->arena, 0, envelope);
    }
    if (w->row.encrypted) {
        TRY(cmp_envelope_certificate(x, certificate, &envelope, err));
        certificate = wire_tagged(x->arena, 1, envelope);
    } else {
        certificate = wire_tagged(x->arena, 0, certificate);
    }
    *ret = WIRE_SEQ(x->arena, certificate, private_key);
    return true;
}

static void judge_state(struct wanted *w, bool implicit) {
    const struct request_record *request = &w->enrolled.request;
    if (w->refused != NULL) {
        w->row.state = CMP_CERTIFICATE_REFUSED;
    } else if (!uuid_is_nil(w->enrolled.certificate.id)) {
        w->row.state = implicit ? CMP_CERTIFICATE_CONFIRMED : CMP_CERTIFICATE_ISSUED;
        w->row.certificate_id = w->enrolled.certificate.id;
    } else if (request->state == REQUEST_PENDING || request->state == REQUEST_APPROVED) {
        w->row.state = CMP_CERTIFICATE_WAITING;
    } else {
        w->row.state = CMP_CERTIFICATE_REFUSED;
        w->refused = request->reason[0] != '\0' ? request->reason : "The request was declined.";
        w->fail = CMP_NOT_AUTHORIZED;
        w->row.reason = w->refused;
    }
}

static bool response(struct exchange *x, struct wanted *w, struct view *ret, struct error *err) {
    struct view none = {0}, pair, status;
    switch (w->row.state) {
    case CMP_CERTIFICATE_WAITING:
        status = cmp_status_info(x->arena, CMP_WAITING, "The request waits for approval; poll for it.", CMP_NO_FAIL);
        *ret = cmp_cert_response(x->arena, w->id, status, none);
        return true;
    case CMP_CERTIFICATE_REFUSED:
        status = cmp_status_info(x->arena, CMP_REJECTED, w->refused, w->fail);
        *ret = cmp_cert_response(x->arena, w->id, status, none);
        return true;
    default:
        TRY(key_pair(x, w, &pair, err));
        status = cmp_status_info(x->arena, CMP_ACCEPTED, NULL, CMP_NO_FAIL);
        *ret = cmp_cert_response(x->arena, w->id, status, pair);
        w->row.sealed_key = "";
        return true;
    }
}

static size_t count_state(const struct exchange *x, enum cmp_certificate_state state) {
    size_t count = 0;
    for (size_t i = 0; i < x->wanted_count; i++)
        count += x->wanted[i].row.state == state;
    return count;
}

static void judge_transaction(struct exchange *x) {
    int64_t now = x->call->now_us;
    size_t waiting = count_state(x, CMP_CERTIFICATE_WAITING), issued = count_state(x, CMP_CERTIFICATE_ISSUED);
    size_t confirmed = count_state(x, CMP_CERTIFICATE_CONFIRMED);
    x->row.deadline_us = INT64_MAX;
    if (waiting > 0) {
        x->row.state = CMP_STATE_WAITING;
        x->row.deadline_us = now + x->settings.wait_days * US_PER_DAY;
    } else if (issued > 0) {
        x->row.state = CMP_STATE_CONFIRM;
        x->row.deadline_us = x->confirm_until_us = now + x->settings.confirm_s * US_PER_SECOND;
    } else {
        x->row.state = confirmed > 0 ? CMP_STATE_DONE : CMP_STATE_REFUSED;
    }
    for (size_t i = 0; i < x->wanted_count && x->row.state == CMP_STATE_REFUSED; i++)
        if (x->wanted[i].refused != NULL)
            x->row.reason = x->wanted[i].refused;
}

static int answer_body(int request) {
    return request == CMP_IR ? CMP_IP : request == CMP_KUR ? CMP_KUP : CMP_CP;
}

bool cmp_tell(struct exchange *x, struct error *err) {
    struct view responses[CMP_REQUESTS_MAX], root = {0}, *chain;
    size_t count = 0;
    bool encrypted = false;
    for (size_t i = 0; i < x->wanted_count; i++)
        encrypted = encrypted || x->wanted[i].row.encrypted;
    bool implicit = x->known ? x->row.implicit_confirm
                             : x->m.implicit_confirm && x->settings.implicit_confirm && !encrypted;
    x->row.implicit_confirm = implicit;
    for (size_t i = 0; i < x->wanted_count; i++) {
        judge_state(&x->wanted[i], implicit);
        TRY(response(x, &x->wanted[i], &responses[i], err));
    }
    judge_transaction(x);
    x->implicit_confirm = implicit && count_state(x, CMP_CERTIFICATE_CONFIRMED) > 0;
    if (x->row.body == CMP_IR && x->peer.protection == CMP_BY_MAC) {
        TRY(authority_chain(x->core, x->arena, &x->target.ca, &chain, &count, err));
        root = count > 0 ? chain[count - 1] : root;
    }
    x->body = answer_body(x->row.body);
    x->content = cmp_cert_rep(x->arena, &root, root.len > 0 ? 1 : 0,
                              wire_join(x->arena, responses, x->wanted_count));
    return true;
}
