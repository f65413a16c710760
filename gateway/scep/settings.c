#include "scep/settings.h"

#include "base/clock.h"
#include "ca/person_key.h"

#include <string.h>

#define MAX_RANGES 200
#define MAX_TEXT 2000
#define MAX_SECRET 32768

static bool texts(struct arena *arena, const struct json *object, const char *name, size_t max,
                  struct text_list *ret, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(object, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > max)
        return fail(err, ERROR_POLICY, "scep-settings", "\"%s\" has at most %zu items.", name, max);
    ret->items = arena_array(arena, array->count, sizeof *ret->items);
    ret->count = 0;
    JSON_EACH(item, array) {
        if (item->type != JSON_STRING)
            return fail(err, ERROR_MALFORMED, "wrong-type", "\"%s\" is a list of strings.", name);
        ret->items[ret->count++] = item->text;
    }
    return true;
}

static bool text_in(const struct json *object, const char *name, size_t max, const char **ret,
                    struct error *err) {
    TRY(json_string(object, name, ret, err));
    return *ret == NULL || strlen(*ret) <= max ||
           fail(err, ERROR_POLICY, "scep-settings", "\"%s\" has at most %zu octets.", name, max);
}

static bool part(const struct json *document, const char *name, const char *const members[],
                 const struct json **ret, struct error *err) {
    *ret = NULL;
    TRY(json_object(document, name, ret, err));
    return *ret == NULL || json_only(*ret, members, err);
}

/* URLs that the gateway calls with secrets. */
static bool check_url(const char *name, const char *url, struct error *err) {
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://127.0.0.1:", 17) == 0 ||
           fail(err, ERROR_POLICY, "scep-settings",
                "\"%s\" must begin with https://, for secrets travel there.", name);
}

static bool read_validation(const struct json *document, struct scep_settings *settings,
                            struct error *err) {
    static const char *const members[] = {"passphrase", "challenge", "insecureAcceptAnyone", NULL};
    static const char *const renewal_members[] = {"enabled", "windowDays", "sameSubject", NULL};
    const struct json *object;
    TRY(part(document, "validation", members, &object, err));
    TRY(json_bool(object, "passphrase", &settings->passphrase, err));
    TRY(json_bool(object, "challenge", &settings->challenge, err));
    TRY(json_bool(object, "insecureAcceptAnyone", &settings->anyone, err));
    TRY(part(document, "renewal", renewal_members, &object, err));
    TRY(json_bool(object, "enabled", &settings->renewal.enabled, err));
    TRY(json_bool(object, "sameSubject", &settings->renewal.same_subject, err));
    return json_int(object, "windowDays", 0, 3650, &settings->renewal.window_days, err);
}

static bool read_access(struct arena *arena, const struct json *document,
                        struct scep_settings *settings, struct error *err) {
    static const char *const members[] = {"scep", "ndes", NULL};
    struct text_list *lists[] = {&settings->scep_access, &settings->ndes_access};
    const struct json *object;
    TRY(part(document, "access", members, &object, err));
    for (size_t i = 0; i < 2; i++) {
        TRY(texts(arena, object, members[i], MAX_RANGES, lists[i], err));
        for (size_t j = 0; j < lists[i]->count; j++)
            TRY(scep_range_check(lists[i]->items[j], err));
    }
    return true;
}

static bool read_ndes(const struct json *document, struct scep_settings *settings,
                      struct error *err) {
    static const char *const members[] = {"enabled", "minutes", "utf16", "insecureHttp", NULL};
    const struct json *object;
    TRY(part(document, "ndes", members, &object, err));
    TRY(json_bool(object, "enabled", &settings->ndes.enabled, err));
    TRY(json_bool(object, "utf16", &settings->ndes.utf16, err));
    TRY(json_bool(object, "insecureHttp", &settings->ndes.insecure_http, err));
    return json_int(object, "minutes", 1, 10080, &settings->ndes.minutes, err);
}

static bool read_webhook(const struct json *document, struct scep_webhook *webhook,
                         struct error *err) {
    static const char *const members[] = {"url", "secret", "secretSet", "notify", "caFile", NULL};
    const struct json *object;
    bool set = false;
    TRY(part(document, "webhook", members, &object, err));
    if (object == NULL)
        return true;
    webhook->notify = true;
    webhook->secret = webhook->ca_file = "";
    TRY(text_in(object, "url", MAX_TEXT, &webhook->url, err));
    TRY(text_in(object, "secret", MAX_SECRET, &webhook->secret, err));
    TRY(json_bool(object, "secretSet", &set, err)); /* as it was shown; says nothing new */
    TRY(json_bool(object, "notify", &webhook->notify, err));
    TRY(text_in(object, "caFile", MAX_TEXT, &webhook->ca_file, err));
    if (webhook->url == NULL)
        return fail(err, ERROR_POLICY, "scep-settings", "A webhook needs its \"url\".");
    return check_url("url", webhook->url, err);
}

