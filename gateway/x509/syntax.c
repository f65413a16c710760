/* The syntax of host names and URIs, as certificates may carry them. */
#include "x509/san.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *label_problem(const char *label, size_t len) {
    if (len == 0)
        return "has an empty label (a dot too many)";
    if (len > 63)
        return "has a label of more than 63 characters (rfc1034#3.1)";
    if (label[0] == '-' || label[len - 1] == '-')
        return "has a label that begins or ends with a hyphen (rfc1034#3.5)";
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)label[i] >= 0x80)
            return "holds a non-ASCII character; write it as an A-label, xn--... (rfc5280#7.2)";
        if (!is_alpha(label[i]) && !is_digit(label[i]) && label[i] != '-')
            return "may only hold letters, digits, hyphens and dots (rfc5280#4.2.1.6)";
    }
    return NULL;
}

const char *dns_name_problem(const char *name, bool wildcard_allowed) {
    const char *at = name;
    if (strlen(name) > 253)
        return "is longer than 253 characters (rfc1034#3.1)";
    if (strncmp(at, "*.", 2) == 0) {
        if (!wildcard_allowed)
            return "may not be a wildcard here";
        at += 2;
    }
    for (;;) {
        size_t len = strcspn(at, ".");
        const char *problem = label_problem(at, len);
        if (problem != NULL)
            return problem;
        if (at[len] == '\0')
            break;
        at += len + 1;
    }
    /* rfc1123#2.1: a top label of digits alone would be taken for an IP address. */
    if (at[strspn(at, "0123456789")] == '\0')
        return "ends in a label of digits alone; write IP addresses as IP:192.0.2.1";
    return NULL;
}

static const char *character_problem(const char *uri) {
    static const char allowed[] = "-._~:/?#[]@!$&'()*+,;=%";
    for (const char *at = uri; *at != '\0'; at++) {
        if (!is_alpha(*at) && !is_digit(*at) && strchr(allowed, *at) == NULL)
            return "holds a character that must be percent-encoded (rfc3986#2)";
        if (*at == '%' && (strspn(at + 1, "0123456789abcdefABCDEF") < 2))
            return "has a broken percent-encoding (rfc3986#2.1)";
    }
    return NULL;
}

/* The authority that begins at `at` and goes on for `len`: [userinfo@]host[:port] */
static const char *authority_problem(const char *at, size_t len) {
    char host[256];
    const char *user = memchr(at, '@', len);
    if (user != NULL) {
        len -= (size_t)(user + 1 - at);
        at = user + 1;
    }
    size_t host_len = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/?#");
    if (host_len > len || host_len >= sizeof host || host_len == 0)
        return "has no valid host (rfc5280#4.2.1.6)";
    const char *port = at + host_len;
    size_t port_len = len - host_len;
    if (port_len > 0 &&
        (port[0] != ':' || port_len > 6 || strspn(port + 1, "0123456789") < port_len - 1))
        return "has a broken port (rfc3986#3.2.3)";
    memcpy(host, at, host_len);
    host[host_len] = '\0';
    struct in6_addr address;
    if (host[0] == '[') {
        host[host_len - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &address) == 1 ? NULL : "has a broken IPv6 address";
    }
    if (inet_pton(AF_INET, host, &address) == 1)
        return NULL;
    return dns_name_problem(host, false) == NULL ? NULL
                                                 : "has a host that is no DNS name or IP address";
}

const char *uri_problem(const char *uri) {
    if (strlen(uri) > 2048)
        return "is longer than 2048 characters";
    size_t scheme = 0;
    while (is_alpha(uri[scheme]) ||
           (scheme > 0 && (is_digit(uri[scheme]) || strchr("+-.", uri[scheme]) != NULL) &&
            uri[scheme] != '\0'))
        scheme++;
    if (scheme == 0 || uri[scheme] != ':' || uri[scheme + 1] == '\0')
        return "is not absolute: a scheme such as https: and what follows it are needed "
               "(rfc5280#4.2.1.6)";
    const char *problem = character_problem(uri);
    if (problem != NULL)
        return problem;
    const char *rest = uri + scheme + 1;
    if (strncmp(rest, "//", 2) != 0)
        return strncasecmp(uri, "http", 4) == 0 ? "needs // and a host after its scheme" : NULL;
    return authority_problem(rest + 2, strcspn(rest + 2, "/?#"));
}
