#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "store/organisations.h"
#include "tls/internal.h"
#include "x509/san.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

#define LEASE_US (90 * US_PER_SECOND)
#define AGAIN_US (900 * US_PER_SECOND)

static const struct uuid anywhere;

/* Nobody else certifies these. */
static bool is_local(const char *name) {
    return strcmp(name, "localhost") == 0 || strncmp(name, "127.", 4) == 0 || strcmp(name, "::1") == 0;
}

/* The settings with the configured names where they name none; `outside`: those of them that others may certify. */
static struct own_tls_settings named(const struct tls_management *tls, struct arena *arena,
                                     const struct own_tls_settings *settings, bool outside) {
    struct own_tls_settings use = *settings;
    if (use.names.count > 0)
        return use;
    use.names.items = arena_array(arena, tls->name_count + 1, sizeof(char *));
    for (size_t i = 0; i < tls->name_count; i++)
        if (!outside || !is_local(tls->names[i]))
            use.names.items[use.names.count++] = tls->names[i];
    return use;
}

static bool needs_names(const struct own_tls_settings *use, struct error *err) {
    return use->names.count > 0 ||
           fail(err, ERROR_POLICY, "bad-setting",
                "No public name is configured that others could certify; set \"names\", or the option public-name.");
}

static void changed(const struct tls_management *tls) {
    if (tls->changed != NULL)
        tls->changed(tls->context);
}

/* --- the next one ------------------------------------------------------------------------------------------------ */

static bool take_lease(struct core *core, struct uuid holder, int64_t until_us, bool *ret_taken, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = lease_take(tx.tx, "tls-certificate", holder, clock_now_us(), until_us, ret_taken, err);
    return done;
}

static bool order_elsewhere(const struct tls_management *tls, struct arena *arena, const struct actor *actor,
                            const struct own_tls_settings *use, const struct own_tls_settings *settings,
                            struct error *err) {
    struct acme_client_result result;
    TRY(acme_client_order(tls->core, arena, use, &result, err));
    return own_tls_adopt(tls->core, arena, actor,
                         &(struct own_tls_next){.key = &result.key,
                                                .certificate = result.certificate,
                                                .chain = result.chain,
                                                .settings = settings,
                                                .event = "tls.certificate-made"},
                         err);
}

/* One maker among all nodes. keep NULL: the settings stay as they are. */
static bool make(const struct tls_management *tls, struct arena *arena, const struct actor *actor,
                 const struct own_tls_settings *settings, const struct own_tls_settings *keep, struct error *err) {
    struct own_tls_settings use = named(tls, arena, settings, settings->source == OWN_TLS_ACME);
    struct uuid holder = uuid_new();
    struct error ignored = {0};
    bool taken = false;
    TRY(needs_names(&use, err));
    TRY(take_lease(tls->core, holder, clock_now_us() + LEASE_US, &taken, err));
    if (!taken)
        return fail(err, ERROR_CONFLICT, "tls-busy", "The TLS certificate is being made already; try again in a minute.");
    bool ok = use.source == OWN_TLS_ACME ? order_elsewhere(tls, arena, actor, &use, keep, err)
                                         : own_tls_make(tls->core, arena, actor, &use, keep, err);
    if (!take_lease(tls->core, holder, clock_now_us(), &taken, &ignored))
        log_failure(LOG_WARN, "tls", "the lease stays until it ends", &ignored);
    if (ok)
        changed(tls);
    return ok;
}

/* ACME servers count failures: a quarter of an hour lies between two tries. */
static bool renew_when_due(void *context, struct arena *arena, struct error *err) {
    struct tls_management *tls = context;
    struct own_tls_settings settings, use;
    bool due;
    TRY(own_tls_settings(tls->core, arena, &settings, err));
    use = named(tls, arena, &settings, settings.source == OWN_TLS_ACME);
    TRY(own_tls_due(tls->core, arena, &use, &due, err));
    if (!due || use.source == OWN_TLS_GIVEN) {
        tls->again_us = 0;
        return true;
    }
    if (clock_monotonic_us() >= tls->again_us) {
        if (make(tls, arena, &actor_system, &settings, NULL, err))
            return true;
        tls->failed = *err;
        tls->again_us = clock_monotonic_us() + (use.source == OWN_TLS_ACME ? AGAIN_US : 0);
    }
    *err = tls->failed;
    return false;
}

