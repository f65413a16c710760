/* Pre-approved Apple devices, by REST. */
#include "scep/apple.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/templates.h"
#include "mail/mail.h"
#include "store/cas.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/evp.h>
#include <string.h>

#define DEFAULT_DAYS 7

static bool may(struct tx *tx, struct arena *arena, const struct actor *actor,
                const struct template_record *template, struct ca_record *ca, struct error *err) {
    TRY(ca_by_id(tx, arena, &scope_everything, template->ca_id, ca, err));
    return actor_may(actor, MAY_MANAGE_TEMPLATES, ca->organisation_id, ca->id, err);
}

/* Only names that a certificate can have, and no asterisk: a challenge is bound to them. */
static bool check_names(const struct json *document, struct error *err) {
    const struct json *subject = json_get(document, "subject"), *sans = NULL;
    AUTO(X509_NAME) *name = NULL;
    AUTO(GENERAL_NAMES) *names = NULL;
    if (subject == NULL || subject->type != JSON_OBJECT)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "The field \"subject\" is an object such as {\"CN\":\"Alice's phone\"}.");
    TRY(name_from_json(subject, &name, err));
    JSON_EACH(member, subject) {
        if (member->type == JSON_STRING && strchr(member->text, '*') != NULL)
            return fail(err, ERROR_POLICY, "bad-name", "A device's subject has no asterisk.");
    }
    TRY(json_array(document, "sans", &sans, err));
    if (sans == NULL)
        return true;
    JSON_EACH(item, sans) {
        if (item->type != JSON_STRING || strchr(item->text, '*') != NULL ||
            strchr(item->text, ':') == NULL)
            return fail(err, ERROR_POLICY, "bad-name",
                        "A device's alternative names are texts such as \"email:a@example.com\", "
                        "without asterisks.");
    }
    return san_from_json(sans, &names, err);
}

/* A text that must be there, of printable characters. */
static bool check_text(const struct json *object, const char *where, const char *name, bool needed,
                       struct error *err) {
    const char *text = "";
    TRY(json_string(object, name, &text, err));
    if ((needed && text[0] == '\0') || strlen(text) > 255 || !utf8_valid(view_text(text)))
        return fail(err, ERROR_POLICY, "bad-profile", "\"%s\" of \"%s\" is a text of 1 to 255 characters.", name, where);
    return true;
}

static bool check_acme(const struct json *acme, struct error *err) {
    static const char *const members[] = {"directory", "clientIdentifier", "hardwareBound", NULL};
    const char *directory = "";
    bool hardware;
    TRY(json_only(acme, members, err));
    TRY(json_string(acme, "directory", &directory, err));
    TRY(json_bool(acme, "hardwareBound", &hardware, err));
    if (strncmp(directory, "https://", 8) != 0 || uri_problem(directory) != NULL)
        return fail(err, ERROR_POLICY, "bad-profile",
                    "\"directory\" of \"acme\" is the https URL of an ACME directory that takes device-attest-01.");
    return check_text(acme, "acme", "clientIdentifier", true, err);
}

static bool check_wifi(const struct json *wifi, struct error *err) {
    static const char *const members[] = {"ssid", "serverNames", "encryption", NULL};
    const struct json *names = NULL;
    const char *encryption = "WPA2";
    TRY(json_only(wifi, members, err));
    TRY(check_text(wifi, "wifi", "ssid", true, err));
    TRY(json_string(wifi, "encryption", &encryption, err));
    TRY(json_array(wifi, "serverNames", &names, err));
    if (strcmp(encryption, "WPA2") != 0 && strcmp(encryption, "WPA3") != 0)
        return fail(err, ERROR_POLICY, "bad-profile", "\"encryption\" of \"wifi\" is \"WPA2\" or \"WPA3\".");
    if (names == NULL)
        return true;
    JSON_EACH(item, names) {
        if (item->type != JSON_STRING || item->text[0] == '\0')
            return fail(err, ERROR_POLICY, "bad-profile", "\"serverNames\" of \"wifi\" are names of RADIUS servers.");
    }
    return true;
}

static bool check_vpn(const struct json *vpn, struct error *err) {
    static const char *const members[] = {"server", "remoteId", "name", NULL};
    TRY(json_only(vpn, members, err));
    return check_text(vpn, "vpn", "server", true, err) && check_text(vpn, "vpn", "remoteId", false, err) &&
           check_text(vpn, "vpn", "name", false, err);
}

