/* What the public pages do: for the instance, and for a template. */
#include "public/internal.h"

#include "mail/mail.h"
#include "store/organisations.h"
#include "store/protocols.h"

#include <string.h>

#define SETTING "public"
#define PROTOCOL "public"

static const struct uuid nobody;

/* --- the instance -------------------------------------------------------------------------------------- */

static bool from_document(const struct json *document, struct public_settings *s, struct error *err) {
    return json_bool(document, "open", &s->open, err) &&
           json_int(document, "puzzleBits", 0, 24, &s->puzzle_bits, err) &&
           json_int(document, "perAddress", 1, 100000, &s->per_address, err) &&
           json_int(document, "perEmail", 1, 100000, &s->per_email, err);
}

static bool read_setting(struct tx *tx, struct arena *arena, struct public_settings *ret, struct error *err) {
    struct public_settings s = {.open = true, .puzzle_bits = 16, .per_address = 20, .per_email = 5};
    const struct json *document;
    const char *text = NULL;
    TRY(setting_get(tx, arena, SETTING, &text, err));
    if (text != NULL)
        TRY(json_parse(arena, view_text(text), &document, err) && from_document(document, &s, err) &&
            json_int(document, "version", 0, INT64_MAX, &s.version, err));
    *ret = s;
    return true;
}

bool public_settings_read(struct core *core, struct arena *arena, struct public_settings *ret,
                          struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = read_setting(tx.tx, arena, ret, err);
    return done;
}

bool public_check_open(struct core *core, struct arena *arena, struct public_settings *ret,
                       struct error *err) {
    TRY(public_settings_read(core, arena, ret, err));
    return ret->open || fail(err, ERROR_FORBIDDEN, "pages-closed",
                             "The public pages are closed here; ask the administrator.");
}

static const char *write_settings(struct arena *arena, const struct public_settings *s) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_bool(&w, "open", s->open);
    json_put_int(&w, "puzzleBits", s->puzzle_bits);
    json_put_int(&w, "perAddress", s->per_address);
    json_put_int(&w, "perEmail", s->per_email);
    json_put_int(&w, "version", s->version);
    json_close_object(&w);
    return json_written(&w);
}

static bool reply_settings(struct http_request *request, struct http_response *response,
                           const struct public_settings *s) {
    reply_version(response, s->version);
    http_reply_text(response, 200, "application/json", write_settings(request->arena, s));
    return true;
}

HANDLER(public_settings_show) {
    struct public_pages *pages = context;
    struct public_settings s;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_SETTINGS, nobody, nobody, err));
    TRY(public_settings_read(pages->core, request->arena, &s, err));
    return reply_settings(request, response, &s);
}

static bool replace(struct tx *tx, struct http_request *request, const struct json *document,
                    int64_t version, struct public_settings *ret, struct error *err) {
    TRY(read_setting(tx, request->arena, ret, err));
    if (ret->version != version)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The settings of the public pages were changed meanwhile; read them again.");
    TRY(from_document(document, ret, err));
    ret->version++;
    const char *text = write_settings(request->arena, ret);
    struct event_note note = {.code = "public.settings", .object_kind = "settings", .object = SETTING,
                              .details = text};
    return setting_put(tx, SETTING, text, err) && access_note(tx, actor_of(request), &note, err);
}

HANDLER(public_settings_change) {
    static const char *const members[] = {"open", "puzzleBits", "perAddress", "perEmail", "version", NULL};
    struct public_pages *pages = context;
    const struct json *document;
    struct public_settings s;
    int64_t version;
    bool done = false;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &version, err));
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = replace(tx.tx, request, document, version, &s, err);
    TRY(done);
    return reply_settings(request, response, &s);
}

/* --- a template ---------------------------------------------------------------------------------------- */

static bool read_ways(const struct json *document, struct public_rules *r, struct error *err) {
    const struct json *ways = NULL;
    TRY(json_array(document, "ways", &ways, err));
    if (ways == NULL)
        return true;
    r->csr = r->form = false;
    JSON_EACH(item, ways) {
        bool *way = item->type != JSON_STRING           ? NULL
                    : strcmp(item->text, "csr") == 0  ? &r->csr
                    : strcmp(item->text, "form") == 0 ? &r->form
                                                      : NULL;
        if (way == NULL)
            return fail(err, ERROR_POLICY, "public-rules", "\"ways\" lists \"csr\" and \"form\".");
        *way = true;
    }
    return r->csr || r->form || fail(err, ERROR_POLICY, "public-rules", "\"ways\" is empty.");
}

