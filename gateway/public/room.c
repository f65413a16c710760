#include "public/internal.h"

#include "base/clock.h"
#include "console/send.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)4 * 1024)
#define DOCUMENT ((size_t)64 * 1024)
#define CERTIFICATES ((size_t)256 * 1024) /* SLH-DSA signatures are long */
#define BASE API_BASE "/public"

static const struct http_route routes[] = {
    {"GET", "/request/{}", GATE_OPEN, TLS, NO_BODY, public_page, NULL},
    {"GET", "/claim/{}", GATE_OPEN, TLS, NO_BODY, public_page, NULL},
    {"GET", "/cps/{}", GATE_OPEN, TLS, NO_BODY, public_page, NULL},
    {"GET", "/cps/{}.txt", GATE_OPEN, TLS, NO_BODY, public_statement_text, NULL},
    {"GET", "/public/{*}", GATE_OPEN, TLS, NO_BODY, public_file, NULL},
    {"GET", BASE "/settings", GATE_ACTOR, TLS, NO_BODY, public_settings_show, "settings:read"},
    {"PUT", BASE "/settings", GATE_ACTOR, TLS, SMALL, public_settings_change, "settings:manage"},
    {"GET", API_BASE "/templates/{}/public", GATE_ACTOR, TLS, NO_BODY, public_rules_show, "templates:read"},
    {"PUT", API_BASE "/templates/{}/public", GATE_ACTOR, TLS, DOCUMENT, public_rules_change,
     "templates:manage"},
    {"GET", BASE "/templates/{}", GATE_OPEN, TLS, NO_BODY, public_template, NULL},
    {"POST", BASE "/templates/{}/requests", GATE_OPEN, TLS, CERTIFICATES, public_submit, NULL},
    {"POST", BASE "/puzzle", GATE_OPEN, TLS, NO_BODY, public_puzzle, NULL},
    {"POST", BASE "/requests/confirm", GATE_OPEN, TLS, SMALL, public_confirm, NULL},
    {"POST", BASE "/requests/show", GATE_OPEN, TLS, SMALL, public_show, NULL},
    {"POST", BASE "/requests/cancel", GATE_OPEN, TLS, SMALL, public_cancel, NULL},
    {"POST", BASE "/requests/claim", GATE_OPEN, TLS, SMALL, public_claim, NULL},
    {"GET", BASE "/cas/{}", GATE_OPEN, TLS, NO_BODY, public_authority, NULL},
    {"POST", BASE "/cas/{}/challenge", GATE_OPEN, TLS, CERTIFICATES, public_renewal_challenge, NULL},
    {"POST", BASE "/cas/{}/renewals", GATE_OPEN, TLS, CERTIFICATES, public_renew, NULL},
};

/* Files of this origin alone, no inline script or style, in no frame, and no request to anybody else. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

bool public_pages_open(struct core *core, const char *directory, struct public_pages **ret,
                       struct error *err) {
    struct public_pages *pages = must_alloc(sizeof *pages);
    memset(pages, 0, sizeof *pages);
    pages->core = core;
    pages->arena = arena_new();
    pthread_mutex_init(&pages->lock, NULL);
    if (!files_read(pages->arena, directory, &pages->files, err)) {
        public_pages_free(pages);
        return false;
    }
    *ret = pages;
    return true;
}

void public_pages_free(struct public_pages *pages) {
    if (pages == NULL)
        return;
    OPENSSL_cleanse(pages->key, sizeof pages->key);
    pthread_mutex_destroy(&pages->lock);
    arena_free(pages->arena);
    free(pages);
}

/* The same page for every address: what it is about, its script reads from the address. */
HANDLER(public_page) {
    struct public_pages *pages = context;
    struct public_settings settings;
    const struct file *file = files_find(&pages->files, "index.html");
    TRY(public_check_open(pages->core, request->arena, &settings, err));
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "not-found",
                    "The public pages are not installed here; scripts/run builds them.");
    files_send(request, response, file, POLICY);
    return true;
}

HANDLER(public_file) {
    struct public_pages *pages = context;
    const struct file *file = files_find(&pages->files, request->parameters[0]);
    if (file == NULL)
        return fail(err, ERROR_NOT_FOUND, "not-found", "The public pages have no such file.");
    files_send(request, response, file, POLICY);
    return true;
}

struct http_room public_room(struct public_pages *pages) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], pages};
}

size_t public_jobs(struct public_pages *pages, struct job *table) {
    table[0] = (struct job){
        .name = "public-mail", .every_us = 3 * US_PER_SECOND, .run = public_follow, .context = pages};
    table[1] = (struct job){
        .name = "public-clean", .every_us = 3600 * US_PER_SECOND, .run = public_clean, .context = pages};
    return PUBLIC_JOBS;
}