static bool check_payloads(const struct json *document, struct error *err) {
    static const struct {
        const char *name;
        bool (*check)(const struct json *, struct error *);
    } payloads[] = {{"acme", check_acme}, {"wifi", check_wifi}, {"vpn", check_vpn}};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        const struct json *payload = NULL;
        TRY(json_object(document, payloads[i].name, &payload, err));
        if (payload != NULL)
            TRY(payloads[i].check(payload, err));
    }
    return true;
}

static void write_profile(struct json_writer *w, struct arena *arena,
                          const struct scep_profile *profile, const char *url) {
    json_open_object(w);
    put_uuid(w, "id", profile->id);
    put_document(w, arena, "device", profile->document);
    json_put_int(w, "uses", profile->uses);
    json_put_int(w, "used", profile->used);
    json_put_string(w, "maker", profile->maker);
    json_put_time(w, "createdAt", profile->created_us);
    json_put_time(w, "expiresAt", profile->expires_us);
    json_put_bool(w, "revoked", profile->revoked);
    if (url != NULL)
        json_put_string(w, "url", url);
    json_close_object(w);
}

static const char *stored(struct arena *arena, const struct json *document) {
    static const char *const kept[] = {"name", "platform", "keyBits", "subject", "sans",
                                       "acme", "wifi",     "vpn",     "email"};
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const struct json *member = json_get(document, kept[i]);
        if (member == NULL || member->type == JSON_NULL)
            continue;
        json_name(&w, kept[i]);
        json_add_value(&w, member);
    }
    json_close_object(&w);
    return json_written(&w);
}

static bool read_order(const struct json *document, struct scep_profile *profile,
                       struct error *err) {
    const char *name = "", *platform = "ios";
    int64_t days = DEFAULT_DAYS, bits;
    profile->uses = 1;
    TRY(json_string(document, "name", &name, err));
    TRY(json_string(document, "platform", &platform, err));
    TRY(json_int(document, "keyBits", 2048, 4096, &bits, err));
    TRY(json_int(document, "uses", 1, 100, &profile->uses, err));
    TRY(json_int(document, "validDays", 1, 60, &days, err));
    profile->expires_us = profile->created_us + days * US_PER_DAY;
    if (strlen(name) > 100)
        return fail(err, ERROR_POLICY, "bad-name", "A profile's name has at most 100 octets.");
    if (strcmp(platform, "ios") != 0 && strcmp(platform, "macos") != 0)
        return fail(err, ERROR_POLICY, "bad-kind", "The platform is \"ios\" or \"macos\".");
    return check_names(document, err) && check_payloads(document, err);
}

struct order {
    struct core *core;
    struct http_request *request;
    const struct template_record *template;
    const struct scep_profile *profile;
    const struct json *document;
};

/* Who is to be sent the link must be able to get it. */
static bool prepare_mail(const struct order *o, const char *link, struct mail_ready *ret, struct error *err) {
    struct core *core = o->core;
    struct arena *arena = o->request->arena;
    const struct json *document = o->document;
    const char *to = "", *name = "Device certificate";
    char expires[TIME_TEXT_SIZE];
    struct ca_record ca = {0};
    bool done = false, possible = false;
    AUTO(X509_NAME) *subject = NULL;
    ret->nothing = true;
    TRY(json_string(document, "email", &to, err));
    TRY(json_string(document, "name", &name, err));
    if (to[0] == '\0')
        return true;
    TRY(mail_address_check(to, err));
    TRY(mail_possible(core, arena, &possible, err));
    if (!possible)
        return fail(err, ERROR_CONFLICT, "no-mail-server",
                    "No mail server is set up; set one up, or leave \"email\" out and pass on the link.");
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_by_id(tx.tx, arena, &scope_everything, o->template->ca_id, &ca, err);
    TRY(done);
    TRY(name_from_json(json_get(document, "subject"), &subject, err));
    time_format(o->profile->expires_us, expires);
    const struct mail_variable variables[] = {{"link", link},
                                              {"name", name},
                                              {"subject", name_text(arena, subject)},
                                              {"ca", ca.name},
                                              {"expires", expires}};
    struct mail mail = {.template = "device.profile",
                        .organisation_id = ca.organisation_id,
                        .to = to,
                        .variables = variables,
                        .variable_count = sizeof variables / sizeof variables[0]};
    return mail_prepare(core, arena, &mail, ret, err);
}

