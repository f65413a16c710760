#include "x509/pattern.h"

#include <pthread.h>
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

/* Compiling costs more than matching, so each thread keeps a few compiled patterns: without braces, which can make
 * one large, and for so many bytes of values, since a matcher learns states as it goes and would keep them all. */
#define KEPT 8
#define KEPT_BYTES 1024

struct kept {
    char pattern[MAX_PATTERN + 1];
    regex_t compiled;
    size_t left; /* bytes it may still match; 0: the slot is empty */
};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t of_thread;

static void drop(struct kept *kept) {
    if (kept->left != 0)
        regfree(&kept->compiled);
    kept->left = 0;
}

static void drop_all(void *object) {
    struct kept *slots = object;
    for (size_t i = 0; i < KEPT; i++)
        drop(&slots[i]);
    free(slots);
}

static void make_key(void) {
    if (pthread_key_create(&of_thread, drop_all) != 0)
        abort();
}

static struct kept *slot_for(const char *pattern) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    pthread_once(&once, make_key);
    struct kept *slots = pthread_getspecific(of_thread);
    if (slots == NULL) {
        slots = must_alloc(KEPT * sizeof *slots);
        if (pthread_setspecific(of_thread, slots) != 0) {
            free(slots);
            return NULL;
        }
    }
    for (const char *at = pattern; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return &slots[hash % KEPT];
}

static bool match_kept(struct arena *arena, struct kept *slot, const char *pattern,
                       const char *value) {
    size_t len = strlen(value);
    if (slot->left == 0 || strcmp(slot->pattern, pattern) != 0) {
        drop(slot);
        if (!compile(arena, pattern, &slot->compiled))
            return false;
        memcpy(slot->pattern, pattern, strlen(pattern) + 1); /* pattern_problem: it fits */
        slot->left = KEPT_BYTES;
    }
    bool matches = regexec(&slot->compiled, value, 0, NULL, 0) == 0;
    if (len >= slot->left)
        drop(slot);
    else
        slot->left -= len;
    return matches;
}

bool regex_matches(struct arena *arena, const char *pattern, const char *value) {
    regex_t compiled;
    if (strlen(value) > MAX_VALUE || pattern_problem(pattern) != NULL)
        return false;
    struct kept *slot = strchr(pattern, '{') == NULL ? slot_for(pattern) : NULL;
    if (slot != NULL)
        return match_kept(arena, slot, pattern, value);
    if (!compile(arena, pattern, &compiled))
        return false;
    bool matches = regexec(&compiled, value, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}
