/* A TCP connection for what is not HTTP, along the instance's way out: direct, or through its proxy by CONNECT
 * (RFC 9110 section 9.3.6) or SOCKS. */
#ifndef GATEHOUSE_NET_TUNNEL_H
#define GATEHOUSE_NET_TUNNEL_H

#include "base/arena.h"

/* The descriptor is blocking, and closed with the arena. ERROR_UNAVAILABLE "connect-failed" names host and reason;
 * ERROR_MALFORMED "bad-proxy" for an https:// proxy, whose TLS would have to be around every octet. */
MUST_USE bool tunnel_open(struct arena *arena, const char *host, int64_t port, int timeout_s, int *ret_fd,
                          struct error *err);

#endif
