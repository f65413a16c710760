#include "commands/network.h"

#include "base/buffer.h"
#include "net/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- listeners ---- */

static bool bad(struct error *err, const char *text, const char *why) {
    return fail(err, ERROR_MALFORMED, "bad-option", "listen = %.100s: %s.", text, why);
}

static bool take_kind(const char *word, struct http_listen *l) {
    static const struct {
        const char *name;
        enum http_listener kind;
        bool plain;
    } kinds[] = {{"http", LISTENER_HTTP, false},
                 {"https", LISTENER_HTTPS, false},
                 {"mtls", LISTENER_MTLS, false},
                 {"proxied", LISTENER_HTTPS, true}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(word, kinds[i].name) == 0) {
            l->kind = kinds[i].kind;
            l->plain = kinds[i].plain;
            return true;
        }
    return false;
}

static bool take_paths(struct arena *arena, char *list, const char *text, struct http_listen *l,
                       struct error *err) {
    size_t count = 0;
    const char **paths = arena_array(arena, strlen(list) + 2, sizeof *paths);
    for (char *save, *path = strtok_r(list, ",", &save); path != NULL;
         path = strtok_r(NULL, ",", &save)) {
        if (path[0] != '/')
            return bad(err, text, "a path begins with a slash");
        paths[count++] = path;
    }
    l->paths = paths;
    return count > 0 || bad(err, text, "paths= names none");
}

