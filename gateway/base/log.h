/* The log: one line an entry on standard error, text or JSON. Never a PIN, password, token or key. */
#ifndef GATEHOUSE_BASE_LOG_H
#define GATEHOUSE_BASE_LOG_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* "info", or a level for the rest and rooms of their own: "info,http=warn,acme=debug". May be called again while
 * the process runs, from one thread at a time. False, and nothing has changed, when it does not read so or names
 * more than LOG_MAX_ROOMS. */
#define LOG_MAX_ROOMS 32
bool log_set_levels(const char *text);
bool log_levels_valid(const char *text); /* whether it could be set */
void log_setup(enum log_level least, bool as_json, const char *program);
bool log_level_parse(const char *name, enum log_level *ret_level);
/* The id that joins log, event and problem document; kept per thread. NULL clears it. */
void log_request_id(const char *id);
const char *log_current_request_id(void); /* "" when there is none */

/* Whether a line of that level would be written: for what takes work to put together. */
bool log_wanted(enum log_level level, const char *room);
void log_at(enum log_level level, const char *room, const char *format, ...) PRINTF_LIKE(3, 4);
#define log_debug(room, ...) log_at(LOG_DEBUG, room, __VA_ARGS__)
#define log_info(room, ...) log_at(LOG_INFO, room, __VA_ARGS__)
#define log_warn(room, ...) log_at(LOG_WARN, room, __VA_ARGS__)
#define log_error(room, ...) log_at(LOG_ERROR, room, __VA_ARGS__)
/* The newest lines of this process that have a higher number than `after`, at most `most`, oldest first; waits up to
 * wait_ms for one. Numbers begin at 1 and have no gaps; of long lines the beginning is kept. */
#define LOG_KEPT_LINES 1000
void log_lines(uint64_t after, size_t most, int wait_ms,
               void (*each)(void *context, uint64_t number, const char *line), void *context);
/* "what: message (detail)" */
void log_failure(enum log_level level, const char *room, const char *what, const struct error *err);

#endif
