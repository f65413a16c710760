/* What the options say about the network: listeners, proxies in front of us and on the way out. */
#ifndef GATEHOUSE_COMMANDS_NETWORK_H
#define GATEHOUSE_COMMANDS_NETWORK_H

#include "ca/core.h"
#include "commands/app.h"
#include "http/server.h"

#define MAX_LISTENS 32

/* http, https, mtls and listen, in this order. ERROR_MALFORMED "bad-option" says what is wrong with one. */
MUST_USE bool network_listens(struct arena *arena, const struct options *options,
                              struct http_listen listens[MAX_LISTENS], size_t *ret_count,
                              struct error *err);

/* The proxies in front of us that may say who calls. */
struct trusted_proxies;
MUST_USE bool trusted_proxies_read(struct arena *arena, const struct options *options,
                                   struct trusted_proxies **ret, struct error *err);
/* http_server_config.trusts and .client; context: struct trusted_proxies. */
bool network_trusts(void *context, const char *address);
bool network_client(void *context, struct http_request *request, bool plain, struct error *err);

/* The way out for everything that is fetched: proxy, its password, what goes without it, CA file. */
MUST_USE bool network_outgoing(struct arena *arena, const struct options *options, struct error *err);

/* Option issuers-from. */
MUST_USE bool network_issuers(struct arena *arena, const struct options *options, struct core_issuers *ret,
                              struct error *err);

/* scheme://user@host/... with the password in its place; NULL when the URL has no user or a password already. */
const char *url_with_password(struct arena *arena, const char *url, const char *password);

/* A secret: from a file that others may not read, or "credential:NAME" (systemd's LoadCredential=). Without the
 * line's end. */
MUST_USE bool read_secret(struct arena *arena, const char *from, const char **ret_text,
                          struct error *err);

#endif
