#include "base/encode.h"
#include "ca/own_tls.h"
#include "ca/secret.h"
#include "store/organisations.h"
#include "x509/san.h"

#include <string.h>

#define MAX_NAMES 50
#define MAX_ANCHORS ((size_t)64 * 1024)
#define MAX_DAYS 825
#define PLACE "tls/acme/eab"

static const char *const sources[] = {[OWN_TLS_SELF_SIGNED] = "self-signed",
                                      [OWN_TLS_AUTHORITY] = "authority",
                                      [OWN_TLS_ACME] = "acme",
                                      [OWN_TLS_GIVEN] = "given"};
static const char *const key_types[] = {"P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"};

static const struct own_tls_settings defaults = {
    .key_type = "P-256", .ca = "", .days = 90, .directory = "", .contact = "", .anchors = ""};

const char *own_tls_source_name(enum own_tls_source source) {
    return sources[source];
}

static bool bad(struct error *err, const char *member, const char *what) {
    return fail(err, ERROR_POLICY, "bad-setting", "\"%s\" %s.", member, what);
}

static bool read_source(const struct json *document, struct own_tls_settings *ret, struct error *err) {
    const char *source = NULL;
    TRY(json_string(document, "source", &source, err));
    for (size_t i = 0; source != NULL && i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(sources[i], source) == 0) {
            ret->source = (enum own_tls_source)i;
            return true;
        }
    return bad(err, "source", "is self-signed, authority, acme or given");
}

static bool read_names(struct arena *arena, const struct json *document, struct own_tls_settings *ret,
                       struct error *err) {
    const struct json *names = NULL;
    GENERAL_NAMES *sans;
    TRY(json_array(document, "names", &names, err));
    if (names == NULL)
        return true;
    ret->names.count = 0;
    if (names->count > MAX_NAMES)
        return bad(err, "names", "has at most 50 host names and addresses");
    ret->names.items = arena_array(arena, names->count + 1, sizeof(char *));
    JSON_EACH (name, names) {
        if (name->type != JSON_STRING)
            return bad(err, "names", "is a list of host names and addresses");
        ret->names.items[ret->names.count++] = name->text;
    }
    TRY(own_tls_sans(arena, &ret->names, &sans, err));
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        int type = sk_GENERAL_NAME_value(sans, i)->type;
        if (type != GEN_DNS && type != GEN_IPADD)
            return bad(err, "names", "is a list of host names and addresses");
    }
    return true;
}

static bool read_key_type(const struct json *document, struct own_tls_settings *ret, struct error *err) {
    const char *type = ret->key_type;
    TRY(json_string(document, "keyType", &type, err));
    for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++)
        if (strcmp(key_types[i], type) == 0) {
            ret->key_type = key_types[i];
            return true;
        }
    return bad(err, "keyType", "is P-256, P-384, RSA-2048, RSA-3072 or RSA-4096: what browsers can verify");
}

static bool read_binding(struct core *core, struct arena *arena, const struct json *acme,
                         const struct own_tls_settings *before, struct own_tls_settings *ret, struct error *err) {
    static const char *const members[] = {"kid", "key", "sealed", NULL};
    const struct json *eab = NULL;
    const char *key = NULL;
    struct view octets;
    TRY(json_object(acme, "eab", &eab, err));
    if (eab == NULL)
        return true;
    TRY(json_only(eab, members, err) && json_string(eab, "kid", &ret->kid, err) && json_string(eab, "key", &key, err));
    if (core == NULL) /* as it is stored */
        return json_string(eab, "sealed", &ret->sealed, err);
    if (ret->kid == NULL || ret->kid[0] == '\0' || strlen(ret->kid) > 200 || json_get(eab, "sealed") != NULL)
        return bad(err, "eab", "has \"kid\" and \"key\", as the ACME server gave them");
    if (key == NULL) {
        ret->sealed = before->kid != NULL && strcmp(before->kid, ret->kid) == 0 ? before->sealed : NULL;
        return ret->sealed != NULL || bad(err, "eab.key", "is missing");
    }
    if (!base64url_decode(arena, view_text(key), &octets) || octets.len < 16 || octets.len > 256)
        return bad(err, "eab.key", "is base64url of 16 to 256 octets");
    return secret_seal(core, arena, PLACE, octets, &ret->sealed, err);
}