static bool take_number(const char *word, int most, int *ret) {
    char *end;
    errno = 0;
    long number = strtol(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0' || number < 1 || number > most)
        return false;
    *ret = (int)number;
    return true;
}

/* *ret_known: it is one of these words. */
static bool take_limit(const char *word, const char *text, struct http_limits *l, bool *ret_known, struct error *err) {
    static const struct {
        const char *name;
        int least, most;
    } words[] = {{"header-kb", 1, 1024},
                 {"body-kb", 1, 1048576},
                 {"timeout", 1, 3600},
                 {"keep-alive", 0, 3600},
                 {"grace", 1, 3600}};
    int number = 0;
    size_t i = 0, len = strcspn(word, "=");
    while (i < 5 && (strlen(words[i].name) != len || strncmp(words[i].name, word, len) != 0))
        i++;
    *ret_known = i < 5 && word[len] == '=';
    if (!*ret_known)
        return true;
    bool none = words[i].least == 0 && strcmp(word + len + 1, "0") == 0;
    if (!none && !take_number(word + len + 1, words[i].most, &number))
        return fail(err, ERROR_MALFORMED, "bad-option", "listen = %.100s: %s= is from %d to %d.", text, words[i].name,
                    words[i].least, words[i].most);
    switch (i) {
    case 0: l->header = (size_t)number * 1024; break;
    case 1: l->body = (size_t)number * 1024; break;
    case 2: l->request_ms = number * 1000; break;
    case 3: l->keep_alive_ms = none ? -1 : number * 1000; break;
    default: l->stop_grace_ms = number * 1000; break;
    }
    return true;
}

static bool take_word(struct arena *arena, char *word, const char *text, struct http_listen *l,
                      struct error *err) {
    bool known;
    TRY(take_limit(word, text, &l->limits, &known, err));
    if (known)
        return true;
    if (strncmp(word, "paths=", 6) == 0)
        return take_paths(arena, word + 6, text, l, err);
    if (strncmp(word, "threads=", 8) == 0)
        return take_number(word + 8, 1000, &l->threads) || bad(err, text, "threads= is from 1 to 1000");
    if (strncmp(word, "most=", 5) == 0)
        return take_number(word + 5, 100000, &l->most) || bad(err, text, "most= is from 1 to 100000");
    if (strcmp(word, "client=required") == 0 || strcmp(word, "client=asked") == 0) {
        l->require_certificate = strcmp(word, "client=required") == 0;
        return l->kind == LISTENER_MTLS || bad(err, text, "client= is for mtls");
    }
    if (strcmp(word, "proxy-protocol") == 0) {
        l->proxy_protocol = true;
        return (l->kind != LISTENER_HTTP && !l->plain) ||
               bad(err, text, "proxy-protocol is for https and mtls; without TLS take proxied and X-Forwarded-For");
    }
    return bad(err, text, "it has a word that is none of paths=, threads=, most=, header-kb=, body-kb=, timeout=, keep-alive=, "
                          "grace=, client=required, proxy-protocol");
}

/* "ADDRESS:PORT KIND [client=required] [paths=/a,/b] [threads=N] [most=N] [timeout=S] ..." */
static bool read_listen(struct arena *arena, const char *text, struct http_listen *l, struct error *err) {
    char *copy = arena_strdup(arena, text), *save;
    const char *kind;
    *l = (struct http_listen){.address = strtok_r(copy, " \t", &save)};
    kind = strtok_r(NULL, " \t", &save);
    if (l->address == NULL || kind == NULL || !take_kind(kind, l))
        return bad(err, text, "it is ADDRESS:PORT or unix:/PATH, and then http, https, mtls or proxied");
    for (char *word; (word = strtok_r(NULL, " \t", &save)) != NULL;)
        TRY(take_word(arena, word, text, l, err));
    if (strncmp(l->address, "unix:", 5) == 0 && l->kind != LISTENER_HTTP && !l->plain)
        return bad(err, text, "a unix socket has no TLS; use http or proxied");
    return true;
}

static bool add(struct http_listen *listens, size_t *count, struct http_listen listen, struct error *err) {
    if (*count == MAX_LISTENS)
        return fail(err, ERROR_MALFORMED, "bad-option", "There are more than %d listeners.", MAX_LISTENS);
    listens[(*count)++] = listen;
    return true;
}

bool network_listens(struct arena *arena, const struct options *options,
                     struct http_listen listens[MAX_LISTENS], size_t *ret_count, struct error *err) {
    static const char *const names[] = {"http", "https", "mtls"};
    const char *text;
    size_t count = 0;
    for (int kind = 0; kind < 3; kind++)
        for (size_t i = 0; (text = option_item(options, names[kind], i)) != NULL; i++)
            if (strcmp(text, "none") != 0)
                TRY(add(listens, &count,
                        (struct http_listen){.kind = (enum http_listener)kind, .address = text}, err));
    for (size_t i = 0; (text = option_item(options, "listen", i)) != NULL; i++) {
        struct http_listen listen;
        TRY(read_listen(arena, text, &listen, err) && add(listens, &count, listen, err));
    }
    *ret_count = count;
    return true;
}

/* ---- proxies in front ---- */

struct trusted_proxies {
    struct net_range *ranges;
    size_t count;
    bool local; /* who comes through a unix socket */
    bool forwarded; /* the header is Forwarded, not X-Forwarded-For */
};

bool trusted_proxies_read(struct arena *arena, const struct options *options,
                          struct trusted_proxies **ret, struct error *err) {
    struct trusted_proxies *proxies = arena_alloc(arena, sizeof *proxies);
    const char *header = option_text(options, "proxy-header"), *text;
    size_t count = 0;
    while (option_item(options, "trusted-proxy", count) != NULL)
        count++;
    proxies->ranges = arena_array(arena, count + 1, sizeof *proxies->ranges);
    for (size_t i = 0; i < count; i++) {
        text = option_item(options, "trusted-proxy", i);
        if (strcmp(text, "unix") == 0)
            proxies->local = true;
        else if (!net_range_parse(text, &proxies->ranges[proxies->count++], err))
            return fail(err, ERROR_MALFORMED, "bad-option",
                        "trusted-proxy = %.60s: it is an address, a network like 10.0.0.0/8, or unix.", text);
    }
    proxies->forwarded = strcasecmp(header, "Forwarded") == 0;
    if (!proxies->forwarded && strcasecmp(header, "X-Forwarded-For") != 0)
        return fail(err, ERROR_MALFORMED, "bad-option",
                    "proxy-header is X-Forwarded-For or Forwarded, not \"%.60s\".", header);
    *ret = proxies;
    return true;
}

static bool is_trusted(const struct trusted_proxies *proxies, const char *address) {
    struct net_address parsed;
    if (strcmp(address, "unix") == 0)
        return proxies->local;
    if (!net_address_parse(address, &parsed))
        return false;
    for (size_t i = 0; i < proxies->count; i++)
        if (net_range_holds(&proxies->ranges[i], &parsed))
            return true;
    return false;
}

/* One element: "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]:4711", of Forwarded the value of for= (rfc7239#4),
 * quotes off. NULL when it names no address. */
static const char *element_address(struct arena *arena, char *element, bool forwarded) {
    struct net_address parsed;
    char *at = element + strspn(element, " \t");
    if (forwarded) {
        char *found = strcasestr(at, "for=");
        if (found == NULL || (found > at && found[-1] != ';' && found[-1] != ' '))
            return NULL;
        at = found + 4;
        at[strcspn(at, ";")] = '\0';
        if (at[0] == '"') {
            at++;
            at[strcspn(at, "\"")] = '\0';
        }
    }
    at[strcspn(at, " \t")] = '\0';
    if (at[0] == '[') {
        at++;
        at[strcspn(at, "]")] = '\0';
    } else if (strchr(at, ':') != NULL && strchr(at, ':') == strrchr(at, ':')) {
        at[strcspn(at, ":")] = '\0'; /* IPv4 and a port */
    }
    return net_address_parse(at, &parsed) ? net_address_text(arena, &parsed) : NULL;
}

/* From the right, where the nearest proxy wrote: the first that is no proxy of ours. What stands left of it is
 * the caller's own text. */
static const char *find_client(const struct trusted_proxies *proxies, struct http_request *request) {
    const char *name = proxies->forwarded ? "Forwarded" : "X-Forwarded-For";
    const char *client = request->address;
    for (size_t i = request->header_count; i-- > 0;) {
        if (strcasecmp(request->headers[i].name, name) != 0)
            continue;
        char *rest = arena_strdup(request->arena, request->headers[i].value);
        while (rest != NULL) {
            char *comma = strrchr(rest, ','), *last = comma == NULL ? rest : comma + 1;
            const char *address = element_address(request->arena, last, proxies->forwarded);
            if (address == NULL)
                return client;
            client = address;
            if (!is_trusted(proxies, client))
                return client;
            if (comma != NULL)
                *comma = '\0';
            rest = comma == NULL ? NULL : rest;
        }
    }
    return client;
}

bool network_trusts(void *context, const char *address) {
    return is_trusted(context, address);
}

bool network_client(void *context, struct http_request *request, bool plain, struct error *err) {
    const struct trusted_proxies *proxies = context;
    bool trusted = is_trusted(proxies, request->address);
    if (plain && !trusted)
        return fail(err, ERROR_FORBIDDEN, "proxy-not-trusted",
                    "This listener is for trusted proxies alone; %.60s is none (option trusted-proxy).",
                    request->address);
    if (trusted)
        request->address = find_client(proxies, request);
    return true;
}

/* ---- secrets ---- */

bool read_secret(struct arena *arena, const char *from, const char **ret_text, struct error *err) {
    static const char credential[] = "credential:";
    const char *path = from, *directory = getenv("CREDENTIALS_DIRECTORY");
    char text[4097];
    struct stat status;
    if (strncmp(from, credential, strlen(credential)) == 0) {
        const char *name = from + strlen(credential);
        if (directory == NULL || strchr(name, '/') != NULL)
            return fail(err, ERROR_MALFORMED, "bad-secret",
                        "There is no systemd credential %.60s; the unit needs LoadCredential=%.60s:PATH.", name,
                        name);
        path = arena_printf(arena, "%s/%s", directory, name);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        return fail(err, ERROR_UNAVAILABLE, "bad-secret", "The secret in %.200s cannot be read: %s.", path,
                    strerror(why));
    }
    ssize_t len = read(fd, text, sizeof text);
    close(fd);
    if ((status.st_mode & 0007) != 0)
        return fail(err, ERROR_POLICY, "bad-secret",
                    "Everybody may read %.200s; take that away (chmod o= ...), then start again.", path);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len <= 0 || len == (ssize_t)sizeof text || memchr(text, '\0', (size_t)len) != NULL)
        return fail(err, ERROR_MALFORMED, "bad-secret",
                    "The secret in %.200s is empty, longer than 4096 bytes or no text.", path);
    *ret_text = arena_text(arena, view_of(text, (size_t)len));
    explicit_bzero(text, sizeof text);
    return true;
}

