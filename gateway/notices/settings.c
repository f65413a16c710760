#include "notices/internal.h"

#include "base/clock.h"
#include "ca/secret.h"
#include "mail/mail.h"
#include "rest/table.h"
#include "store/certificates.h"
#include "store/notes.h"
#include "store/organisations.h"

#include <string.h>

#define SETTING "notices"
#define MOST 50
#define MAX_CA_PEM ((size_t)64 * 1024)

static const struct uuid nobody;

const char *notices_text(const struct json *object, const char *name) {
    const struct json *member = json_get(object, name);
    return member != NULL && member->type == JSON_STRING ? member->text : NULL;
}

const struct json *notices_find(const struct json *list, const char *id) {
    JSON_EACH (item, list) {
        const char *own = notices_text(item, "id");
        if (own != NULL && strcmp(own, id) == 0)
            return item;
    }
    return NULL;
}

const char *notices_webhook_place(struct arena *arena, const char *id) {
    return arena_printf(arena, "notices/webhooks/%s", id);
}

const char *notices_position(struct arena *arena, const char *rule) {
    return arena_printf(arena, "notices/%s", rule);
}

static bool read_in(struct tx *tx, struct arena *arena, struct notice_settings *ret, struct error *err) {
    const char *text = NULL;
    const struct json *document;
    *ret = (struct notice_settings){0};
    TRY(setting_get(tx, arena, SETTING, &text, err));
    if (text == NULL)
        return true;
    return json_parse(arena, view_text(text), &document, err) && json_array(document, "webhooks", &ret->webhooks, err) &&
           json_array(document, "rules", &ret->rules, err) && json_array(document, "reports", &ret->reports, err) &&
           json_int(document, "version", 0, INT64_MAX, &ret->version, err);
}

bool notices_read(struct core *core, struct arena *arena, struct notice_settings *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = read_in(tx.tx, arena, ret, err);
    return done;
}

/* --- checks ----------------------------------------------------------------------------------------------------- */

static bool bad(struct error *err, const char *id, const char *what) {
    return fail(err, ERROR_POLICY, "bad-notice", "\"%.60s\": %s.", id == NULL ? "?" : id, what);
}

static bool check_id(const struct json *list, const struct json *item, struct error *err) {
    const char *id = NULL;
    TRY(json_string(item, "id", &id, err));
    if (id == NULL || !slug_valid(id))
        return bad(err, id, "an id has 1 to 63 characters of a-z, 0-9 and \"-\"");
    return notices_find(list, id) == item || bad(err, id, "the id is used twice");
}

static bool check_webhook(const struct json *item, struct error *err) {
    static const char *const members[] = {"id", "url", "shape", "ca", "secret", NULL};
    const char *id = notices_text(item, "id"), *url = NULL, *shape = "json", *ca = NULL, *secret = NULL;
    TRY(json_only(item, members, err) && json_string(item, "url", &url, err) && json_string(item, "shape", &shape, err) &&
        json_string(item, "ca", &ca, err) && json_string(item, "secret", &secret, err));
    if (url == NULL || strncmp(url, "https://", 8) != 0 || strlen(url) > 1000)
        return bad(err, id, "\"url\" is an https URL");
    if (!webhook_shape_known(shape))
        return bad(err, id, "\"shape\" is json, slack, teams or matrix");
    if (ca != NULL && (strlen(ca) > MAX_CA_PEM || strstr(ca, "-----BEGIN CERTIFICATE-----") == NULL))
        return bad(err, id, "\"ca\" is no PEM of certificates");
    return secret == NULL || secret[0] == '\0' || (strlen(secret) >= 16 && strlen(secret) <= 200) ||
           bad(err, id, "the secret has 16 to 200 bytes");
}

static bool check_addresses(const struct json *item, bool needed, struct error *err) {
    const struct json *to = NULL;
    const char *id = notices_text(item, "id");
    TRY(json_array(item, "to", &to, err));
    if ((to == NULL ? 0 : to->count) > MOST || (needed && (to == NULL || to->count == 0)))
        return bad(err, id, "\"to\" has 1 to 50 addresses, or a rule has a webhook instead, or a report keepDays");
    JSON_EACH (address, to)
        TRY(address->type == JSON_STRING ? mail_address_check(address->text, err)
                                         : bad(err, id, "an address is a string"));
    return true;
}

static bool check_days(const struct json *item, struct error *err) {
    const struct json *days = NULL;
    TRY(json_array(item, "days", &days, err));
    if (days != NULL && (days->count == 0 || days->count > 20))
        return bad(err, notices_text(item, "id"), "\"days\" has 1 to 20 numbers");
    JSON_EACH (day, days) {
        size_t len = day->type == JSON_NUMBER ? strlen(day->text) : 0;
        if (len == 0 || len > 3 || strspn(day->text, "0123456789") != len || strcmp(day->text, "0") == 0)
            return bad(err, notices_text(item, "id"), "a number of days is from 1 to 999");
    }
    return true;
}

