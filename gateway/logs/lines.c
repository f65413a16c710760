/* The last lines of this node's log, and the next ones as they come: a long poll. */
#include "base/log.h"
#include "base/uuid.h"
#include "logs/handlers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LINES 500
#define MOST_SECONDS 25
#define MOST_READERS 4 /* each holds a thread while it waits */

static atomic_int readers;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct uuid node; /* this process: lines of another have other numbers */

static void name_node(void) {
    node = uuid_new();
}

static bool read_number(const struct http_request *request, const char *name, unsigned long long most,
                        unsigned long long *ret, struct error *err) {
    const char *text = http_query(request, name);
    if (text == NULL)
        return true;
    size_t len = strlen(text);
    unsigned long long number = len > 0 && len < 20 && strspn(text, "0123456789") == len ? strtoull(text, NULL, 10) : most + 1;
    if (number > most)
        return fail(err, ERROR_MALFORMED, "bad-query", "The parameter \"%s\" is a number up to %llu.", name, most);
    *ret = number;
    return true;
}

struct list {
    struct json_writer w;
    uint64_t last;
};

static void add_line(void *context, uint64_t number, const char *line) {
    struct list *list = context;
    json_open_object(&list->w);
    json_put_int(&list->w, "number", (int64_t)number);
    json_put_string(&list->w, "line", line);
    json_close_object(&list->w);
    list->last = number;
}

static bool wait_for_lines(unsigned long long after, unsigned long long seconds, unsigned long long limit,
                           struct list *list, struct error *err) {
    bool room = atomic_fetch_add(&readers, 1) < MOST_READERS || seconds == 0;
    if (room)
        log_lines(after, limit, (int)seconds * 1000, add_line, list);
    atomic_fetch_sub(&readers, 1);
    return room || fail(err, ERROR_TOO_MANY, "slow-down", "Others follow this node's log already, %d at most; try again later.",
                        MOST_READERS);
}

HANDLER(log_lines_read) {
    static const char *const names[] = {"after", "wait", "limit", NULL};
    unsigned long long after = 0, seconds = 0, limit = 100;
    struct list list = {.w = json_writer_on(request->arena)};
    (void)context;
    TRY(actor_may(actor_of(request), MAY_MANAGE_SETTINGS, (struct uuid){{0}}, (struct uuid){{0}}, err));
    TRY(ask_query(request, names, err) && read_number(request, "after", INT64_MAX, &after, err) &&
        read_number(request, "wait", MOST_SECONDS, &seconds, err) && read_number(request, "limit", MOST_LINES, &limit, err));
    if (limit == 0)
        return fail(err, ERROR_MALFORMED, "bad-limit", "The limit is between 1 and %d.", MOST_LINES);
    pthread_once(&once, name_node);
    list.last = after;
    json_open_object(&list.w);
    put_uuid(&list.w, "node", node);
    json_name(&list.w, "items");
    json_open_array(&list.w);
    TRY(wait_for_lines(after, seconds, limit, &list, err));
    json_close_array(&list.w);
    json_put_int(&list.w, "next", (int64_t)list.last);
    json_close_object(&list.w);
    reply_json(response, 200, &list.w);
    return true;
}
