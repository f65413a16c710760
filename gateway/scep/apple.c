/* Configuration profiles for Apple devices without a device management service: an administrator approves a
 * subject beforehand and passes on a link; the device opens it and gets a signed profile whose SCEP payload
 * carries a challenge password for that subject alone.
 *
 *   GET  /profile/{secret}   a page; opening it uses nothing up, for mail scanners follow links
 *   POST /profile/{secret}   the profile
 */
#include "scep/apple.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/authority.h"
#include "ca/credentials.h"
#include "ca/templates.h"
#include "store/cas.h"
#include "store/organisations.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/evp.h>
#include <string.h>

#define CHALLENGE_LIFE_US (24 * 3600 * US_PER_SECOND)

/* Signed by the CA's SCEP identity, with its issuers: the profile brings the root along. */
static bool sign(struct core *core, struct arena *arena, const struct apple_plan *plan,
                 const char *text, struct view *ret_der, struct error *err) {
    struct scep_recipient *signers;
    size_t count;
    unsigned char *der = NULL;
    unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    TRY(scep_recipients(core, arena, plan->ca, &signers, &count, err));
    AUTO(BIO) *in = BIO_new_mem_buf(text, -1);
    AUTO(CMS_ContentInfo) *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    if (cms == NULL || CMS_add1_signer(cms, signers[0].certificate, signers[0].key, EVP_sha256(),
                                       flags) == NULL)
        return fail_internal(err, "CMS_add1_signer");
    for (size_t i = 0; i < plan->chain_count; i++) {
        const unsigned char *at = plan->chain[i].at;
        AUTO(X509) *issuer = d2i_X509(NULL, &at, (long)plan->chain[i].len);
        if (issuer == NULL || CMS_add1_cert(cms, issuer) != 1)
            return fail_internal(err, "CMS_add1_cert");
    }
    if (CMS_final(cms, in, NULL, CMS_BINARY) != 1)
        return fail(err, ERROR_UNAVAILABLE, "signing-failed",
                    "The SCEP key of the CA does not answer; try again later.");
    int len = i2d_CMS_ContentInfo(cms, &der);
    if (len <= 0)
        return fail_internal(err, "i2d_CMS_ContentInfo");
    *ret_der = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}

/* --- the link ----------------------------------------------------------------------------------------- */

static bool find(struct core *core, struct http_request *request, struct scep_profile *ret,
                 struct template_record *ret_template, struct error *err) {
    const char *secret = request->parameters[0];
    uint8_t hash[32];
    bool done = false;
    EVP_Digest(secret, strlen(secret), hash, NULL, EVP_sha256(), NULL);
    TX(tx, core_db(core), &done, err)
        tx.ok = scep_profile_by_hash(tx.tx, request->arena, hash, clock_now_us(), ret, err) &&
                template_version(tx.tx, request->arena, ret->template_id, 0, ret_template, err);
    return done;
}

HANDLER(scep_profile_page) {
    struct scep_profile profile;
    struct template_record template;
    struct buffer page = buffer_on(request->arena);
    TRY(find(context, request, &profile, &template, err));
    buffer_add_text(&page, "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta "
                           "name=\"viewport\" content=\"width=device-width\"><title>Certificate for "
                           "this device</title><h1>Certificate for this device</h1><p>Open this "
                           "page on the device that is to get the certificate, download the "
                           "profile, and install it in the settings.</p><form method=\"post\">"
                           "<button>Download the profile</button></form></html>\n");
    http_add_header(response, "Cache-Control", "no-store");
    http_add_header(response, "Content-Security-Policy",
                    "default-src 'none'; form-action 'self'; frame-ancestors 'none'");
    http_reply_text(response, 200, "text/html; charset=utf-8", buffer_text(&page));
    return true;
}

