#include "store/limits.h"
#include "store/organisations.h"
#include "store/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TRIES 64 /* against others who claim at the same time */

static const char sql_claim[] = "INSERT INTO slugs (kind, slug, owner_id) VALUES (?, ?, ?)";
/* "-" follows the stem and "." follows "-": the range holds exactly the slugs that begin with stem and "-". */
static const char sql_taken[] =
    "SELECT s.slug FROM slugs s WHERE s.kind = ? AND s.slug >= ? AND s.slug < ?";

/* How many characters at its beginning a slug may have. */
static size_t slug_span(const char *text) {
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

bool slug_valid(const char *slug) {
    size_t len = slug_span(slug);
    return len >= 1 && len <= MAX_SLUG && slug[len] == '\0';
}

static bool check(const char *wanted, struct error *err) {
    size_t len = slug_span(wanted);
    if (len == 0 || wanted[len] != '\0')
        return fail(err, ERROR_MALFORMED, "bad-slug",
                    "\"%.80s\" cannot be a slug: it is made of a-z, 0-9 and \"-\".", wanted);
    return true;
}

/* wanted, shortened so that a suffix of that length fits, without a "-" at its end. */
static const char *stem_of(struct arena *arena, const char *wanted, size_t suffix_len) {
    size_t len = strlen(wanted);
    if (len > MAX_SLUG - suffix_len)
        len = MAX_SLUG - suffix_len;
    while (suffix_len > 0 && len > 1 && wanted[len - 1] == '-')
        len--;
    return arena_text(arena, view_of(wanted, len));
}

static bool claim(struct tx *tx, enum slug_kind kind, const char *slug, const struct uuid *owner,
                  bool *ret_duplicate, struct error *err) {
    return tx_insert(tx, sql_claim, PARAMS(p_int(kind), p_text(slug), p_uuid(owner)), ret_duplicate,
                     err);
}

static int compare_numbers(const void *a, const void *b) {
    unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;
    return x < y ? -1 : x > y;
}

/* The least number from 2 up with which "stem-number" is free, as far as this transaction can see. */
static bool free_number(struct tx *tx, struct arena *arena, enum slug_kind kind, const char *stem,
                        unsigned long *ret, struct error *err) {
    struct rows rows;
    size_t count = 0, capacity = 16, prefix = strlen(stem) + 1;
    unsigned long *taken = arena_array(arena, capacity, sizeof *taken);

    TRY(rows_open(tx, arena, sql_taken,
                  PARAMS(p_int(kind), p_text(arena_printf(arena, "%s-", stem)),
                         p_text(arena_printf(arena, "%s.", stem))),
                  &rows, err));
    while (rows_next(&rows)) {
        const char *suffix = rows_text(&rows) + prefix;
        size_t len = strspn(suffix, "0123456789");
        if (len == 0 || len > 9 || suffix[len] != '\0' || suffix[0] == '0')
            continue;
        taken = grow(arena, taken, count, &capacity, sizeof *taken);
        taken[count++] = strtoul(suffix, NULL, 10);
    }
    TRY(rows_close(&rows, err));
    qsort(taken, count, sizeof *taken, compare_numbers);
    unsigned long number = 2;
    for (size_t i = 0; i < count; i++)
        if (taken[i] == number)
            number++;
    *ret = number;
    return true;
}

bool slug_claim(struct tx *tx, struct arena *arena, enum slug_kind kind, const char *wanted,
                struct uuid owner, const char **ret_slug, struct error *err) {
    bool duplicate;
    TRY(check(wanted, err));
    const char *slug = stem_of(arena, wanted, 0);
    TRY(claim(tx, kind, slug, &owner, &duplicate, err));
    unsigned long least = 2;
    for (int tries = 0; duplicate && tries < MAX_TRIES; tries++) {
        const char *stem = stem_of(arena, wanted, 10); /* "-" and up to nine digits */
        unsigned long number;
        TRY(free_number(tx, arena, kind, stem, &number, err));
        if (number < least) /* somebody claimed it after we had read */
            number = least;
        least = number + 1;
        slug = arena_printf(arena, "%s-%lu", stem, number);
        TRY(claim(tx, kind, slug, &owner, &duplicate, err));
    }
    if (duplicate)
        return fail(err, ERROR_CONFLICT, "slug-taken",
                    "Too many objects named \"%s\" are made at the same time; try again.", wanted);
    *ret_slug = slug;
    return true;
}
