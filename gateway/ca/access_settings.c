#include "ca/access_settings.h"

#include "base/clock.h"
#include "store/cas.h"
#include "store/organisations.h"
#include "store/roles.h"

#include <string.h>

#define SETTING "access"
#define HOUR_US (3600 * US_PER_SECOND)
#define MINUTE_US (60 * US_PER_SECOND)
#define MAX_LIST 100

static const char *const match_names[] = {
    [MATCH_EMAIL] = "email", [MATCH_COMMON_NAME] = "commonName", [MATCH_UPN] = "upn"};

static bool read_list(struct arena *arena, const struct json *document, const char *name,
                      struct text_list *ret, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(document, name, &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_LIST)
        return fail(err, ERROR_MALFORMED, "out-of-range", "The field \"%s\" may have at most %d items.",
                    name, MAX_LIST);
    ret->items = arena_array(arena, array->count + 1, sizeof *ret->items);
    JSON_EACH (item, array) {
        if (item->type != JSON_STRING)
            return fail(err, ERROR_MALFORMED, "wrong-type", "The items of \"%s\" are strings.", name);
        ret->items[ret->count++] = item->text;
    }
    return true;
}

static bool read_match(const struct json *document, enum certificate_match *ret, struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, "match", &text, err));
    for (unsigned i = 0; text != NULL && i < sizeof match_names / sizeof match_names[0]; i++)
        if (strcmp(text, match_names[i]) == 0) {
            *ret = (enum certificate_match)i;
            return true;
        }
    return text == NULL || fail(err, ERROR_POLICY, "bad-setting",
                                "A certificate is matched by \"email\", \"commonName\" or \"upn\", not "
                                "\"%.40s\".", text);
}

bool access_settings_parse(struct arena *arena, const struct json *document,
                           struct access_settings *ret, struct error *err) {
    static const char *const members[] = {"sessionHours", "idleMinutes", "registration",
                                          "secondFactorRoles", "certificateLogin", "version", NULL};
    static const char *const registration_members[] = {"open", "approval", "role", NULL};
    static const char *const certificate_members[] = {"cas", "match", NULL};
    const struct json *registration = NULL, *certificate = NULL;
    int64_t hours = 12, minutes = 0;
    struct access_settings s = {.registration_approval = true, .registration_role = "requester"};
    TRY(json_only(document, members, err));
    TRY(json_int(document, "sessionHours", 1, 720, &hours, err));
    TRY(json_int(document, "idleMinutes", 0, 43200, &minutes, err));
    TRY(json_int(document, "version", 0, INT64_MAX, &s.version, err));
    TRY(read_list(arena, document, "secondFactorRoles", &s.second_factor_roles, err));
    TRY(json_object(document, "registration", &registration, err));
    if (registration != NULL)
        TRY(json_only(registration, registration_members, err) &&
            json_bool(registration, "open", &s.registration, err) &&
            json_bool(registration, "approval", &s.registration_approval, err) &&
            json_string(registration, "role", &s.registration_role, err));
    TRY(json_object(document, "certificateLogin", &certificate, err));
    if (certificate != NULL)
        TRY(json_only(certificate, certificate_members, err) &&
            read_list(arena, certificate, "cas", &s.certificate_cas, err) &&
            read_match(certificate, &s.certificate_match, err));
    s.session_us = hours * HOUR_US;
    s.idle_us = minutes * MINUTE_US;
    *ret = s;
    return true;
}

static void write_list(struct json_writer *w, const char *name, const struct text_list *list) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_add_string(w, list->items[i]);
    json_close_array(w);
}

void access_settings_write(struct json_writer *w, const struct access_settings *s) {
    json_open_object(w);
    json_put_int(w, "sessionHours", s->session_us / HOUR_US);
    json_put_int(w, "idleMinutes", s->idle_us / MINUTE_US);
    json_name(w, "registration");
    json_open_object(w);
    json_put_bool(w, "open", s->registration);
    json_put_bool(w, "approval", s->registration_approval);
    json_put_string(w, "role", s->registration_role);
    json_close_object(w);
    write_list(w, "secondFactorRoles", &s->second_factor_roles);
    json_name(w, "certificateLogin");
    json_open_object(w);
    write_list(w, "cas", &s->certificate_cas);
    json_put_string(w, "match", match_names[s->certificate_match]);
    json_close_object(w);
    json_put_int(w, "version", s->version);
    json_close_object(w);
}

