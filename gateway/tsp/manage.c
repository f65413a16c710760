#include "tsp/manage.h"

#include "base/encode.h"
#include "store/organisations.h"

#include <string.h>

#define DEFAULT_NAME "default"

static const struct uuid nil;

bool manage_ca(struct tsp_management *m, struct http_request *request, enum permission permission,
               struct ca_record *ret, struct error *err) {
    TRY(authority_get(m->core, request->arena, manage_actor(request), request->parameters[0], ret, err));
    return actor_may(manage_actor(request), permission, ret->organisation_id, ret->id, err);
}

const char *manage_issuer_name(const char *shown) {
    return strcmp(shown, DEFAULT_NAME) == 0 ? "" : shown;
}

static const char *shown_name(const char *name) {
    return name[0] == '\0' ? DEFAULT_NAME : name;
}

/* --- the object ------------------------------------------------------------------------------------- */

/* Versions begin with 1 outside: the issuer without a name is there before it is stored (version 0). */
static bool write_issuer(struct json_writer *w, struct arena *arena, const struct core_urls *urls,
                         const struct ca_record *ca, const struct tsa_issuer_record *record,
                         struct error *err) {
    const struct json *document;
    struct tsp_profile profile;
    TRY(json_parse(arena, view_text(record->document), &document, err));
    TRY(tsp_profile_read(arena, document, &profile, err));
    json_open_object(w);
    json_put_string(w, "id", shown_name(record->name));
    json_put_string(w, "ca", ca->slug);
    json_put_string(w, "url", arena_printf(arena, "%s/tsa/%s%s%s", urls->http, ca->slug,
                                           record->name[0] == '\0' ? "" : "/", record->name));
    json_put_int(w, "version", record->version + 1);
    json_name(w, "document");
    tsp_profile_write(w, &profile);
    put_time_or_null(w, "createdAt", record->created_us);
    put_time_or_null(w, "changedAt", record->changed_us);
    json_close_object(w);
    return true;
}

static bool reply_issuer(struct tsp_management *m, struct http_request *request,
                         struct http_response *response, const struct ca_record *ca,
                         const struct tsa_issuer_record *record, struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    struct core_urls urls;
    TRY(core_public_urls(m->core, request->arena, &urls, err));
    TRY(write_issuer(&w, request->arena, &urls, ca, record, err));
    reply_version(response, record->version + 1);
    if (record->version == 1 && record->created_us == record->changed_us && strcmp(request->method, "POST") == 0)
        reply_created(response, &w,
                      arena_printf(request->arena, "/cas/%s/timestamping/%s", ca->slug, record->name));
    else
        reply_json(response, 200, &w);
    return true;
}

/* A certificate that the document names must be there, of the CA's organisation, and have come. */
static bool check_certificate(struct tx *tx, struct arena *arena, const struct ca_record *ca,
                              const struct tsp_profile *profile, struct error *err) {
    struct scope scope = {.organisations = &ca->organisation_id, .organisation_count = 1};
    struct tsa_certificate_record record;
    struct error missing = {0};
    if (uuid_is_nil(profile->certificate_id))
        return true;
    if (tsa_certificate_get(tx, arena, &scope, profile->certificate_id, &record, &missing)) {
        if (record.certificate.len == 0)
            return fail(err, ERROR_POLICY, "tsa-certificate",
                        "certificate: this one has not come yet; import it first.");
        return !profile->qualified || qualified_certificate(arena, record.certificate, err);
    }
    if (missing.kind != ERROR_NOT_FOUND) {
        *err = missing;
        return false;
    }
    return fail(err, ERROR_POLICY, "tsa-certificate",
                "certificate: there is no such timestamping certificate in the CA's organisation.");
}

static bool note(struct tx *tx, const struct http_request *request, const struct ca_record *ca,
                 const char *code, const char *name, struct error *err) {
    struct event_note event = {.code = code,
                               .organisation_id = ca->organisation_id,
                               .ca_id = ca->id,
                               .object_kind = "tsa-issuer",
                               .object = shown_name(name)};
    return access_note(tx, manage_actor(request), &event, err);
}

