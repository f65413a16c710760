/* REST of the audit trail: settings, streams; seals are in seals.c. */
#include "audit/internal.h"

#include "base/clock.h"
#include "ca/secret.h"
#include "rest/handler.h"
#include "store/organisations.h"

#include <string.h>

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define MEDIUM ((size_t)128 * 1024)
#define SETTING "audit"

static const struct uuid nil = {{0}};

/* --- settings ------------------------------------------------------------------------------------------------ */

bool audit_settings_parse(const struct json *document, struct audit_settings *ret, struct error *err) {
    static const char *const members[] = {"tsaUrl", "tsaMinutes", "version", NULL};
    struct audit_settings s = {.tsa_minutes = 10, .version = 1};
    TRY(json_only(document, members, err) && json_string(document, "tsaUrl", &s.tsa_url, err) &&
        json_int(document, "tsaMinutes", 0, 10080, &s.tsa_minutes, err) &&
        json_int(document, "version", 0, INT64_MAX, &s.version, err));
    if (s.tsa_url != NULL && strncmp(s.tsa_url, "http://", 7) != 0 &&
        strncmp(s.tsa_url, "https://", 8) != 0)
        return fail(err, ERROR_POLICY, "bad-setting", "\"tsaUrl\" is an http or https URL, or null.");
    *ret = s;
    return true;
}

void audit_settings_write(struct json_writer *w, const struct audit_settings *s) {
    json_open_object(w);
    json_put_string(w, "tsaUrl", s->tsa_url);
    json_put_int(w, "tsaMinutes", s->tsa_minutes);
    json_put_int(w, "version", s->version);
    json_close_object(w);
}

bool audit_settings_read(struct tx *tx, struct arena *arena, struct audit_settings *ret,
                         struct error *err) {
    const char *text;
    const struct json *document;
    TRY(setting_get(tx, arena, SETTING, &text, err));
    TRY(json_parse(arena, view_text(text == NULL ? "{}" : text), &document, err));
    return audit_settings_parse(document, ret, err);
}

static void reply_settings(struct http_request *request, struct http_response *response,
                           const struct audit_settings *settings) {
    struct json_writer w = json_writer_on(request->arena);
    audit_settings_write(&w, settings);
    reply_version(response, settings->version);
    reply_json(response, 200, &w);
}

static bool may(const struct http_request *request, enum permission permission, struct error *err) {
    return actor_may(request->actor, permission, nil, nil, err);
}

