#include "net/tunnel.h"

#include "net/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

static void free_easy(void *curl) {
    curl_easy_cleanup(curl);
}

static bool no_connection(const char *host, const char *why, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "connect-failed", "There is no connection to %.200s: %.200s.", host, why);
}

bool tunnel_open(struct arena *arena, const char *host, int64_t port, int timeout_s, int *ret_fd,
                 struct error *err) {
    char reason[CURL_ERROR_SIZE] = "";
    curl_socket_t fd = CURL_SOCKET_BAD;
    const char *proxy = fetch_proxy(arena, host);
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return fail_internal(err, "curl_easy_init");
    arena_defer(arena, free_easy, curl);
    if (proxy != NULL && strncasecmp(proxy, "https://", 8) == 0)
        return fail(err, ERROR_MALFORMED, "bad-proxy",
                    "An https:// proxy carries HTTP alone; set an http:// or socks5h:// one, or list %.200s "
                    "among those that need none.",
                    host);
    bool bracket = strchr(host, ':') != NULL;
    const char *url = arena_printf(arena, "http://%s%s%s:%lld/", bracket ? "[" : "", host, bracket ? "]" : "",
                                   (long long)port);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy == NULL ? "" : proxy);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)timeout_s);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (code != CURLE_OK)
        return no_connection(host, reason[0] == '\0' ? curl_easy_strerror(code) : reason, err);
    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
        return no_connection(host, "it broke at once", err);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return no_connection(host, strerror(errno), err);
    *ret_fd = fd;
    return true;
}