bool access_settings_read(struct tx *tx, struct arena *arena, struct access_settings *ret,
                          struct error *err) {
    const char *text;
    const struct json *document;
    TRY(setting_get(tx, arena, SETTING, &text, err));
    TRY(json_parse(arena, view_text(text == NULL ? "{}" : text), &document, err));
    return access_settings_parse(arena, document, ret, err);
}

bool access_settings_anyone(struct core *core, struct arena *arena, struct access_settings *ret,
                            struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = access_settings_read(tx.tx, arena, ret, err);
    return done;
}

bool access_settings_get(struct core *core, struct arena *arena, const struct actor *actor,
                         struct access_settings *ret, struct error *err) {
    TRY(actor_may(actor, MAY_READ_SETTINGS, (struct uuid){{0}}, (struct uuid){{0}}, err));
    return access_settings_anyone(core, arena, ret, err);
}

static bool check_role(struct tx *tx, struct arena *arena, const char *slug, struct error *err) {
    struct role_record role;
    if (role_from_name(slug) != 0)
        return true;
    return role_by_slug(tx, arena, slug, &role, err) ||
           (err->kind == ERROR_NOT_FOUND &&
            fail(err, ERROR_POLICY, "bad-role", "There is no role \"%.40s\"; GET roles lists them.", slug));
}

/* Who lets strangers have a role gives it to them. */
static bool check_references(struct tx *tx, struct arena *arena, const struct access_settings *s,
                             struct error *err) {
    TRY(check_role(tx, arena, s->registration_role, err));
    if (strcmp(s->registration_role, "administrator") == 0)
        return fail(err, ERROR_POLICY, "bad-role", "Who registers cannot become administrator by that.");
    for (size_t i = 0; i < s->second_factor_roles.count; i++)
        TRY(check_role(tx, arena, s->second_factor_roles.items[i], err));
    for (size_t i = 0; i < s->certificate_cas.count; i++) {
        struct ca_record ca;
        TRY(ca_by_slug(tx, arena, &scope_everything, s->certificate_cas.items[i], &ca, err));
    }
    return true;
}

static bool put(struct tx *tx, struct arena *arena, const struct actor *actor,
                struct access_settings *s, struct error *err) {
    struct access_settings standing;
    TRY(access_settings_read(tx, arena, &standing, err));
    if (standing.version != s->version)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "Somebody has changed these settings meanwhile (version %lld); read them again.",
                    (long long)standing.version);
    TRY(check_references(tx, arena, s, err));
    struct access_settings next = *s;
    next.version++;
    struct json_writer after = json_writer_on(arena), details = json_writer_on(arena);
    access_settings_write(&after, &next);
    json_open_object(&details);
    json_name(&details, "before");
    access_settings_write(&details, &standing);
    json_name(&details, "after");
    access_settings_write(&details, &next);
    json_close_object(&details);
    return setting_put(tx, SETTING, json_written(&after), err) &&
           access_note(tx, actor,
                       &(struct event_note){.code = "settings.changed",
                                            .object_kind = "setting",
                                            .object = SETTING,
                                            .details = json_written(&details)},
                       err);
}

bool access_settings_put(struct core *core, struct arena *arena, const struct actor *actor,
                         struct access_settings *settings, struct error *err) {
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_SETTINGS, (struct uuid){{0}}, (struct uuid){{0}}, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = put(tx.tx, arena, actor, settings, err);
    TRY(done);
    settings->version++;
    return true;
}

bool second_factor_required(const struct access_settings *settings, const struct grant *grants,
                            size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < settings->second_factor_roles.count; k++)
            if (strcmp(grant_role_name(&grants[i]), settings->second_factor_roles.items[k]) == 0)
                return true;
    return false;
}
