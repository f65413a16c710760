/* Texts as the store needs them. Private to this room. */
#ifndef GATEHOUSE_STORE_TEXT_H
#define GATEHOUSE_STORE_TEXT_H

#include "base/arena.h"

/* Lower case by Unicode's simple mapping (glibc's tables), so that it is the same on every database server;
 * bytes that are not UTF-8 stay as they are. */
char *text_fold(struct arena *arena, const char *text);

/* At most max characters, and valid UTF-8: what does not fit is cut, broken bytes become U+FFFD. For what
 * must be recorded however odd it is. NULL gives "". */
const char *text_fit(struct arena *arena, const char *text, size_t max);

#endif
