/* Database URLs: mysql://user:password@host:port,host:port/database?name=value&... Private to this room. */
#ifndef GATEHOUSE_STORE_URL_H
#define GATEHOUSE_STORE_URL_H

#include "base/arena.h"

#define DB_MAX_HOSTS 9
struct db_host {
    const char *host;
    unsigned port; /* 0: the default */
};
struct db_url {
    const char *user, *password, *database;
    struct db_host hosts[DB_MAX_HOSTS]; /* nodes of one cluster, the preferred one first */
    size_t host_count;
    const char *host;    /* the one that is dialled: at first the first */
    unsigned port;
    const char *socket;  /* path, or NULL */
    const char *ssl_ca;  /* file, or NULL */
    unsigned io_seconds; /* how long an answer may take; 0: the default */
    unsigned connect_seconds; /* how long a connection may take; never 0 */
    unsigned probe_seconds;   /* after so long without an answer another connection asks whether the server lives */
    bool commit_marks;   /* every transaction that writes can be looked up when nobody answers its COMMIT (settle.h);
                          * with several hosts unless it is turned off */
    bool sync_wait;      /* Galera: wait until this node has seen what its neighbours committed; with several
                          * hosts unless it is turned off */
};

/* ERROR_MALFORMED "database-url"; the message never shows the URL, which may hold a password. */
MUST_USE bool db_url_parse(struct arena *arena, const char *text, struct db_url *ret_url,
                           struct error *err);

#endif
