/* Outgoing mail over SMTP (RFC 5321), by libcurl. */
#ifndef GATEHOUSE_NET_SMTP_H
#define GATEHOUSE_NET_SMTP_H

#include "base/arena.h"

enum smtp_security {
    SMTP_PLAIN,    /* nothing; no password is ever sent */
    SMTP_STARTTLS, /* RFC 3207; without it nothing is sent */
    SMTP_TLS,      /* from the first octet (RFC 8314) */
};

struct smtp_server {
    const char *host;
    int port;
    enum smtp_security security;
    const char *username, *password; /* NULL or "": none */
    const char *ca_pem;              /* certificates to trust; NULL or "": the system's */
    const char *own_name;            /* for EHLO */
    int timeout_ms;                  /* of one message; 0: 60,000 */
};

/* One connection for several messages, opened with the first. Used by one thread. */
struct smtp_session;
MUST_USE bool smtp_open(struct arena *arena, const struct smtp_server *server, struct smtp_session **ret,
                        struct error *err); /* the server's texts must live as long */
void smtp_close(struct smtp_session *session); /* NULL is accepted */
/* message: RFC 5322 with CRLF. Addresses without <>. ERROR_POLICY "mail-refused": the server will never
 * take it; ERROR_UNAVAILABLE "mail-failed": it may later. Neither message holds the password. */
MUST_USE bool smtp_deliver(struct smtp_session *session, const char *from, const char *to,
                           struct view message, struct error *err);

#endif
