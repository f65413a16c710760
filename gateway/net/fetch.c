/* Redirects are followed here, not by libcurl: every hop is checked for scheme, port and address
 * anew, and what authenticates us goes to the first origin alone. */
#include "net/fetch.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "net/reach.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 200
#define HEADERS_MAX_BYTES ((size_t)64 * 1024)
#define MAX_URL 8000

static struct { char *proxy, *no_proxy, *ca_file; } configured;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started;

static void start(void) {
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool ready(struct error *err) {
    pthread_once(&once, start);
    return started == CURLE_OK ? true : fail_internal(err, "curl_global_init: %d", (int)started);
}

static void replace(char **text, const char *by) {
    free(*text);
    *text = by == NULL ? NULL : must_strdup(by);
}

bool fetch_configure(const char *proxy, const char *no_proxy, const char *ca_file,
                     struct error *err) {
    TRY(ready(err));
    if (proxy != NULL && *proxy != '\0' && strncasecmp(proxy, "http://", 7) != 0 &&
        strncasecmp(proxy, "https://", 8) != 0 && strncasecmp(proxy, "socks5h://", 10) != 0)
        return fail(err, ERROR_MALFORMED, "bad-proxy",
                    "the proxy must be an http://, https:// or socks5h:// URL");
    replace(&configured.proxy, proxy);
    replace(&configured.no_proxy, no_proxy);
    replace(&configured.ca_file, ca_file);
    return true;
}

/* One hop: where it goes and what came back. */
struct hop {
    struct arena *arena;
    const struct fetch_request *request;
    const struct net_reach *reach;
    CURLU *target;
    const char *shown; /* URL without credentials and query, for messages */
    const char *url, *host, *scheme;
    unsigned short port;
    const char *method;
    struct view body;
    bool first_origin; /* credentials may go there */
    bool through_proxy;
    int64_t until_us;

    struct buffer answer;
    struct fetch_header headers[HEADERS_MAX];
    size_t header_count, header_bytes;
    const char *refused; /* an address that was not dialled */
    bool too_large;
    char reason[CURL_ERROR_SIZE];
};

static const char *part(struct hop *hop, CURLUPart which, unsigned flags) {
    char *text = NULL;
    if (curl_url_get(hop->target, which, &text, flags) != CURLUE_OK)
        return NULL;
    const char *copy = arena_strdup(hop->arena, text);
    curl_free(text);
    return copy;
}

static bool port_allowed(const struct fetch_request *request, unsigned short port) {
    if (request->ports == NULL)
        return true;
    for (size_t i = 0; i < request->port_count; i++)
        if (request->ports[i] == port)
            return true;
    return false;
}

static const char *bare_host(struct arena *arena, const char *host) {
    size_t len = strlen(host);
    return host[0] == '[' && len > 2 ? arena_text(arena, view_of(host + 1, len - 2)) : host;
}

static bool look_at_target(struct hop *hop, struct error *err) {
    hop->scheme = part(hop, CURLUPART_SCHEME, 0);
    hop->host = part(hop, CURLUPART_HOST, 0);
    const char *port = part(hop, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    const char *path = part(hop, CURLUPART_PATH, 0);
    if (hop->scheme == NULL || hop->host == NULL || *hop->host == '\0' || path == NULL)
        return fail(err, ERROR_POLICY, "fetch-refused", "the URL names no host");
    hop->shown = arena_printf(hop->arena, "%s://%s:%s%.200s", hop->scheme, hop->host,
                              port == NULL ? "?" : port, path);
    if (port == NULL || (strcmp(hop->scheme, "http") != 0 && strcmp(hop->scheme, "https") != 0))
        return fail(err, ERROR_POLICY, "fetch-refused", "%s: only http and https are fetched",
                    hop->shown);
    unsigned number = 0;
    for (const char *c = port; *c >= '0' && *c <= '9' && number < 100000; c++)
        number = number * 10 + (unsigned)(*c - '0');
    hop->port = (unsigned short)number;
    if (number == 0 || number > 65535 || !port_allowed(hop->request, hop->port))
        return fail(err, ERROR_POLICY, "fetch-refused", "%s: port %u is not allowed", hop->shown,
                    number);
    hop->url = part(hop, CURLUPART_URL, 0);
    if (hop->url == NULL || strlen(hop->url) > MAX_URL)
        return fail(err, ERROR_POLICY, "fetch-refused", "%s: the URL is too long", hop->shown);
    struct net_address literal;
    if (net_address_parse(bare_host(hop->arena, hop->host), &literal) &&
        !net_reach_allows(hop->reach, &literal))
        return fail(err, ERROR_POLICY, "fetch-refused", "%s: the address may not be reached",
                    hop->shown);
    return true;
}

static size_t take_body(char *at, size_t size, size_t count, void *context) {
    struct hop *hop = context;
    size_t len = size * count;
    size_t most = hop->request->max_bytes == 0 ? (size_t)1 << 20 : hop->request->max_bytes;
    if (len > most - hop->answer.len) {
        hop->too_large = true;
        return 0;
    }
    buffer_add(&hop->answer, at, len);
    return len;
}

static size_t take_header(char *at, size_t size, size_t count, void *context) {
    struct hop *hop = context;
    size_t len = size * count;
    hop->header_bytes += len;
    if (hop->header_count == HEADERS_MAX || hop->header_bytes > HEADERS_MAX_BYTES) {
        hop->too_large = true;
        return 0;
    }
    if (len > 5 &&
        strncmp(at, "HTTP/", 5) == 0) { /* of the last answer: a 100 or 103 came before */
        hop->header_count = 0;
        return len;
    }
    const char *colon = memchr(at, ':', len);
    if (colon == NULL)
        return len;
    const char *value = colon + 1, *end = at + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    hop->headers[hop->header_count++] = (struct fetch_header){
        arena_text(hop->arena, view_of(at, (size_t)(colon - at))),
        arena_text(hop->arena, view_of(value, (size_t)(end - value))),
    };
    return len;
}

/* The last look before dialling: what is checked is what is dialled. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to) {
    struct hop *hop = context;
    struct net_address address;
    (void)purpose;
    if (!hop->through_proxy) {
        if (!net_address_of(&to->addr, &address))
            return CURL_SOCKET_BAD;
        if (!net_reach_allows(hop->reach, &address)) {
            hop->refused = net_address_text(hop->arena, &address);
            return CURL_SOCKET_BAD;
        }
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void free_list(void *list) {
    curl_slist_free_all(list);
}

static struct curl_slist *add_line(struct curl_slist *list, const char *line) {
    struct curl_slist *longer = curl_slist_append(list, line);
    if (longer == NULL)
        curl_slist_free_all(list);
    return longer;
}

static bool authenticates(const char *name) {
    return strcasecmp(name, "Authorization") == 0 || strcasecmp(name, "Cookie") == 0 ||
           strcasecmp(name, "Proxy-Authorization") == 0;
}

static bool clean(const char *text) {
    return strpbrk(text, "\r\n") == NULL;
}

static bool set_headers(CURL *curl, struct hop *hop, struct error *err) {
    /* No "100 Continue" dance: peers that do not know it cost a second. */
    struct curl_slist *list = add_line(NULL, "Expect:");
    for (size_t i = 0; list != NULL && i < hop->request->header_count; i++) {
        const struct fetch_header *header = &hop->request->headers[i];
        if (!clean(header->name) || !clean(header->value)) {
            curl_slist_free_all(list);
            return fail_internal(err, "fetch: header %s has a line break", header->name);
        }
        if (hop->first_origin || !authenticates(header->name))
            list = add_line(list,
                            *header->value == '\0'
                                ? arena_printf(hop->arena, "%s;", header->name)
                                : arena_printf(hop->arena, "%s: %s", header->name, header->value));
    }
    if (list == NULL)
        return fail_internal(err, "fetch: no memory for headers");
    arena_defer(hop->arena, free_list, list);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    return true;
}

static void set_tls(CURL *curl, struct hop *hop) {
    const struct fetch_request *request = hop->request;
    const char *ca_file = request->ca_file != NULL ? request->ca_file : configured.ca_file;
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, request->insecure ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, request->insecure ? 0L : 2L);
    if (request->ca_pem != NULL && *request->ca_pem != '\0') {
        struct curl_blob blob = {(void *)(uintptr_t)request->ca_pem, strlen(request->ca_pem), CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    } else if (ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    }
    if (request->client_pkcs12.len > 0 && hop->first_origin) {
        struct curl_blob blob = {(void *)(uintptr_t)request->client_pkcs12.at,
                                 request->client_pkcs12.len, CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &blob);
        curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "P12");
        curl_easy_setopt(curl, CURLOPT_KEYPASSWD,
                         request->client_password == NULL ? "" : request->client_password);
    }
}

