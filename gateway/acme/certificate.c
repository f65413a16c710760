/* Downloads with alternate chains (rfc8555#7.4.2), revocation (#7.6) and renewal information
 * (rfc9773). */
#include "acme/post.h"

#include "base/clock.h"
#include "base/encode.h"
#include "store/certificates.h"
#include "x509/certificate.h"
#include "x509/der.h"

#include <string.h>
#include <strings.h>

#define PEM_CHAIN "application/pem-certificate-chain"

/* Issuer and subject are the same octets. Nothing else of the certificate is needed, so it is not decoded. */
static bool self_signed(struct view der) {
    struct view run = der_content(der), tbs, part[6];
    size_t count = 0;
    if (!der_next(&run, &tbs))
        return false;
    run = der_content(tbs);
    while (count < 6 && der_next(&run, &part[count]))
        if (count > 0 || part[0].at[0] != DER_CONTEXT_CONSTRUCTED) /* the version */
            count++;
    return count > 4 && view_equal(part[2], part[4]); /* serial, algorithm, issuer, dates, subject */
}

/* By default the root is left out, as TLS servers want it (rfc8446#4.4.2); alternate 1 has it.
 * Where the root is the issuer itself it stays: clients expect an issuer behind the certificate. */
static size_t chain_length(const struct view *ders, size_t count, bool *ret_alternate) {
    *ret_alternate = count > 2 && self_signed(ders[count - 1]);
    return *ret_alternate ? count - 1 : count;
}

static bool choose(struct post *post, size_t whole, size_t shortened, bool alternate, size_t *ret,
                   struct error *err) {
    const char *which = post->request->parameters[2];
    *ret = shortened;
    if (which == NULL)
        return true;
    if (!alternate || strcmp(which, "1") != 0)
        return acme_refuse(err, "malformed", ERROR_NOT_FOUND, "There is no such chain.");
    *ret = whole;
    return true;
}

/* The order's certificate, as far as its chain is asked for. */
static bool find_certificate(struct post *post, struct certificate_record *ret, struct error *err) {
    struct acme_order order;
    bool done = false;
    TRY(order_load(post, &order, err));
    *ret = (struct certificate_record){.ca_id = post->certificate_ca, .der = post->certificate};
    if (!uuid_is_nil(order.certificate_id) && post->certificate.len > 0)
        return true;
    TRY(order_refresh(post->core, post->arena, &order, err));
    if (uuid_is_nil(order.certificate_id))
        return acme_refuse(err, "malformed", ERROR_NOT_FOUND, "The order has no certificate yet.");
    TX(tx, core_db(post->core), &done, err)
    tx.ok =
        certificate_by_id(tx.tx, post->arena, &scope_everything, order.certificate_id, ret, err);
    return done;
}

/* The template that is remembered mostly has the issuer at hand. */
static bool find_chain(struct post *post, const struct certificate_record *certificate,
                       struct view **ret_ders, size_t *ret_count, struct error *err) {
    struct enrolment_target target;
    struct error ignored;
    const char *slug = post->order.template_slug;
    if (*slug != '\0' && enrol_target(post->core, post->arena, slug, "acme", &target, &ignored) &&
        uuid_equal(target.ca.id, certificate->ca_id) &&
        uuid_equal(target.ca.key_id, post->certificate_key))
        return certificate_chain_under(post->core, post->arena, &target.ca, certificate, ret_ders,
                                       ret_count, err);
    return certificate_chain(post->core, post->arena, certificate, ret_ders, ret_count, err);
}

bool acme_certificate(struct post *post, struct error *err) {
    struct certificate_record certificate;
    struct view *ders = NULL;
    size_t count = 0, shown = 0;
    bool alternate = false;
    struct buffer out = buffer_on(post->arena);
    TRY(post_is_get(post, err));
    TRY(find_certificate(post, &certificate, err));
    TRY(find_chain(post, &certificate, &ders, &count, err));
    size_t shortened = chain_length(ders, count, &alternate);
    TRY(choose(post, count, shortened, alternate, &shown, err));
    for (size_t i = 0; i < shown; i++)
        buffer_add_text(&out, certificate_pem(post->arena, ders[i]));
    const char *url = post_url(post, "cert", post->order.id);
    if (alternate)
        post_link(post,
                  post->request->parameters[2] == NULL ? arena_printf(post->arena, "%s/1", url)
                                                       : url,
                  "alternate");
    http_reply(post->response, 200, PEM_CHAIN, buffer_view(&out));
    return true;
}

