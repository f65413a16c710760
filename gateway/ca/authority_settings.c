#include "ca/authority.h"

#include <string.h>

#define MAX_URLS 8
#define MAX_CPS 32768

static bool read_urls(struct arena *arena, const struct json *object, const char *name,
                      struct text_list *ret_list, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(object, name, &array, err));
    if (array == NULL)
        return true;
    struct text_list list = {.items = arena_array(arena, array->count + 1, sizeof(char *))};
    if (array->count > MAX_URLS)
        return fail(err, ERROR_POLICY, "ca-settings", "urls.%s has more than %d entries.", name,
                    MAX_URLS);
    JSON_EACH(item, array) {
        if (item->type != JSON_STRING || strlen(item->text) > 500 ||
            (strncmp(item->text, "http://", 7) != 0 && strncmp(item->text, "https://", 8) != 0 &&
             strncmp(item->text, "ldap://", 7) != 0))
            return fail(err, ERROR_POLICY, "ca-settings",
                        "urls.%s must hold http, https or ldap URLs of at most 500 bytes.", name);
        for (const char *at = item->text; *at != '\0'; at++)
            if (*at <= 0x20 || *at >= 0x7f)
                return fail(err, ERROR_POLICY, "ca-settings", "urls.%s: a URL is plain ASCII.", name);
        list.items[list.count++] = item->text;
    }
    *ret_list = list;
    return true;
}

static bool read_digest(const struct json *document, const char **ret_digest, struct error *err) {
    static const char *const known[] = {"SHA-256", "SHA-384", "SHA-512", NULL};
    const char *digest = NULL;
    TRY(json_string(document, "digest", &digest, err));
    for (int i = 0; digest != NULL && known[i] != NULL; i++)
        if (strcmp(known[i], digest) == 0) {
            *ret_digest = known[i];
            return true;
        }
    return digest == NULL ||
           fail(err, ERROR_POLICY, "ca-settings", "digest is SHA-256, SHA-384 or SHA-512.");
}

static bool read_padding(const struct json *document, struct ca_settings *s, struct error *err) {
    const char *padding = "pkcs1";
    TRY(json_string(document, "padding", &padding, err));
    s->pss = strcmp(padding, "pss") == 0;
    return s->pss || strcmp(padding, "pkcs1") == 0 ||
           fail(err, ERROR_POLICY, "ca-settings",
                "padding is pkcs1 or pss; it counts for RSA keys alone.");
}

static bool read_services(const struct json *document, struct ca_settings *s, struct error *err) {
    static const char *const names[] = {"key", "digest", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "services", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    const struct json *key = json_get(object, "key");
    if (key != NULL && key->type != JSON_NULL)
        TRY(key_type_from_json(key, &s->service_key, err));
    return read_digest(object, &s->service_digest, err);
}

static bool read_texts(const struct json *document, struct ca_settings *s, struct error *err) {
    TRY(json_string(document, "contact", &s->contact, err));
    TRY(json_string(document, "cps", &s->cps, err));
    if (strlen(s->contact) > 200)
        return fail(err, ERROR_POLICY, "ca-settings", "contact is longer than 200 bytes.");
    return strlen(s->cps) <= MAX_CPS ||
           fail(err, ERROR_POLICY, "ca-settings",
                "cps is longer than %d bytes; give the URL of the document instead.", MAX_CPS);
}

bool authority_settings_read(struct arena *arena, const struct json *document,
                             struct ca_settings *ret, struct error *err) {
    static const char *const names[] = {"crl",    "ocsp",    "contact",  "cps",
                                        "digest", "padding", "services", "urls",
                                        NULL};
    static const char *const url_names[] = {"crl", "caIssuers", "ocsp", NULL};
    struct ca_settings s = {.contact = "", .cps = ""};
    const struct json *crl = NULL, *ocsp = NULL, *urls = NULL;
    if (document != NULL) {
        TRY(json_only(document, names, err));
        TRY(json_object(document, "crl", &crl, err) && json_object(document, "ocsp", &ocsp, err) &&
            json_object(document, "urls", &urls, err));
        TRY(read_texts(document, &s, err) && read_digest(document, &s.digest, err));
        TRY(read_padding(document, &s, err) && read_services(document, &s, err));
    }
    TRY(status_settings_read(arena, crl, ocsp, &s, err));
    TRY(urls == NULL || json_only(urls, url_names, err));
    TRY(read_urls(arena, urls, "crl", &s.crl_urls, err));
    TRY(read_urls(arena, urls, "caIssuers", &s.ca_issuer_urls, err));
    TRY(read_urls(arena, urls, "ocsp", &s.ocsp_urls, err));
    *ret = s;
    return true;
}

static void put_urls(struct json_writer *w, const char *name, const struct text_list *list) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_add_string(w, list->items[i]);
    json_close_array(w);
}

const char *authority_settings_write(struct arena *arena, const struct ca_settings *s) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    status_settings_write(&w, s);
    json_put_string(&w, "contact", s->contact);
    json_put_string(&w, "cps", s->cps);
    json_put_string(&w, "digest", s->digest);
    json_put_string(&w, "padding", s->pss ? "pss" : "pkcs1");
    json_name(&w, "services");
    json_open_object(&w);
    json_put_string(&w, "key", s->service_key);
    json_put_string(&w, "digest", s->service_digest);
    json_close_object(&w);
    json_name(&w, "urls");
    json_open_object(&w);
    put_urls(&w, "crl", &s->crl_urls);
    put_urls(&w, "caIssuers", &s->ca_issuer_urls);
    put_urls(&w, "ocsp", &s->ocsp_urls);
    json_close_object(&w);
    json_close_object(&w);
    return json_written(&w);
}

bool authority_settings(struct arena *arena, const struct ca_record *ca, struct ca_settings *ret,
                        struct error *err) {
    const struct json *document;
    return json_parse(arena, view_text(ca->settings), &document, err) &&
           authority_settings_read(arena, document, ret, err);
}

const EVP_MD *authority_digest(const struct ca_record *ca, const struct ca_settings *settings) {
    const EVP_MD *by_key = key_type_digest(ca->key_type);
    if (by_key == NULL || settings->digest == NULL)
        return by_key;
    return EVP_get_digestbyname(settings->digest);
}

bool authority_pad(const struct ca_settings *settings, EVP_PKEY *key, EVP_PKEY **ret_key,
                   struct error *err) {
    if (settings->pss)
        return signer_key_pss(key, ret_key, err);
    EVP_PKEY_up_ref(key);
    *ret_key = key;
    return true;
}

bool authority_key(struct core *core, const struct ca_record *ca, const struct ca_settings *settings,
                   EVP_PKEY **ret_key, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    return core_key(core, ca->key_id, &key, err) && authority_pad(settings, key, ret_key, err);
}