/* ---- on the way out ---- */

static const char *percent(struct arena *arena, const char *text) {
    char *out = arena_alloc(arena, 3 * strlen(text) + 1), *at = out;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("-._~", c);
        at += plain ? (*at = (char)c, 1) : snprintf(at, 4, "%%%02X", c);
    }
    return out;
}

/* scheme://user@host... with the password behind the user. */
const char *url_with_password(struct arena *arena, const char *url, const char *password) {
    const char *start = strstr(url, "://"), *at = start == NULL ? NULL : strchr(start, '@');
    if (at == NULL || memchr(start + 3, ':', (size_t)(at - start - 3)) != NULL)
        return NULL;
    return arena_printf(arena, "%.*s:%s%s", (int)(at - url), url, percent(arena, password), at);
}

bool network_outgoing(struct arena *arena, const struct options *options, struct error *err) {
    const char *proxy = option_text(options, "outgoing-proxy");
    const char *file = option_text(options, "outgoing-proxy-password-file"), *password, *item;
    struct buffer direct = buffer_on(arena);
    if (proxy != NULL && file != NULL) {
        TRY(read_secret(arena, file, &password, err));
        proxy = url_with_password(arena, proxy, password);
        if (proxy == NULL)
            return fail(err, ERROR_MALFORMED, "bad-option",
                        "outgoing-proxy is http://USER@HOST:PORT when its password is in a file.");
    }
    for (size_t i = 0; (item = option_item(options, "outgoing-direct", i)) != NULL; i++)
        buffer_printf(&direct, "%s%s", i == 0 ? "" : ",", item);
    return fetch_configure(proxy, buffer_text(&direct), option_text(options, "outgoing-ca-file"), err);
}

bool network_issuers(struct arena *arena, const struct options *options, struct core_issuers *ret, struct error *err) {
    const char *item;
    size_t count = 0;
    while (option_item(options, "issuers-from", count) != NULL)
        count++;
    const char **allowed = arena_array(arena, count + 1, sizeof *allowed);
    ret->allowed = allowed;
    for (size_t i = 0; (item = option_item(options, "issuers-from", i)) != NULL; i++) {
        struct net_range range;
        if (strcmp(item, "none") == 0)
            ret->never = true;
        else if (!net_range_parse(item, &range, err))
            return fail(err, ERROR_MALFORMED, "bad-option",
                        "issuers-from = %.60s: it is an address, a network like 10.0.0.0/8, or none.", item);
        else
            *allowed++ = item;
    }
    return true;
}
