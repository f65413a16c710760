#include "mail/internal.h"

#include "base/clock.h"

#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)
#define DOCUMENT ((size_t)512 * 1024)
#define BASE API_BASE "/mail"

static const struct http_route routes[] = {
    {"GET", BASE "/settings", GATE_ACTOR, TLS, NO_BODY, mail_settings_show, "settings:read"},
    {"PUT", BASE "/settings", GATE_ACTOR, TLS, DOCUMENT, mail_settings_change, "settings:manage"},
    {"POST", BASE "/test", GATE_ACTOR, TLS, SMALL, mail_test, "settings:manage"},
    {"GET", BASE "/messages", GATE_ACTOR, TLS, NO_BODY, mail_messages, "settings:read"},
    {"POST", BASE "/messages/{}/retry", GATE_ACTOR, TLS, NO_BODY, mail_retry, "settings:manage"},
    {"GET", BASE "/templates", GATE_ACTOR, TLS, NO_BODY, mail_templates_list, "settings:read"},
    {"GET", BASE "/templates/{}", GATE_ACTOR, TLS, NO_BODY, mail_templates_show, "settings:read"},
    {"PUT", BASE "/templates/{}", GATE_ACTOR, TLS, DOCUMENT, mail_templates_change, "settings:manage"},
    {"DELETE", BASE "/templates/{}", GATE_ACTOR, TLS, NO_BODY, mail_templates_reset, "settings:manage"},
    {"POST", BASE "/templates/{}/preview", GATE_ACTOR, TLS, DOCUMENT, mail_templates_preview,
     "settings:read"},
};

struct http_room mail_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}

size_t mail_jobs(struct core *core, struct job *table) {
    table[0] = (struct job){
        .name = "mail-send", .every_us = 3 * US_PER_SECOND, .run = mail_send_due, .context = core};
    table[1] = (struct job){
        .name = "mail-clean", .every_us = 3600 * US_PER_SECOND, .run = mail_clean, .context = core};
    return MAIL_JOBS;
}
