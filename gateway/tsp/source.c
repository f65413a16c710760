#include "tsp/tsp.h"

#include "base/encode.h"
#include "base/log.h"
#include "ca/key_use.h"
#include "ca/status.h"
#include "store/tsa.h"

#include <openssl/err.h>

/* The certificate that has come from elsewhere, of the CA's own organisation. */
static bool load_foreign(struct core *core, struct arena *arena, const struct ca_record *ca,
                         struct uuid id, struct tsp_loaded *loaded, struct error *err) {
    struct tsa_certificate_record record;
    struct scope scope = {.organisations = &ca->organisation_id, .organisation_count = 1};
    bool done = false;
    X509 *certificate;
    EVP_PKEY *key;
    TX(tx, core_db(core), &done, err)
        tx.ok = tsa_certificate_get(tx.tx, arena, &scope, id, &record, err);
    TRY(done);
    if (record.certificate.len == 0)
        return fail(err, ERROR_UNAVAILABLE, "tsa-certificate",
                    "The timestamping certificate \"%.80s\" has not come yet.", record.name);
    TRY(certificate_decode(arena, record.certificate, &certificate, err));
    keep_X509(arena, certificate);
    TRY(core_key(core, record.key_id, &key, err));
    keep_EVP_PKEY(arena, key);
    loaded->identity = (struct tsp_identity){certificate, key, record.chain, record.managed};
    return true;
}

static bool load_own(struct core *core, struct arena *arena, const struct ca_record *ca,
                     struct tsp_loaded *loaded, struct error *err) {
    struct service_identity service;
    struct view *ders;
    size_t count;
    struct buffer chain = buffer_on(arena);
    TRY(service_of(core, arena, ca, SERVICE_TSA, &service, err));
    TRY(authority_chain(core, arena, ca, &ders, &count, err));
    for (size_t i = 0; i < count; i++)
        buffer_add(&chain, ders[i].at, ders[i].len);
    loaded->identity = (struct tsp_identity){service.certificate, service.key, buffer_view(&chain), true};
    return true;
}

static bool load(void *context, struct arena *arena, const char *ca_slug, const char *issuer,
                 struct tsp_loaded *ret, struct error *err) {
    struct core *core = context;
    struct ca_record ca;
    struct tsa_issuer_record record;
    const struct json *document;
    struct tsp_profile profile;
    bool done = false;
    TRY(status_authority(core, arena, ca_slug, &ca, err));
    if (ca.state != CA_ACTIVE)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The CA \"%.63s\" gives no timestamps now.", ca_slug);
    TX(tx, core_db(core), &done, err)
        tx.ok = tsa_issuer_get(tx.tx, arena, ca.id, issuer, &record, err);
    TRY(done);
    TRY(json_parse(arena, view_text(record.document), &document, err));
    TRY(tsp_profile_read(arena, document, &profile, err));
    *ret = (struct tsp_loaded){.ca_id = ca.id,
                               .organisation_id = ca.organisation_id,
                               .owner_id = issuer[0] == '\0' ? ca.id : record.id,
                               .document = record.document};
    if (!uuid_is_nil(profile.certificate_id))
        return load_foreign(core, arena, &ca, profile.certificate_id, ret, err);
    return load_own(core, arena, &ca, ret, err);
}

static bool order(void *context, struct arena *arena, struct uuid owner_id, int64_t now_us, int64_t *ret_us,
                  struct error *err) {
    bool done = false;
    TX(tx, core_db(context), &done, err)
        tx.ok = tsa_order_next(tx.tx, arena, owner_id, now_us, ret_us, err);
    return done;
}

static bool keep(void *context, const struct tsp_issuer *issuer, const struct tsp_kept *kept,
                 struct error *err) {
    bool done = false;
    struct tsa_token_record record = {.id = uuid_new(),
                                      .ca_id = issuer->ca_id,
                                      .issuer = issuer->name,
                                      .serial = kept->serial,
                                      .at_us = kept->at_us,
                                      .address = kept->address == NULL ? "" : kept->address,
                                      .imprint = kept->hash,
                                      .token = kept->token};
    TX(tx, core_db(context), &done, err)
        tx.ok = tsa_token_insert(tx.tx, &record, err);
    return done;
}

static bool password(void *context, const struct http_request *request, const char *username,
                     const char *password, struct error *err) {
    struct actor actor;
    return access_by_password(context, request->arena, username, password, request->address, request->id,
                              &actor, err);
}

static bool not_a_client(struct error *err) {
    ERR_clear_error();
    return fail(err, ERROR_FORBIDDEN, "tsa-access",
                "This timestamp issuer does not know your certificate, or it is revoked or has expired.");
}

static bool client(void *context, struct arena *arena, struct view der, const char *ca_slug,
                   struct error *err) {
    struct ca_record ca;
    struct certificate_facts facts;
    struct status_answer answer;
    AUTO(X509) *certificate = NULL;
    AUTO(X509) *issuer = NULL;
    if (!status_authority(context, arena, ca_slug, &ca, err))
        return err->kind == ERROR_NOT_FOUND ? not_a_client(err) : false;
    TRY(certificate_decode(arena, ca.certificate, &issuer, err));
    if (!certificate_decode(arena, der, &certificate, err) ||
        !certificate_read(arena, certificate, &facts, err) ||
        X509_verify(certificate, X509_get0_pubkey(issuer)) != 1)
        return not_a_client(err);
    int64_t now = clock_now_us();
    if (now < facts.not_before_us || now >= facts.not_after_us)
        return not_a_client(err);
    TRY(status_certificate(context, arena, &ca, facts.serial_bytes, &answer, err));
    return answer.status == STATUS_GOOD || not_a_client(err);
}

struct tsp_source tsp_source_core(struct core *core) {
    return (struct tsp_source){.load = load,
                               .order = order,
                               .keep = keep,
                               .password = password,
                               .client = client,
                               .context = core};
}

void tsp_clock_note(void *core, const struct clock_state *state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    if (state->source == CLOCK_SYSTEM)
        return;
    json_open_object(&w);
    json_put_string(&w, "reason", state->good ? NULL : state->reason);
    json_put_int(&w, "offsetMicroseconds", state->offset_us);
    json_put_int(&w, "boundMicroseconds", state->bound_us);
    json_close_object(&w);
    struct event_note note = {.code = state->good ? "clock.trusted" : "clock.lost",
                              .outcome = state->good ? "success" : "failure",
                              .object_kind = "clock",
                              .details = json_written(&w)};
    if (!state->good)
        log_error("tsa", "no timestamps: %s", state->reason);
    else
        log_info("tsa", "the clock is trusted again or for the first time: within %lld us",
                 (long long)state->bound_us);
    access_note_alone(core, &actor_system, &note);
}
