#include "ca/servers.h"

#include "ca/secret.h"
#include "store/organisations.h"

#include <string.h>

#define MAX_CA_PEM ((size_t)64 * 1024)

static const char *setting_of(struct arena *arena, const char *slug) {
    return arena_printf(arena, "servers/%s", slug);
}

/* A password opens for its server and user alone. */
static const char *place_of(struct arena *arena, const char *slug, const struct server *s) {
    return arena_printf(arena, "settings/servers/%s/%s/%s", slug, s->address, s->username);
}

/* --- the document ------------------------------------------------------------------------------------------- */

static bool refuse(const struct server *s, const char *rule, struct error *err) {
    return fail(err, ERROR_POLICY, "bad-server", "The server %.200s: %s", s->address, rule);
}

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_address(const char *text) {
    const char *host = strstr(text, "://");
    return (begins(text, "https://") || begins(text, "http://") || begins(text, "ldaps://") || begins(text, "ldap://")) &&
           strlen(text) <= 300 && host[3] != '\0' &&
           strspn(host + 3, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == strlen(host + 3);
}

static bool is_plain(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool check(const struct server *s, bool password, struct error *err) {
    if (!is_address(s->address))
        return refuse(s, "an address is https://host, http://host, ldaps://host or ldap://host, with a port or without.",
                      err);
    if (strlen(s->username) > 300 || !is_plain(s->username))
        return refuse(s, "a user name has at most 300 octets and no control characters.", err);
    if (password != (s->username[0] != '\0'))
        return refuse(s, "\"username\" and \"password\" go together.", err);
    if (password && begins(s->address, "http://"))
        return refuse(s, "a password does not travel in the clear; take https.", err);
    if (s->ca_pem[0] != '\0' &&
        (strlen(s->ca_pem) > MAX_CA_PEM || strstr(s->ca_pem, "-----BEGIN CERTIFICATE-----") == NULL))
        return refuse(s, "\"caCertificates\" holds PEM certificates of at most 64 KiB.", err);
    return true;
}

static bool read_one(const struct json *item, struct server *ret, const char **ret_password, struct error *err) {
    *ret = (struct server){.address = "", .username = "", .ca_pem = "", .sealed = ""};
    *ret_password = NULL;
    return json_string(item, "server", &ret->address, err) &&
           json_string(item, "username", &ret->username, err) && json_string(item, "password", ret_password, err) &&
           json_string(item, "caCertificates", &ret->ca_pem, err) && json_string(item, "sealed", &ret->sealed, err);
}

static bool parse(struct arena *arena, const char *text, struct servers *ret, struct error *err) {
    const struct json *document, *items = NULL;
    const char *none;
    *ret = (struct servers){.version = 0};
    TRY(json_parse(arena, view_text(text), &document, err));
    TRY(json_int(document, "version", 0, INT64_MAX, &ret->version, err) && json_array(document, "items", &items, err));
    ret->items = arena_array(arena, items == NULL ? 1 : items->count + 1, sizeof *ret->items);
    JSON_EACH(item, items)
        TRY(read_one(item, &ret->items[ret->count++], &none, err));
    return true;
}

static const char *write_document(struct arena *arena, const struct servers *servers, bool sealed) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "items");
    json_open_array(&w);
    for (size_t i = 0; i < servers->count; i++) {
        const struct server *s = &servers->items[i];
        json_open_object(&w);
        json_put_string(&w, "server", s->address);
        json_put_string(&w, "username", s->username);
        if (sealed)
            json_put_string(&w, "sealed", s->sealed);
        json_put_string(&w, "caCertificates", s->ca_pem);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_put_int(&w, "version", servers->version);
    json_close_object(&w);
    return json_written(&w);
}

/* --- reading and writing -------------------------------------------------------------------------------------- */

static bool load(struct tx *tx, struct arena *arena, const char *slug, struct servers *ret, struct error *err) {
    const char *text;
    TRY(setting_get(tx, arena, setting_of(arena, slug), &text, err));
    return parse(arena, text == NULL ? "{}" : text, ret, err);
}

static bool load_alone(struct core *core, struct arena *arena, const char *slug, struct servers *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = load(tx.tx, arena, slug, ret, err);
    return done;
}

bool servers_get(struct core *core, struct arena *arena, const struct actor *actor, const struct server_owner *owner,
                 struct servers *ret, struct error *err) {
    TRY(actor_may(actor, MAY_READ_CAS, owner->organisation_id, owner->ca_id, err));
    return load_alone(core, arena, owner->slug, ret, err);
}

static const char *standing_password(const struct servers *before, const struct server *s) {
    for (size_t i = 0; i < before->count; i++)
        if (strcmp(before->items[i].address, s->address) == 0 && strcmp(before->items[i].username, s->username) == 0)
            return before->items[i].sealed;
    return "";
}

static bool read_order(struct core *core, struct arena *arena, const char *slug, const struct json *document,
                       const struct servers *before, struct servers *ret, struct error *err) {
    static const char *const names[] = {"server", "username", "password", "caCertificates", NULL};
    const struct json *items = NULL;
    TRY(json_array(document, "items", &items, err));
    if (items == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "\"items\" is missing: the servers, or [].");
    if (items->count > SERVERS_MAX)
        return fail(err, ERROR_POLICY, "bad-server", "There are at most %d servers.", SERVERS_MAX);
    ret->items = arena_array(arena, items->count + 1, sizeof *ret->items);
    JSON_EACH(item, items) {
        struct server *s = &ret->items[ret->count];
        const char *password;
        TRY(json_only(item, names, err) && read_one(item, s, &password, err));
        s->sealed = password == NULL ? standing_password(before, s) : "";
        TRY(check(s, password == NULL ? s->sealed[0] != '\0' : password[0] != '\0', err));
        for (size_t i = 0; i < ret->count; i++)
            if (strcmp(ret->items[i].address, s->address) == 0)
                return refuse(s, "it is there twice.", err);
        if (password != NULL && password[0] != '\0')
            TRY(secret_seal(core, arena, place_of(arena, slug, s), view_text(password), &s->sealed, err));
        ret->count++;
    }
    return true;
}

static bool store(struct tx *tx, struct arena *arena, const struct actor *actor, const struct server_owner *owner,
                  const struct servers *next, struct error *err) {
    struct servers standing;
    TRY(load(tx, arena, owner->slug, &standing, err));
    if (standing.version + 1 != next->version)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "Somebody has changed these servers meanwhile (version %lld); read them again.",
                    (long long)standing.version);
    return setting_put(tx, setting_of(arena, owner->slug), write_document(arena, next, true), err) &&
           access_note(tx, actor,
                       &(struct event_note){.code = arena_printf(arena, "%s.servers-changed", owner->kind),
                                            .organisation_id = owner->organisation_id,
                                            .ca_id = owner->ca_id,
                                            .object_kind = owner->kind,
                                            .object = owner->slug,
                                            .details = write_document(arena, next, false)},
                       err);
}

