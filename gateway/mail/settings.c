/* The mail server: from the configuration, else from the setting "mail", a JSON document whose password is sealed. */
#include "mail/internal.h"

#include "ca/secret.h"
#include "store/organisations.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTING "mail"
#define PLACE "settings/mail/password"
#define MAX_FILE ((size_t)256 * 1024)

static struct mail_settings from_configuration; /* .there false: none; written once, before threads */

static const char *const security_names[] = {"none", "starttls", "tls"};

const char *mail_security_name(enum smtp_security security) {
    return security_names[security];
}

static bool security_of(const char *name, enum smtp_security *ret, struct error *err) {
    for (size_t i = 0; i < 3; i++)
        if (strcmp(name, security_names[i]) == 0) {
            *ret = (enum smtp_security)i;
            return true;
        }
    return fail(err, ERROR_POLICY, "mail-settings", "\"security\" is \"tls\", \"starttls\" or \"none\".");
}

static bool good_host(const char *host) {
    size_t len = strlen(host);
    return len > 0 && len <= 253 &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") == len;
}

static bool good_credentials(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ')
            return false;
    return true;
}

static bool check(struct arena *arena, const struct mail_settings *s, bool password, struct error *err) {
    struct mail_sender sender;
    if (!good_host(s->host))
        return fail(err, ERROR_POLICY, "mail-settings", "\"server\" is a host name or an address.");
    if (!good_credentials(s->username))
        return fail(err, ERROR_POLICY, "mail-settings", "\"username\" has control characters.");
    if (s->security == SMTP_PLAIN && (password || s->username[0] != '\0'))
        return fail(err, ERROR_POLICY, "mail-settings",
                    "A password does not travel in the clear: take \"tls\" or \"starttls\", or no user name.");
    TRY(mail_sender_parse(arena, s->from, &sender, err));
    if (s->reply_to[0] != '\0')
        TRY(mail_address_check(s->reply_to, err));
    if (s->ca_pem[0] != '\0' && strstr(s->ca_pem, "-----BEGIN CERTIFICATE-----") == NULL)
        return fail(err, ERROR_POLICY, "mail-settings", "\"caCertificates\" holds PEM certificates.");
    return true;
}

/* --- the configuration --------------------------------------------------------------------------------- */

static bool read_file(struct arena *arena, const char *path, const char **ret, struct error *err) {
    char *text = arena_alloc(arena, MAX_FILE + 1);
    FILE *file = fopen(path, "re");
    size_t len = file == NULL ? 0 : fread(text, 1, MAX_FILE, file);
    bool ok = file != NULL && ferror(file) == 0;
    if (file != NULL)
        fclose(file);
    if (!ok)
        return fail(err, ERROR_MALFORMED, "bad-option", "The file %.200s cannot be read.", path);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    text[len] = '\0';
    *ret = text;
    return true;
}

static bool bad_url(struct error *err) {
    return fail(err, ERROR_MALFORMED, "bad-option",
                "mail-server is smtps://[USER@]HOST[:PORT], smtp://... (STARTTLS) or smtp-plain://...");
}

/* "smtps://user@host:port" */
static bool read_url(struct arena *arena, const char *url, struct mail_settings *s, struct error *err) {
    static const struct { const char *scheme; enum smtp_security security; int port; } schemes[] = {
        {"smtps://", SMTP_TLS, 465}, {"smtp://", SMTP_STARTTLS, 587}, {"smtp-plain://", SMTP_PLAIN, 25}};
    size_t i = 0;
    while (i < 3 && strncmp(url, schemes[i].scheme, strlen(schemes[i].scheme)) != 0)
        i++;
    if (i == 3)
        return bad_url(err);
    s->security = schemes[i].security;
    s->port = schemes[i].port;
    const char *rest = url + strlen(schemes[i].scheme), *at = strrchr(rest, '@');
    s->username = at == NULL ? "" : arena_text(arena, view_of(rest, (size_t)(at - rest)));
    const char *host = at == NULL ? rest : at + 1, *port;
    if (host[0] == '[' && (port = strchr(host, ']')) != NULL)
        s->host = arena_text(arena, view_of(host + 1, (size_t)(port++ - host - 1)));
    else
        s->host = arena_text(arena, view_of(host, strcspn(host, ":/"))), port = host + strcspn(host, ":");
    if (*port == ':') {
        char *end;
        s->port = strtol(port + 1, &end, 10);
        if (*end != '\0' || s->port < 1 || s->port > 65535)
            return bad_url(err);
    } else if (*port != '\0') {
        return bad_url(err);
    }
    return good_host(s->host) || bad_url(err);
}

bool mail_configure(struct arena *arena, const struct mail_configuration *c, struct error *err) {
    struct mail_settings s = {.configured = true, .there = true, .reply_to = "", .ca_pem = "", .sealed = "",
                              .password = ""};
    if (c->server == NULL)
        return true;
    if (c->from == NULL)
        return fail(err, ERROR_MALFORMED, "bad-option", "mail-server needs mail-from, the sender's address.");
    s.from = c->from;
    TRY(read_url(arena, c->server, &s, err));
    if (c->password_file != NULL)
        TRY(read_file(arena, c->password_file, &s.password, err));
    if (c->ca_file != NULL)
        TRY(read_file(arena, c->ca_file, &s.ca_pem, err));
    TRY(check(arena, &s, s.password[0] != '\0', err));
    from_configuration = s;
    return true;
}