/* Names count with everything below them; ranges match hosts that are addresses. */
static bool listed(struct arena *arena, const char *list, const char *host) {
    struct net_address literal;
    bool is_literal = net_address_parse(bare_host(arena, host), &literal);
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ", ");
        const char *item = arena_text(arena, view_of(list, len));
        const char *name = item + (*item == '.');
        size_t name_len = strlen(name), host_len = strlen(host);
        struct net_range range;
        if (strcmp(item, "*") == 0)
            return true;
        if (is_literal && net_range_parse(item, &range, NULL) && net_range_holds(&range, &literal))
            return true;
        if (name_len > 0 && host_len >= name_len &&
            strcasecmp(host + host_len - name_len, name) == 0 &&
            (host_len == name_len || host[host_len - name_len - 1] == '.'))
            return true;
        list += len + (list[len] != '\0');
    }
    return false;
}

const char *fetch_proxy(struct arena *arena, const char *host) {
    bool none = configured.proxy == NULL || *configured.proxy == '\0';
    return none || listed(arena, configured.no_proxy, host) ? NULL : configured.proxy;
}

/* "::ADDRESS:": any host and port of this transfer goes to that address, the port stays. */
static bool set_way(CURL *curl, struct hop *hop, struct error *err) {
    const struct fetch_request *request = hop->request;
    const char *proxy = request->proxy;
    if (proxy == NULL && !listed(hop->arena, configured.no_proxy, hop->host))
        proxy = configured.proxy;
    const char *dial = hop->first_origin ? request->address : NULL;
    hop->through_proxy = proxy != NULL && *proxy != '\0';
    if (dial == NULL && request->resolve != NULL && !hop->through_proxy)
        TRY(request->resolve(request->resolve_context, hop->arena, bare_host(hop->arena, hop->host),
                             &dial, err));
    if (dial != NULL) {
        struct net_address address;
        if (!net_address_parse(dial, &address))
            return fail_internal(err, "fetch: '%s' is no address", dial);
        if (!net_reach_allows(hop->reach, &address))
            return fail(err, ERROR_POLICY, "fetch-refused", "%s: its address %s may not be reached",
                        hop->shown, dial);
        struct curl_slist *list =
            add_line(NULL, arena_printf(hop->arena, strchr(dial, ':') ? "::[%s]:" : "::%s:", dial));
        if (list == NULL)
            return fail_internal(err, "fetch: no memory");
        arena_defer(hop->arena, free_list, list);
        curl_easy_setopt(curl, CURLOPT_CONNECT_TO, list);
    }
    /* "" also keeps libcurl from looking at the environment. */
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy == NULL ? "" : proxy);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
    return true;
}

