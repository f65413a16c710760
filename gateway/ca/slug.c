#include "ca/slug.h"

#include <stdio.h>
#include <string.h>

#define SLUG_MAX 63

const char *slug_from_name(struct arena *arena, const char *name, const char *prefix) {
    char *slug = arena_alloc(arena, SLUG_MAX + 1);
    const char *text = prefix == NULL ? name : arena_printf(arena, "%s-%s", prefix, name);
    size_t used = 0;
    for (; *text != '\0' && used < SLUG_MAX; text++) {
        char c = *text;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            slug[used++] = c;
        else if (used > 0 && slug[used - 1] != '-')
            slug[used++] = '-';
    }
    while (used > 0 && slug[used - 1] == '-')
        used--;
    slug[used] = '\0';
    if (used == 0)
        snprintf(slug, SLUG_MAX + 1, "ca"); /* a name in another script has no letters for a URL */
    return slug;
}