/* Stores a document as the version after record->version, and reads it back. */
static bool store(struct tsp_management *m, struct http_request *request, const struct ca_record *ca,
                  const struct json *document, struct tsa_issuer_record *record, const char *code,
                  struct error *err) {
    struct arena *arena = request->arena;
    struct tsp_profile profile;
    struct json_writer w = json_writer_on(arena);
    bool done = false;
    TRY(tsp_profile_read(arena, document, &profile, err));
    TRY(tsp_profile_check(&profile, err));
    if (profile.qualified && profile.enabled && uuid_is_nil(profile.certificate_id))
        TRY(qualified_own(m->core, arena, ca, err));
    tsp_profile_write(&w, &profile);
    record->document = json_written(&w);
    record->certificate_id = profile.certificate_id;
    record->changed_us = clock_now_us();
    if (record->version == 0) {
        record->id = uuid_new();
        record->created_us = record->changed_us;
    }
    TX(tx, core_db(m->core), &done, err)
        tx.ok = check_certificate(tx.tx, arena, ca, &profile, err) &&
                qualified_alone(tx.tx, arena, ca, record->name, &profile, err) &&
                tsa_issuer_put(tx.tx, record, err) && note(tx.tx, request, ca, code, record->name, err);
    TRY(done);
    record->version++;
    tsp_forget(m->tsp);
    return true;
}

static bool find(struct tsp_management *m, struct http_request *request, const struct ca_record *ca,
                 struct tsa_issuer_record *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_issuer_get(tx.tx, request->arena, ca->id, manage_issuer_name(request->parameters[1]), ret,
                               err);
    return done;
}

/* --- issuers ----------------------------------------------------------------------------------------- */