/* --- revocation
 * ------------------------------------------------------------------------------------------ */

static bool read_names(struct post *post, X509 *certificate, struct identifier **ret,
                       size_t *ret_count, struct error *err) {
    struct certificate_facts facts;
    struct json_writer w = json_writer_on(post->arena);
    const struct json *array;
    TRY(certificate_read(post->arena, certificate, &facts, err));
    json_open_array(&w);
    for (const char *at = facts.sans; *at != '\0';) {
        size_t len = strcspn(at, ",");
        const char *one = arena_text(post->arena, view_of(at, len));
        const char *colon = strchr(one, ':');
        bool ip = strncmp(one, "IP:", 3) == 0;
        if (colon == NULL || (!ip && strncmp(one, "DNS:", 4) != 0))
            return acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                               "The certificate has names that no authorization covers.");
        json_open_object(&w);
        json_put_string(&w, "type", ip ? "ip" : "dns");
        json_put_string(&w, "value", colon + 1);
        json_close_object(&w);
        at += len;
        at += strspn(at, ", ");
    }
    json_close_array(&w);
    TRY(json_parse(post->arena, view_text(json_written(&w)), &array, err));
    return identifiers_read(post->arena, array, ret, ret_count, err);
}

/* rfc8555#7.6: an account that holds authorizations for all the names may revoke, too. */
static bool holds_all(struct post *post, X509 *certificate, bool *ret, struct error *err) {
    struct identifier *names;
    size_t count;
    bool done = false, all = true;
    TRY(read_names(post, certificate, &names, &count, err));
    TX(tx, core_db(post->core), &done, err) {
        all = true;
        tx.ok = true;
        for (size_t i = 0; tx.ok && all && i < count; i++) {
            struct acme_authorization found, like = {.account_id = post->account.id,
                                                     .policy_id = post->account.policy_id,
                                                     .kind = names[i].kind,
                                                     .identifier = names[i].value,
                                                     .wildcard = names[i].wildcard,
                                                     .state = ACME_AUTHZ_VALID};
            tx.ok = acme_authorization_find(tx.tx, post->arena, &like, clock_now_us(), &found, err);
            all = tx.ok && !uuid_is_nil(found.id);
        }
    }
    *ret = all;
    return done;
}

static bool may_revoke(struct post *post, const struct certificate_record *record,
                       X509 *certificate, struct error *err) {
    struct acme_order order;
    bool done = false, all = false;
    if (!post->has_account)
        return EVP_PKEY_eq(X509_get0_pubkey(certificate), post->jwk.key) == 1 ||
               acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                           "The request is signed by another key than the certificate's.");
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_order_by_certificate(tx.tx, post->arena, record->id, &order, err);
    if (done && uuid_equal(order.account_id, post->account.id))
        return true;
    if (!done && err->kind != ERROR_NOT_FOUND)
        return false;
    TRY(holds_all(post, certificate, &all, err));
    return all ||
           acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                       "The account neither ordered this certificate nor is it authorized for "
                       "all its names.");
}

static bool allowed_reason(int64_t reason) {
    /* rfc5280#5.3.1; not: CA compromise, hold, removeFromCRL, AA compromise */
    return reason == 0 || reason == 1 || reason == 3 || reason == 4 || reason == 5 || reason == 9;
}

bool acme_revoke(struct post *post, struct error *err) {
    const char *text = NULL;
    struct view der;
    struct certificate_record record;
    X509 *certificate = NULL;
    int64_t reason = 0;
    TRY(post_needs_payload(post, err));
    TRY(json_string(post->payload, "certificate", &text, err));
    if (json_get(post->payload, "reason") != NULL &&
        (!json_int(post->payload, "reason", 0, 10, &reason, err) || !allowed_reason(reason)))
        return acme_refuse(err, "badRevocationReason", ERROR_MALFORMED,
                           "The reason must be 0, 1, 3, 4, 5 or 9 (rfc5280#5.3.1).");
    if (text == NULL || !base64url_decode(post->arena, view_text(text), &der))
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "\"certificate\" must be DER in base64url (rfc8555#7.6).");
    TRY(certificate_decode(post->arena, der, &certificate, err));
    keep_X509(post->arena, certificate);
    if (!enrol_certificate(post->core, post->arena, der, &record, err))
        return err->kind == ERROR_NOT_FOUND ? acme_refuse(err, "malformed", ERROR_NOT_FOUND,
                                                          "The certificate was not issued here.")
                                            : false;
    TRY(may_revoke(post, &record, certificate, err));
    if (record.revoked)
        return acme_refuse(err, "alreadyRevoked", ERROR_MALFORMED,
                           "The certificate is revoked already.");
    TRY(enrol_revoke(post->core, post->arena, &post->actor, record.id, (int)reason, err));
    http_reply_text(post->response, 200, "text/plain", "");
    return true;
}