static bool rules_from_json(struct arena *arena, const struct json *document, struct public_rules *ret,
                            struct error *err) {
    static const char *const members[] = {"ways", "verifyEmail", "comment", "note", "fields", "notify", NULL};
    struct public_rules r = {.csr = true, .form = true, .comment = true, .note = ""};
    const char *const *fields = NULL, *const *notify = NULL;
    TRY(json_only(document, members, err));
    TRY(read_ways(document, &r, err));
    TRY(json_bool(document, "verifyEmail", &r.verify_email, err));
    TRY(json_bool(document, "comment", &r.comment, err));
    TRY(json_string(document, "note", &r.note, err));
    TRY(ask_strings(arena, document, "fields", 20, &fields, &r.fields.count, err));
    TRY(ask_strings(arena, document, "notify", 20, &notify, &r.notify.count, err));
    r.fields.items = (const char **)(uintptr_t)fields;
    r.notify.items = (const char **)(uintptr_t)notify;
    if (strlen(r.note) > 4000)
        return fail(err, ERROR_POLICY, "public-rules", "\"note\" is longer than 4000 octets.");
    for (size_t i = 0; i < r.notify.count; i++)
        TRY(mail_address_check(r.notify.items[i], err));
    *ret = r;
    return true;
}

static bool read_rules(struct tx *tx, struct arena *arena, struct uuid template_id, struct public_rules *ret,
                       struct error *err) {
    struct protocol_record record;
    const struct json *document;
    TRY(protocol_get(tx, arena, template_id, PROTOCOL, &record, err));
    TRY(json_parse(arena, view_text(record.document), &document, err));
    TRY(rules_from_json(arena, document, ret, err));
    ret->version = record.version;
    return true;
}

bool public_rules_read(struct core *core, struct arena *arena, struct uuid template_id,
                       struct public_rules *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = read_rules(tx.tx, arena, template_id, ret, err);
    return done;
}

static void write_rules(struct json_writer *w, const struct public_rules *r) {
    json_open_object(w);
    json_name(w, "ways");
    json_open_array(w);
    if (r->csr)
        json_add_string(w, "csr");
    if (r->form)
        json_add_string(w, "form");
    json_close_array(w);
    json_put_bool(w, "verifyEmail", r->verify_email);
    json_put_bool(w, "comment", r->comment);
    json_put_string(w, "note", r->note);
    json_put_texts(w, "fields", &r->fields);
    json_put_texts(w, "notify", &r->notify);
    json_close_object(w);
}

static bool reply_rules(struct http_request *request, struct http_response *response,
                        const char *slug, const struct public_rules *r) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "template", slug);
    json_name(&w, "settings");
    write_rules(&w, r);
    json_put_int(&w, "version", r->version);
    json_close_object(&w);
    reply_version(response, r->version);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(public_rules_show) {
    struct public_pages *pages = context;
    struct template_record template;
    struct public_rules rules;
    TRY(ask_no_query(request, err));
    TRY(template_get(pages->core, request->arena, actor_of(request), request->parameters[0], &template, err));
    TRY(public_rules_read(pages->core, request->arena, template.id, &rules, err));
    return reply_rules(request, response, template.slug, &rules);
}

static bool put_rules(struct tx *tx, struct http_request *request, const struct template_record *template,
                      const struct ca_record *ca, const struct public_rules *rules, struct error *err) {
    struct json_writer w = json_writer_on(request->arena);
    write_rules(&w, rules);
    struct protocol_record record = {template->id, PROTOCOL, rules->version, json_written(&w), 0};
    struct event_note note = {.code = "template.public", .organisation_id = ca->organisation_id,
                              .ca_id = ca->id, .object_kind = "template", .object = template->slug,
                              .details = record.document};
    return protocol_put(tx, &record, err) && access_note(tx, actor_of(request), &note, err);
}

HANDLER(public_rules_change) {
    static const char *const members[] = {"settings", "version", NULL};
    struct public_pages *pages = context;
    const struct json *document, *settings = NULL;
    struct template_record template;
    struct public_rules rules;
    struct ca_record ca = {0};
    int64_t version;
    bool done = false;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &version, err));
    TRY(json_object(document, "settings", &settings, err));
    TRY(template_get(pages->core, request->arena, actor_of(request), request->parameters[0], &template, err));
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = ca_by_id(tx.tx, request->arena, &scope_everything, template.ca_id, &ca, err);
    TRY(done);
    TRY(actor_may(actor_of(request), MAY_MANAGE_TEMPLATES, ca.organisation_id, ca.id, err));
    if (settings == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"settings\" is missing.");
    TRY(rules_from_json(request->arena, settings, &rules, err));
    rules.version = version;
    done = false;
    TX(tx, core_db(pages->core), &done, err)
        tx.ok = put_rules(tx.tx, request, &template, &ca, &rules, err);
    TRY(done);
    rules.version++;
    return reply_rules(request, response, template.slug, &rules);
}
