/* Server, test and queue by REST. */
#include "mail/internal.h"

#include "base/clock.h"

#include <string.h>

static const struct uuid nobody;

static bool may(const struct http_request *request, enum permission permission, struct error *err) {
    return actor_may(actor_of(request), permission, nobody, nobody, err);
}

static bool reply_settings(void *core, struct http_request *request, struct http_response *response,
                           struct error *err) {
    struct mail_settings s;
    TRY(mail_settings_read(core, request->arena, &s, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "source", s.configured ? "configuration" : "settings");
    json_put_string(&w, "server", s.host);
    json_put_int(&w, "port", s.port);
    json_put_string(&w, "security", mail_security_name(s.security));
    json_put_string(&w, "username", s.username);
    json_put_bool(&w, "hasPassword", s.configured ? s.password[0] != '\0' : s.sealed[0] != '\0');
    json_put_string(&w, "from", s.from);
    json_put_string(&w, "replyTo", s.reply_to);
    json_put_string(&w, "caCertificates", s.ca_pem);
    json_put_int(&w, "version", s.version);
    json_close_object(&w);
    reply_version(response, s.version);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(mail_settings_show) {
    TRY(ask_no_query(request, err));
    TRY(may(request, MAY_READ_SETTINGS, err));
    return reply_settings(context, request, response, err);
}

HANDLER(mail_settings_change) {
    static const char *const members[] = {"server", "port", "security", "username", "password", "from",
                                          "replyTo", "caCertificates", "version", NULL};
    const struct json *document;
    int64_t version;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_version(request, document, &version, err));
    TRY(may(request, MAY_MANAGE_SETTINGS, err));
    TRY(mail_settings_put(context, request->arena, actor_of(request), document, version, err));
    return reply_settings(context, request, response, err);
}

/* At once, without the queue: the answer is the server's. */
static bool send_test(struct core *core, struct arena *arena, const char *to, struct error *err) {
    const struct mail_template *template = mail_template_find("test");
    struct mail_settings settings;
    struct mail_envelope envelope = {.to = to, .id = uuid_new(), .now_us = clock_now_us()};
    struct smtp_session *session = NULL;
    TRY(mail_settings_read(core, arena, &settings, err));
    if (!settings.there)
        return fail(err, ERROR_CONFLICT, "no-mail-server", "No mail server is set up yet.");
    TRY(mail_settings_open(core, arena, &settings, err));
    TRY(mail_sender_parse(arena, settings.from, &envelope.from, err));
    envelope.reply_to = settings.reply_to;
    struct smtp_server server = mail_server_of(core, arena, &settings);
    server.timeout_ms = 20000;
    struct mail_variable instance = {"instance", server.own_name};
    struct mail_text text = mail_render(
        arena, &(struct mail_text){template->subject, template->text, ""}, &instance, 1);
    TRY(smtp_open(arena, &server, &session, err));
    bool ok = smtp_deliver(session, envelope.from.address, to, mail_compose(arena, &envelope, &text), err);
    smtp_close(session);
    return ok;
}

/* The way of every other mail. */
static bool queue_test(struct core *core, struct arena *arena, const char *to, struct error *err) {
    bool possible;
    TRY(mail_possible(core, arena, &possible, err));
    if (!possible)
        return fail(err, ERROR_CONFLICT, "no-mail-server", "No mail server is set up yet.");
    return mail_send(core, arena, &(struct mail){.template = "test", .to = to}, err);
}

HANDLER(mail_test) {
    static const char *const members[] = {"to", "queue", NULL};
    const struct json *document;
    const char *to;
    bool queue = false;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "to", &to, err));
    TRY(may(request, MAY_MANAGE_SETTINGS, err));
    TRY(json_bool(document, "queue", &queue, err));
    TRY(mail_address_check(to, err));
    bool ok = queue ? queue_test(context, request->arena, to, err)
                    : send_test(context, request->arena, to, err);
    access_note_alone(context, actor_of(request),
                      &(struct event_note){.code = "mail.tested", .outcome = ok ? NULL : "failure",
                                           .object_kind = "settings", .object = "mail"});
    TRY(ok);
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "sentTo", to);
    json_put_bool(&w, "queued", queue);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

static const char *const state_names[] = {NULL, "waiting", "sent", "failed"};

static bool state_asked(const struct http_request *request, enum mail_state *ret, struct error *err) {
    const char *name = http_query(request, "state");
    *ret = 0;
    if (name == NULL)
        return true;
    for (int i = 1; i <= 3; i++)
        if (strcmp(name, state_names[i]) == 0) {
            *ret = (enum mail_state)i;
            return true;
        }
    return fail(err, ERROR_MALFORMED, "bad-query", "\"state\" is waiting, sent or failed.");
}

static void write_message(struct json_writer *w, const struct mail_message *m) {
    json_open_object(w);
    put_uuid(w, "id", m->id);
    json_put_string(w, "template", m->template);
    json_put_string(w, "to", m->recipient);
    json_put_string(w, "state", state_names[m->state]);
    json_put_int(w, "attempts", m->attempts);
    json_put_time(w, "createdAt", m->created_us);
    put_time_or_null(w, "nextAt", m->state == MAIL_WAITING ? m->next_us : 0);
    put_time_or_null(w, "doneAt", m->done_us);
    put_text_or_null(w, "problem", m->problem);
    json_close_object(w);
}

HANDLER(mail_messages) {
    static const char *const others[] = {"state", NULL};
    struct mail_message *items = NULL;
    const char *next = NULL;
    enum mail_state state;
    struct page page;
    size_t count = 0;
    bool done = false;
    TRY(ask_page(request, others, &page, err));
    TRY(state_asked(request, &state, err));
    TRY(may(request, MAY_READ_SETTINGS, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = mail_list(tx.tx, request->arena, state, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_message(&w, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(mail_retry) {
    struct uuid id;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "mail", &id, err));
    TRY(may(request, MAY_MANAGE_SETTINGS, err));
    struct event_note note = {.code = "mail.retried", .object_kind = "mail",
                              .object = uuid_text(request->arena, id)};
    TX(tx, core_db(context), &done, err)
        tx.ok = mail_again(tx.tx, id, clock_now_us(), err) && access_note(tx.tx, actor_of(request), &note, err);
    TRY(done);
    reply_nothing(response);
    return true;
}
