/* The web console's files (admin-ui/console), served from memory on the HTTPS and mTLS listeners:
 *   GET /                the console, when there is one, else the start page
 *   GET /console/{*}     its files; any other address is a page of it and gets index.html
 * A file beside its .gz is sent compressed to who takes that. What lies in assets/ has its hash in its name and
 * may be kept for ever. */
#ifndef GATEHOUSE_CONSOLE_CONSOLE_H
#define GATEHOUSE_CONSOLE_CONSOLE_H

#include "http/types.h"

struct console;

/* Reads the directory with index.html. One that is not there is no error: the console is then a page that
 * says how to get it. ERROR_UNAVAILABLE "console" when a file cannot be read. */
MUST_USE bool console_open(const char *directory, struct console **ret_console, struct error *err);
/* After the listeners have stopped. NULL is accepted. */
void console_free(struct console *console);
struct http_room console_room(struct console *console);

#endif
