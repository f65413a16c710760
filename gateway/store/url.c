#include "store/url.h"

#include "base/encode.h"

#include <string.h>

static bool bad(struct error *err, const char *what) {
    return fail(err, ERROR_MALFORMED, "database-url",
                "The database URL %s; write it like mysql://user:password@host:3306/database or "
                "mysql://user@localhost/database?socket=/run/mysqld/mysqld.sock; hosts of one cluster have commas between them.",
                what);
}

/* rfc3986#2.1: percent-decoding; a NUL is refused. */
static bool decode(struct arena *arena, const char *from, const char *to, const char **ret,
                   struct error *err) {
    char *text = arena_alloc(arena, (size_t)(to - from) + 1), *out = text;
    for (const char *at = from; at < to; at++) {
        if (*at != '%') {
            *out++ = *at;
            continue;
        }
        int high = to - at > 2 ? hex_digit(at[1]) : -1;
        int low = high < 0 ? -1 : hex_digit(at[2]);
        if (low < 0 || (high == 0 && low == 0))
            return bad(err, "has a % that is not followed by two hexadecimal digits");
        *out++ = (char)(high << 4 | low);
        at += 2;
    }
    *ret = text;
    return true;
}

/* host, host:port, [v6], [v6]:port */
static bool read_host(struct arena *arena, const char *from, const char *to, struct db_host *ret,
                      struct error *err) {
    struct db_host host = {0};
    const char *end = to, *port = NULL;
    if (from < to && *from == '[') {
        const char *close = memchr(from, ']', (size_t)(to - from));
        if (close == NULL)
            return bad(err, "has a [ without ]");
        if (close + 1 < to && close[1] != ':')
            return bad(err, "has something else than a port after ]");
        port = close + 1 < to ? close + 2 : NULL;
        from++;
        end = close;
    } else {
        const char *colon = memchr(from, ':', (size_t)(to - from));
        end = colon == NULL ? to : colon;
        port = colon == NULL ? NULL : colon + 1;
    }
    if (port != NULL && (port == to || to - port > 5))
        return bad(err, "has a bad port");
    for (; port != NULL && port < to; port++) {
        if (*port < '0' || *port > '9')
            return bad(err, "has a bad port");
        host.port = host.port * 10 + (unsigned)(*port - '0');
    }
    if (host.port > 65535)
        return bad(err, "has a bad port");
    TRY(decode(arena, from, end, &host.host, err));
    *ret = host;
    return host.host[0] != '\0' || bad(err, "has no host");
}

/* One host, or several with commas between them. */
static bool read_hosts(struct arena *arena, const char *from, const char *to, struct db_url *url,
                       struct error *err) {
    for (;;) {
        const char *comma = memchr(from, ',', (size_t)(to - from));
        if (url->host_count == DB_MAX_HOSTS)
            return bad(err, "names more than nine hosts");
        TRY(read_host(arena, from, comma == NULL ? to : comma, &url->hosts[url->host_count++], err));
        if (comma == NULL)
            break;
        from = comma + 1;
    }
    url->host = url->hosts[0].host;
    url->port = url->hosts[0].port;
    bool many = url->host_count > 1; /* then there is another server to ask */
    url->sync_wait = url->commit_marks = many;
    url->connect_seconds = many ? 2 : 5;
    url->probe_seconds = many ? 1 : 3;
    return true;
}

static bool read_switch(const char *name, const char *value, bool *ret, struct error *err) {
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return fail(err, ERROR_MALFORMED, "database-url",
                    "The database URL has a %s that is neither 0 nor 1; write %s=1 to turn it on.", name, name);
    *ret = value[0] == '1';
    return true;
}

static bool read_seconds(const char *name, const char *value, unsigned *ret, struct error *err) {
    unsigned seconds = 0;
    for (const char *at = value; *at >= '0' && *at <= '9' && at - value < 2; at++)
        seconds = seconds * 10 + (unsigned)(*at - '0');
    if (seconds < 1 || seconds > 60 || value[strspn(value, "0123456789")] != '\0' || strlen(value) > 2)
        return fail(err, ERROR_MALFORMED, "database-url",
                    "The database URL has a %s that is no number of seconds from 1 to 60.", name);
    *ret = seconds;
    return true;
}

static bool read_option(struct arena *arena, const char *from, const char *to, struct db_url *url,
                        struct error *err) {
    const char *equals = memchr(from, '=', (size_t)(to - from));
    const char *name, *value;
    if (equals == NULL)
        return bad(err, "has an option without a value");
    TRY(decode(arena, from, equals, &name, err));
    TRY(decode(arena, equals + 1, to, &value, err));
    if (strcmp(name, "socket") == 0)
        url->socket = value;
    else if (strcmp(name, "ssl-ca") == 0)
        url->ssl_ca = value;
    else if (strcmp(name, "sync-wait") == 0)
        return read_switch(name, value, &url->sync_wait, err);
    else if (strcmp(name, "commit-marks") == 0)
        return read_switch(name, value, &url->commit_marks, err);
    else if (strcmp(name, "connect-timeout") == 0)
        return read_seconds(name, value, &url->connect_seconds, err);
    else if (strcmp(name, "probe-after") == 0)
        return read_seconds(name, value, &url->probe_seconds, err);
    else
        return fail(err, ERROR_MALFORMED, "database-url",
                    "The database URL has the unknown option \"%.40s\"; known are socket, ssl-ca, sync-wait, "
                    "commit-marks, connect-timeout and probe-after.",
                    name);
    return true;
}

static bool read_options(struct arena *arena, const char *at, struct db_url *url,
                         struct error *err) {
    while (*at != '\0') {
        const char *end = strchrnul(at, '&');
        TRY(read_option(arena, at, end, url, err));
        at = *end == '&' ? end + 1 : end;
    }
    return true;
}

bool db_url_parse(struct arena *arena, const char *text, struct db_url *ret_url,
                  struct error *err) {
    struct db_url url = {.password = ""};
    static const char *const schemes[] = {"mysql://", "mariadb://"};
    const char *at = NULL;

    for (size_t i = 0; i < 2; i++)
        if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
            at = text + strlen(schemes[i]);
    if (at == NULL)
        return bad(err, "does not begin with mysql://");
    const char *options = strchrnul(at, '?');
    const char *slash = memchr(at, '/', (size_t)(options - at));
    if (slash == NULL)
        return bad(err, "names no database");
    const char *sign = memrchr(at, '@', (size_t)(slash - at));
    if (sign == NULL)
        return bad(err, "names no user");
    const char *colon = memchr(at, ':', (size_t)(sign - at));
    TRY(decode(arena, at, colon == NULL ? sign : colon, &url.user, err));
    if (colon != NULL)
        TRY(decode(arena, colon + 1, sign, &url.password, err));
    if (url.user[0] == '\0')
        return bad(err, "names no user");
    TRY(read_hosts(arena, sign + 1, slash, &url, err));
    TRY(decode(arena, slash + 1, options, &url.database, err));
    if (url.database[0] == '\0' || strchr(url.database, '/') != NULL)
        return bad(err, "names no database");
    if (*options == '?')
        TRY(read_options(arena, options + 1, &url, err));
    if (url.socket != NULL && url.host_count > 1)
        return bad(err, "has a socket beside several hosts");
    *ret_url = url;
    return true;
}