HANDLER(issuers_list) {
    struct tsp_management *m = context;
    struct ca_record ca;
    struct core_urls urls;
    struct tsa_issuer_record *items = NULL, first = {0};
    size_t count = 0;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(manage_ca(m, request, MAY_READ_CAS, &ca, err));
    TRY(core_public_urls(m->core, request->arena, &urls, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_issuer_get(tx.tx, request->arena, ca.id, "", &first, err) &&
                tsa_issuer_list(tx.tx, request->arena, ca.id, &items, &count, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    TRY(write_issuer(&w, request->arena, &urls, &ca, &first, err));
    for (size_t i = 0; i < count; i++)
        if (items[i].name[0] != '\0')
            TRY(write_issuer(&w, request->arena, &urls, &ca, &items[i], err));
    reply_list(request, response, &w, NULL);
    return true;
}

static bool check_name(const char *name, struct error *err) {
    if (slug_valid(name) && strcmp(name, DEFAULT_NAME) != 0)
        return true;
    return fail(err, ERROR_POLICY, "tsa-name",
                "id: is the last part of the issuer's address: 1 to 63 of a-z, 0-9 and \"-\", and not "
                "\"default\", which is there already.");
}

HANDLER(issuers_create) {
    static const char *const members[] = {"id", "document", NULL};
    static const struct json empty = {.type = JSON_OBJECT};
    struct tsp_management *m = context;
    const struct json *body, *document = &empty;
    struct ca_record ca;
    struct tsa_issuer_record record = {0};
    TRY(manage_ca(m, request, MAY_MANAGE_CAS, &ca, err));
    TRY(ask_document(request, members, &body, err));
    TRY(ask_string(body, "id", &record.name, err));
    TRY(json_object(body, "document", &document, err));
    TRY(check_name(record.name, err));
    record.ca_id = ca.id;
    TRY(store(m, request, &ca, document, &record, "tsa-issuer.created", err));
    return reply_issuer(m, request, response, &ca, &record, err);
}

HANDLER(issuers_get) {
    struct tsp_management *m = context;
    struct ca_record ca;
    struct tsa_issuer_record record;
    TRY(ask_no_query(request, err));
    TRY(manage_ca(m, request, MAY_READ_CAS, &ca, err));
    TRY(find(m, request, &ca, &record, err));
    return reply_issuer(m, request, response, &ca, &record, err);
}

HANDLER(issuers_change) {
    static const char *const members[] = {"document", "version", NULL};
    struct tsp_management *m = context;
    const struct json *body, *document = NULL;
    struct ca_record ca;
    struct tsa_issuer_record record;
    int64_t version;
    TRY(manage_ca(m, request, MAY_MANAGE_CAS, &ca, err));
    TRY(ask_document(request, members, &body, err));
    TRY(json_object(body, "document", &document, err));
    TRY(ask_version(request, body, &version, err));
    if (document == NULL || version == 0)
        return fail(err, ERROR_MALFORMED, "missing-field",
                    "A change needs the field \"document\" and the version it is based on: If-Match with the "
                    "issuer's ETag, or the field \"version\".");
    TRY(find(m, request, &ca, &record, err));
    if (version != record.version + 1)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The timestamp issuer was changed meanwhile; read it again, then repeat the change.");
    TRY(store(m, request, &ca, document, &record, "tsa-issuer.changed", err));
    return reply_issuer(m, request, response, &ca, &record, err);
}

HANDLER(issuers_remove) {
    struct tsp_management *m = context;
    struct ca_record ca;
    /* What the issuer without a name is again, once it is not stored any more. */
    static const struct tsp_profile usual = {.enabled = true};
    const char *name = manage_issuer_name(request->parameters[1]);
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(manage_ca(m, request, MAY_MANAGE_CAS, &ca, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = (name[0] != '\0' || qualified_alone(tx.tx, request->arena, &ca, name, &usual, err)) &&
                tsa_issuer_delete(tx.tx, ca.id, name, err) &&
                note(tx.tx, request, &ca, "tsa-issuer.removed", name, err);
    TRY(done);
    tsp_forget(m->tsp);
    reply_nothing(response);
    return true;
}

/* --- logged tokens ------------------------------------------------------------------------------------ */

static void write_token(struct json_writer *w, struct arena *arena, const struct tsa_token_record *token) {
    json_open_object(w);
    put_uuid(w, "id", token->id);
    json_put_string(w, "issuer", shown_name(token->issuer));
    put_hex(w, arena, "serial", token->serial);
    json_put_time(w, "at", token->at_us);
    put_text_or_null(w, "address", token->address);
    put_hex(w, arena, "imprint", token->imprint);
    if (token->token.len > 0)
        json_put_string(w, "token", base64_encode(arena, token->token));
    json_close_object(w);
}

HANDLER(tokens_page) {
    static const char *const others[] = {"imprint", NULL};
    struct tsp_management *m = context;
    struct ca_record ca;
    struct page page;
    struct tsa_token_record *items = NULL;
    struct view imprint = {NULL, 0};
    size_t count = 0;
    const char *next = NULL;
    bool done = false;
    TRY(ask_page(request, others, &page, err));
    const char *wanted = http_query(request, "imprint");
    if (wanted != NULL && (!hex_decode(request->arena, view_text(wanted), &imprint) || imprint.len == 0 ||
                           imprint.len > EVP_MAX_MD_SIZE))
        return fail(err, ERROR_MALFORMED, "bad-query", "The parameter \"imprint\" is the hash in hex.");
    TRY(manage_ca(m, request, MAY_READ_CERTIFICATES, &ca, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_token_page(tx.tx, request->arena, ca.id, imprint, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_token(&w, request->arena, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(tokens_get) {
    struct tsp_management *m = context;
    struct ca_record ca;
    struct tsa_token_record token;
    struct uuid id = nil;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 1, "timestamp token", &id, err));
    TRY(manage_ca(m, request, MAY_READ_CERTIFICATES, &ca, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = tsa_token_get(tx.tx, request->arena, ca.id, id, &token, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    write_token(&w, request->arena, &token);
    reply_json(response, 200, &w);
    return true;
}

/* --- the clock ------------------------------------------------------------------------------------------ */

HANDLER(clock_get) {
    static const char *const sources[] = {"system", "ntp", "chrony"};
    struct tsp_management *m = context;
    TRY(ask_no_query(request, err));
    TRY(actor_may(manage_actor(request), MAY_READ_SETTINGS, nil, nil, err));
    struct clock_state state = tsp_clock_state(tsp_clock_of(m->tsp));
    struct tsp_counts counts = tsp_counts(m->tsp);
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "source", sources[state.source]);
    json_put_bool(&w, "trusted", state.good);
    put_text_or_null(&w, "reason", state.good ? "" : state.reason);
    json_put_time(&w, "now", clock_now_us());
    json_put_int(&w, "offsetMicroseconds", state.offset_us);
    json_put_int(&w, "boundMicroseconds", state.bound_us);
    json_put_int(&w, "leap", state.leap);
    json_put_int(&w, "serversAsked", state.asked);
    json_put_int(&w, "serversAnswered", state.answered);
    json_put_int(&w, "serversAgreed", state.agreed);
    json_name(&w, "tokens");
    json_open_object(&w);
    json_put_int(&w, "granted", (int64_t)counts.granted);
    json_put_int(&w, "authenticode", (int64_t)counts.authenticode);
    json_put_int(&w, "refused", (int64_t)counts.refused);
    json_put_int(&w, "unavailable", (int64_t)counts.unavailable);
    json_put_int(&w, "denied", (int64_t)counts.denied);
    json_close_object(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* --- routes ---------------------------------------------------------------------------------------------- */

#define LISTENERS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)64 * 1024)
#define LARGE ((size_t)1024 * 1024)
#define EVIDENCE_BODY ((size_t)65 * 1024 * 1024) /* a million hashes of 64 octets */
#define API(method, path, limit, handler, permission)                                              \
    { method, API_BASE path, GATE_ACTOR, LISTENERS, limit, handler, permission }

static const struct http_route routes[] = {
    API("GET", "/cas/{}/timestamping", NO_BODY, issuers_list, "cas:read"),
    API("POST", "/cas/{}/timestamping", SMALL, issuers_create, "cas:manage"),
    API("GET", "/cas/{}/timestamping/{}", NO_BODY, issuers_get, "cas:read"),
    API("PUT", "/cas/{}/timestamping/{}", SMALL, issuers_change, "cas:manage"),
    API("DELETE", "/cas/{}/timestamping/{}", NO_BODY, issuers_remove, "cas:manage"),
    API("GET", "/cas/{}/timestamps", NO_BODY, tokens_page, "certificates:read"),
    API("GET", "/cas/{}/timestamps/{}", NO_BODY, tokens_get, "certificates:read"),
    API("GET", "/clock", NO_BODY, clock_get, "settings:read"),
    API("GET", "/timestamping-certificates", NO_BODY, tsa_certificates_list, "cas:read"),
    API("POST", "/timestamping-certificates", SMALL, tsa_certificates_create, "cas:manage"),
    API("GET", "/timestamping-certificates/{}", NO_BODY, tsa_certificates_get, "cas:read"),
    API("DELETE", "/timestamping-certificates/{}", NO_BODY, tsa_certificates_remove, "cas:manage"),
    API("POST", "/timestamping-certificates/{}/certificate", LARGE, tsa_certificates_import, "cas:manage"),
    API("GET", "/cas/{}/evidence", NO_BODY, evidence_list, "certificates:read"),
    API("POST", "/cas/{}/evidence", EVIDENCE_BODY, evidence_create, "requests:create"),
    API("GET", "/cas/{}/evidence/{}", NO_BODY, evidence_get, "certificates:read"),
    API("GET", "/cas/{}/evidence/{}/records/{}", NO_BODY, evidence_record, "certificates:read"),
    API("POST", "/cas/{}/evidence/{}/renewals", SMALL, evidence_renewal, "requests:create"),
    API("POST", "/cas/{}/evidence-renewals", EVIDENCE_BODY, evidence_rehash, "requests:create"),
    API("POST", "/evidence/verify", LARGE, evidence_verify, NULL),
};

struct http_room tsp_management_room(struct tsp_management *management) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, management};
}