size_t tls_jobs(struct tls_management *tls, int64_t every_us, struct job *table) {
    table[0] = (struct job){.name = "tls-certificate", .every_us = every_us, .run = renew_when_due, .context = tls};
    return 1;
}

/* --- showing ----------------------------------------------------------------------------------------------------- */

static bool names_host(X509 *certificate, const char *name) {
    return X509_check_ip_asc(certificate, name, 0) == 1 ||
           X509_check_host(certificate, name, strlen(name), 0, NULL) == 1;
}

/* Public names that clients would be told are wrong. */
static void put_missing(struct json_writer *w, const struct tls_management *tls, X509 *certificate) {
    json_name(w, "missingNames");
    json_open_array(w);
    for (size_t i = 0; i < tls->name_count; i++)
        if (!is_local(tls->names[i]) && !names_host(certificate, tls->names[i]))
            json_add_string(w, tls->names[i]);
    json_close_array(w);
}

static void put_chain(struct json_writer *w, struct arena *arena, struct view chain) {
    json_name(w, "chain");
    json_open_array(w);
    const uint8_t *begin = chain.at;
    X509 *one;
    while ((one = certificate_next(&chain)) != NULL) {
        X509_free(one);
        json_add_string(w, certificate_pem(arena, view_of(begin, (size_t)(chain.at - begin))));
        begin = chain.at;
    }
    json_close_array(w);
}

static bool put_certificate(struct json_writer *w, struct arena *arena, const struct tls_management *tls,
                            enum own_tls_source source, struct error *err) {
    struct own_tls own;
    struct certificate_facts facts;
    TRY(own_tls(tls->core, arena, &own, err) && certificate_read(arena, own.certificate, &facts, err));
    json_name(w, "certificate");
    json_open_object(w);
    json_put_string(w, "subject", facts.subject);
    json_put_string(w, "issuer", facts.issuer);
    json_put_string(w, "serial", facts.serial);
    put_joined(w, arena, "names", facts.sans);
    json_put_string(w, "keyType", facts.key_type);
    put_hex(w, arena, "sha256", view_of(facts.fingerprint_sha256, sizeof facts.fingerprint_sha256));
    json_put_time(w, "notBefore", facts.not_before_us);
    json_put_time(w, "notAfter", facts.not_after_us);
    json_put_bool(w, "warning", own.not_before_us > clock_now_us() ||
                                clock_now_us() > own_tls_warn_us(source, own.not_before_us, own.not_after_us));
    put_missing(w, tls, own.certificate);
    json_put_string(w, "pem", certificate_pem(arena, own.der));
    put_chain(w, arena, own.chain);
    json_close_object(w);
    return true;
}

static bool reply(const struct tls_management *tls, const struct http_request *request, struct http_response *response,
                  struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    struct own_tls_settings settings;
    TRY(own_tls_settings(tls->core, request->arena, &settings, err));
    json_open_object(&w);
    put_document(&w, request->arena, "settings", own_tls_settings_write(request->arena, &settings, false));
    TRY(put_certificate(&w, request->arena, tls, settings.source, err));
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(tls_show) {
    const struct tls_management *tls = context;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_SETTINGS, anywhere, anywhere, err));
    return reply(tls, request, response, err);
}

/* --- changing ---------------------------------------------------------------------------------------------------- */

static bool keep_settings(const struct tls_management *tls, struct arena *arena, const struct actor *actor,
                          const struct own_tls_settings *settings, struct error *err) {
    bool done = false;
    struct event_note note = {.code = "settings.changed", .object_kind = "setting", .object = "tls",
                              .details = own_tls_settings_write(arena, settings, false)};
    TX(tx, core_db(tls->core), &done, err)
        tx.ok = setting_put(tx.tx, "tls", own_tls_settings_write(arena, settings, true), err) &&
                access_note(tx.tx, actor, &note, err);
    return done;
}