static void set_method(CURL *curl, struct hop *hop) {
    if (hop->body.len > 0 || strcmp(hop->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)hop->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                         hop->body.len == 0 ? "" : (const char *)hop->body.at);
    }
    if (strcmp(hop->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, hop->method);
}

static bool set_up(CURL *curl, struct hop *hop, struct error *err) {
    const struct fetch_request *request = hop->request;
    int64_t left_ms = (hop->until_us - clock_monotonic_us()) / 1000;
    if (left_ms <= 0)
        return fail(err, ERROR_UNAVAILABLE, "fetch-timeout", "%s: no time was left", hop->shown);
    curl_easy_setopt(curl, CURLOPT_URL, hop->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(request->connect_timeout_ms > 0 ? request->connect_timeout_ms : 5000));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, hop->reason);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Gatehouse/" GATEHOUSE_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, hop);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, hop);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, hop);
    if (request->username != NULL && hop->first_origin) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, request->username);
        curl_easy_setopt(curl, CURLOPT_PASSWORD,
                         request->password == NULL ? "" : request->password);
    }
    set_method(curl, hop);
    set_tls(curl, hop);
    TRY(set_way(curl, hop, err));
    return set_headers(curl, hop, err);
}

static bool explain(const struct hop *hop, CURLcode code, struct error *err) {
    if (hop->too_large)
        return fail(err, ERROR_TOO_LARGE, "fetch-too-large", "%s: the answer is too large",
                    hop->shown);
    if (hop->refused != NULL)
        return fail(err, ERROR_POLICY, "fetch-refused", "%s: its address %s may not be reached",
                    hop->shown, hop->refused);
    const char *why = *hop->reason != '\0' ? hop->reason : curl_easy_strerror(code);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fail(err, ERROR_UNAVAILABLE, "fetch-timeout", "%s: %s", hop->shown, why);
    return fail(err, ERROR_UNAVAILABLE, "fetch-failed", "%s: %s", hop->shown, why);
}

