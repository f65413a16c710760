#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Read by every thread without a lock: a name is in its place before the count tells of it. */
static _Atomic int least_level = LOG_INFO;
static struct {
    char name[24];
    _Atomic int level;
} room_levels[LOG_MAX_ROOMS];
static atomic_uint room_count;
static bool json_lines;
static const char *program_name = "gatehouse";
static _Thread_local char request_id[40];

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level least, bool as_json, const char *program) {
    atomic_store(&least_level, (int)least);
    json_lines = as_json;
    program_name = program;
}

bool log_level_parse(const char *name, enum log_level *ret_level) {
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    return false;
}

#define AS_THE_REST (-1)

/* One entry's room: found, or put in a free place. NULL when there is none. */
static _Atomic int *level_of(const char *room, size_t len) {
    unsigned count = atomic_load(&room_count);
    for (unsigned i = 0; i < count; i++)
        if (strlen(room_levels[i].name) == len && strncmp(room_levels[i].name, room, len) == 0)
            return &room_levels[i].level;
    if (count == LOG_MAX_ROOMS || len == 0 || len >= sizeof room_levels[0].name)
        return NULL;
    snprintf(room_levels[count].name, sizeof room_levels[0].name, "%.*s", (int)len, room);
    atomic_store(&room_levels[count].level, AS_THE_REST);
    atomic_store(&room_count, count + 1);
    return &room_levels[count].level;
}

/* Sets, or only reads when `set` is false. */
static bool each_level(const char *text, bool set) {
    for (bool more = true; more;) {
        size_t len = strcspn(text, ",");
        const char *equals = memchr(text, '=', len);
        const char *word = equals == NULL ? text : equals + 1;
        char name[8] = "";
        enum log_level level;
        size_t word_len = (size_t)(text + len - word);
        if (word_len < sizeof name)
            memcpy(name, word, word_len);
        if (!log_level_parse(name, &level))
            return false;
        _Atomic int *at = equals == NULL ? &least_level : level_of(text, (size_t)(equals - text));
        if (at == NULL)
            return false;
        if (set)
            atomic_store(at, (int)level);
        more = text[len] == ',';
        text += len + more;
    }
    return true;
}

bool log_levels_valid(const char *text) {
    return each_level(text, false);
}

bool log_set_levels(const char *text) {
    if (!each_level(text, false))
        return false;
    atomic_store(&least_level, LOG_INFO);
    for (unsigned i = 0; i < atomic_load(&room_count); i++)
        atomic_store(&room_levels[i].level, AS_THE_REST);
    return each_level(text, true);
}

static int least_of(const char *room) {
    unsigned count = atomic_load(&room_count);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(room_levels[i].name, room) == 0 && atomic_load(&room_levels[i].level) >= 0)
            return atomic_load(&room_levels[i].level);
    return atomic_load(&least_level);
}

bool log_wanted(enum log_level level, const char *room) {
    return (int)level >= least_of(room);
}

void log_request_id(const char *id) {
    size_t len = id == NULL ? 0 : strnlen(id, sizeof request_id - 1);
    if (len > 0)
        memcpy(request_id, id, len);
    request_id[len] = '\0';
}

const char *log_current_request_id(void) {
    return request_id;
}

/* Bytes of the well-formed UTF-8 character at the beginning of the text, or 0. */
static size_t character_length(const char *text) {
    size_t left = strnlen(text, 4);
    for (size_t len = 1; len <= left; len++)
        if (utf8_valid(view_of(text, len)))
            return len;
    return 0;
}

/* Control characters would let a caller forge lines; they are shown as \xNN, and so are broken UTF-8 and the
 * C1 controls. In JSON, the quote and the backslash are escaped too. */
static void escape(const char *from, char *to, size_t size) {
    size_t used = 0;
    while (*from != '\0' && used + 7 < size) {
        unsigned char c = (unsigned char)*from;
        size_t len = character_length(from);
        bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)from[1] < 0xa0);
        if (len == 0 || control) {
            used += (size_t)snprintf(to + used, size - used, json_lines ? "\\u%04x" : "\\x%02x",
                                     len == 0 && json_lines ? 0xfffdu
                                     : len == 2             ? (unsigned char)from[1]
                                                            : c);
            from += len == 0 ? 1 : len;
            continue;
        }
        if (json_lines && (c == '"' || c == '\\'))
            to[used++] = '\\';
        memcpy(to + used, from, len);
        used += len;
        from += len;
    }
    to[used] = '\0';
}

/* --- the last lines, for who follows the log from afar ------------------------------------------------------------- */

#define KEPT_LENGTH 600
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t more;
    uint64_t last; /* number of the newest line; 0: none yet */
    char lines[LOG_KEPT_LINES][KEPT_LENGTH];
} kept = {.mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void keep_line(const char *line, size_t len) {
    if (len >= KEPT_LENGTH)
        for (len = KEPT_LENGTH - 1; len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80;)
            len--; /* no half character */
    pthread_mutex_lock(&kept.mutex);
    char *at = kept.lines[kept.last++ % LOG_KEPT_LINES];
    memcpy(at, line, len);
    at[len] = '\0';
    pthread_cond_broadcast(&kept.more);
    pthread_mutex_unlock(&kept.mutex);
}

void log_lines(uint64_t after, size_t most, int wait_ms,
               void (*each)(void *context, uint64_t number, const char *line), void *context) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&kept.mutex);
    for (int status = 0; wait_ms > 0 && status == 0 && kept.last <= after;)
        status = pthread_cond_timedwait(&kept.more, &kept.mutex, &until);
    most = most > LOG_KEPT_LINES ? LOG_KEPT_LINES : most;
    uint64_t first = kept.last > most ? kept.last - most + 1 : 1;
    for (uint64_t number = first > after ? first : after + 1; number <= kept.last; number++)
        each(context, number, kept.lines[(number - 1) % LOG_KEPT_LINES]);
    pthread_mutex_unlock(&kept.mutex);
}

static void write_line(char *line, int len, size_t size) {
    if (len < 0)
        return;
    if ((size_t)len >= size)
        len = (int)size - 1;
    line[len - 1] = '\n';
    keep_line(line, (size_t)len - 1);
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)len); /* one call: lines never mix */
    (void)ignored;
}

void log_at(enum log_level level, const char *room, const char *format, ...) {
    char text[2048], clean[2400], line[2700], now[TIME_TEXT_SIZE];
    if (!log_wanted(level, room))
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    escape(text, clean, sizeof clean);
    time_format(clock_now_us(), now);
    int len = json_lines
                  ? snprintf(line, sizeof line,
                             "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"room\":\"%s\","
                             "\"request\":\"%s\",\"message\":\"%s\"}\n",
                             now, level_names[level], program_name, room, request_id, clean)
                  : snprintf(line, sizeof line, "%s %s %s/%s%s%s: %s\n", now, level_names[level],
                             program_name, room, request_id[0] ? " " : "", request_id, clean);
    write_line(line, len, sizeof line);
}

void log_failure(enum log_level level, const char *room, const char *what, const struct error *err) {
    log_at(level, room, "%s: %s%s%s%s", what, err->message, err->detail[0] ? " (" : "", err->detail,
           err->detail[0] ? ")" : "");
}