static bool read_intune_texts(const struct json *object, struct scep_intune *intune,
                              struct error *err) {
    const struct {
        const char *name;
        const char **to;
        size_t max;
    } members[] = {{"tenant", &intune->tenant, 200},
                   {"clientId", &intune->client_id, 200},
                   {"secret", &intune->secret, MAX_SECRET},
                   {"pkcs12", &intune->pkcs12, MAX_SECRET},
                   {"pkcs12Password", &intune->pkcs12_password, MAX_SECRET},
                   {"loginUrl", &intune->login_url, MAX_TEXT},
                   {"graphUrl", &intune->graph_url, MAX_TEXT},
                   {"graphVersion", &intune->graph_version, 20},
                   {"intuneAppId", &intune->intune_app_id, 200},
                   {"intuneResource", &intune->intune_resource, MAX_TEXT},
                   {"proxy", &intune->proxy, MAX_TEXT},
                   {"caFile", &intune->ca_file, MAX_TEXT}};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        TRY(text_in(object, members[i].name, members[i].max, members[i].to, err));
    return true;
}

static bool read_intune(const struct json *document, struct scep_intune *intune,
                        struct error *err) {
    static const char *const members[] = {
        "tenant",   "clientId",     "secret",      "pkcs12",         "pkcs12Password", "secretSet",
        "loginUrl", "graphUrl",     "graphVersion", "intuneAppId",   "intuneResource", "proxy",
        "caFile",   "pkcs12Set",    "secretExpiresAt", NULL};
    const struct json *object;
    const char *expires = NULL;
    bool set = false;
    TRY(part(document, "intune", members, &object, err));
    if (object == NULL)
        return true;
    *intune = (struct scep_intune){.secret = "",
                                   .pkcs12 = "",
                                   .pkcs12_password = "",
                                   .login_url = "https://login.microsoftonline.com",
                                   .graph_url = "https://graph.microsoft.com",
                                   .graph_version = "v1.0",
                                   .intune_app_id = "0000000a-0000-0000-c000-000000000000",
                                   .intune_resource = "https://api.manage.microsoft.com/",
                                   .proxy = "",
                                   .ca_file = ""};
    TRY(read_intune_texts(object, intune, err));
    TRY(json_bool(object, "secretSet", &set, err));
    TRY(json_bool(object, "pkcs12Set", &set, err));
    TRY(json_string(object, "secretExpiresAt", &expires, err));
    if (expires != NULL)
        TRY(time_parse(expires, &intune->secret_expires_us, err));
    if (intune->tenant == NULL || intune->client_id == NULL || strchr(intune->tenant, '/') != NULL)
        return fail(err, ERROR_POLICY, "scep-settings",
                    "Intune needs \"tenant\" (its id or domain) and \"clientId\".");
    TRY(check_url("loginUrl", intune->login_url, err));
    return check_url("graphUrl", intune->graph_url, err);
}

static bool read_mdm(struct arena *arena, const struct json *document, struct scep_mdm *mdm,
                     struct error *err) {
    static const char *const members[] = {"digitalId", "minutes",    "parentDn",
                                          "rdnFormat", "sanFormats", "pkcs12",
                                          "keyType",   "keepKeyDays", NULL};
    const struct json *object;
    TRY(part(document, "mdm", members, &object, err));
    if (object == NULL)
        return true;
    *mdm = (struct scep_mdm){.enabled = true,
                             .minutes = 60,
                             .parent_dn = "",
                             .rdn_format = "",
                             .key_type = "RSA-2048"};
    TRY(text_in(object, "digitalId", 200, &mdm->digital_id, err));
    TRY(text_in(object, "parentDn", MAX_TEXT, &mdm->parent_dn, err));
    TRY(text_in(object, "rdnFormat", MAX_TEXT, &mdm->rdn_format, err));
    TRY(json_int(object, "minutes", 1, 10080, &mdm->minutes, err));
    TRY(texts(arena, object, "sanFormats", 20, &mdm->san_formats, err));
    TRY(json_bool(object, "pkcs12", &mdm->pkcs12, err));
    TRY(text_in(object, "keyType", 100, &mdm->key_type, err));
    TRY(person_key_type_check(mdm->key_type, err));
    TRY(json_int(object, "keepKeyDays", 0, 3650, &mdm->keep_days, err));
    return (mdm->digital_id != NULL && mdm->rdn_format[0] != '\0') ||
           fail(err, ERROR_POLICY, "scep-settings",
                "\"mdm\" needs its \"digitalId\" and \"rdnFormat\".");
}

bool scep_settings_read(struct arena *arena, const struct json *document,
                        struct scep_settings *ret, struct error *err) {
    static const char *const members[] = {"validation", "renewal", "legacyAlgorithms", "stripRoot",
                                          "nextCa",     "access",  "ndes",             "webhook",
                                          "intune",     "mdm",     "captureUntil", NULL};
    const char *capture = NULL;
    struct scep_settings settings = {.challenge = true, .ndes.minutes = 60};
    settings.renewal.enabled = settings.renewal.same_subject = true;
    TRY(json_only(document, members, err));
    TRY(read_validation(document, &settings, err));
    TRY(json_bool(document, "legacyAlgorithms", &settings.legacy, err));
    TRY(json_bool(document, "stripRoot", &settings.strip_root, err));
    TRY(text_in(document, "nextCa", 63, &settings.next_ca, err));
    TRY(json_string(document, "captureUntil", &capture, err));
    if (capture != NULL)
        TRY(time_parse(capture, &settings.capture_until_us, err));
    TRY(read_access(arena, document, &settings, err));
    TRY(read_ndes(document, &settings, err));
    TRY(read_webhook(document, &settings.webhook, err));
    TRY(read_intune(document, &settings.intune, err));
    TRY(read_mdm(arena, document, &settings.mdm, err));
    *ret = settings;
    return true;
}