static void drop_curl(CURL **curl) {
    curl_easy_cleanup(*curl);
}

static void read_reply(CURL *curl, struct hop *hop, struct fetch_reply *ret) {
    long status = 0;
    char *address = NULL;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address);
    struct fetch_header *headers = arena_array(hop->arena, hop->header_count, sizeof *headers);
    if (hop->header_count > 0)
        memcpy(headers, hop->headers, hop->header_count * sizeof *headers);
    buffer_text(&hop->answer); /* NUL behind the body, for those who read it as text */
    *ret = (struct fetch_reply){
        .status = (int)status,
        .headers = headers,
        .header_count = hop->header_count,
        .body = buffer_view(&hop->answer),
        .url = hop->url,
        .address = arena_strdup(hop->arena, address == NULL ? "" : address),
    };
}

static bool one_hop(struct hop *hop, struct fetch_reply *ret, struct error *err) {
    __attribute__((cleanup(drop_curl))) CURL *curl = curl_easy_init();
    if (curl == NULL)
        return fail_internal(err, "curl_easy_init");
    hop->answer = buffer_on(hop->arena);
    TRY(set_up(curl, hop, err));
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return explain(hop, code, err);
    read_reply(curl, hop, ret);
    return true;
}

const char *fetch_header(const struct fetch_reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++)
        if (strcasecmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return NULL;
}

static bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Points `next` at what the answer says. rfc9110#15.4: 303, and 301 and 302 after a POST, become a
 * GET. */
static bool turn(const struct hop *hop, const struct fetch_reply *reply, struct hop *next,
                 struct error *err) {
    const char *location = fetch_header(reply, "Location");
    if (curl_url_set(next->target, CURLUPART_URL, location, 0) != CURLUE_OK)
        return fail(err, ERROR_POLICY, "fetch-refused",
                    "%s: it redirects to something that is no http URL", hop->shown);
    if (reply->status == 303 || (reply->status < 303 && strcmp(hop->method, "POST") == 0)) {
        next->method = "GET";
        next->body = (struct view){NULL, 0};
    }
    return true;
}

static bool follow(struct hop *hop, struct fetch_reply *ret, struct error *err) {
    const char *scheme = NULL, *host = NULL;
    unsigned short port = 0;
    for (int left = hop->request->redirects;; left--) {
        TRY(look_at_target(hop, err));
        if (host == NULL)
            scheme = hop->scheme, host = hop->host, port = hop->port;
        /* Once away, never again trusted with what is for the first origin. */
        hop->first_origin = hop->first_origin && strcasecmp(host, hop->host) == 0 &&
                            port == hop->port && strcmp(scheme, hop->scheme) == 0;
        TRY(one_hop(hop, ret, err));
        if (hop->request->redirects == 0 || !is_redirect(ret->status) ||
            fetch_header(ret, "Location") == NULL)
            return true;
        if (left == 0)
            return fail(err, ERROR_POLICY, "fetch-refused", "%s: more than %d redirects",
                        hop->shown, hop->request->redirects);
        TRY(turn(hop, ret, hop, err));
        hop->header_count = hop->header_bytes = 0;
        hop->refused = NULL;
        hop->reason[0] = '\0';
    }
}

static void drop_target(CURLU **target) {
    curl_url_cleanup(*target);
}

/* Not yet set up: what there is to know before the first hop. */
static bool begin(struct arena *arena, const struct fetch_request *request, CURLU *target,
                  struct hop **ret_hop, struct error *err) {
    struct net_reach *reach = arena_alloc(arena, sizeof *reach);
    TRY(net_reach_parse(arena, request->reach, request->denied, request->allowed, reach, err));
    int total_ms = request->total_timeout_ms > 0 ? request->total_timeout_ms : 15000;
    if (target == NULL)
        return fail_internal(err, "curl_url");
    if (curl_url_set(target, CURLUPART_URL, request->url, 0) != CURLUE_OK)
        return fail(err, ERROR_POLICY, "fetch-refused", "the URL to fetch is no http or https URL");
    struct hop *hop = arena_alloc(arena, sizeof *hop);
    *hop = (struct hop){
        .arena = arena,
        .request = request,
        .reach = reach,
        .target = target,
        .method = request->method == NULL ? "GET" : request->method,
        .body = request->body,
        .first_origin = true,
        .until_us = clock_monotonic_us() + (int64_t)total_ms * 1000,
    };
    *ret_hop = hop;
    return true;
}

