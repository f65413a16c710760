#include "metrics/internal.h"

#include "base/clock.h"
#include "net/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct metrics_page {
    struct metrics_config config;
    struct net_range *allowed;
    size_t allowed_count;
    struct figures figures;
    int64_t started_us;
};

bool metrics_page_new(const struct metrics_config *config, struct metrics_page **ret_page,
                      struct error *err) {
    size_t count = 0;
    while (config->allow != NULL && config->allow[count] != NULL)
        count++;
    struct metrics_page *page = must_alloc(sizeof *page);
    *page = (struct metrics_page){.config = *config, .started_us = clock_now_us()};
    pthread_mutex_init(&page->figures.mutex, NULL);
    page->allowed = must_alloc((count + 1) * sizeof *page->allowed);
    for (; page->allowed_count < count; page->allowed_count++)
        if (!net_range_parse(config->allow[page->allowed_count], &page->allowed[page->allowed_count], err)) {
            metrics_page_free(page);
            return fail(err, ERROR_MALFORMED, "bad-option",
                        "metrics-allow = %.60s: it is an address, or a network like 10.0.0.0/8.",
                        config->allow[page->allowed_count]);
        }
    *ret_page = page;
    return true;
}

void metrics_page_free(struct metrics_page *page) {
    if (page == NULL)
        return;
    arena_free(page->figures.arena);
    pthread_mutex_destroy(&page->figures.mutex);
    free(page->allowed);
    free(page);
}

static const struct uuid nobody;

static bool is_allowed(const struct metrics_page *page, const char *text) {
    struct net_address address;
    if (!net_address_parse(text, &address))
        return false;
    for (size_t i = 0; i < page->allowed_count; i++)
        if (net_range_holds(&page->allowed[i], &address))
            return true;
    return false;
}

static bool may_see(struct metrics_page *page, struct http_request *request, struct error *err) {
    if (is_allowed(page, request->address))
        return true;
    TRY(page->config.authenticate(page->config.authenticate_context, request, err));
    if (request->actor == NULL)
        return fail(err, ERROR_UNAUTHENTICATED, "authentication-needed",
                    "The metrics need an API token (Authorization: Bearer), or an address that the option "
                    "metrics-allow names.");
    return actor_may(request->actor, MAY_READ_SETTINGS, nobody, nobody, err);
}

static double resident_bytes(void) {
    char line[200] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    const char *space = NULL;
    if (file != NULL && fgets(line, sizeof line, file) != NULL)
        space = strchr(line, ' ');
    if (file != NULL)
        fclose(file);
    return space == NULL ? 0 : strtod(space, NULL) * (double)sysconf(_SC_PAGESIZE);
}

static void gauge(struct buffer *out, const char *name, const char *help, double value) {
    metrics_family(out, METRIC_GAUGE, name, help);
    metrics_sample(out, name, NULL, value);
}

static void write_process(const struct metrics_page *page, struct buffer *out) {
    metrics_family(out, METRIC_GAUGE, "gatehouse_build_info", "1; its label names the version.");
    METRICS_SAMPLE(out, "gatehouse_build_info", 1, "version", GATEHOUSE_VERSION);
    gauge(out, "process_start_time_seconds", "When this node was started.",
          (double)(page->started_us / US_PER_SECOND));
    gauge(out, "process_resident_memory_bytes", "Memory of the gateway's process.", resident_bytes());
}

static bool handle(void *context, struct http_request *request, struct http_response *response,
                   struct error *err) {
    struct metrics_page *page = context;
    struct buffer out = buffer_on(request->arena);
    TRY(may_see(page, request, err));
    const char *figures = figures_text(&page->figures, page->config.core, request->arena);
    write_process(page, &out);
    gauge(&out, "gatehouse_database_up", "1 when the figures of the instance could be read.",
          figures != NULL);
    if (page->config.more != NULL)
        page->config.more(page->config.more_context, &out);
    metrics_write(&out);
    if (figures != NULL)
        buffer_add_text(&out, figures);
    http_reply(response, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_view(&out));
    return true;
}

#define ALL (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
static const struct http_route routes[] = {
    {"GET", "/metrics", GATE_OPEN, ALL, 0, handle, NULL},
};

struct http_room metrics_room(struct metrics_page *page) {
    return (struct http_room){routes, sizeof routes / sizeof *routes, page};
}
