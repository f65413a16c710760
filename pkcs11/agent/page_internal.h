/* What the files of the local page share. */
#ifndef GATEHOUSE_AGENT_PAGE_INTERNAL_H
#define GATEHOUSE_AGENT_PAGE_INTERNAL_H

#include "agent/page.h"
#include "agent/state.h"

#include "base/buffer.h"
#include "http/server.h"
#include "provider/signer.h"

#include <pthread.h>

struct page {
    struct page_config config;
    struct party tls;
    struct http_room room;
    struct http_router router;
    struct http_server_config server_config;
    struct http_server *server;
    pthread_mutex_t lock; /* guards what follows, and makes guessing slow */
    uint8_t accepted[32]; /* SHA-256 of the last good Authorization, so that Argon2id is rare */
    bool has_accepted;
};

/* One answer: what happened, then what is there now. */
struct answer {
    int status;
    const char *news;       /* or NULL */
    bool bad;               /* the news is a failure */
    const char *pem, *what; /* something to take along, and what it is; or NULL */
};

/* -- page_write.c: HTML -- */

void page_begin(struct buffer *out, const struct answer *answer);
void page_end(struct page *page, struct http_response *response, const struct answer *answer, struct buffer *out);
void put(struct buffer *out, const char *text); /* as it is */
void put_text(struct buffer *out, const char *text); /* escaped */
/* "?uri=..." of a link. */
void put_query(struct buffer *out, const char *uri);
void put_hidden(struct buffer *out, const char *name, const char *value);

/* -- page_views.c: what is there -- */

void view_home(struct page *page, struct http_request *request, struct http_response *response,
               const struct answer *answer);
void view_token(struct page *page, struct http_request *request, struct http_response *response, const char *uri,
                const struct answer *answer);
void view_key(struct page *page, struct http_request *request, struct http_response *response, const char *uri,
              const struct answer *answer);
/* The URI of the token that a key's URI is in. */
const char *token_of_key(struct arena *arena, const char *uri);
/* YubiKey's name of the slot with that id, or NULL. */
const char *slot_name(struct view id);
#define SLOTS 24
extern const char *const page_slots[SLOTS];

/* -- page_work.c: what is done -- */

extern const struct http_route page_routes[];
extern const size_t page_route_count;
/* Who calls may; else the response is written. */
bool page_admits(struct page *page, struct http_request *request, struct http_response *response, struct error *err);

#endif
