/* Regular expressions that administrators write: POSIX extended, always matched against a whole
 * value. */
#ifndef GATEHOUSE_X509_PATTERN_H
#define GATEHOUSE_X509_PATTERN_H

#include "base/arena.h"

/* Refused: more than 200 bytes, back-references and repetitions over 64 (both cost without bound),
 * broken syntax. ERROR_POLICY "bad-pattern" names it. */
MUST_USE bool regex_check(const char *pattern, struct error *err);
/* False also for a pattern that regex_check refuses and for values over 4096 bytes. */
bool regex_matches(struct arena *arena, const char *pattern, const char *value);

#endif