/* --- writing ------------------------------------------------------------------------------------------ */

static void put_secret(struct json_writer *w, const char *name, const char *set_name,
                       const char *secret, bool shown) {
    if (shown)
        json_put_bool(w, set_name, secret[0] != '\0');
    else if (secret[0] != '\0')
        json_put_string(w, name, secret);
}

static void write_intune(struct json_writer *w, const struct scep_intune *intune, bool shown) {
    json_open_object(w);
    json_put_string(w, "tenant", intune->tenant);
    json_put_string(w, "clientId", intune->client_id);
    put_secret(w, "secret", "secretSet", intune->secret, shown);
    put_secret(w, "pkcs12", "pkcs12Set", intune->pkcs12, shown);
    if (!shown && intune->pkcs12_password[0] != '\0')
        json_put_string(w, "pkcs12Password", intune->pkcs12_password);
    if (intune->secret_expires_us != 0)
        json_put_time(w, "secretExpiresAt", intune->secret_expires_us);
    json_put_string(w, "loginUrl", intune->login_url);
    json_put_string(w, "graphUrl", intune->graph_url);
    json_put_string(w, "graphVersion", intune->graph_version);
    json_put_string(w, "intuneAppId", intune->intune_app_id);
    json_put_string(w, "intuneResource", intune->intune_resource);
    json_put_string(w, "proxy", intune->proxy);
    json_put_string(w, "caFile", intune->ca_file);
    json_close_object(w);
}

static void write_outside(struct json_writer *w, const struct scep_settings *settings, bool shown) {
    json_name(w, "webhook");
    if (settings->webhook.url == NULL) {
        json_add_null(w);
    } else {
        json_open_object(w);
        json_put_string(w, "url", settings->webhook.url);
        put_secret(w, "secret", "secretSet", settings->webhook.secret, shown);
        json_put_bool(w, "notify", settings->webhook.notify);
        json_put_string(w, "caFile", settings->webhook.ca_file);
        json_close_object(w);
    }
    json_name(w, "intune");
    if (settings->intune.tenant == NULL)
        json_add_null(w);
    else
        write_intune(w, &settings->intune, shown);
    json_name(w, "mdm");
    if (!settings->mdm.enabled) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    json_put_string(w, "digitalId", settings->mdm.digital_id);
    json_put_int(w, "minutes", settings->mdm.minutes);
    json_put_string(w, "parentDn", settings->mdm.parent_dn);
    json_put_string(w, "rdnFormat", settings->mdm.rdn_format);
    json_put_texts(w, "sanFormats", &settings->mdm.san_formats);
    json_put_bool(w, "pkcs12", settings->mdm.pkcs12);
    json_put_string(w, "keyType", settings->mdm.key_type);
    json_put_int(w, "keepKeyDays", settings->mdm.keep_days);
    json_close_object(w);
}

const char *scep_settings_write(struct arena *arena, const struct scep_settings *settings,
                                bool shown) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "validation");
    json_open_object(&w);
    json_put_bool(&w, "passphrase", settings->passphrase);
    json_put_bool(&w, "challenge", settings->challenge);
    json_put_bool(&w, "insecureAcceptAnyone", settings->anyone);
    json_close_object(&w);
    json_name(&w, "renewal");
    json_open_object(&w);
    json_put_bool(&w, "enabled", settings->renewal.enabled);
    json_put_int(&w, "windowDays", settings->renewal.window_days);
    json_put_bool(&w, "sameSubject", settings->renewal.same_subject);
    json_close_object(&w);
    json_put_bool(&w, "legacyAlgorithms", settings->legacy);
    json_put_bool(&w, "stripRoot", settings->strip_root);
    json_put_string(&w, "nextCa", settings->next_ca);
    if (settings->capture_until_us == 0)
        json_put_null(&w, "captureUntil");
    else
        json_put_time(&w, "captureUntil", settings->capture_until_us);
    json_name(&w, "access");
    json_open_object(&w);
    json_put_texts(&w, "scep", &settings->scep_access);
    json_put_texts(&w, "ndes", &settings->ndes_access);
    json_close_object(&w);
    json_name(&w, "ndes");
    json_open_object(&w);
    json_put_bool(&w, "enabled", settings->ndes.enabled);
    json_put_int(&w, "minutes", settings->ndes.minutes);
    json_put_bool(&w, "utf16", settings->ndes.utf16);
    json_put_bool(&w, "insecureHttp", settings->ndes.insecure_http);
    json_close_object(&w);
    write_outside(&w, settings, shown);
    json_close_object(&w);
    return json_written(&w);
}
