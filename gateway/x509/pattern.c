#include "x509/pattern.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATTERN 200
#define MAX_VALUE 4096
#define MAX_REPEAT 64

static const char *pattern_problem(const char *pattern) {
    if (strlen(pattern) > MAX_PATTERN)
        return "is longer than 200 bytes";
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9')
            return "has a back-reference, whose cost has no bound";
        if (*at == '\\' && at[1] != '\0') {
            at++;
            continue;
        }
        if (*at != '{')
            continue;
        for (const char *digit = at + 1; *digit != '\0' && *digit != '}'; digit++)
            if (strtol(digit, NULL, 10) > MAX_REPEAT)
                return "repeats something more than 64 times";
    }
    return NULL;
}

static bool compile(struct arena *arena, const char *pattern, regex_t *ret) {
    const char *whole = arena_printf(arena, "^(%s)$", pattern);
    return regcomp(ret, whole, REG_EXTENDED | REG_NOSUB) == 0;
}

bool regex_check(const char *pattern, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    regex_t compiled;
    const char *problem = pattern_problem(pattern);
    if (problem == NULL && !compile(arena, pattern, &compiled))
        problem = "is no extended regular expression (POSIX)";
    else if (problem == NULL)
        regfree(&compiled);
    return problem == NULL ||
           fail(err, ERROR_POLICY, "bad-pattern", "The pattern \"%.100s\" %s.", pattern, problem);
}

bool regex_matches(struct arena *arena, const char *pattern, const char *value) {
    regex_t compiled;
    if (strlen(value) > MAX_VALUE || pattern_problem(pattern) != NULL ||
        !compile(arena, pattern, &compiled))
        return false;
    bool matches = regexec(&compiled, value, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}
