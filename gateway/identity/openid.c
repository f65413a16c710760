#include "identity/openid.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/secret.h"
#include "identity/outside.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

#define MAX_CA_PEM ((size_t)64 * 1024)
#define MAX_GROUPS 500
#define MAX_HINT 6000 /* octets of an ID token */

/* --- settings --------------------------------------------------------------------------------------------------- */

static bool bad_setting(const char *what, struct error *err) {
    return fail(err, ERROR_POLICY, "bad-setting", "The settings of OpenID Connect are refused: %s.", what);
}

bool openid_read(const struct json *settings, struct openid *ret, struct error *err) {
    struct openid o = {.scope = "openid profile email",
                       .username = "preferred_username",
                       .display_name = "name",
                       .email = "email",
                       .groups = "groups",
                       .logout = true};
    TRY(json_string(settings, "issuer", &o.issuer, err) && json_string(settings, "clientId", &o.client_id, err) &&
        json_string(settings, "scope", &o.scope, err) && json_string(settings, "ca", &o.ca, err) &&
        json_string(settings, "usernameClaim", &o.username, err) && json_string(settings, "nameClaim", &o.display_name, err) &&
        json_string(settings, "mailClaim", &o.email, err) && json_string(settings, "groupsClaim", &o.groups, err) &&
        json_bool(settings, "logout", &o.logout, err));
    /* openid-connect-discovery#4.1: no query, no fragment */
    if (o.issuer == NULL || strncasecmp(o.issuer, "https://", 8) != 0 || strpbrk(o.issuer, "?# ") != NULL ||
        strlen(o.issuer) > 500)
        return bad_setting("\"issuer\" is an https:// URL without query, as the provider writes it", err);
    if (o.client_id == NULL || o.client_id[0] == '\0' || strlen(o.client_id) > 300)
        return bad_setting("\"clientId\" is what the provider knows this Gatehouse by, 1 to 300 bytes", err);
    const char *openid = strstr(o.scope, "openid");
    if (strlen(o.scope) > 500 || openid == NULL || (openid != o.scope && openid[-1] != ' ') ||
        (openid[6] != '\0' && openid[6] != ' '))
        return bad_setting("\"scope\" has the word openid", err);
    if (o.username[0] == '\0' || strlen(o.username) > 100 || strlen(o.display_name) > 100 || strlen(o.email) > 100 ||
        strlen(o.groups) > 100)
        return bad_setting("a claim's name cannot be", err);
    if (o.ca != NULL && (strlen(o.ca) > MAX_CA_PEM || strstr(o.ca, "-----BEGIN CERTIFICATE-----") == NULL))
        return bad_setting("\"ca\" is no PEM of certificates", err);
    *ret = o;
    return true;
}

bool openid_check(struct arena *arena, const struct json *settings, struct error *err) {
    static const char *const members[] = {"issuer",      "clientId",  "scope",         "ca",           "usernameClaim",
                                          "nameClaim",   "mailClaim", "groupsClaim",   "logout",       "requiredGroup",
                                          "organisation", "roles",    NULL};
    struct openid openid;
    struct identity_rules rules;
    return json_only(settings, members, err) && openid_read(settings, &openid, err) &&
           identity_rules_read(arena, settings, &rules, err);
}

/* --- one log-in --------------------------------------------------------------------------------------------------- */

struct dance {
    struct core *core;
    struct arena *arena;
    struct identity_provider provider;
    struct openid openid;
    struct openid_places places;
    const char *client_secret; /* NULL: none */
    const char *redirect_uri;
};

static const char *kept_as(struct arena *arena, const struct identity_provider *provider) {
    return arena_printf(arena, "%s/%lld/%lld", provider->slug, (long long)provider->created_us,
                        (long long)provider->revision);
}

static bool open_provider(struct core *core, struct arena *arena, const char *slug, struct dance *ret,
                          struct error *err) {
    const struct json *settings;
    struct core_urls urls;
    *ret = (struct dance){.core = core, .arena = arena};
    TRY(identity_open(core, arena, slug, IDENTITY_OIDC, &ret->provider, &ret->client_secret, err));
    TRY(json_parse(arena, view_text(ret->provider.settings), &settings, err));
    TRY(openid_read(settings, &ret->openid, err));
    TRY(core_public_urls(core, arena, &urls, err));
    /* One of its own for each provider, so that none is sent another's code (rfc9700#4.4.2.2). */
    ret->redirect_uri = arena_printf(arena, "%s/console/login/%s", urls.https, slug);
    return openid_discover(arena, &ret->openid, kept_as(arena, &ret->provider), &ret->places, err);
}

/* state, nonce and code verifier are made of the secret that the browser keeps in its cookie: the database knows
 * none of them. */
