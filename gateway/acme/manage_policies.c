/* Policies, external account bindings and settings for administrators. */
#include "acme/manage.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "ca/templates.h"
#include "rest/organisation.h"
#include "store/organisations.h"

#include <string.h>

static const struct uuid nobody;

static void write_policy(struct json_writer *w, struct arena *arena,
                         const struct acme_policy_record *policy) {
    json_open_object(w);
    put_uuid(w, "id", policy->id);
    json_put_string(w, "name", policy->name);
    json_put_int(w, "version", policy->version);
    put_document(w, arena, "document", policy->document);
    json_put_time(w, "createdAt", policy->created_us);
    json_put_time(w, "changedAt", policy->changed_us);
    json_close_object(w);
}

static void reply_policy(struct http_request *request, struct http_response *response, int status,
                         const struct acme_policy_record *policy) {
    struct json_writer w = json_writer_on(request->arena);
    write_policy(&w, request->arena, policy);
    reply_version(response, policy->version);
    if (status == 201)
        reply_created(response, &w,
                      arena_printf(request->arena, "/acme/policies/%s",
                                   uuid_text(request->arena, policy->id)));
    else
        reply_json(response, status, &w);
}

HANDLER(acme_policies_list) {
    static const char *const others[] = {"organisation", NULL};
    struct acme *acme = context;
    struct acme_policy_record *items = NULL;
    struct scope scope;
    struct page page;
    const char *next = NULL;
    size_t count = 0;
    bool done = false;
    TRY(ask_page(request, others, &page, err));
    TRY(ask_organisation(acme->core, request, err));
    actor_scope(request->arena, manage_actor(request), MAY_READ_TEMPLATES, &scope);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_policy_list(tx.tx, request->arena, &scope, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_policy(&w, request->arena, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

/* Who makes a policy gives away what its templates issue: the actor must manage each of them. */
static bool may_use(struct acme *acme, struct http_request *request, const char *slug,
                    struct uuid *organisation, struct error *err) {
    struct template_record record;
    struct ca_record ca;
    bool done = false;
    TRY(template_get(acme->core, request->arena, manage_actor(request), slug, &record, err));
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = ca_by_id(tx.tx, request->arena, &scope_everything, record.ca_id, &ca, err);
    TRY(done);
    TRY(actor_may(manage_actor(request), MAY_MANAGE_TEMPLATES, ca.organisation_id, ca.id, err));
    if (!uuid_is_nil(*organisation) && !uuid_equal(*organisation, ca.organisation_id))
        return fail(err, ERROR_POLICY, "bad-acme-policy",
                    "The templates of an ACME policy must belong to one organisation.");
    *organisation = ca.organisation_id;
    return true;
}

static bool read_policy(struct acme *acme, struct http_request *request, const struct json *body,
                        struct acme_policy_record *policy, struct error *err) {
    const struct json *document = NULL;
    struct acme_policy parsed;
    struct uuid organisation = {{0}};
    TRY(ask_string(body, "name", &policy->name, err));
    if (*policy->name == '\0' || strlen(policy->name) > 100)
        return fail(err, ERROR_POLICY, "bad-name", "A name has 1 to 100 bytes.");
    TRY(json_object(body, "document", &document, err));
    if (document == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"document\" is missing.");
    TRY(acme_policy_from_json(request->arena, document, &parsed, err));
    for (size_t i = 0; i < parsed.templates.count; i++)
        TRY(may_use(acme, request, parsed.templates.items[i], &organisation, err));
    for (size_t i = 0; i < parsed.profile_templates.count; i++)
        TRY(may_use(acme, request, parsed.profile_templates.items[i], &organisation, err));
    if (!uuid_is_nil(policy->organisation_id) && !uuid_equal(policy->organisation_id, organisation))
        return fail(err, ERROR_POLICY, "bad-acme-policy",
                    "An ACME policy stays in its organisation.");
    policy->organisation_id = organisation;
    policy->document = acme_policy_to_json(request->arena, &parsed);
    return true;
}

static struct event_note policy_note(struct arena *arena, const char *code,
                                     const struct acme_policy_record *policy) {
    return (struct event_note){.code = code,
                               .organisation_id = policy->organisation_id,
                               .object_kind = "acme-policy",
                               .object = uuid_text(arena, policy->id)};
}

HANDLER(acme_policies_create) {
    static const char *const members[] = {"name", "document", NULL};
    struct acme *acme = context;
    struct acme_policy_record policy = {
        .id = uuid_new(), .version = 1, .created_us = clock_now_us()};
    const struct json *body;
    bool done = false;
    TRY(ask_document(request, members, &body, err));
    TRY(read_policy(acme, request, body, &policy, err));
    policy.changed_us = policy.created_us;
    struct event_note note = policy_note(request->arena, "acme.policy.created", &policy);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_policy_insert(tx.tx, &policy, err) &&
            access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    reply_policy(request, response, 201, &policy);
    return true;
}

HANDLER(acme_policies_get) {
    struct acme_policy_record policy;
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "ACME policy", &id, err));
    TRY(manage_policy(context, request, MAY_READ_TEMPLATES, id, &policy, err));
    reply_policy(request, response, 200, &policy);
    return true;
}

HANDLER(acme_policies_change) {
    static const char *const members[] = {"name", "document", "version", NULL};
    struct acme *acme = context;
    struct acme_policy_record policy;
    const struct json *body;
    struct uuid id;
    int64_t version;
    bool done = false;
    TRY(ask_id(request, 0, "ACME policy", &id, err));
    TRY(ask_document(request, members, &body, err));
    TRY(ask_version(request, body, &version, err));
    if (version == 0)
        return fail(
            err, ERROR_MALFORMED, "missing-field",
            "Say which version the edit is based on: If-Match with the policy's ETag, or the "
            "field \"version\".");
    TRY(manage_policy(acme, request, MAY_MANAGE_TEMPLATES, id, &policy, err));
    TRY(read_policy(acme, request, body, &policy, err));
    policy.changed_us = clock_now_us();
    struct event_note note = policy_note(request->arena, "acme.policy.changed", &policy);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_policy_update(tx.tx, id, version, policy.name, policy.document, policy.changed_us,
                               err) &&
            access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    policy.version = version + 1;
    reply_policy(request, response, 200, &policy);
    return true;
}

HANDLER(acme_policies_remove) {
    struct acme *acme = context;
    struct acme_policy_record policy;
    struct uuid id;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "ACME policy", &id, err));
    TRY(manage_policy(acme, request, MAY_MANAGE_TEMPLATES, id, &policy, err));
    struct event_note note = policy_note(request->arena, "acme.policy.removed", &policy);
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_policy_delete(tx.tx, id, clock_now_us(), err) &&
            access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    reply_nothing(response);
    return true;
}

