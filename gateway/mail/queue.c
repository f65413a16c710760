#include "mail/internal.h"

#include "base/clock.h"
#include "ca/secret.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <string.h>

static const char *place_of(struct arena *arena, struct uuid id) {
    return arena_printf(arena, "mail_queue/%s/content", uuid_text(arena, id));
}

/* The name of the instance in texts: its host. */
static bool instance_name(struct core *core, struct arena *arena, const char **ret, struct error *err) {
    struct core_urls urls;
    TRY(core_public_urls(core, arena, &urls, err));
    const char *host = strstr(urls.https, "://");
    host = host == NULL ? urls.https : host + 3;
    *ret = arena_printf(arena, "%.*s", (int)strcspn(host, ":/"), host);
    return true;
}

static bool wording_of(struct core *core, struct arena *arena, const struct mail *mail,
                       const struct mail_template *template, struct mail_text *ret, struct error *err) {
    struct mail_wording wording;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_wording_find(tx.tx, arena, mail->organisation_id, template->name, &wording, err);
    TRY(done);
    *ret = wording.version == 0 ? (struct mail_text){template->subject, template->text, ""}
                                : (struct mail_text){wording.subject, wording.text, wording.html};
    return true;
}

static bool render(struct core *core, struct arena *arena, const struct mail *mail, struct mail_text *ret,
                   struct error *err) {
    const struct mail_template *template = mail_template_find(mail->template);
    struct mail_variable *variables = arena_array(arena, mail->variable_count + 1, sizeof *variables);
    struct mail_text wording;
    if (template == NULL)
        return fail_internal(err, "there is no mail template %s", mail->template);
    for (size_t i = 0; i < mail->variable_count; i++)
        variables[i] = mail->variables[i];
    variables[mail->variable_count].name = "instance";
    TRY(instance_name(core, arena, &variables[mail->variable_count].value, err));
    TRY(wording_of(core, arena, mail, template, &wording, err));
    *ret = mail_render(arena, &wording, variables, mail->variable_count + 1);
    return true;
}

static void occasion(struct arena *arena, const struct mail *mail, uint8_t ret[static 32]) {
    char *to = arena_strdup(arena, mail->to);
    for (char *c = to; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    const char *text = arena_printf(arena, "%s\n%s\n%s", mail->template, mail->once, to);
    SHA256((const unsigned char *)text, strlen(text), ret);
}

bool mail_possible(struct core *core, struct arena *arena, bool *ret_possible, struct error *err) {
    struct mail_settings settings;
    TRY(mail_settings_read(core, arena, &settings, err));
    *ret_possible = settings.there;
    return true;
}

bool mail_prepare(struct core *core, struct arena *arena, const struct mail *mail, struct mail_ready *ret,
                  struct error *err) {
    struct mail_settings settings;
    struct mail_envelope envelope = {.to = mail->to, .id = uuid_new(), .now_us = clock_now_us(),
                                     .attachment = mail->attachment};
    struct mail_text text;
    const char *sealed;
    TRY(mail_address_check(mail->to, err));
    TRY(mail_settings_read(core, arena, &settings, err));
    *ret = (struct mail_ready){.nothing = !settings.there};
    if (ret->nothing)
        return true;
    if (mail->attachment != NULL && mail->attachment->bytes.len > MAIL_MAX_ATTACHMENT)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The attachment is larger than %zu MiB.",
                    MAIL_MAX_ATTACHMENT >> 20);
    envelope.reply_to = settings.reply_to;
    TRY(mail_sender_parse(arena, settings.from, &envelope.from, err));
    TRY(render(core, arena, mail, &text, err));
    struct view message = mail_compose(arena, &envelope, &text);
    TRY(secret_seal(core, arena, place_of(arena, envelope.id), message, &sealed, err));
    if (mail->once != NULL)
        occasion(arena, mail, ret->once);
    ret->message = (struct mail_message){.id = envelope.id, .organisation_id = mail->organisation_id,
                                         .template = mail->template, .recipient = mail->to,
                                         .once = mail->once == NULL ? NULL : ret->once, .content = sealed,
                                         .next_us = envelope.now_us, .created_us = envelope.now_us};
    return true;
}

bool mail_enqueue(struct tx *tx, const struct mail_ready *ready, struct error *err) {
    bool duplicate;
    return ready->nothing || mail_insert(tx, &ready->message, &duplicate, err);
}