static bool check_codes(const struct json *item, struct error *err) {
    const struct json *codes = NULL;
    TRY(json_array(item, "codes", &codes, err));
    if (codes == NULL || codes->count == 0 || codes->count > 20)
        return bad(err, notices_text(item, "id"), "\"codes\" has 1 to 20 codes of events, or beginnings of them");
    JSON_EACH (code, codes)
        if (code->type != JSON_STRING || code->text[0] == '\0' || strlen(code->text) > 60)
            return bad(err, notices_text(item, "id"), "a code is like \"job.failed\" or \"certificate.\"");
    return true;
}

static bool check_rule(struct core *core, struct arena *arena, const struct json *webhooks, const struct json *item,
                       struct error *err) {
    static const char *const expiring[] = {"id", "on", "days", "ca", "template", "tag", "owner", "to", "toOwner", "webhook",
                                           NULL};
    static const char *const secret[] = {"id", "on", "days", "to", "toOwner", "webhook", NULL};
    static const char *const event[] = {"id", "on", "codes", "to", "toApprovers", "webhook", NULL};
    static const char *const trouble[] = {"id", "on", "kinds", "minutes", "to", "webhook", NULL};
    const char *on = NULL, *webhook = NULL, *id = notices_text(item, "id");
    struct certificate_filter filter;
    bool to_owner = false, to_approvers = false;
    TRY(json_string(item, "on", &on, err));
    on = on == NULL ? "" : on;
    bool is_event = strcmp(on, "event") == 0, is_secret = strcmp(on, "secret.expiring") == 0;
    bool is_trouble = strcmp(on, "trouble") == 0;
    bool is_expiring = strcmp(on, "certificate.expiring") == 0 || strcmp(on, "authority.expiring") == 0;
    if (!is_event && !is_secret && !is_trouble && !is_expiring)
        return bad(err, id, "\"on\" is certificate.expiring, authority.expiring, secret.expiring, trouble or event");
    TRY(json_only(item, is_event ? event : is_secret ? secret : is_trouble ? trouble : expiring, err) &&
        json_string(item, "webhook", &webhook, err) && json_bool(item, "toOwner", &to_owner, err) &&
        json_bool(item, "toApprovers", &to_approvers, err));
    if (webhook != NULL && notices_find(webhooks, webhook) == NULL)
        return bad(err, id, "there is no webhook of that name");
    return check_addresses(item, webhook == NULL && !to_owner && !to_approvers, err) &&
           (is_event ? check_codes(item, err) : is_trouble ? notices_check_troubles(item, err) : check_days(item, err)) &&
           notices_filter(core, arena, item, &filter, err);
}

static bool check_report(struct core *core, struct arena *arena, const struct json *item, struct error *err) {
    static const char *const members[] = {"id", "every", "hour", "format", "ca", "template", "tag", "owner", "state",
                                          "expiresWithinDays", "filter", "to", "skipEmpty", "keepDays", NULL};
    static const char *const simple[] = {"ca", "template", "tag", "owner", "state", "expiresWithinDays"};
    const char *every = NULL, *format = "csv", *text = NULL, *id = notices_text(item, "id");
    struct certificate_filter filter;
    enum table_format kind;
    int64_t hour = 6, days = 0;
    bool skip = false;
    TRY(json_only(item, members, err) && json_string(item, "every", &every, err) && json_string(item, "format", &format, err) &&
        json_int(item, "hour", 0, 23, &hour, err) && json_bool(item, "skipEmpty", &skip, err) &&
        json_int(item, "keepDays", 0, REPORT_KEEP_MOST, &days, err) && json_string(item, "filter", &text, err));
    if (every == NULL || (strcmp(every, "day") != 0 && strcmp(every, "week") != 0 && strcmp(every, "month") != 0))
        return bad(err, id, "\"every\" is day, week (on Monday) or month (on the first)");
    if (!table_format_read(format, &kind))
        return bad(err, id, "\"format\" is csv, xlsx or html");
    if (text != NULL && strlen(text) > MAX_FILTER)
        return bad(err, id, "\"filter\" is as long as that of a saved view may be");
    for (size_t i = 0; text != NULL && i < sizeof simple / sizeof simple[0]; i++)
        if (json_get(item, simple[i]) != NULL)
            return bad(err, id, "\"filter\" says it all: give it, or the single members");
    return check_addresses(item, days == 0, err) && report_filter(core, arena, item, &filter, err);
}