bool fetch(struct arena *arena, const struct fetch_request *request, struct fetch_reply *ret,
           struct error *err) {
    TRY(ready(err));
    __attribute__((cleanup(drop_target))) CURLU *target = curl_url();
    struct hop *hop;
    struct fetch_reply reply;
    TRY(begin(arena, request, target, &hop, err));
    TRY(follow(hop, &reply, err));
    *ret = reply;
    return true;
}

/* --- several at once
 * ------------------------------------------------------------------------------------------- */

struct flock {
    const struct fetch_many *many;
    CURLM *multi;
    struct bird {
        CURL *curl;
        CURLU *target;
        struct hop *hop;
    } * birds;
    bool enough;
};

static void tell(struct flock *flock, size_t i, const struct fetch_reply *reply,
                 const struct error *why) {
    if (!flock->enough)
        flock->enough = !flock->many->took(flock->many->context, i, reply, why);
}

static void launch(struct flock *flock, struct arena *arena, size_t i) {
    struct bird *bird = &flock->birds[i];
    struct error why = {0};
    bird->target = curl_url();
    bird->curl = curl_easy_init();
    bool ok = begin(arena, &flock->many->requests[i], bird->target, &bird->hop, &why) &&
              look_at_target(bird->hop, &why);
    if (ok && bird->curl == NULL)
        ok = fail_internal(&why, "curl_easy_init");
    if (ok) {
        bird->hop->answer = buffer_on(arena);
        ok = set_up(bird->curl, bird->hop, &why);
    }
    if (ok && curl_multi_add_handle(flock->multi, bird->curl) != CURLM_OK)
        ok = fail_internal(&why, "curl_multi_add_handle");
    if (!ok) {
        curl_easy_cleanup(bird->curl);
        bird->curl = NULL;
        tell(flock, i, NULL, &why);
    }
}

static void land(struct flock *flock, const CURLMsg *message) {
    for (size_t i = 0; i < flock->many->count; i++) {
        struct bird *bird = &flock->birds[i];
        struct fetch_reply reply;
        struct error why = {0};
        if (bird->curl != message->easy_handle)
            continue;
        CURLcode code = message->data.result;
        if (code == CURLE_OK) {
            read_reply(bird->curl, bird->hop, &reply);
            tell(flock, i, &reply, NULL);
        } else {
            explain(bird->hop, code, &why);
            tell(flock, i, NULL, &why);
        }
        return;
    }
}

static void fly(struct flock *flock) {
    int running = 1, left;
    while (running > 0 && !flock->enough) {
        const CURLMsg *message;
        if (curl_multi_perform(flock->multi, &running) != CURLM_OK)
            return;
        while ((message = curl_multi_info_read(flock->multi, &left)) != NULL)
            if (message->msg == CURLMSG_DONE)
                land(flock, message);
        if (running > 0 && !flock->enough)
            curl_multi_poll(flock->multi, NULL, 0, 1000, NULL);
    }
}

bool fetch_many(struct arena *arena, const struct fetch_many *many, struct error *err) {
    struct flock flock = {.many = many};
    TRY(ready(err));
    flock.birds = arena_array(arena, many->count, sizeof *flock.birds);
    flock.multi = curl_multi_init();
    if (flock.multi == NULL)
        return fail_internal(err, "curl_multi_init");
    for (size_t i = 0; i < many->count; i++)
        launch(&flock, arena, i);
    fly(&flock);
    for (size_t i = 0; i < many->count; i++) {
        if (flock.birds[i].curl != NULL) {
            curl_multi_remove_handle(flock.multi, flock.birds[i].curl);
            curl_easy_cleanup(flock.birds[i].curl);
        }
        curl_url_cleanup(flock.birds[i].target);
    }
    curl_multi_cleanup(flock.multi);
    return true;
}
