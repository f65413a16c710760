/* The web service of device management (MDM) products: by user name and password it hands out a short-lived
 * challenge password for one device, bound to the subject that the template's formats make of the request's
 * variables.
 *
 *   GET  /mdm/services/{template}   the configuration: id, variables, life of a challenge
 *   POST /mdm/services/{template}   {"digitalId":"...","variables":{"deviceid":"..."}}
 *        -> 200 {"challenge":..,"url":..,"subject":..,"sans":[..],"caFingerprint":..,"expiresAt":..}
 * and mdm_file.c for those who cannot make a key.
 */
#include "scep/mdm.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/credentials.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/evp.h>
#include <string.h>

#define SECRET_OCTETS 16
#define MAX_VARIABLES 50
#define MAX_VALUE 500

bool mdm_open(struct core *core, struct http_request *request, struct scep_target *target,
              struct error *err) {
    const char *slug = request->parameters[0];
    TRY(enrol_target(core, request->arena, slug, SCEP_PROTOCOL, &target->enrolment, err));
    TRY(scep_settings_of(core, request->arena, target->enrolment.record.id, &target->settings, NULL,
                         err));
    if (!target->settings.mdm.enabled)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no template %.63s.", slug);
    return scep_access_allows(&target->settings.ndes_access, request->address) ||
           fail(err, ERROR_FORBIDDEN, "scep-address",
                "The template's access list does not have the address %.64s.", request->address);
}

/* --- formats: "CN=<firstname> <lastname>" ------------------------------------------------------------- */

static bool variable(const struct json *variables, const char *name, const char **ret,
                     struct error *err) {
    const struct json *value = json_get(variables, name);
    if (value == NULL || value->type != JSON_STRING || value->text[0] == '\0')
        return fail(err, ERROR_POLICY, "mdm-variable",
                    "The template's format needs the variable \"%.60s\"; the request does not give "
                    "it.",
                    name);
    /* An asterisk would make a rule for many names out of one name. */
    if (strlen(value->text) > MAX_VALUE || strchr(value->text, '*') != NULL)
        return fail(err, ERROR_POLICY, "mdm-variable",
                    "The variable \"%.60s\" has an asterisk or more than %d octets.", name, MAX_VALUE);
    *ret = value->text;
    return true;
}

/* rfc4514#2.4 */
static void add_escaped(struct buffer *out, const char *value) {
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++) {
        bool edge = (i == 0 && (value[i] == ' ' || value[i] == '#')) ||
                    (i + 1 == len && value[i] == ' ');
        if (edge || strchr("\"+,;<>\\=", value[i]) != NULL)
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, (uint8_t)value[i]);
    }
}

static bool expand(struct arena *arena, const char *format, const struct json *variables, bool dn,
                   const char **ret, struct error *err) {
    struct buffer out = buffer_on(arena);
    while (*format != '\0') {
        const char *end = *format == '<' ? strchr(format, '>') : NULL, *value;
        if (end == NULL) {
            buffer_add_byte(&out, (uint8_t)*format++);
            continue;
        }
        TRY(variable(variables, arena_text(arena, view_of(format + 1, (size_t)(end - format - 1))),
                     &value, err));
        if (dn)
            add_escaped(&out, value);
        else
            buffer_add_text(&out, value);
        format = end + 1;
    }
    *ret = buffer_text(&out);
    return true;
}

/* The subject that the device must ask for: the format's RDNs under the parent. */
static bool subject_of(struct arena *arena, const struct scep_mdm *mdm, const struct json *variables,
                       struct mdm_ticket *ret, struct json_writer *bound, struct error *err) {
    const char *text;
    TRY(expand(arena, mdm->rdn_format, variables, true, &text, err));
    if (mdm->parent_dn[0] != '\0')
        text = arena_printf(arena, "%s,%s", text, mdm->parent_dn);
    TRY(name_from_text(text, &ret->name, err));
    keep_X509_NAME(arena, ret->name);
    json_name(bound, "subject");
    name_write_json(bound, arena, ret->name);
    ret->subject = name_text(arena, ret->name);
    return true;
}

static bool sans_of(struct arena *arena, const struct scep_mdm *mdm, const struct json *variables,
                    GENERAL_NAMES *sans, struct error *err) {
    for (size_t i = 0; i < mdm->san_formats.count; i++) {
        const char *text;
        TRY(expand(arena, mdm->san_formats.items[i], variables, false, &text, err));
        TRY(san_add_text(sans, text, err));
    }
    return true;
}

static bool make_ticket(struct arena *arena, const struct scep_mdm *mdm, const struct json *variables,
                        struct mdm_ticket *ret, struct error *err) {
    struct json_writer w = json_writer_on(arena), list = json_writer_on(arena);
    ret->names = sk_GENERAL_NAME_new_null();
    if (ret->names == NULL)
        return fail_internal(err, "sk_GENERAL_NAME_new_null");
    keep_GENERAL_NAMES(arena, ret->names);
    TRY(sans_of(arena, mdm, variables, ret->names, err));
    san_write_json(&list, arena, ret->names);
    ret->sans = json_written(&list);
    json_open_object(&w);
    TRY(subject_of(arena, mdm, variables, ret, &w, err));
    json_name(&w, "sans");
    san_write_json(&w, arena, ret->names);
    json_name(&w, "variables");
    json_add_value(&w, variables);
    json_close_object(&w);
    ret->bound = json_written(&w);
    return true;
}