bool mail_send(struct core *core, struct arena *arena, const struct mail *mail, struct error *err) {
    struct mail_ready ready;
    bool done = false;
    TRY(mail_prepare(core, arena, mail, &ready, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_enqueue(tx.tx, &ready, err);
    return done;
}

/* --- sending ------------------------------------------------------------------------------------------- */

#define ROUND 50 /* messages over one connection */
#define HOLD_US (300 * US_PER_SECOND) /* an attempt takes at most a minute */
#define KEEP_US (60 * US_PER_DAY)

static const int64_t waits_s[] = {60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 24 * 3600};
#define ATTEMPTS (sizeof waits_s / sizeof waits_s[0] + 1)

struct smtp_server mail_server_of(struct core *core, struct arena *arena,
                                  const struct mail_settings *settings) {
    const char *name = "localhost";
    struct error ignored = {0};
    if (!instance_name(core, arena, &name, &ignored))
        name = "localhost";
    return (struct smtp_server){.host = settings->host, .port = (int)settings->port,
                                .security = settings->security, .username = settings->username,
                                .password = settings->password, .ca_pem = settings->ca_pem,
                                .own_name = name};
}

/* The first failure and the last are events; those between are in the list of messages. */
static bool note(struct tx *tx, struct arena *arena, const struct mail_message *m, bool final,
                 const char *problem, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    if (m->attempts > 0 && !final)
        return true;
    json_open_object(&w);
    json_put_string(&w, "template", m->template);
    json_put_string(&w, "recipient", m->recipient);
    json_put_int(&w, "attempt", m->attempts + 1);
    json_put_bool(&w, "final", final);
    json_put_string(&w, "reason", problem);
    json_close_object(&w);
    struct event_note event = {.code = "mail.failed", .outcome = "failure", .object_kind = "mail",
                               .organisation_id = m->organisation_id,
                               .object = uuid_text(arena, m->id), .details = json_written(&w)};
    return access_note(tx, &actor_system, &event, err);
}

static bool failed(struct core *core, struct arena *arena, const struct mail_message *m,
                   const struct error *why, struct error *err) {
    bool final = why->kind == ERROR_POLICY || (size_t)m->attempts + 1 >= ATTEMPTS, done = false;
    int64_t now = clock_now_us(), at = final ? now : now + waits_s[m->attempts] * US_PER_SECOND;
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_settle(tx.tx, m->id, final ? MAIL_GIVEN_UP : MAIL_WAITING, at, why->message, err) &&
                note(tx.tx, arena, m, final, why->message, err);
    return done;
}

/* ret_go_on false: the server is away, the others need not try. */
static bool deliver(struct core *core, struct smtp_session *session, const struct mail_sender *from,
                    const struct mail_message *m, bool *ret_go_on, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error why = {0};
    struct view content;
    bool mine = false, done = false;
    *ret_go_on = true;
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_take(tx.tx, m, clock_now_us() + HOLD_US, &mine, err);
    TRY(done);
    if (!mine)
        return true;
    if (!secret_open(core, arena, place_of(arena, m->id), m->content, &content, &why) ||
        !smtp_deliver(session, from->address, m->recipient, content, &why)) {
        *ret_go_on = why.kind == ERROR_POLICY;
        return failed(core, arena, m, &why, err);
    }
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_settle(tx.tx, m->id, MAIL_SENT, clock_now_us(), "", err);
    return done;
}

bool mail_send_due(void *core, struct arena *arena, struct error *err) {
    struct mail_settings settings;
    struct mail_message *items = NULL;
    struct smtp_session *session = NULL;
    struct mail_sender from;
    size_t count = 0;
    bool done = false, go_on = true, ok = true;
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_due(tx.tx, arena, clock_now_us(), ROUND, &items, &count, err);
    TRY(done);
    if (count == 0)
        return true;
    TRY(mail_settings_read(core, arena, &settings, err));
    if (!settings.there)
        return true; /* they wait until a server is set up again */
    TRY(mail_settings_open(core, arena, &settings, err));
    TRY(mail_sender_parse(arena, settings.from, &from, err));
    struct smtp_server server = mail_server_of(core, arena, &settings);
    TRY(smtp_open(arena, &server, &session, err));
    for (size_t i = 0; ok && go_on && i < count; i++)
        ok = deliver(core, session, &from, &items[i], &go_on, err);
    smtp_close(session);
    return ok;
}

bool mail_clean(void *core, struct arena *arena, struct error *err) {
    bool done = false;
    (void)arena;
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_purge(tx.tx, clock_now_us() - KEEP_US, err);
    return done;
}
