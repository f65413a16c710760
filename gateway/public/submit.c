/* A stranger asks: the puzzle, the limits, and the request, at once or when the address is confirmed. */
#include "public/internal.h"

#include "base/clock.h"
#include "mail/mail.h"
#include "rest/ask.h"

#include <ctype.h>
#include <string.h>

#define HOUR_US (3600 * US_PER_SECOND)

struct actor public_actor(const struct http_request *request, const char *name) {
    /* system: the template's door, and not a grant, is what lets strangers in. */
    return (struct actor){
        .system = true, .name = name, .address = request->address, .request_id = request->id};
}

bool public_target(struct core *core, struct arena *arena, const char *slug, struct enrolment_target *ret,
                   struct error *err) {
    TRY(enrol_target(core, arena, slug, "public", ret, err));
    return ret->template.unsolicited || fail(err, ERROR_NOT_FOUND, "not-found", "There is no template %.63s.", slug);
}

/* --- what is offered ----------------------------------------------------------------------------------- */

static bool listed(const struct text_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

static void put_fields(struct json_writer *w, const struct template *t, const struct public_rules *rules) {
    static const char *common[] = {"CN", "O", "OU", "L", "ST", "C"};
    struct text_list fields = rules->fields.count > 0 ? rules->fields : t->subject.attributes;
    if (listed(&fields, "*"))
        fields = (struct text_list){common, 6};
    json_name(w, "subject");
    json_open_array(w);
    for (size_t i = 0; t->subject.from == SUBJECT_FROM_CSR && i < fields.count; i++) {
        if (json_get(t->subject.fixed, fields.items[i]) != NULL)
            continue; /* set whatever is asked for */
        json_open_object(w);
        json_put_string(w, "type", fields.items[i]);
        json_put_bool(w, "required", listed(&t->subject.required, fields.items[i]));
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_sans(struct json_writer *w, const struct template *t) {
    struct text_list none = {NULL, 0};
    json_name(w, "sans");
    json_open_object(w);
    json_put_texts(w, "types", t->sans.none ? &none : &t->sans.types);
    json_put_int(w, "min", t->sans.none ? 0 : t->sans.min);
    json_put_int(w, "max", t->sans.none ? 0 : t->sans.max);
    json_close_object(w);
}

HANDLER(public_template) {
    struct public_pages *pages = context;
    struct public_settings settings;
    struct enrolment_target target;
    struct public_rules rules;
    TRY(ask_no_query(request, err));
    TRY(public_check_open(pages->core, request->arena, &settings, err));
    TRY(public_slow_down(pages, request, err));
    TRY(public_target(pages->core, request->arena, request->parameters[0], &target, err));
    TRY(public_rules_read(pages->core, request->arena, target.record.id, &rules, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "id", target.record.slug);
    json_put_string(&w, "name", target.record.name);
    json_put_string(&w, "description", target.template.description);
    json_put_string(&w, "ca", target.ca.slug);
    json_put_string(&w, "caName", target.ca.name);
    json_put_string(&w, "note", rules.note);
    json_put_bool(&w, "csr", rules.csr);
    json_put_bool(&w, "form", rules.form);
    json_put_bool(&w, "verifyEmail", rules.verify_email);
    json_put_bool(&w, "comment", rules.comment);
    json_put_bool(&w, "approval", target.template.approval != APPROVAL_NONE);
    json_put_int(&w, "days", target.template.days);
    json_put_texts(&w, "keys", &target.template.keys);
    put_fields(&w, &target.template, &rules);
    put_sans(&w, &target.template);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(public_puzzle) {
    struct public_pages *pages = context;
    struct public_settings settings;
    const char *challenge;
    TRY(ask_no_query(request, err));
    TRY(public_check_open(pages->core, request->arena, &settings, err));
    TRY(public_slow_down(pages, request, err));
    TRY(public_challenge_make(pages, request->arena, VIEW_LITERAL("puzzle"), &challenge, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "puzzle", challenge);
    json_put_int(&w, "bits", settings.puzzle_bits);
    json_put_time(&w, "expiresAt", clock_now_us() + PUZZLE_US);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* --- asking -------------------------------------------------------------------------------------------- */

struct asking {
    struct public_pages *pages;
    struct http_request *request;
    struct enrolment_target target;
    struct public_rules rules;
    struct public_settings settings;
    const struct json *document; /* csr, subject, sans, comment */
    struct public_request row;
    uint8_t puzzle[32];
    bool spend, confirm;
    struct mail_ready mail;
    struct request_record result;
};

static bool add_comment(struct tx *tx, const struct asking *a, const struct request_record *request,
                        struct error *err) {
    const char *text = NULL;
    TRY(json_string(a->document, "comment", &text, err));
    if (text == NULL || *text == '\0')
        return true;
    struct comment_record comment = {.id = uuid_new(), .request_id = request->id, .author = request->requester,
                                     .text = text, .created_us = clock_now_us()};
    return comment_insert(tx, &comment, err);
}

/* In the transaction that stores the request. */
static bool alongside(struct tx *tx, void *context, const struct request_record *request, struct error *err) {
    struct asking *a = context;
    if (a->spend)
        TRY(public_spend_once(tx, a->puzzle, err));
    TRY(add_comment(tx, a, request, err));
    if (a->confirm)
        return public_request_confirm(tx, a->row.id, request->id, err);
    a->row.request_id = request->id;
    return public_request_insert(tx, &a->row, err);
}

static const char *requester_of(struct arena *arena, const struct public_request *row) {
    return row->email[0] == '\0' ? "public page" : arena_printf(arena, "public: %.180s", row->email);
}

/* Subject and SANs alone. */
static const struct json *proposal_of(struct arena *arena, const struct json *document) {
    static const char *const ours[] = {"csr", "comment", NULL};
    return ask_without(arena, document, ours);
}

static bool make_request(struct asking *a, struct error *err) {
    struct arena *arena = a->request->arena;
    const char *name = requester_of(arena, &a->row), *csr = NULL;
    struct actor actor = public_actor(a->request, name);
    TRY(json_string(a->document, "csr", &csr, err));
    if (csr != NULL) {
        struct enrolled enrolled;
        struct enrolment enrolment = {.template_slug = a->target.record.slug, .door = "public",
                                      .csr = view_text(csr), .proposal = proposal_of(arena, a->document),
                                      .requester = name, .alongside = alongside, .context = a};
        TRY(enrol(a->pages->core, arena, &actor, &enrolment, &enrolled, err));
        a->result = enrolled.request;
        return true;
    }
    struct claim_link link;
    struct form_order order = {.submission = {.template_slug = a->target.record.slug, .door = "public",
                                              .proposal = proposal_of(arena, a->document)},
                               .alongside = alongside, .context = a};
    return request_submit_form(a->pages->core, arena, &actor, &order, &a->result, &link, err);
}

static bool reply_asked(struct asking *a, struct http_response *response, enum request_state state,
                        struct error *err) {
    const char *secret = NULL;
    struct json_writer w = json_writer_on(a->request->arena);
    if (state != 0)
        TRY(public_link_make(a->pages, a->request->arena, LINK_STATUS, a->row.id, &secret, err));
    json_open_object(&w);
    json_put_string(&w, "state", state == 0 ? "confirm" : request_state_name(state));
    json_put_string(&w, "secret", secret);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

/* Kept until the link in the mail is opened; whoever forges addresses gains one mail a time. */
static bool ask_to_confirm(struct asking *a, struct error *err) {
    struct arena *arena = a->request->arena;
    struct core_urls urls;
    const char *secret;
    char expires[TIME_TEXT_SIZE];
    bool done = false;
    TRY(core_public_urls(a->pages->core, arena, &urls, err));
    TRY(public_link_make(a->pages, arena, LINK_CONFIRM, a->row.id, &secret, err));
    time_format((a->row.created_us + 2 * US_PER_DAY) / US_PER_SECOND * US_PER_SECOND, expires);
    struct mail_variable variables[] = {
        {"link", arena_printf(arena, "%s/request/%s#confirm=%s", urls.https, a->target.record.slug, secret)},
        {"template", a->target.record.name}, {"ca", a->target.ca.name}, {"expires", expires}};
    struct mail mail = {.template = "request.verify", .organisation_id = a->target.ca.organisation_id,
                        .to = a->row.email, .variables = variables, .variable_count = 4};
    TRY(mail_prepare(a->pages->core, arena, &mail, &a->mail, err));
    if (a->mail.nothing)
        return fail(err, ERROR_CONFLICT, "no-mail-server",
                    "The address must be confirmed by mail, and this server cannot send mail yet.");
    struct json_writer w = json_writer_on(arena);
    json_add_value(&w, a->document);
    a->row.document = json_written(&w);
    TX(tx, core_db(a->pages->core), &done, err)
        tx.ok = public_spend_once(tx.tx, a->puzzle, err) && public_request_insert(tx.tx, &a->row, err) &&
                mail_enqueue(tx.tx, &a->mail, err);
    return done;
}

static bool check_limits(const struct asking *a, struct error *err) {
    int64_t by_email = 0, by_address = 0;
    bool done = false;
    TX(tx, core_db(a->pages->core), &done, err)
        tx.ok = public_request_count(tx.tx, a->row.email, a->row.address, clock_now_us() - HOUR_US, &by_email,
                                     &by_address, err);
    TRY(done);
    return (by_email < a->settings.per_email && by_address < a->settings.per_address) ||
           fail(err, ERROR_TOO_MANY, "slow-down",
                "There were too many requests from this address in the last hour; try again later.");
}

static bool read_person(struct asking *a, const struct json *document, struct error *err) {
    const char *email = "", *name = "";
    TRY(json_string(document, "email", &email, err));
    TRY(json_string(document, "name", &name, err));
    if (a->rules.verify_email && *email == '\0')
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"email\" is missing: it is confirmed by mail.");
    if (*email != '\0')
        TRY(mail_address_check(email, err));
    if (strlen(name) > 200)
        return fail(err, ERROR_POLICY, "too-long", "The name is longer than 200 octets.");
    char *folded = arena_strdup(a->request->arena, email);
    for (char *c = folded; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    a->row.email = folded;
    a->row.name = name;
    return true;
}

static bool check_way(const struct asking *a, struct error *err) {
    bool csr = json_get(a->document, "csr") != NULL;
    const char *comment = NULL;
    TRY(json_string(a->document, "comment", &comment, err));
    if (comment != NULL && strlen(comment) > 2000)
        return fail(err, ERROR_POLICY, "bad-comment", "The comment is longer than 2000 octets.");
    if (csr ? a->rules.csr : a->rules.form)
        return true;
    return fail(err, ERROR_POLICY, "public-way", "Here one asks %s.", csr ? "by the form, without a CSR" : "with a CSR");
}

static bool read_asking(struct asking *a, struct error *err) {
    static const char *const members[] = {"puzzle", "solution", "email", "name", "csr",
                                          "subject", "sans", "comment", NULL};
    static const char *const ours[] = {"puzzle", "solution", "email", "name", NULL};
    struct arena *arena = a->request->arena;
    const struct json *document;
    const char *puzzle, *solution;
    TRY(ask_document(a->request, members, &document, err));
    TRY(ask_string(document, "puzzle", &puzzle, err) && ask_string(document, "solution", &solution, err));
    TRY(public_target(a->pages->core, arena, a->request->parameters[0], &a->target, err));
    TRY(public_rules_read(a->pages->core, arena, a->target.record.id, &a->rules, err));
    TRY(public_challenge_check(a->pages, arena, VIEW_LITERAL("puzzle"), puzzle, a->puzzle, err));
    TRY(public_puzzle_check(arena, puzzle, solution, a->settings.puzzle_bits, err));
    a->document = ask_without(arena, document, ours);
    if (a->document == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "Without \"csr\" the request needs \"subject\" or \"sans\".");
    return read_person(a, document, err) && check_way(a, err);
}

HANDLER(public_submit) {
    struct asking *a = arena_alloc(request->arena, sizeof *a);
    *a = (struct asking){.pages = context, .request = request, .spend = true};
    a->row = (struct public_request){.id = uuid_new(), .document = "{}", .open = true,
                                     .address = public_origin(request->arena, request->address),
                                     .created_us = clock_now_us()};
    TRY(public_check_open(a->pages->core, request->arena, &a->settings, err));
    TRY(public_slow_down(a->pages, request, err));
    TRY(read_asking(a, err));
    a->row.template_id = a->target.record.id;
    TRY(check_limits(a, err));
    if (a->rules.verify_email) {
        TRY(ask_to_confirm(a, err));
        return reply_asked(a, response, 0, err);
    }
    TRY(make_request(a, err));
    return reply_asked(a, response, a->result.state, err);
}

static bool load_unconfirmed(struct asking *a, struct uuid id, struct template_record *template,
                             struct error *err) {
    struct arena *arena = a->request->arena;
    bool done = false;
    TX(tx, core_db(a->pages->core), &done, err)
        tx.ok = public_request_by_id(tx.tx, arena, id, &a->row, err) &&
                template_version(tx.tx, arena, a->row.template_id, 0, template, err);
    return done;
}

/* The link in the mail: opening it twice shows the same request. */
HANDLER(public_confirm) {
    static const char *const members[] = {"secret", NULL};
    struct asking *a = arena_alloc(request->arena, sizeof *a);
    struct template_record template = {0};
    const struct json *document;
    const char *secret;
    struct uuid id;
    *a = (struct asking){.pages = context, .request = request, .confirm = true};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "secret", &secret, err));
    TRY(public_check_open(a->pages->core, request->arena, &a->settings, err));
    TRY(public_slow_down(a->pages, request, err));
    TRY(public_link_read(a->pages, request->arena, LINK_CONFIRM, secret, &id, err));
    TRY(load_unconfirmed(a, id, &template, err));
    if (uuid_is_nil(a->row.request_id)) {
        TRY(public_target(a->pages->core, request->arena, template.slug, &a->target, err));
        TRY(json_parse(request->arena, view_text(a->row.document), &a->document, err));
        TRY(make_request(a, err));
        return reply_asked(a, response, a->result.state, err);
    }
    return reply_asked(a, response, a->row.state, err);
}
