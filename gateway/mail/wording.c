/* The wording of mails by REST, per organisation. */
#include "mail/internal.h"

#include "store/organisations.h"

static const struct uuid nobody;

/* Whose wording: ?organisation=, else the instance's. */
static bool owner_asked(struct core *core, const struct http_request *request, enum permission permission,
                        struct uuid *ret, struct error *err) {
    static const char *const names[] = {"organisation", NULL};
    struct organisation organisation = {0};
    bool done = false;
    TRY(ask_query(request, names, err));
    const char *slug = http_query(request, "organisation");
    *ret = nobody;
    if (slug == NULL)
        return actor_may(actor_of(request), permission, nobody, nobody, err);
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, request->arena, slug, &organisation, err);
    TRY(done);
    *ret = organisation.id;
    return actor_may(actor_of(request), permission, organisation.id, nobody, err);
}

static bool template_asked(const struct http_request *request, const struct mail_template **ret,
                           struct error *err) {
    *ret = mail_template_find(request->parameters[0]);
    return *ret != NULL || fail(err, ERROR_NOT_FOUND, "not-found", "There is no mail template %.60s.",
                                request->parameters[0]);
}

static void write_text(struct json_writer *w, const struct mail_text *text) {
    json_put_string(w, "subject", text->subject);
    json_put_string(w, "text", text->text);
    json_put_string(w, "html", text->html);
}

static void write_wording(struct json_writer *w, const struct mail_template *t,
                          const struct mail_wording *own, struct uuid owner) {
    bool here = own->version > 0 && uuid_equal(own->organisation_id, owner);
    json_open_object(w);
    json_put_string(w, "id", t->name);
    json_put_string(w, "description", t->about);
    json_name(w, "variables");
    json_open_array(w);
    json_add_string(w, "instance");
    for (size_t i = 0; t->variables[i] != NULL; i++)
        json_add_string(w, t->variables[i]);
    json_close_array(w);
    json_put_string(w, "source", here ? "here" : own->version > 0 ? "instance" : "built-in");
    if (own->version > 0)
        write_text(w, &(struct mail_text){own->subject, own->text, own->html});
    else
        write_text(w, &(struct mail_text){t->subject, t->text, ""});
    json_put_int(w, "version", here ? own->version : 0);
    json_close_object(w);
}

static bool read_wording(struct core *core, struct arena *arena, struct uuid owner, const char *name,
                         struct mail_wording *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_wording_find(tx.tx, arena, owner, name, ret, err);
    return done;
}

HANDLER(mail_templates_list) {
    const struct mail_template *t;
    struct uuid owner;
    TRY(owner_asked(context, request, MAY_READ_SETTINGS, &owner, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; (t = mail_template_at(i)) != NULL; i++) {
        struct mail_wording own;
        TRY(read_wording(context, request->arena, owner, t->name, &own, err));
        write_wording(&w, t, &own, owner);
    }
    reply_list(request, response, &w, NULL);
    return true;
}

static bool reply_one(void *context, struct http_request *request, struct http_response *response,
                      const struct mail_template *t, struct uuid owner, struct error *err) {
    struct mail_wording own;
    TRY(read_wording(context, request->arena, owner, t->name, &own, err));
    struct json_writer w = json_writer_on(request->arena);
    write_wording(&w, t, &own, owner);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(mail_templates_show) {
    const struct mail_template *t;
    struct uuid owner;
    TRY(owner_asked(context, request, MAY_READ_SETTINGS, &owner, err));
    TRY(template_asked(request, &t, err));
    return reply_one(context, request, response, t, owner, err);
}

/* ask_document wants no query; here the organisation is one. */
static bool wording_asked(const struct http_request *request, const struct mail_template *t,
                          struct mail_text *ret, int64_t *ret_version, struct error *err) {
    static const char *const members[] = {"subject", "text", "html", "version", NULL};
    struct http_request plain = *request;
    const struct json *document;
    struct mail_text text = {.html = ""};
    plain.query = "";
    TRY(ask_document(&plain, members, &document, err));
    TRY(ask_string(document, "subject", &text.subject, err));
    TRY(ask_string(document, "text", &text.text, err));
    TRY(json_string(document, "html", &text.html, err));
    TRY(ask_version(request, document, ret_version, err));
    TRY(mail_text_check(request->arena, t, &text, err));
    *ret = text;
    return true;
}

HANDLER(mail_templates_change) {
    const struct mail_template *t;
    struct mail_text text;
    struct uuid owner;
    int64_t version;
    bool done = false;
    TRY(owner_asked(context, request, MAY_MANAGE_SETTINGS, &owner, err));
    TRY(template_asked(request, &t, err));
    TRY(wording_asked(request, t, &text, &version, err));
    struct mail_wording wording = {owner, t->name, text.subject, text.text, text.html, version, 0};
    struct event_note note = {.code = "mail.template", .object_kind = "mail-template",
                              .organisation_id = owner, .object = t->name};
    TX(tx, core_db(context), &done, err)
        tx.ok = mail_wording_put(tx.tx, &wording, err) && access_note(tx.tx, actor_of(request), &note, err);
    TRY(done);
    return reply_one(context, request, response, t, owner, err);
}

HANDLER(mail_templates_reset) {
    const struct mail_template *t;
    struct uuid owner;
    bool done = false;
    TRY(owner_asked(context, request, MAY_MANAGE_SETTINGS, &owner, err));
    TRY(template_asked(request, &t, err));
    struct event_note note = {.code = "mail.template", .object_kind = "mail-template",
                              .organisation_id = owner, .object = t->name,
                              .details = "{\"reset\":true}"};
    TX(tx, core_db(context), &done, err)
        tx.ok = mail_wording_remove(tx.tx, owner, t->name, err) &&
                access_note(tx.tx, actor_of(request), &note, err);
    TRY(done);
    reply_nothing(response);
    return true;
}

/* As it would look, every variable shown by its name. */
HANDLER(mail_templates_preview) {
    const struct mail_template *t;
    struct mail_text text;
    struct mail_variable variables[MAIL_MAX_VARIABLES + 1] = {{"instance", "pki.example.org"}};
    struct uuid owner;
    size_t count = 1;
    int64_t version;
    TRY(owner_asked(context, request, MAY_READ_SETTINGS, &owner, err));
    TRY(template_asked(request, &t, err));
    TRY(wording_asked(request, t, &text, &version, err));
    for (; t->variables[count - 1] != NULL; count++)
        variables[count] = (struct mail_variable){
            t->variables[count - 1], arena_printf(request->arena, "[%s]", t->variables[count - 1])};
    struct mail_text rendered = mail_render(request->arena, &text, variables, count);
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    write_text(&w, &rendered);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