bool servers_put(struct core *core, struct arena *arena, const struct actor *actor, const struct server_owner *owner,
                 const struct json *document, struct servers *ret, struct error *err) {
    struct servers before;
    int64_t version = -1;
    bool done = false;
    TRY(actor_may(actor, MAY_MANAGE_CAS, owner->organisation_id, owner->ca_id, err));
    TRY(json_int(document, "version", 0, INT64_MAX - 1, &version, err));
    if (version < 0)
        return fail(err, ERROR_MALFORMED, "missing-field", "\"version\" is missing: the one that GET shows.");
    TRY(load_alone(core, arena, owner->slug, &before, err));
    *ret = (struct servers){.version = version + 1};
    TRY(read_order(core, arena, owner->slug, document, &before, ret, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = store(tx.tx, arena, actor, owner, ret, err);
    return done;
}

/* --- use --------------------------------------------------------------------------------------------------------- */

static bool is_of(const char *url, const char *address) {
    size_t len = strlen(address);
    return strncmp(url, address, len) == 0 && (url[len] == '\0' || url[len] == '/' || url[len] == '?');
}

bool servers_login(struct core *core, struct arena *arena, const char *owner_slug, const char *url,
                   struct server_login *ret, struct error *err) {
    struct servers servers;
    *ret = (struct server_login){.username = NULL};
    TRY(load_alone(core, arena, owner_slug, &servers, err));
    for (size_t i = 0; i < servers.count; i++) {
        const struct server *s = &servers.items[i];
        struct view password;
        if (!is_of(url, s->address))
            continue;
        ret->ca_pem = s->ca_pem[0] == '\0' ? NULL : s->ca_pem;
        if (s->sealed[0] == '\0')
            return true;
        TRY(secret_open(core, arena, place_of(arena, owner_slug, s), s->sealed, &password, err));
        ret->username = s->username;
        ret->password = arena_text(arena, password);
        return true;
    }
    return true;
}