bool mdm_ticket_of(struct arena *arena, const struct scep_mdm *mdm, const struct json *document,
                   struct mdm_ticket *ret, struct error *err) {
    const struct json *variables = NULL;
    const char *id;
    TRY(ask_string(document, "digitalId", &id, err));
    TRY(json_object(document, "variables", &variables, err));
    if (strcmp(id, mdm->digital_id) != 0)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "This template has no digital ID configuration \"%.80s\".", id);
    if (variables == NULL || variables->count > MAX_VARIABLES)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "The field \"variables\" is an object of at most %d strings.", MAX_VARIABLES);
    return make_ticket(arena, mdm, variables, ret, err);
}

/* --- the service -------------------------------------------------------------------------------------- */

static bool answer(struct core *core, struct http_request *request, struct http_response *response,
                   const struct scep_target *target, const struct credential *credential,
                   const struct mdm_ticket *ticket, const char *secret, struct error *err) {
    struct arena *arena = request->arena;
    struct view ca = target->enrolment.ca.certificate;
    struct core_urls urls;
    uint8_t digest[32];
    TRY(core_public_urls(core, arena, &urls, err));
    EVP_Digest(ca.at, ca.len, digest, NULL, EVP_sha256(), NULL);
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    put_uuid(&w, "id", credential->id);
    json_put_string(&w, "challenge", secret);
    json_put_string(&w, "url",
                    arena_printf(arena, "%s/scep/%s", urls.http, target->enrolment.record.slug));
    json_put_string(&w, "subject", ticket->subject);
    put_document(&w, arena, "sans", ticket->sans);
    json_put_string(&w, "caFingerprint", hex_encode(arena, view_of(digest, sizeof digest)));
    json_put_time(&w, "expiresAt", credential->expires_us);
    json_close_object(&w);
    http_add_header(response, "Cache-Control", "no-store");
    reply_json(response, 200, &w);
    return true;
}

bool mdm_log_in(struct core *core, struct http_request *request, struct http_response *response,
                struct actor *actor, bool *ret_said, struct error *err) {
    struct error why = {0};
    *ret_said = false;
    if (scep_caller(core, request, response, actor, &why))
        return true;
    if (why.kind != ERROR_UNAUTHENTICATED) {
        *err = why;
        return false;
    }
    if (http_header(request, "Authorization") != NULL)
        http_add_header(response, "WWW-Authenticate", "Basic realm=\"Gatehouse\"");
    http_reply_text(response, 401, "text/plain; charset=utf-8",
                    arena_printf(request->arena, "%s\n", why.message));
    *ret_said = true;
    return true;
}

HANDLER(scep_mdm_challenge) {
    static const char *const members[] = {"digitalId", "variables", NULL};
    const struct json *document;
    struct credential credential;
    struct scep_target target;
    struct mdm_ticket ticket;
    struct actor actor;
    const char *secret;
    bool said;
    TRY(mdm_open(context, request, &target, err));
    TRY(mdm_log_in(context, request, response, &actor, &said, err));
    if (said)
        return true;
    TRY(ask_document(request, members, &document, err));
    TRY(mdm_ticket_of(request->arena, &target.settings.mdm, document, &ticket, err));
    struct credential_order order = {
        .template_id = target.enrolment.record.id,
        .kind = CREDENTIAL_CHALLENGE,
        .label = "MDM",
        .secret_octets = SECRET_OCTETS,
        .uses = 1,
        .expires_us = clock_now_us() + target.settings.mdm.minutes * 60 * US_PER_SECOND,
        .bound = ticket.bound};
    TRY(credential_create(context, request->arena, &actor, &order, &credential, &secret, err));
    return answer(context, request, response, &target, &credential, &ticket, secret, err);
}

/* The names between angle brackets. */
static void put_variables(struct json_writer *w, struct arena *arena, const char *format) {
    for (const char *at = strchr(format, '<'); at != NULL; at = strchr(at, '<')) {
        const char *end = strchr(at, '>');
        if (end == NULL)
            return;
        json_add_string(w, arena_text(arena, view_of(at + 1, (size_t)(end - at - 1))));
        at = end;
    }
}

HANDLER(scep_mdm_describe) {
    struct scep_target target;
    struct actor actor;
    bool said;
    TRY(mdm_open(context, request, &target, err));
    TRY(mdm_log_in(context, request, response, &actor, &said, err));
    if (said)
        return true;
    const struct scep_mdm *mdm = &target.settings.mdm;
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "digitalId", mdm->digital_id);
    json_put_int(&w, "challengeMinutes", mdm->minutes);
    json_put_string(&w, "parentDn", mdm->parent_dn);
    json_put_string(&w, "rdnFormat", mdm->rdn_format);
    json_put_bool(&w, "pkcs12", mdm->pkcs12);
    if (mdm->pkcs12) {
        json_put_string(&w, "keyType", mdm->key_type);
        json_put_int(&w, "keepKeyDays", mdm->keep_days);
    }
    json_name(&w, "variables");
    json_open_array(&w);
    put_variables(&w, request->arena, mdm->rdn_format);
    for (size_t i = 0; i < mdm->san_formats.count; i++)
        put_variables(&w, request->arena, mdm->san_formats.items[i]);
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