/* --- external account bindings
 * ------------------------------------------------------------------------------ */

static const char *binding_state(const struct acme_eab *eab) {
    return eab->revoked                                                ? "revoked"
           : eab->expires_us != 0 && eab->expires_us <= clock_now_us() ? "expired"
           : eab->uses != 0 && eab->used >= eab->uses                  ? "used-up"
                                                                       : "available";
}

static void write_binding(struct json_writer *w, struct arena *arena, const struct acme_eab *eab) {
    put_uuid(w, "id", eab->id);
    put_uuid(w, "policy", eab->policy_id);
    json_put_string(w, "name", eab->name);
    json_put_string(w, "state", binding_state(eab));
    put_document(w, arena, "scope", eab->scope);
    json_put_int(w, "uses", eab->uses);
    json_put_int(w, "used", eab->used);
    json_put_time(w, "createdAt", eab->created_us);
    put_time_or_null(w, "expiresAt", eab->expires_us);
    put_time_or_null(w, "lastUsedAt", eab->last_used_us);
    json_put_string(w, "maker", eab->maker);
}

HANDLER(acme_bindings_list) {
    struct acme *acme = context;
    struct acme_policy_record policy;
    struct acme_eab *items = NULL;
    struct page page;
    struct uuid id;
    const char *next = NULL;
    size_t count = 0;
    bool done = false;
    TRY(ask_page(request, NULL, &page, err));
    TRY(ask_id(request, 0, "ACME policy", &id, err));
    TRY(manage_policy(acme, request, MAY_READ_TEMPLATES, id, &policy, err));
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_eab_list(tx.tx, request->arena, id, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        write_binding(&w, request->arena, &items[i]);
        json_close_object(&w);
    }
    reply_list(request, response, &w, next);
    return true;
}

