#include "ca/validation.h"

#include "net/directory.h"
#include "x509/certificate.h"
#include "x509/handles.h"

#include <string.h>

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_POLICY, "validator-settings", "%s", rule);
}

static bool is_source(const char *url) {
    struct error ignored = {0};
    for (const char *at = url; *at != '\0'; at++)
        if (*at <= 0x20 || *at >= 0x7f)
            return false;
    return strlen(url) <= 500 && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0 ||
                                  directory_url_check(url, &ignored));
}

static bool read_sources(struct arena *arena, const struct json *document, const char *name,
                         struct text_list *ret, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(document, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > VALIDATION_MAX_SOURCES)
        return refuse(err, "A validator has at most 8 sources of a kind.");
    struct text_list list = {.items = arena_array(arena, array->count + 1, sizeof(char *))};
    JSON_EACH(item, array) {
        if (item->type != JSON_STRING || !is_source(item->text))
            return refuse(err, "Sources are URLs of at most 500 ASCII bytes: http://, https://, or ldap:// and "
                               "ldaps:// with an entry's name (RFC 4516).");
        list.items[list.count++] = item->text;
    }
    *ret = list;
    return true;
}

/* Whoever adds a serial number to that list makes it known; so it is signed, or comes by TLS. */
static bool check_issued(struct arena *arena, const struct validation_settings *s, struct error *err) {
    AUTO(X509) *signer = NULL;
    for (size_t i = 0; i < s->issued_sources.count; i++) {
        const char *url = s->issued_sources.items[i];
        if (strncmp(url, "http", 4) != 0)
            return refuse(err, "issuedSources are http:// or https:// URLs.");
        if (strncmp(url, "https:", 6) != 0 && s->issued_signer == NULL)
            return refuse(err, "issuedSources of http:// need issuedSigner: what comes by plain HTTP must be signed.");
    }
    return s->issued_signer == NULL || certificate_decode(arena, view_text(s->issued_signer), &signer, err);
}

bool validation_settings_read(struct arena *arena, const struct json *document,
                              struct validation_settings *ret, struct error *err) {
    static const char *const names[] = {"sources", "deltaSources", "intervalSeconds", "timeoutSeconds", "issuedSources",
                                        "issuedSigner", "warnSeconds", "ocspHours", "neverIssued", "requireSignedRequests",
                                        "responder", "acceptNamedLists", "responderId", NULL};
    struct validation_settings s = {.interval_s = 600, .timeout_s = 30, .warn_s = 7200, .ocsp_hours = 8};
    const char *never = NULL, *responder = NULL, *id = NULL;
    if (document != NULL) {
        TRY(json_only(document, names, err));
        TRY(read_sources(arena, document, "sources", &s.sources, err));
        TRY(read_sources(arena, document, "deltaSources", &s.delta_sources, err));
        TRY(read_sources(arena, document, "issuedSources", &s.issued_sources, err));
        TRY(json_string(document, "issuedSigner", &s.issued_signer, err));
        TRY(json_int(document, "intervalSeconds", 5, 7 * 86400, &s.interval_s, err));
        TRY(json_int(document, "timeoutSeconds", 1, 300, &s.timeout_s, err));
        TRY(json_int(document, "warnSeconds", 0, 90 * 86400, &s.warn_s, err));
        TRY(json_int(document, "ocspHours", 1, 24 * 31, &s.ocsp_hours, err));
        TRY(json_string(document, "neverIssued", &never, err));
        TRY(json_string(document, "responder", &responder, err));
        TRY(json_bool(document, "requireSignedRequests", &s.require_signed, err));
        TRY(json_bool(document, "acceptNamedLists", &s.accept_named, err));
        TRY(json_string(document, "responderId", &id, err));
    }
    if (never != NULL && strcmp(never, "unknown") != 0 && strcmp(never, "revoked") != 0)
        return refuse(err, "neverIssued is \"unknown\" or \"revoked\".");
    if (responder != NULL && strcmp(responder, "delegated") != 0 && strcmp(responder, "trusted") != 0)
        return refuse(err, "responder is \"delegated\" or \"trusted\".");
    if (id != NULL && strcmp(id, "key") != 0 && strcmp(id, "name") != 0)
        return refuse(err, "responderId is \"key\" or \"name\".");
    TRY(check_issued(arena, &s, err));
    s.by_name = id != NULL && strcmp(id, "name") == 0;
    s.never_issued_revoked = never != NULL && strcmp(never, "revoked") == 0;
    s.trusted = responder != NULL && strcmp(responder, "trusted") == 0;
    *ret = s;
    return true;
}

bool validation_settings_of(struct arena *arena, const struct validator_record *validator,
                            struct validation_settings *ret, struct error *err) {
    const struct json *document;
    return json_parse(arena, view_text(validator->settings), &document, err) &&
           validation_settings_read(arena, document, ret, err);
}

const char *validation_settings_write(struct arena *arena, const struct validation_settings *s) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_texts(&w, "sources", &s->sources);
    json_put_texts(&w, "deltaSources", &s->delta_sources);
    json_put_texts(&w, "issuedSources", &s->issued_sources);
    json_put_string(&w, "issuedSigner", s->issued_signer);
    json_put_int(&w, "intervalSeconds", s->interval_s);
    json_put_int(&w, "timeoutSeconds", s->timeout_s);
    json_put_int(&w, "warnSeconds", s->warn_s);
    json_put_int(&w, "ocspHours", s->ocsp_hours);
    json_put_string(&w, "neverIssued", s->never_issued_revoked ? "revoked" : "unknown");
    json_put_bool(&w, "requireSignedRequests", s->require_signed);
    json_put_bool(&w, "acceptNamedLists", s->accept_named);
    if (s->by_name)
        json_put_string(&w, "responderId", "name");
    json_put_string(&w, "responder", s->trusted ? "trusted" : "delegated");
    json_close_object(&w);
    return json_written(&w);
}