static bool make_challenge(struct core *core, struct http_request *request,
                           const struct scep_profile *profile, const struct json *document,
                           const char **ret_secret, struct error *err) {
    struct actor actor = actor_system;
    struct credential credential;
    struct json_writer w = json_writer_on(request->arena);
    actor.address = request->address;
    actor.request_id = request->id;
    json_open_object(&w);
    json_name(&w, "subject");
    json_add_value(&w, json_get(document, "subject"));
    if (json_get(document, "sans") != NULL) {
        json_name(&w, "sans");
        json_add_value(&w, json_get(document, "sans"));
    }
    json_close_object(&w);
    struct credential_order order = {.template_id = profile->template_id,
                                     .kind = CREDENTIAL_CHALLENGE,
                                     .label = "Apple profile",
                                     .uses = 1,
                                     .expires_us = clock_now_us() + CHALLENGE_LIFE_US,
                                     .bound = json_written(&w),
                                     .on_behalf_of = profile->maker_id};
    return credential_create(core, request->arena, &actor, &order, &credential, ret_secret, err);
}

static bool fill_plan(struct core *core, struct http_request *request,
                      const struct template_record *template, const struct json *document,
                      struct ca_record *ca, struct apple_plan *plan, struct error *err) {
    struct arena *arena = request->arena;
    const char *platform = "ios";
    struct core_urls urls;
    int64_t bits = 2048;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_by_id(tx.tx, arena, &scope_everything, template->ca_id, ca, err);
    TRY(done);
    TRY(core_public_urls(core, arena, &urls, err));
    TRY(authority_chain(core, arena, ca, &plan->chain, &plan->chain_count, err));
    TRY(json_string(document, "name", &plan->name, err));
    TRY(json_string(document, "platform", &platform, err));
    TRY(json_int(document, "keyBits", 2048, 4096, &bits, err));
    plan->ca = ca;
    plan->organisation = ca->name;
    plan->identifier = arena_printf(arena, "gatehouse.%s.%s", template->slug,
                                    uuid_text(arena, uuid_new()));
    plan->url = arena_printf(arena, "%s/scep/%s", urls.http, template->slug);
    plan->key_bits = bits;
    plan->macos = strcmp(platform, "macos") == 0;
    plan->subject = json_get(document, "subject");
    plan->sans = json_get(document, "sans");
    plan->acme = json_get(document, "acme");
    plan->wifi = json_get(document, "wifi");
    plan->vpn = json_get(document, "vpn");
    return true;
}

static bool spend(struct core *core, struct http_request *request, const struct scep_profile *profile,
                  const struct ca_record *ca, struct error *err) {
    struct actor actor = actor_device("profile", request->address, request->id);
    bool done = false, used = false;
    TX(tx, core_db(core), &done, err) {
        tx.ok = scep_profile_use(tx.tx, profile->id, clock_now_us(), &used, err) &&
                (used || fail(err, ERROR_NOT_FOUND, "not-found",
                              "This link was used up meanwhile; ask for a new one.")) &&
                access_note(tx.tx, &actor,
                            &(struct event_note){.code = "scep.profile-downloaded",
                                                 .organisation_id = ca->organisation_id,
                                                 .ca_id = ca->id,
                                                 .object_kind = "profile",
                                                 .object = uuid_text(request->arena, profile->id)},
                            err);
    }
    return done;
}

HANDLER(scep_profile_download) {
    struct scep_profile profile;
    struct template_record template;
    struct apple_plan plan = {.name = "Device certificate"};
    const struct json *document;
    struct ca_record ca;
    struct view der;
    TRY(find(context, request, &profile, &template, err));
    TRY(json_parse(request->arena, view_text(profile.document), &document, err));
    TRY(fill_plan(context, request, &template, document, &ca, &plan, err));
    if (plan.acme == NULL)
        TRY(make_challenge(context, request, &profile, document, &plan.challenge, err));
    TRY(sign(context, request->arena, &plan, apple_profile(request->arena, &plan), &der, err));
    TRY(spend(context, request, &profile, &ca, err)); /* last: what fails uses nothing up */
    http_add_header(response, "Cache-Control", "no-store");
    http_add_header(response, "Content-Disposition", "attachment; filename=\"device.mobileconfig\"");
    http_reply(response, 200, "application/x-apple-aspen-config", der);
    return true;
}
