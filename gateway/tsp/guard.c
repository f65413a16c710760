#include "tsp/guard.h"

#include "base/encode.h"

#include <string.h>
#include <strings.h>

#define MAX_CREDENTIALS 2048

static bool denied(struct error *err, const char *rule) {
    return fail(err, ERROR_FORBIDDEN, "tsa-access", "%s", rule);
}

static bool check_address(const struct tsp_issuer *issuer, const struct http_request *request,
                          struct error *err) {
    uint8_t address[16];
    if (issuer->profile.access.range_count == 0)
        return true;
    if (request->address != NULL && tsp_address_parse(request->address, address) &&
        tsp_address_in(address, issuer->profile.access.ranges, issuer->profile.access.range_count))
        return true;
    return denied(err, "This timestamp issuer does not answer your address.");
}

static bool check_client(const struct tsp_source *source, const struct tsp_issuer *issuer,
                         const struct http_request *request, struct error *err) {
    const struct tsp_profile *profile = &issuer->profile;
    if (!profile->access.client_certificate)
        return true;
    if (request->client_certificate.len == 0)
        return denied(err, "This timestamp issuer wants a client certificate; use the address that asks for one.");
    if (profile->access.ca_count == 0)
        return source->client(source->context, request->arena, request->client_certificate, issuer->ca_slug,
                              err);
    for (size_t i = 0; i < profile->access.ca_count; i++) {
        if (source->client(source->context, request->arena, request->client_certificate,
                           profile->access.cas[i], err))
            return true;
        if (err->kind != ERROR_FORBIDDEN)
            return false;
    }
    return false;
}

static bool unauthenticated(struct error *err) {
    return fail(err, ERROR_UNAUTHENTICATED, "tsa-access",
                "This timestamp issuer wants a user name and a password (HTTP Basic).");
}

static bool is_listed(const struct tsp_profile *profile, const char *username) {
    for (size_t i = 0; i < profile->access.user_count; i++)
        if (strcasecmp(profile->access.users[i], username) == 0)
            return true;
    return profile->access.user_count == 0;
}

/* rfc7617 */
static bool check_basic(const struct tsp_source *source, struct tsp_issuer *issuer,
                        const struct http_request *request, struct error *err) {
    const char *header = http_header(request, "Authorization");
    struct view decoded;
    if (!issuer->profile.access.basic)
        return true;
    if (request->listener == LISTENER_HTTP)
        return denied(err, "This timestamp issuer wants a password, which must not travel in the clear; use HTTPS.");
    if (header == NULL || strncasecmp(header, "Basic ", 6) != 0 || strlen(header) > MAX_CREDENTIALS ||
        !base64_decode(request->arena, view_text(header + 6), &decoded) || !utf8_valid(decoded))
        return unauthenticated(err);
    char *username = arena_text(request->arena, decoded);
    char *password = strchr(username, ':');
    if (password == NULL)
        return unauthenticated(err);
    *password++ = '\0';
    if (!is_listed(&issuer->profile, username))
        return denied(err, "This timestamp issuer does not serve this user.");
    if (tsp_password_known(issuer->place, username, password))
        return true;
    TRY(source->password(source->context, request, username, password, err));
    tsp_password_learn(issuer->place, username, password);
    return true;
}

bool tsp_guard(const struct tsp_source *source, struct tsp_issuer *issuer,
               const struct http_request *request, struct error *err) {
    TRY(check_address(issuer, request, err));
    TRY(tsp_rate_take(issuer, request->address == NULL ? "" : request->address, err));
    TRY(check_client(source, issuer, request, err));
    return check_basic(source, issuer, request, err);
}