/* --- the setting --------------------------------------------------------------------------------------- */

static bool from_document(const struct json *document, struct mail_settings *s, struct error *err) {
    const char *security = mail_security_name(s->security);
    TRY(json_string(document, "server", &s->host, err));
    TRY(json_int(document, "port", 1, 65535, &s->port, err));
    TRY(json_string(document, "security", &security, err));
    TRY(json_string(document, "username", &s->username, err));
    TRY(json_string(document, "from", &s->from, err));
    TRY(json_string(document, "replyTo", &s->reply_to, err));
    TRY(json_string(document, "caCertificates", &s->ca_pem, err));
    return security_of(security, &s->security, err);
}

static bool read_setting(struct tx *tx, struct arena *arena, struct mail_settings *ret, struct error *err) {
    struct mail_settings s = {.host = "", .port = 465, .security = SMTP_TLS, .username = "", .from = "",
                              .reply_to = "", .ca_pem = "", .sealed = "", .password = ""};
    const struct json *document;
    const char *text = NULL;
    TRY(setting_get(tx, arena, SETTING, &text, err));
    if (text != NULL) {
        TRY(json_parse(arena, view_text(text), &document, err) && from_document(document, &s, err));
        TRY(json_string(document, "password", &s.sealed, err));
        TRY(json_int(document, "version", 0, INT64_MAX, &s.version, err));
        s.there = s.host[0] != '\0';
    }
    *ret = s;
    return true;
}

bool mail_settings_read(struct core *core, struct arena *arena, struct mail_settings *ret,
                        struct error *err) {
    bool done = false;
    if (from_configuration.there) {
        *ret = from_configuration;
        return true;
    }
    TX(tx, core_db(core), &done, err)
        tx.ok = read_setting(tx.tx, arena, ret, err);
    return done;
}

bool mail_settings_open(struct core *core, struct arena *arena, struct mail_settings *s, struct error *err) {
    struct view password;
    if (s->configured || s->sealed[0] == '\0')
        return true;
    TRY(secret_open(core, arena, PLACE, s->sealed, &password, err));
    s->password = arena_text(arena, password);
    return true;
}

static const char *document_of(struct arena *arena, const struct mail_settings *s) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "server", s->host);
    json_put_int(&w, "port", s->port);
    json_put_string(&w, "security", mail_security_name(s->security));
    json_put_string(&w, "username", s->username);
    json_put_string(&w, "password", s->sealed);
    json_put_string(&w, "from", s->from);
    json_put_string(&w, "replyTo", s->reply_to);
    json_put_string(&w, "caCertificates", s->ca_pem);
    json_put_int(&w, "version", s->version);
    json_close_object(&w);
    return json_written(&w);
}

static bool replace(struct tx *tx, struct arena *arena, const struct actor *actor,
                    const struct mail_settings *wanted, bool keep_password, struct error *err) {
    struct mail_settings now, next = *wanted;
    struct event_note note = {.code = "mail.settings", .object_kind = "settings", .object = "mail"};
    TRY(read_setting(tx, arena, &now, err));
    if (now.version != wanted->version)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The mail settings were changed meanwhile; read them again, then repeat the change.");
    /* A stored password goes to no other server than the one it was given for. */
    if (keep_password && now.sealed[0] != '\0' && strcmp(now.host, next.host) == 0)
        next.sealed = now.sealed;
    next.version++;
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "server", next.host);
    json_put_string(&w, "before", now.host);
    json_put_string(&w, "from", next.from);
    json_close_object(&w);
    note.details = json_written(&w);
    return setting_put(tx, SETTING, document_of(arena, &next), err) && access_note(tx, actor, &note, err);
}

bool mail_settings_put(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct json *document, int64_t version, struct error *err) {
    struct mail_settings s = {.host = "", .port = 465, .security = SMTP_TLS, .username = "", .from = "",
                              .reply_to = "", .ca_pem = "", .sealed = "", .version = version};
    const char *password = NULL;
    bool done = false;
    if (from_configuration.there)
        return fail(err, ERROR_CONFLICT, "configured",
                    "The configuration of this gateway names the mail server; change it there.");
    TRY(from_document(document, &s, err));
    TRY(json_string(document, "password", &password, err));
    if (s.host[0] != '\0')
        TRY(check(arena, &s, password != NULL && *password != '\0', err));
    if (password != NULL && !good_credentials(password))
        return fail(err, ERROR_POLICY, "mail-settings", "\"password\" has control characters.");
    if (password != NULL && *password != '\0')
        TRY(secret_seal(core, arena, PLACE, view_text(password), &s.sealed, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = replace(tx.tx, arena, actor, &s, password == NULL, err);
    return done;
}