/* core NULL: as it is stored. */
static bool read_acme(struct core *core, struct arena *arena, const struct json *document,
                      const struct own_tls_settings *before, struct own_tls_settings *ret, struct error *err) {
    static const char *const members[] = {"directory", "contact", "ca", "eab", NULL};
    const struct json *acme = NULL;
    TRY(json_object(document, "acme", &acme, err));
    if (acme == NULL)
        return true;
    TRY(json_only(acme, members, err) && json_string(acme, "directory", &ret->directory, err) &&
        json_string(acme, "contact", &ret->contact, err) && json_string(acme, "ca", &ret->anchors, err));
    if (strncmp(ret->directory, "https://", 8) != 0 || strlen(ret->directory) > 1000 || uri_problem(ret->directory) != NULL)
        return bad(err, "acme.directory", "is the https URL of an ACME server's directory");
    if (ret->contact[0] != '\0' && (strncmp(ret->contact, "mailto:", 7) != 0 || strlen(ret->contact) > 200))
        return bad(err, "acme.contact", "is a mailto: URL");
    if (ret->anchors[0] != '\0' &&
        (strlen(ret->anchors) > MAX_ANCHORS || strstr(ret->anchors, "-----BEGIN CERTIFICATE-----") == NULL))
        return bad(err, "acme.ca", "is PEM of the CA certificates that the ACME server is verified with");
    return read_binding(core, arena, acme, before, ret, err);
}

static bool read(struct core *core, struct arena *arena, const struct json *document,
                 const struct own_tls_settings *before, struct own_tls_settings *ret, struct error *err) {
    static const char *const members[] = {"source", "names", "keyType", "ca", "days", "acme", NULL};
    struct own_tls_settings s = defaults;
    TRY(json_only(document, members, err) && read_source(document, &s, err) && read_names(arena, document, &s, err) &&
        read_key_type(document, &s, err) && json_string(document, "ca", &s.ca, err) &&
        json_int(document, "days", 1, MAX_DAYS, &s.days, err) && read_acme(core, arena, document, before, &s, err));
    if (s.source == OWN_TLS_AUTHORITY && s.ca[0] == '\0')
        return bad(err, "ca", "names the authority that is to sign");
    if (s.source == OWN_TLS_ACME && s.directory[0] == '\0')
        return bad(err, "acme", "names the ACME server's \"directory\"");
    *ret = s;
    return true;
}

bool own_tls_wish_read(struct arena *arena, const struct json *document, struct own_tls_settings *settings,
                       struct error *err) {
    return read_names(arena, document, settings, err) && read_key_type(document, settings, err);
}

bool own_tls_settings_read(struct core *core, struct arena *arena, const struct json *document,
                           const struct own_tls_settings *before, struct own_tls_settings *ret, struct error *err) {
    return read(core, arena, document, before, ret, err);
}

const char *own_tls_settings_write(struct arena *arena, const struct own_tls_settings *s, bool stored) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "source", sources[s->source]);
    json_name(&w, "names");
    json_open_array(&w);
    for (size_t i = 0; i < s->names.count; i++)
        json_add_string(&w, s->names.items[i]);
    json_close_array(&w);
    json_put_string(&w, "keyType", s->key_type);
    json_put_string(&w, "ca", s->ca);
    json_put_int(&w, "days", s->days);
    if (s->directory[0] != '\0') {
        json_name(&w, "acme");
        json_open_object(&w);
        json_put_string(&w, "directory", s->directory);
        json_put_string(&w, "contact", s->contact);
        json_put_string(&w, "ca", s->anchors);
        if (s->kid != NULL) {
            json_name(&w, "eab");
            json_open_object(&w);
            json_put_string(&w, "kid", s->kid);
            if (stored)
                json_put_string(&w, "sealed", s->sealed);
            json_close_object(&w);
        }
        json_close_object(&w);
    }
    json_close_object(&w);
    return json_written(&w);
}

bool own_tls_settings(struct core *core, struct arena *arena, struct own_tls_settings *ret, struct error *err) {
    const struct json *document;
    const char *text = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_get(tx.tx, arena, "tls", &text, err);
    TRY(done);
    *ret = defaults;
    return text == NULL || (json_parse(arena, view_text(text), &document, err) &&
                            read(NULL, arena, document, NULL, ret, err));
}

bool own_tls_binding_key(struct core *core, struct arena *arena, const struct own_tls_settings *settings,
                         struct view *ret_key, struct error *err) {
    return secret_open(core, arena, PLACE, settings->sealed, ret_key, err);
}
