#include "http/internal.h"

#include <string.h>
#include <strings.h>

/* rfc9110#5.6.2, a bit for each of 128: all that can be seen but ( ) , / : ; < = > ? @ [ \ ] { } and the quote */
static bool is_token_character(unsigned char c) {
    static const uint32_t bits[4] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};
    return c < 128 && (bits[c / 32] >> c % 32 & 1) != 0;
}

bool http_is_token(const char *text) {
    const char *at = text;
    while (is_token_character((unsigned char)*at))
        at++;
    return at > text && *at == '\0';
}

bool http_is_field_value(const char *text) {
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

static int refuse(struct error *err, const char *type, const char *rule) {
    (void)fail(err, ERROR_MALFORMED, type, "The request is malformed: %s.", rule);
    return 400;
}

static size_t count_header(const struct http_request *request, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        count += strcasecmp(request->headers[i].name, name) == 0;
    return count;
}

static int check_fields(const struct http_request *request, struct error *err) {
    /* Two of these mean different things to different readers. */
    static const char *const single[] = {"Host",         "Content-Length", "Transfer-Encoding",
                                         "Content-Type", "Authorization",  "Expect"};
    for (size_t i = 0; i < request->header_count; i++)
        if (!http_is_token(request->headers[i].name) ||
            !http_is_field_value(request->headers[i].value))
            return refuse(err, "malformed-header",
                          "a header's name or value has a character that is not allowed there "
                          "(RFC 9110, section 5)");
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (count_header(request, single[i]) > 1) {
            (void)fail(err, ERROR_MALFORMED, "repeated-header",
                       "The request has the header %s more than once; send it once.", single[i]);
            return 400;
        }
    return 0;
}

/* rfc9112#3.2: exactly one in HTTP/1.1 */
static int check_host(const struct http_request *request, const char *version, struct error *err) {
    static const char characters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "-._~!$&'()*+;=:[]%";
    const char *host = http_header(request, "Host");
    if (host == NULL)
        return strcmp(version, "1.0") == 0 ? 0 : refuse(err, "malformed-header", "Host is missing");
    if (host[strspn(host, characters)] != '\0')
        return refuse(err, "malformed-header", "Host is not a name with an optional port");
    return 0;
}

static int check_length(const struct http_request *request, const char *version,
                        struct http_framing *framing, struct error *err) {
    const char *length = http_header(request, "Content-Length");
    const char *encoding = http_header(request, "Transfer-Encoding");
    if (encoding != NULL) {
        /* rfc9112#6.1: both together are how a request is smuggled past a proxy */
        if (length != NULL)
            return refuse(err, "ambiguous-length",
                          "Content-Length and Transfer-Encoding exclude each other");
        if (strcmp(version, "1.0") == 0 || strcasecmp(encoding, "chunked") != 0)
            return refuse(err, "ambiguous-length",
                          "the only Transfer-Encoding here is chunked, in HTTP/1.1");
        framing->chunked = true;
    }
    if (length == NULL)
        return 0;
    if (*length == '\0')
        return refuse(err, "ambiguous-length", "Content-Length must be a number");
    for (; *length != '\0'; length++) {
        if (*length < '0' || *length > '9' || framing->length > INT64_MAX / 10 - 1)
            return refuse(err, "ambiguous-length", "Content-Length must be one decimal number");
        framing->length = framing->length * 10 + (uint64_t)(*length - '0');
    }
    return 0;
}

static bool list_has(const char *list, const char *word) {
    size_t len = strlen(word);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, " \t,");
        if (item == len && strncasecmp(list, word, len) == 0)
            return true;
        list += item;
    }
    return false;
}

int http_framing_check(const struct http_request *request, const char *version,
                       struct http_framing *ret_framing, struct error *err) {
    struct http_framing framing = {0};
    int status = check_fields(request, err);
    if (status == 0)
        status = check_host(request, version, err);
    if (status == 0)
        status = check_length(request, version, &framing, err);
    if (status != 0)
        return status;
    /* rfc9110#9.3.1: content in a GET has no meaning, and readers disagree about it */
    if (strcmp(request->method, "GET") == 0 && (framing.chunked || framing.length > 0))
        return refuse(err, "unexpected-body", "GET and HEAD carry no body here");
    const char *expect = http_header(request, "Expect");
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0) {
        (void)fail(err, ERROR_MALFORMED, "expectation-failed",
                   "The only expectation that is met here is 100-continue.");
        return 417;
    }
    framing.expect_continue = expect != NULL && strcmp(version, "1.1") == 0;
    const char *connection = http_header(request, "Connection");
    framing.keep_alive =
        connection == NULL ? strcmp(version, "1.1") == 0 : list_has(connection, "keep-alive");
    *ret_framing = framing;
    return 0;
}