static bool set(const struct tls_management *tls, const struct http_request *request, struct error *err) {
    static const char *const members[] = {"source", "names", "keyType", "ca", "days", "acme", NULL};
    const struct actor *actor = actor_of(request);
    struct own_tls_settings before, settings;
    const struct json *document;
    TRY(ask_document(request, members, &document, err) && own_tls_settings(tls->core, request->arena, &before, err) &&
        own_tls_settings_read(tls->core, request->arena, document, &before, &settings, err));
    if (settings.source == OWN_TLS_AUTHORITY) { /* it signs: who may not manage it may not have it sign */
        struct ca_record ca;
        TRY(authority_get(tls->core, request->arena, actor, settings.ca, &ca, err) &&
            actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    }
    if (settings.source == OWN_TLS_GIVEN)
        return keep_settings(tls, request->arena, actor, &settings, err);
    return make(tls, request->arena, actor, &settings, &settings, err);
}

HANDLER(tls_set) {
    const struct tls_management *tls = context;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, anywhere, anywhere, err));
    bool ok = set(tls, request, err);
    OPENSSL_cleanse((void *)(uintptr_t)request->body.at, request->body.len); /* a binding's key may be in it */
    return ok && reply(tls, request, response, err);
}

HANDLER(tls_renew_now) {
    const struct tls_management *tls = context;
    static const char *const members[] = {NULL};
    struct own_tls_settings settings;
    const struct json *document;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, anywhere, anywhere, err));
    TRY(ask_optional_document(request, members, &document, err) && own_tls_settings(tls->core, request->arena, &settings, err));
    if (settings.source == OWN_TLS_GIVEN)
        return fail(err, ERROR_CONFLICT, "tls-given",
                    "The TLS certificate was imported, so that nobody here can renew it; import the next one, or set "
                    "another source.");
    return make(tls, request->arena, actor_of(request), &settings, NULL, err) && reply(tls, request, response, err);
}

HANDLER(tls_make_csr) {
    const struct tls_management *tls = context;
    static const char *const members[] = {"names", "keyType", NULL};
    struct own_tls_settings before, settings;
    const struct json *document;
    struct view der;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, anywhere, anywhere, err));
    TRY(ask_optional_document(request, members, &document, err) && own_tls_settings(tls->core, request->arena, &before, err));
    settings = before;
    TRY(own_tls_wish_read(request->arena, document, &settings, err));
    settings = named(tls, request->arena, &settings, true);
    TRY(needs_names(&settings, err));
    TRY(own_tls_csr(tls->core, request->arena, actor_of(request), &settings, &der, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "csr", pem_encode(request->arena, "CERTIFICATE REQUEST", der));
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* PEM as it is, else base64 of DER. */
static bool take_bytes(struct arena *arena, const struct json *document, const char *name, struct view *ret,
                       struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    if (text == NULL || text[0] == '\0')
        return true;
    if (strstr(text, "-----BEGIN") != NULL) {
        *ret = view_text(text);
        return true;
    }
    return base64_decode(arena, view_text(text), ret) ||
           fail(err, ERROR_MALFORMED, "bad-encoding", "The field \"%s\" is neither PEM nor base64 of DER.", name);
}

static bool import(const struct tls_management *tls, const struct http_request *request, struct error *err) {
    static const char *const members[] = {"certificate", "privateKey", "password", NULL};
    const struct json *document;
    struct own_tls_order order = {.password = NULL};
    TRY(ask_document(request, members, &document, err) &&
        take_bytes(request->arena, document, "certificate", &order.certificates, err) &&
        take_bytes(request->arena, document, "privateKey", &order.private_key, err) &&
        json_string(document, "password", &order.password, err));
    if (order.certificates.len == 0 && order.private_key.len == 0)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "Give \"certificate\" (PEM), \"privateKey\" (PEM, or base64 of PKCS#12), or both.");
    return own_tls_import(tls->core, request->arena, actor_of(request), &order, err);
}

HANDLER(tls_import) {
    const struct tls_management *tls = context;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, anywhere, anywhere, err));
    bool ok = import(tls, request, err);
    OPENSSL_cleanse((void *)(uintptr_t)request->body.at, request->body.len); /* there was a private key in it */
    if (!ok)
        return false;
    changed(tls);
    return reply(tls, request, response, err);
}