static const char *derived(struct arena *arena, const char *secret, const char *what) {
    uint8_t mac[32];
    size_t len = 0;
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA2-256", NULL, secret, strlen(secret), (const unsigned char *)what,
                  strlen(what), mac, sizeof mac, &len) == NULL)
        return NULL;
    return base64url_encode(arena, view_of(mac, len));
}

static const char *challenge_of(struct arena *arena, const char *verifier) {
    uint8_t hash[32];
    SHA256((const unsigned char *)verifier, strlen(verifier), hash);
    return base64url_encode(arena, view_of(hash, sizeof hash));
}

static const char *with_query(const char *url) {
    return strchr(url, '?') == NULL ? "?" : "&";
}

bool openid_begin(struct core *core, struct arena *arena, const char *slug, const char **ret_url,
                  const char **ret_secret, struct error *err) {
    struct dance d;
    struct buffer query = buffer_on(arena);
    const char *secret;
    TRY(open_provider(core, arena, slug, &d, err));
    TRY(identity_ticket(core, arena, slug, &secret, err));
    const char *state = derived(arena, secret, "state"), *nonce = derived(arena, secret, "nonce"),
               *verifier = derived(arena, secret, "verifier");
    if (state == NULL || nonce == NULL || verifier == NULL)
        return fail_internal(err, "HMAC");
    openid_field(&query, "response_type", "code");
    openid_field(&query, "client_id", d.openid.client_id);
    openid_field(&query, "redirect_uri", d.redirect_uri);
    openid_field(&query, "scope", d.openid.scope);
    openid_field(&query, "state", state);
    openid_field(&query, "nonce", nonce);
    openid_field(&query, "code_challenge", challenge_of(arena, verifier));
    openid_field(&query, "code_challenge_method", "S256");
    *ret_url = arena_printf(arena, "%s%s%s", d.places.authorization, with_query(d.places.authorization),
                            buffer_text(&query));
    *ret_secret = secret;
    return true;
}

/* --- who it is ------------------------------------------------------------------------------------------------------ */

/* The claim of that name, or at that path ("realm_access.roles"). */
static const struct json *claim(struct arena *arena, const struct json *claims, const char *name) {
    const struct json *found = json_get(claims, name);
    const char *dot = strchr(name, '.');
    if (found != NULL || dot == NULL)
        return found;
    const struct json *inner = json_get(claims, arena_printf(arena, "%.*s", (int)(dot - name), name));
    return inner == NULL ? NULL : claim(arena, inner, dot + 1);
}

static const char *text_claim(struct arena *arena, const struct json *claims, const char *name) {
    const struct json *found = name[0] == '\0' ? NULL : claim(arena, claims, name);
    return found != NULL && found->type == JSON_STRING && found->text[0] != '\0' ? found->text : NULL;
}

static void add_groups(const struct json *found, struct text_list *groups) {
    if (found != NULL && found->type == JSON_STRING && groups->count < MAX_GROUPS)
        groups->items[groups->count++] = found->text;
    if (found != NULL && found->type == JSON_ARRAY)
        JSON_EACH (item, found)
            if (item->type == JSON_STRING && groups->count < MAX_GROUPS)
                groups->items[groups->count++] = item->text;
}

static bool is_enough(struct arena *arena, const struct openid *openid, const struct json *claims) {
    return text_claim(arena, claims, openid->username) != NULL &&
           (openid->groups[0] == '\0' || claim(arena, claims, openid->groups) != NULL);
}

static bool email_counts(const struct json *claims) {
    const struct json *verified = json_get(claims, "email_verified");
    return verified == NULL || verified->type != JSON_BOOL || verified->boolean;
}

/* What the ID token does not tell, userinfo may. */
static bool fill_person(const struct dance *d, const struct json *token, const struct json *info, struct identity *ret,
                        struct error *err) {
    const struct openid *o = &d->openid;
    struct arena *arena = d->arena;
    const struct json *const sources[] = {token, info};
    struct identity who = {.subject = json_get(token, "sub")->text};
    who.groups.items = arena_array(arena, MAX_GROUPS, sizeof *who.groups.items);
    for (size_t i = 0; i < 2 && sources[i] != NULL; i++) {
        const struct json *from = sources[i];
        who.username = who.username != NULL ? who.username : text_claim(arena, from, o->username);
        who.display_name = who.display_name != NULL ? who.display_name : text_claim(arena, from, o->display_name);
        if (who.email == NULL && email_counts(from))
            who.email = text_claim(arena, from, o->email);
        if (o->groups[0] != '\0')
            add_groups(claim(arena, from, o->groups), &who.groups);
    }
    if (who.username == NULL)
        return fail(err, ERROR_UNAVAILABLE, "provider-failed",
                    "The identity provider %.200s does not tell the claim \"%.100s\", which is the user's name here; look at "
                    "\"usernameClaim\" and \"scope\".",
                    o->issuer, o->username);
    *ret = who;
    return true;
}