/* Commands to copy. D: directory, K: key identifier, M: HMAC key in base64url. */
static const struct {
    const char *client, *command;
} commands[] = {
    {"certbot",
     "certbot register --server D --eab-kid K --eab-hmac-key M --agree-tos -m you@example.org"},
    {"acme.sh", "acme.sh --register-account --server D --eab-kid K --eab-hmac-key M"},
    {"lego",
     "lego --server D --eab --kid K --hmac M --email you@example.org --domains www.example.org "
     "--http --accept-tos run"},
    {"caddy", "{\n  acme_ca D\n  acme_eab {\n    key_id K\n    mac_key M\n  }\n}"},
    {"traefik",
     "--certificatesresolvers.pki.acme.caserver=D --certificatesresolvers.pki.acme.eab.kid=K "
     "--certificatesresolvers.pki.acme.eab.hmacencoded=M"},
    {"win-acme", "wacs.exe --baseuri D --eab-key-identifier K --eab-key M"},
    {"cert-manager",
     "spec:\n  acme:\n    server: D\n    externalAccountBinding:\n      keyID: K\n"
     "      keySecretRef:\n        name: eab\n        key: secret # kubectl create secret "
     "generic eab --from-literal=secret=M"},
    {"Certify", "Directory URL: D\nKey identifier: K\nHMAC key: M"},
    {"mod_md", "MDCertificateAuthority D\nMDExternalAccountBinding K M"},
    {"uacme", "uacme -a D -e K:M new"},
    {"dehydrated", "CA=\"D\"\nEAB_KID=\"K\"\nEAB_HMAC_KEY=\"M\""},
};

static void put_commands(struct json_writer *w, struct arena *arena, const char *directory,
                         const char *kid, const char *key) {
    json_name(w, "commands");
    json_open_object(w);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct buffer out = buffer_on(arena);
        const char *text = commands[i].command;
        for (size_t j = 0; text[j] != '\0'; j++) {
            /* a letter alone, or behind one of ":='\"" and before a delimiter */
            bool alone = (j == 0 || strchr(" =:\"", text[j - 1]) != NULL) &&
                         strchr(" \n:\"", text[j + 1]) != NULL; /* the end, too */
            if (alone && text[j] == 'D')
                buffer_add_text(&out, directory);
            else if (alone && text[j] == 'K')
                buffer_add_text(&out, kid);
            else if (alone && text[j] == 'M')
                buffer_add_text(&out, key);
            else
                buffer_add_byte(&out, (uint8_t)text[j]);
        }
        json_put_string(w, commands[i].client, buffer_text(&out));
    }
    json_close_object(w);
}

struct binding_order {
    struct acme_eab eab;
    const char *key; /* base64url, shown once */
};

static bool read_binding(struct http_request *request, const struct json *body,
                         struct acme_eab *eab, struct error *err) {
    const struct json *scope = NULL;
    struct text_list patterns;
    TRY(ask_string(body, "name", &eab->name, err));
    if (*eab->name == '\0' || strlen(eab->name) > 100)
        return fail(err, ERROR_POLICY, "bad-name", "A name has 1 to 100 bytes.");
    TRY(json_int(body, "uses", 0, 1000000, &eab->uses, err));
    TRY(ask_time(body, "expiresAt", &eab->expires_us, err));
    if (eab->expires_us != 0 && eab->expires_us <= eab->created_us)
        return fail(err, ERROR_POLICY, "bad-expiry", "\"expiresAt\" is in the past.");
    TRY(json_array(body, "scope", &scope, err));
    TRY(name_patterns_from_json(request->arena, scope, "scope", &patterns, err));
    eab->scope = name_patterns_to_json(request->arena, &patterns);
    return true;
}

static bool make_key(struct acme *acme, struct arena *arena, struct binding_order *order,
                     struct error *err) {
    uint8_t key[32];
    do { /* a client's command line takes a value with a dash in front for an option */
        random_bytes(key, sizeof key);
        order->key = base64url_encode(arena, view_of(key, sizeof key));
    } while (order->key[0] == '-');
    return secret_seal(acme->core, arena,
                       arena_printf(arena, "acme_eabs/%s/secret", uuid_text(arena, order->eab.id)),
                       view_of(key, sizeof key), &order->eab.secret, err);
}

