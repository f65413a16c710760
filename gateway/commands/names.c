#include "commands/app.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "127.0.0.1:8080" or "[::1]:8080": the part before the last colon, brackets off. */
static const char *host_of(struct arena *arena, const char *address) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return "";
    if (address[0] == '[')
        return arena_text(arena, view_of(address + 1, (size_t)(colon - address) - 2));
    return arena_text(arena, view_of(address, (size_t)(colon - address)));
}

static const char *port_of(const char *address) {
    const char *colon = strrchr(address, ':');
    return colon == NULL ? "" : colon + 1; /* "none" */
}

static bool is_loopback(const char *host) {
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

static bool is_any(const char *host) {
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* The machine's own name, when it resolves and the listener can be reached by it. */
static const char *default_name(struct app *app) {
    char name[256];
    struct addrinfo *found = NULL;
    const char *first = option_item(app->options, "https", 0);
    const char *host = first == NULL ? "" : host_of(app->arena, first);
    if (is_loopback(host) || gethostname(name, sizeof name) != 0)
        return "localhost";
    if (!is_any(host))
        return host;
    if (getaddrinfo(name, NULL, NULL, &found) != 0)
        return "localhost";
    freeaddrinfo(found);
    return arena_strdup(app->arena, name);
}

static const char *base_url(struct app *app, const char *scheme, const char *name,
                            const char *option) {
    const char *address = option_item(app->options, option, 0);
    const char *port = address == NULL ? "" : port_of(address);
    const char *standard = strcmp(scheme, "http") == 0 ? "80" : "443";
    const char *open = strchr(name, ':') == NULL ? "" : "[", *close = open[0] ? "]" : "";
    if (port[0] == '\0' || strcmp(port, standard) == 0)
        return arena_printf(app->arena, "%s://%s%s%s", scheme, open, name, close);
    return arena_printf(app->arena, "%s://%s%s%s:%s", scheme, open, name, close, port);
}

static bool check_url(const char *option, const char *url, struct error *err) {
    size_t len = strlen(url);
    if ((strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) && url[len - 1] != '/' &&
        len < 300 && strpbrk(url, " \"<>?#") == NULL)
        return true;
    return fail(err, ERROR_MALFORMED, "bad-option",
                "--%s must be a URL like http://pki.example.com, without a slash at the end.", option);
}

static void add_name(struct app_names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcasecmp(names->names[i], name) == 0)
            return;
    names->names[names->count++] = name;
}

/* Addresses of the listeners count as names; an unspecified one stands for the loopback addresses. */
static void add_listeners(struct app *app, struct app_names *names, const char *option) {
    for (size_t i = 0; option_item(app->options, option, i) != NULL; i++) {
        const char *host = host_of(app->arena, option_item(app->options, option, i));
        if (!is_any(host))
            add_name(names, host);
    }
}

/* "[::1]:8443 mtls ...": those with TLS. */
static void add_listens(struct app *app, struct app_names *names) {
    const char *text;
    for (size_t i = 0; (text = option_item(app->options, "listen", i)) != NULL; i++) {
        const char *address = arena_text(app->arena, view_of(text, strcspn(text, " \t")));
        const char *kind = text + strlen(address) + strspn(text + strlen(address), " \t");
        if (strncmp(address, "unix:", 5) != 0 && strncmp(kind, "http ", 5) != 0 && strcmp(kind, "http") != 0 &&
            !is_any(host_of(app->arena, address)))
            add_name(names, host_of(app->arena, address));
    }
}

bool app_names_of(struct app *app, struct app_names *ret_names, struct error *err) {
    const struct options *o = app->options;
    size_t many = 0;
    while (option_item(o, "public-name", many) != NULL || option_item(o, "https", many) != NULL ||
           option_item(o, "mtls", many) != NULL || option_item(o, "listen", many) != NULL)
        many++;
    struct app_names names = {.names = arena_array(app->arena, 4 * many + 8, sizeof(char *))};
    for (size_t i = 0; option_item(o, "public-name", i) != NULL; i++)
        add_name(&names, option_item(o, "public-name", i));
    if (names.count == 0)
        add_name(&names, default_name(app));
    add_listeners(app, &names, "https");
    add_listeners(app, &names, "mtls");
    add_listens(app, &names);
    add_name(&names, "localhost");
    add_name(&names, "127.0.0.1");
    add_name(&names, "::1");
    names.http = option_text(o, "public-url");
    names.https = option_text(o, "public-https-url");
    if (names.http == NULL)
        names.http = base_url(app, "http", names.names[0], "http");
    if (names.https == NULL)
        names.https = base_url(app, "https", names.names[0], "https");
    TRY(check_url("public-url", names.http, err) && check_url("public-https-url", names.https, err));
    *ret_names = names;
    return true;
}