/* --- renewal information
 * ------------------------------------------------------------------------------------ */

static bool no_such(struct error *err) {
    return acme_refuse(err, "malformed", ERROR_NOT_FOUND,
                       "There is no certificate with this renewal identifier (rfc9773#4.1).");
}

static bool same_issuer(struct arena *arena, struct view der, struct view key_id) {
    X509 *certificate = NULL;
    if (!certificate_decode(arena, der, &certificate, NULL))
        return false;
    keep_X509(arena, certificate);
    const ASN1_OCTET_STRING *id = X509_get0_authority_key_id(certificate);
    return id != NULL &&
           view_equal(key_id, view_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)));
}

bool ari_certificate(struct core *core, struct arena *arena, const char *text,
                     struct certificate_record *ret, struct error *err) {
    const char *dot = text == NULL ? NULL : strchr(text, '.');
    struct view key_id, serial;
    struct uuid ids[8];
    size_t count = 0;
    if (dot == NULL || strlen(text) > 200 ||
        !base64url_decode(arena, view_of(text, (size_t)(dot - text)), &key_id) ||
        !base64url_decode(arena, view_text(dot + 1), &serial) || key_id.len == 0 || serial.len == 0)
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "A renewal identifier is two parts in base64url with a dot between them "
                           "(rfc9773#4.1).");
    /* The serial is the INTEGER's content, with the zero octet before a first bit that is set. */
    if (serial.len > 1 && serial.at[0] == 0)
        serial = view_of(serial.at + 1, serial.len - 1);
    bool found = false;
    TX(tx, core_db(core), &found, err)
    tx.ok = acme_certificates_by_serial(tx.tx, arena, serial, ids, &count, err);
    TRY(found);
    for (size_t i = 0; i < count; i++) {
        struct certificate_record record;
        bool read = false;
        TX(tx, core_db(core), &read, err)
        tx.ok = certificate_by_id(tx.tx, arena, &scope_everything, ids[i], &record, err);
        TRY(read);
        if (same_issuer(arena, record.der, key_id)) {
            *ret = record;
            return true;
        }
    }
    return no_such(err);
}

const char *ari_name(struct arena *arena, struct view der) {
    X509 *certificate = NULL;
    if (!certificate_decode(arena, der, &certificate, NULL))
        return NULL;
    keep_X509(arena, certificate);
    const ASN1_OCTET_STRING *id = X509_get0_authority_key_id(certificate);
    AUTO(BIGNUM) *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    uint8_t bytes[64] = {0};
    if (id == NULL || serial == NULL || BN_num_bytes(serial) >= (int)sizeof bytes)
        return NULL;
    /* the INTEGER's content: an octet of zeros before a first bit that is set */
    int len = BN_num_bits(serial) / 8 + 1;
    BN_bn2binpad(serial, bytes, len);
    return arena_printf(
        arena, "%s.%s",
        base64url_encode(arena, view_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id))),
        base64url_encode(arena, view_of(bytes, (size_t)len)));
}

/* Between two thirds of the life and three quarters; at once when it is revoked. */
void ari_window(const struct certificate_record *certificate, int64_t now_us, int64_t *ret_start_us,
                int64_t *ret_end_us) {
    int64_t life = certificate->not_after_us - certificate->not_before_us;
    int64_t start = certificate->not_before_us + life / 3 * 2, end = start + life / 12;
    if (certificate->revoked) {
        end = certificate->revoked_us < now_us ? certificate->revoked_us : now_us;
        start = end - 3600 * US_PER_SECOND;
    }
    *ret_start_us = start / US_PER_SECOND * US_PER_SECOND;
    *ret_end_us = end / US_PER_SECOND * US_PER_SECOND;
}