static HANDLER(settings_show) {
    struct audit_settings settings;
    bool done = false;
    TRY(may(request, MAY_READ_SETTINGS, err) && ask_no_query(request, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = audit_settings_read(tx.tx, request->arena, &settings, err);
    TRY(done);
    reply_settings(request, response, &settings);
    return true;
}

static bool put_settings(struct tx *tx, struct http_request *request, struct audit_settings *settings,
                         struct error *err) {
    struct audit_settings standing, next = *settings;
    TRY(audit_settings_read(tx, request->arena, &standing, err));
    if (settings->version != 0 && settings->version != standing.version)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "Somebody has changed these settings meanwhile; read them again.");
    settings->version = standing.version;
    next.version = standing.version + 1;
    struct json_writer w = json_writer_on(request->arena);
    audit_settings_write(&w, &next);
    return setting_put(tx, SETTING, json_written(&w), err) &&
           access_note(tx, request->actor,
                       &(struct event_note){.code = "settings.changed",
                                            .object_kind = "setting",
                                            .object = SETTING,
                                            .details = json_written(&w)},
                       err);
}

static HANDLER(settings_change) {
    static const char *const members[] = {"tsaUrl", "tsaMinutes", "version", NULL};
    const struct json *document;
    struct audit_settings settings;
    int64_t version;
    bool done = false;
    TRY(may(request, MAY_MANAGE_SETTINGS, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &version, err));
    TRY(audit_settings_parse(document, &settings, err));
    settings.version = version;
    TX(tx, core_db(context), &done, err)
        tx.ok = put_settings(tx.tx, request, &settings, err);
    TRY(done);
    settings.version++;
    reply_settings(request, response, &settings);
    return true;
}

/* --- streams ------------------------------------------------------------------------------------------------- */

static void write_stream(struct json_writer *w, struct arena *arena, const struct event_stream *stream) {
    json_open_object(w);
    json_put_string(w, "id", stream->slug);
    json_put_string(w, "kind", stream->kind);
    json_put_bool(w, "enabled", stream->enabled);
    put_document(w, arena, "settings", stream->settings);
    json_put_bool(w, "hasSecret", stream->secret[0] != '\0');
    json_put_int(w, "position", stream->position);
    put_text_or_null(w, "failure", stream->failure);
    put_time_or_null(w, "failedAt", stream->failed_us);
    put_time_or_null(w, "deliveredAt", stream->delivered_us);
    json_close_object(w);
}

static HANDLER(streams_list) {
    struct event_stream *items = NULL;
    size_t count = 0;
    bool done = false;
    TRY(may(request, MAY_READ_SETTINGS, err) && ask_no_query(request, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = stream_all(tx.tx, request->arena, &items, &count, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_stream(&w, request->arena, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

static bool note_stream(struct tx *tx, const struct http_request *request, const char *code,
                        const struct event_stream *stream, struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    if (stream->kind != NULL) {
        json_put_string(&w, "kind", stream->kind);
        json_put_bool(&w, "enabled", stream->enabled);
        put_document(&w, request->arena, "settings", stream->settings);
    }
    json_close_object(&w);
    return access_note(tx, request->actor,
                       &(struct event_note){.code = code,
                                            .object_kind = "stream",
                                            .object = stream->slug,
                                            .details = json_written(&w)},
                       err);
}

static bool check_slug(const char *slug, struct error *err) {
    return slug_valid(slug) ||
           fail(err, ERROR_POLICY, "bad-slug", "An id has 1 to %d characters of a-z, 0-9 and \"-\".",
                MAX_SLUG);
}

/* Kind, settings, enabled and secret from the body. */
static bool read_stream(struct core *core, struct http_request *request, const struct json *document,
                        struct event_stream *stream, struct error *err) {
    const struct json *settings = NULL;
    const char *secret = NULL;
    TRY(ask_string(document, "kind", &stream->kind, err) &&
        json_bool(document, "enabled", &stream->enabled, err) &&
        json_object(document, "settings", &settings, err) &&
        json_string(document, "secret", &secret, err));
    if (settings == NULL)
        TRY(json_parse(request->arena, view_text("{}"), &settings, err));
    TRY(stream_check(request->arena, stream->kind, settings, err));
    if (secret != NULL && (strlen(secret) > 4000 || strpbrk(secret, "\r\n") != NULL))
        return fail(err, ERROR_POLICY, "bad-setting", "The secret is too long or has line breaks.");
    struct json_writer w = json_writer_on(request->arena);
    json_add_value(&w, settings);
    stream->settings = json_written(&w);
    if (secret != NULL && secret[0] == '\0')
        stream->secret = "";
    else if (secret != NULL)
        TRY(secret_seal(core, request->arena, stream_secret_place(request->arena, stream->slug),
                        view_text(secret), &stream->secret, err));
    return true;
}

static bool insert_stream(struct tx *tx, struct http_request *request, struct event_stream *stream,
                          struct error *err) {
    struct seal last;
    TRY(seal_last(tx, request->arena, &last, err)); /* from now on */
    stream->position = last.number;
    return stream_insert(tx, stream, err) &&
           note_stream(tx, request, "audit.stream-created", stream, err);
}

static HANDLER(streams_create) {
    static const char *const members[] = {"id", "kind", "enabled", "settings", "secret", NULL};
    const struct json *document;
    struct event_stream stream = {.enabled = true, .secret = "", .failure = "", .created_us = clock_now_us()};
    bool done = false;
    TRY(may(request, MAY_MANAGE_SETTINGS, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "id", &stream.slug, err) && check_slug(stream.slug, err));
    TRY(read_stream(context, request, document, &stream, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = insert_stream(tx.tx, request, &stream, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    write_stream(&w, request->arena, &stream);
    reply_created(response, &w, arena_printf(request->arena, "/audit/streams/%s", stream.slug));
    return true;
}

static HANDLER(streams_change) {
    static const char *const members[] = {"kind", "enabled", "settings", "secret", NULL};
    const struct json *document;
    struct event_stream stream;
    bool done = false;
    TRY(may(request, MAY_MANAGE_SETTINGS, err));
    TRY(ask_document(request, members, &document, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = stream_by_slug(tx.tx, request->arena, request->parameters[0], &stream, err);
    TRY(done);
    TRY(read_stream(context, request, document, &stream, err));
    done = false;
    TX(tx, core_db(context), &done, err)
        tx.ok = stream_update(tx.tx, &stream, err) &&
                note_stream(tx.tx, request, "audit.stream-changed", &stream, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    write_stream(&w, request->arena, &stream);
    reply_json(response, 200, &w);
    return true;
}

static HANDLER(streams_remove) {
    struct event_stream stream = {.slug = request->parameters[0]};
    bool done = false;
    TRY(may(request, MAY_MANAGE_SETTINGS, err) && ask_no_query(request, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = stream_delete(tx.tx, stream.slug, err) &&
                note_stream(tx.tx, request, "audit.stream-removed", &stream, err);
    TRY(done);
    reply_nothing(response);
    return true;
}

/* One made-up event, to see whether it arrives. */
static HANDLER(streams_test) {
    struct event_stream stream;
    const struct actor *actor = request->actor;
    struct event event = {.id = uuid_new(),
                          .at_us = clock_now_us(),
                          .code = "audit.stream-test",
                          .outcome = "success",
                          .actor_id = actor->user_id,
                          .actor = actor->name,
                          .address = request->address,
                          .object_kind = "stream",
                          .object = request->parameters[0],
                          .request_id = request->id,
                          .details = "{}"};
    bool done = false;
    TRY(may(request, MAY_MANAGE_SETTINGS, err) && ask_no_query(request, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = stream_by_slug(tx.tx, request->arena, request->parameters[0], &stream, err);
    TRY(done);
    TRY(stream_deliver(context, request->arena, &stream, &event, 1, err));
    reply_nothing(response);
    return true;
}

/* --- the room ------------------------------------------------------------------------------------------------- */

static const struct http_route routes[] = {
    {"GET", API_BASE "/audit", GATE_ACTOR, TLS, NO_BODY, settings_show, "settings:read"},
    {"PUT", API_BASE "/audit", GATE_ACTOR, TLS, MEDIUM, settings_change, "settings:manage"},
    {"GET", API_BASE "/audit/seals", GATE_ACTOR, TLS, NO_BODY, seals_list, "events:read"},
    {"GET", API_BASE "/audit/seals/{}/events", GATE_ACTOR, TLS, NO_BODY, seal_events, "events:read"},
    {"GET", API_BASE "/audit/streams", GATE_ACTOR, TLS, NO_BODY, streams_list, "settings:read"},
    {"POST", API_BASE "/audit/streams", GATE_ACTOR, TLS, MEDIUM, streams_create, "settings:manage"},
    {"PUT", API_BASE "/audit/streams/{}", GATE_ACTOR, TLS, MEDIUM, streams_change, "settings:manage"},
    {"DELETE", API_BASE "/audit/streams/{}", GATE_ACTOR, TLS, NO_BODY, streams_remove, "settings:manage"},
    {"POST", API_BASE "/audit/streams/{}/test", GATE_ACTOR, TLS, NO_BODY, streams_test, "settings:manage"},
};

struct http_room audit_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}

static bool seal_run(void *core, struct arena *arena, struct error *err) {
    return audit_seal(core, arena, err);
}

size_t audit_jobs(struct core *core, struct job *table) {
    table[0] = (struct job){
        .name = "audit-seal", .every_us = 5 * US_PER_SECOND, .run = seal_run, .context = core};
    table[1] = (struct job){
        .name = "audit-streams", .every_us = 5 * US_PER_SECOND, .run = audit_streams_run, .context = core};
    return 2;
}