static bool insert(struct core *core, struct http_request *request,
                   const struct template_record *template, const struct scep_profile *profile,
                   const struct mail_ready *mail, struct error *err) {
    const struct actor *actor = scep_actor(request);
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = may(tx.tx, request->arena, actor, template, &ca, err);
        if (tx.ok) {
            struct event_note note = {.code = "scep.profile-created",
                                      .organisation_id = ca.organisation_id,
                                      .ca_id = ca.id,
                                      .object_kind = "profile",
                                      .object = uuid_text(request->arena, profile->id),
                                      .details = profile->document};
            tx.ok = scep_profile_insert(tx.tx, profile, err) && (mail->nothing || mail_enqueue(tx.tx, mail, err)) &&
                    access_note(tx.tx, actor, &note, err);
        }
    }
    return done;
}

HANDLER(scep_profiles_create) {
    static const char *const members[] = {"name", "platform", "keyBits",   "subject", "sans", "uses",
                                          "acme", "wifi",     "vpn",       "email",   "validDays", NULL};
    const struct json *document;
    struct template_record template;
    struct arena *arena = request->arena;
    struct core_urls urls;
    struct mail_ready mail;
    uint8_t random[32], *hash = arena_alloc(arena, 32);
    struct scep_profile profile = {.id = uuid_new(),
                                   .created_us = clock_now_us(),
                                   .maker_id = scep_actor(request)->user_id,
                                   .maker = scep_actor(request)->name};
    TRY(ask_document(request, members, &document, err));
    TRY(template_get(context, arena, scep_actor(request), request->parameters[0], &template, err));
    TRY(read_order(document, &profile, err));
    TRY(core_public_urls(context, arena, &urls, err));
    random_bytes(random, sizeof random);
    const char *secret = base64url_encode(arena, view_of(random, sizeof random));
    EVP_Digest(secret, strlen(secret), hash, NULL, EVP_sha256(), NULL);
    profile.template_id = template.id;
    profile.hash = view_of(hash, 32);
    profile.document = stored(arena, document);
    const char *link = arena_printf(arena, "%s/profile/%s", urls.https, secret);
    TRY(prepare_mail(&(struct order){context, request, &template, &profile, document}, link, &mail, err));
    TRY(insert(context, request, &template, &profile, &mail, err));
    struct json_writer w = json_writer_on(arena);
    write_profile(&w, arena, &profile, link);
    reply_created(response, &w,
                  arena_printf(arena, "/templates/%s/scep/profiles/%s", template.slug,
                               uuid_text(arena, profile.id)));
    return true;
}

HANDLER(scep_profiles_list) {
    static const char *const none[] = {NULL};
    struct template_record template;
    struct scep_profile *items = NULL;
    const char *next = NULL;
    struct page page;
    size_t count = 0;
    bool done = false;
    TRY(ask_page(request, none, &page, err));
    TRY(template_get(context, request->arena, scep_actor(request), request->parameters[0], &template,
                     err));
    TX(tx, core_db(context), &done, err) {
        struct ca_record ca;
        tx.ok = may(tx.tx, request->arena, scep_actor(request), &template, &ca, err) &&
                scep_profile_list(tx.tx, request->arena, template.id, &page, &items, &count, &next,
                                  err);
    }
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_profile(&w, request->arena, &items[i], NULL);
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(scep_profiles_revoke) {
    struct template_record template;
    struct uuid id;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(template_get(context, request->arena, scep_actor(request), request->parameters[0], &template,
                     err));
    TRY(ask_id(request, 1, "profile", &id, err));
    TX(tx, core_db(context), &done, err) {
        struct ca_record ca;
        tx.ok = may(tx.tx, request->arena, scep_actor(request), &template, &ca, err) &&
                scep_profile_revoke(tx.tx, template.id, id, err) &&
                access_note(tx.tx, scep_actor(request),
                            &(struct event_note){.code = "scep.profile-revoked",
                                                 .organisation_id = ca.organisation_id,
                                                 .ca_id = ca.id,
                                                 .object_kind = "profile",
                                                 .object = uuid_text(request->arena, id)},
                            err);
    }
    TRY(done);
    reply_nothing(response);
    return true;
}