static bool ask_who(const struct dance *d, const char *code, const char *secret, struct identity *ret,
                    const char **ret_token, struct error *err) {
    struct openid_exchange exchange = {.code = code,
                                       .verifier = derived(d->arena, secret, "verifier"),
                                       .redirect_uri = d->redirect_uri,
                                       .secret = d->client_secret};
    struct openid_expected expected = {.issuer = d->openid.issuer,
                                       .client_id = d->openid.client_id,
                                       .nonce = derived(d->arena, secret, "nonce"),
                                       .now_us = clock_now_us()};
    const char *id_token = NULL, *access_token = NULL;
    const struct json *keys, *claims, *info = NULL;
    if (exchange.verifier == NULL || expected.nonce == NULL)
        return fail_internal(err, "HMAC");
    TRY(openid_exchange(d->arena, &d->openid, &d->places, &exchange, &id_token, &access_token, err));
    if (id_token == NULL)
        return fail(err, ERROR_UNAUTHENTICATED, "code-refused",
                    "The identity provider refuses the code of this log-in; begin again.");
    TRY(openid_keys(d->arena, &d->openid, &d->places, &keys, err));
    TRY(openid_verify(d->arena, id_token, keys, &expected, &claims, err));
    if (!is_enough(d->arena, &d->openid, claims) && d->places.userinfo != NULL && access_token != NULL)
        TRY(openid_userinfo(d->arena, &d->openid, &d->places, access_token, json_get(claims, "sub")->text, &info,
                            err));
    *ret_token = id_token;
    return fill_person(d, claims, info, ret, err);
}

static const char *hint_place(struct arena *arena, const char *provider) {
    return arena_printf(arena, "sessions/%s/hint", provider);
}

/* Kept with the session for the log-out at the provider. One that no URL can carry is none. */
static const char *hint_of(struct core *core, const struct dance *d, const char *token) {
    const char *sealed = NULL;
    struct error why = {0};
    if (!d->openid.logout || d->places.end_session == NULL || strlen(token) > MAX_HINT)
        return NULL;
    if (!secret_seal(core, d->arena, hint_place(d->arena, d->provider.slug), view_text(token), &sealed, &why))
        log_failure(LOG_WARN, "identity", "the ID token is not kept", &why);
    return sealed;
}

bool openid_finish(struct core *core, struct arena *arena, const struct openid_return *back,
                   const struct login_order *order, struct login_result *ret, struct error *err) {
    struct dance d;
    struct identity who = {0};
    const char *token = NULL;
    const char *state = back->secret == NULL ? NULL : derived(arena, back->secret, "state");
    if (state == NULL || strlen(state) != strlen(back->state) ||
        CRYPTO_memcmp(state, back->state, strlen(state)) != 0)
        return fail(err, ERROR_UNAUTHENTICATED, "ticket-over",
                    "This log-in was not begun in this browser, or is over; begin again.");
    TRY(identity_ticket_take(core, arena, back->secret, back->provider, err));
    TRY(open_provider(core, arena, back->provider, &d, err));
    if (!ask_who(&d, back->code, back->secret, &who, &token, err)) {
        if (err->kind == ERROR_UNAUTHENTICATED)
            identity_distrusted(core, arena, &d.provider, order, err);
        return false;
    }
    struct login_order named = *order;
    named.username = who.username;
    named.hint = hint_of(core, &d, token);
    return identity_login(core, arena, &d.provider, &who, &named, NULL, ret, err);
}

bool openid_try(struct core *core, struct arena *arena, const char *slug, struct error *err) {
    struct dance d;
    const struct json *keys;
    return open_provider(core, arena, slug, &d, err) && openid_keys(arena, &d.openid, &d.places, &keys, err);
}

const char *openid_logout(struct core *core, struct arena *arena, const char *slug, const char *hint) {
    struct dance d;
    struct error ignored = {0};
    struct core_urls urls;
    struct buffer query = buffer_on(arena);
    struct view token;
    if (!open_provider(core, arena, slug, &d, &ignored) || !d.openid.logout || d.places.end_session == NULL ||
        !core_public_urls(core, arena, &urls, &ignored))
        return NULL;
    /* openid-connect-rpinitiated#2: by the ID token the provider knows the session, and asks nobody again */
    if (hint != NULL && hint[0] != '\0' && secret_open(core, arena, hint_place(arena, slug), hint, &token, &ignored))
        openid_field(&query, "id_token_hint", arena_text(arena, token));
    openid_field(&query, "client_id", d.openid.client_id);
    openid_field(&query, "post_logout_redirect_uri", arena_printf(arena, "%s/console/", urls.https));
    return arena_printf(arena, "%s%s%s", d.places.end_session, with_query(d.places.end_session), buffer_text(&query));
}