static bool check_all(struct core *core, struct arena *arena, const struct notice_settings *s, struct error *err) {
    const struct json *const lists[] = {s->webhooks, s->rules, s->reports};
    for (size_t i = 0; i < 3; i++) {
        if (lists[i] != NULL && lists[i]->count > MOST)
            return fail(err, ERROR_POLICY, "bad-notice", "There are at most %d webhooks, rules and reports each.", MOST);
        JSON_EACH (item, lists[i])
            TRY(check_id(lists[i], item, err));
    }
    JSON_EACH (item, s->webhooks)
        TRY(check_webhook(item, err));
    JSON_EACH (item, s->rules)
        TRY(check_rule(core, arena, s->webhooks, item, err));
    JSON_EACH (item, s->reports)
        TRY(check_report(core, arena, item, err));
    return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Members one by one, but for those that are not shown or not kept. */
static void copy_members(struct json_writer *w, const struct json *item) {
    JSON_EACH (member, item)
        if (strcmp(member->name, "secret") != 0 && strcmp(member->name, "sealed") != 0) {
            json_name(w, member->name);
            json_add_value(w, member);
        }
}

static void write_list(struct json_writer *w, const char *name, const struct json *list) {
    json_name(w, name);
    json_open_array(w);
    JSON_EACH (item, list)
        json_add_value(w, item);
    json_close_array(w);
}

void notices_write(struct json_writer *w, const struct notice_settings *s) {
    json_open_object(w);
    json_name(w, "webhooks");
    json_open_array(w);
    JSON_EACH (item, s->webhooks) {
        json_open_object(w);
        copy_members(w, item);
        const char *sealed = notices_text(item, "sealed");
        json_put_bool(w, "hasSecret", sealed != NULL && sealed[0] != '\0');
        json_close_object(w);
    }
    json_close_array(w);
    write_list(w, "rules", s->rules);
    write_list(w, "reports", s->reports);
    json_put_int(w, "version", s->version);
    json_close_object(w);
}

/* A secret that is not given stays as it is while the URL does; else somebody could have it sent elsewhere. */
static bool seal_webhooks(struct core *core, struct arena *arena, const struct json *wanted, const struct json *standing,
                          struct json_writer *w, struct error *err) {
    json_name(w, "webhooks");
    json_open_array(w);
    JSON_EACH (item, wanted) {
        const char *id = notices_text(item, "id"), *secret = notices_text(item, "secret"), *sealed = "";
        const struct json *old = notices_find(standing, id);
        const char *old_url = old == NULL ? NULL : notices_text(old, "url");
        if (secret != NULL && secret[0] != '\0')
            TRY(secret_seal(core, arena, notices_webhook_place(arena, id), view_text(secret), &sealed, err));
        else if (secret == NULL && old_url != NULL && strcmp(old_url, notices_text(item, "url")) == 0)
            sealed = notices_text(old, "sealed");
        json_open_object(w);
        copy_members(w, item);
        json_put_string(w, "sealed", sealed == NULL ? "" : sealed);
        json_close_object(w);
    }
    json_close_array(w);
    return true;
}

static bool is_on(const struct json *rule, const char *what) {
    return rule != NULL && strcmp(notices_text(rule, "on"), what) == 0;
}

/* A new rule begins now: nobody wants the past, and nothing from here on is missed. What fails just now is no past. */
static bool begin_new(struct tx *tx, struct arena *arena, const struct json *wanted, const struct json *standing,
                      struct error *err) {
    JSON_EACH (rule, wanted) {
        const char *id = notices_text(rule, "id");
        const struct json *before = notices_find(standing, id);
        if (is_on(rule, "event") && !is_on(before, "event"))
            TRY(setting_put(tx, notices_position(arena, id), arena_printf(arena, "%lld", (long long)clock_now_us()), err));
        if (is_on(rule, "trouble") && !is_on(before, "trouble"))
            TRY(setting_put(tx, notices_troubles_place(arena, id), "[]", err));
    }
    return true;
}

static bool replace(struct tx *tx, struct arena *arena, const struct actor *actor, const struct json *rules,
                    const char *text, int64_t version, struct error *err) {
    struct notice_settings standing;
    TRY(read_in(tx, arena, &standing, err));
    if (standing.version != version)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile", "Somebody has changed the notices meanwhile; read them again.");
    TRY(begin_new(tx, arena, rules, standing.rules, err));
    return setting_put(tx, SETTING, text, err) &&
           access_note(tx, actor, &(struct event_note){.code = "notices.changed", .object_kind = "setting", .object = SETTING},
                       err);
}

bool notices_put(struct core *core, struct arena *arena, const struct actor *actor, const struct json *document,
                 int64_t version, struct error *err) {
    struct notice_settings wanted = {0}, standing;
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, nobody, nobody, err));
    TRY(json_array(document, "webhooks", &wanted.webhooks, err) && json_array(document, "rules", &wanted.rules, err) &&
        json_array(document, "reports", &wanted.reports, err));
    TRY(check_all(core, arena, &wanted, err) && notices_read(core, arena, &standing, err));
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    TRY(seal_webhooks(core, arena, wanted.webhooks, standing.webhooks, &w, err));
    write_list(&w, "rules", wanted.rules);
    write_list(&w, "reports", wanted.reports);
    json_put_int(&w, "version", version + 1);
    json_close_object(&w);
    const char *text = json_written(&w);
    TX(tx, core_db(core), &done, err)
        tx.ok = replace(tx.tx, arena, actor, wanted.rules, text, version, err);
    return done;
}
