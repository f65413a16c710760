/* Requests and responses, free of the web server's types: handlers take these, so that unit tests
 * and fuzzers call them directly. Everything in them lives on the request's arena. */
#ifndef GATEHOUSE_HTTP_TYPES_H
#define GATEHOUSE_HTTP_TYPES_H

#include "base/arena.h"

enum http_listener { LISTENER_HTTP, LISTENER_HTTPS, LISTENER_MTLS };

struct http_header {
    const char *name, *value;
};

#define HTTP_MAX_HEADERS 64
#define HTTP_MAX_PARAMETERS 4

struct http_route;
struct http_room;

struct http_request {
    struct arena *arena;
    const char *id; /* of this request: joins log, event and problem document */
    enum http_listener listener;
    const char *method; /* "GET"; a HEAD arrives as GET, the listener drops the body */
    bool head;          /* it was one */
    /* Percent-decoded, checked UTF-8, no control characters, no "." or ".." segments. For showing:
     * routes are found by raw_path. */
    const char *path;
    const char *raw_path; /* as it came, without the query; NULL: path stands for it (unit tests) */
    const char *query;    /* raw, or "" */
    const char *address;  /* the peer's */
    struct http_header headers[HTTP_MAX_HEADERS];
    size_t header_count;
    struct view body; /* bounded by the route's limit */
    /* What {} matched in the route's pattern, decoded. */
    const char *parameters[HTTP_MAX_PARAMETERS];
    /* LISTENER_MTLS: DER of the peer's certificate, whose key it has proved to hold; nobody has
     * checked the issuer. Else empty. */
    struct view client_certificate;
    /* What the peer sent beside it, as it came; nobody has looked at it. */
    const struct view *client_chain;
    size_t client_chain_count;
    /* TLS listeners: what binds a message to this connection. tls-exporter (rfc9266) has 32 octets;
     * tls-unique (rfc5929#3) is there under TLS 1.2 with extended master secret (rfc7627), else empty. */
    struct view tls_exporter, tls_unique;
    /* Where it goes, once the router has looked. */
    const struct http_route *route;
    const struct http_room *room;
    void *actor; /* const struct actor *, set by the gate of a route; NULL: nobody */
    /* Set with the actor: only GATE_ADMIN_PASSWORD_CHANGE routes are open, or only GATE_FACTOR_ENROL ones. */
    bool must_change_password, must_enrol_factor;
};

struct http_response {
    struct arena *arena;
    int status; /* 0 counts as 500 */
    const char *content_type;
    struct http_header headers[HTTP_MAX_HEADERS];
    size_t header_count;
    struct view body;
    /* Not NULL: the body is what this gives, piece by piece on the arena of each, until a piece is empty. False ends the
     * connection in the middle, so that nobody takes a part for the whole. */
    bool (*more)(void *context, struct arena *arena, struct view *ret_piece, struct error *err);
    void *more_context;
};

/* Case-insensitive, the first of that name; NULL when absent. */
const char *http_header(const struct http_request *request, const char *name);
/* Value of the first query parameter of that name, form-decoded ("%2B" is a plus, "+" a space: who
 * expects base64 puts the plus back) on the arena; NULL when absent, badly escaped or not UTF-8. */
const char *http_query(const struct http_request *request, const char *name);
/* The cookie's value without quotes, on the arena, or NULL. */
const char *http_cookie(const struct http_request *request, const char *name);

/* IMF-fixdate (rfc9110#5.6.7), whatever the locale is. */
#define HTTP_DATE_SIZE 30
void http_date(int64_t us, char text[static HTTP_DATE_SIZE]);

/* Copies neither name nor value. A header with a control character never leaves: it is dropped and
 * logged when the answer is written. The listener sets Content-Length, Content-Type,
 * Connection and Date itself. */
void http_add_header(struct http_response *response, const char *name, const char *value);
void http_reply(struct http_response *response, int status, const char *content_type,
                struct view body);
void http_reply_text(struct http_response *response, int status, const char *content_type,
                     const char *text);
/* RFC 9457 problem document made from the error; `detail` of the error is logged, never sent. A 401
 * gets its WWW-Authenticate; 429 and 503 a Retry-After, unless there is one. */
void http_problem(const struct http_request *request, struct http_response *response,
                  const struct error *err);
int http_status_of(enum error_kind kind);

/* What must be true before a handler runs; no handler checks its own log-in. */
enum http_gate {
    GATE_OPEN = 0,                  /* anybody, said explicitly; the caller is not even asked for */
    GATE_ACTOR = 1,                 /* a session or an API token */
    GATE_ADMIN_PASSWORD_CHANGE = 2, /* also open to an actor who must first change the password */
    GATE_FACTOR_ENROL = 4,          /* also open to one who must first set up a second factor */
    GATE_FOLLOWS_LOG = 8,           /* with GATE_ACTOR: reads the log, and is itself in it at debug alone */
};

struct http_route {
    const char *method; /* "GET" */
    /* "/api/v1/cas/{}/certificates"; a last segment "{*}" takes the rest, slashes too; "{}.crl"
     * matches a segment with that suffix and yields it without; "{~text}" is the text in any letter
     * case. When several match, the more
     * literal wins: text, then {}.suffix, {}, {*}, from the left. An empty segment ("//") or an
     * encoded slash matches {*} alone. */
    const char *pattern;
    unsigned gate;      /* GATE_ flags */
    unsigned listeners; /* bits 1u << enum http_listener */
    size_t body_limit;
    /* False: the error becomes the answer (http_problem), and of the headers added so far only
     * Retry-After stays. */
    bool (*handle)(void *context, struct http_request *request, struct http_response *response,
                   struct error *err);
    /* "cas:read": no handler is asked for one who has it nowhere, whatever the gate says; on what it is needed, the
     * core looks at. NULL: none is. */
    const char *permission;
};

struct http_room { /* one protocol's routes with their context */
    const struct http_route *routes;
    size_t count;
    void *context;
};

/* Decides who calls. Fills request->actor (and must_change_password), or leaves NULL when there are
 * no credentials; false when credentials are wrong. Injected by main, so that http knows nothing of
 * users. */
typedef bool http_authenticate(void *context, struct http_request *request, struct error *err);

/* Whether the request's actor has the permission of that name on anything at all. Injected likewise. */
typedef bool http_permit(const struct http_request *request, const char *permission, struct error *err);

struct http_route_index;

struct http_router {
    const struct http_room *rooms;
    size_t room_count;
    const struct http_route_index *index; /* http_router_index; NULL: every route is looked at */
    http_authenticate *authenticate;
    void *authenticate_context;
    http_permit *permit;
    /* A request that was refused for who calls (401, 403, 429), for the event stream; may be NULL.
     */
    void (*refused)(void *context, const struct http_request *request, const struct error *err);
    void *refused_context;
    /* Answers 405 in the words of the path's protocol; false when it has none of its own. May be NULL. */
    bool (*method_refused)(const struct http_request *request, struct http_response *response, const struct error *err);
};

/* Once rooms are all there: routes are found by the beginning of the path. The index lives on the arena. */
void http_router_index(struct arena *arena, struct http_router *router);
/* The body limit of the request's route, before the body is read; false when there is none. */
bool http_router_body_limit(const struct http_router *router, struct http_request *request,
                            size_t *ret_limit);
/* Finds the route, runs the gate and the handler. 404, 405 (with Allow), 401 (with
 * WWW-Authenticate) and problems are its business, so are the security headers every answer carries
 * and the log line. */
void http_router_handle(const struct http_router *router, struct http_request *request,
                        struct http_response *response);

#endif