HANDLER(acme_bindings_create) {
    static const char *const members[] = {"name", "uses", "expiresAt", "scope", NULL};
    struct acme *acme = context;
    struct acme_policy_record policy;
    struct binding_order order = {
        .eab = {.id = uuid_new(), .uses = 1, .created_us = clock_now_us()}};
    const struct json *body;
    struct core_urls urls;
    bool done = false;
    TRY(ask_id(request, 0, "ACME policy", &order.eab.policy_id, err));
    TRY(ask_document(request, members, &body, err));
    TRY(manage_policy(acme, request, MAY_MANAGE_TEMPLATES, order.eab.policy_id, &policy, err));
    TRY(read_binding(request, body, &order.eab, err));
    TRY(core_public_urls(acme->core, request->arena, &urls, err));
    TRY(make_key(acme, request->arena, &order, err));
    order.eab.maker = manage_actor(request)->name;
    struct event_note note = {.code = "acme.binding.created",
                              .organisation_id = policy.organisation_id,
                              .object_kind = "acme-binding",
                              .object = uuid_text(request->arena, order.eab.id)};
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_eab_insert(tx.tx, &order.eab, err) &&
            access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    const char *directory = arena_printf(request->arena, "%s/acme/directory", urls.https);
    const char *kid = uuid_text(request->arena, order.eab.id);
    json_open_object(&w);
    write_binding(&w, request->arena, &order.eab);
    json_put_string(&w, "directory", directory);
    json_put_string(&w, "kid", kid);
    json_put_string(&w, "hmacKey", order.key);
    put_commands(&w, request->arena, directory, kid, order.key);
    json_close_object(&w);
    reply_created(response, &w, arena_printf(request->arena, "/acme/bindings/%s", kid));
    return true;
}

HANDLER(acme_bindings_revoke) {
    struct acme *acme = context;
    struct acme_policy_record policy;
    struct acme_eab eab;
    struct uuid id;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "external account binding", &id, err));
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = acme_eab_by_id(tx.tx, request->arena, id, &eab, err);
    TRY(done);
    TRY(manage_policy(acme, request, MAY_MANAGE_TEMPLATES, eab.policy_id, &policy, err));
    struct event_note note = {.code = "acme.binding.revoked",
                              .organisation_id = policy.organisation_id,
                              .object_kind = "acme-binding",
                              .object = uuid_text(request->arena, id)};
    TX(tx, core_db(acme->core), &done, err)
    tx.ok =
        acme_eab_revoke(tx.tx, id, err) && access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    reply_nothing(response);
    return true;
}

/* --- the instance's settings
 * ---------------------------------------------------------------------------------- */

static bool reply_settings(struct acme *acme, struct http_request *request,
                           struct http_response *response, struct error *err) {
    struct acme_settings settings;
    struct json_writer w = json_writer_on(request->arena);
    const struct json *document;
    TRY(acme_settings_get(acme, request->arena, &settings, err));
    TRY(json_parse(request->arena, view_text(acme_settings_to_json(request->arena, &settings)),
                   &document, err));
    json_add_value(&w, document);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(acme_settings_show) {
    TRY(ask_no_query(request, err));
    TRY(actor_may(manage_actor(request), MAY_READ_SETTINGS, nobody, nobody, err));
    return reply_settings(context, request, response, err);
}

HANDLER(acme_settings_change) {
    static const char *const members[] = {"open",          "terms",         "website",
                                          "caaIdentities", "defaultPolicy", NULL};
    struct acme *acme = context;
    struct acme_settings settings;
    const struct json *body;
    bool done = false;
    TRY(ask_document(request, members, &body, err));
    TRY(actor_may(manage_actor(request), MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TRY(acme_settings_from_json(request->arena, body, &settings, err));
    struct event_note note = {
        .code = "acme.settings.changed", .object_kind = "setting", .object = "acme"};
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = setting_put(tx.tx, "acme", acme_settings_to_json(request->arena, &settings), err) &&
            access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    return reply_settings(acme, request, response, err);
}
