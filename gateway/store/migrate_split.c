#include "store/migrate_split.h"

#include <string.h>

struct scan {
    const uint8_t *at, *end;
    bool content; /* something else than comments and white space since the last statement */
};

static bool ahead(const struct scan *scan, const char *text) {
    size_t len = strlen(text);
    return (size_t)(scan->end - scan->at) >= len && memcmp(scan->at, text, len) == 0;
}

/* MariaDB's rule: -- begins a comment only before white space or at the end. */
static bool at_line_comment(const struct scan *scan) {
    if (*scan->at == '#')
        return true;
    return ahead(scan, "--") && (scan->end - scan->at == 2 || scan->at[2] <= ' ');
}

static bool skip_quoted(struct scan *scan) {
    uint8_t quote = *scan->at++;
    while (scan->at < scan->end) {
        uint8_t c = *scan->at++;
        if (c == '\\' && quote != '`' && scan->at < scan->end)
            scan->at++;
        else if (c == quote && (scan->at == scan->end || *scan->at != quote))
            return true;
        else if (c == quote)
            scan->at++;
    }
    return false;
}

static bool skip_comment(struct scan *scan) {
    const uint8_t *close = memmem(scan->at + 2, (size_t)(scan->end - scan->at - 2), "*/", 2);
    scan->at = close == NULL ? scan->end : close + 2;
    return close != NULL;
}

/* Moves past one thing; false when it has no end. */
static bool step(struct scan *scan) {
    if (*scan->at == '\'' || *scan->at == '"' || *scan->at == '`') {
        scan->content = true;
        return skip_quoted(scan);
    }
    if (ahead(scan, "/*"))
        return skip_comment(scan);
    if (at_line_comment(scan)) {
        const uint8_t *line_end = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
        scan->at = line_end == NULL ? scan->end : line_end;
        return true;
    }
    if (*scan->at > ' ')
        scan->content = true;
    scan->at++;
    return true;
}

bool migrate_split(struct arena *arena, struct view text, struct view **ret_statements,
                   size_t *ret_count, struct error *err) {
    struct scan scan = {.at = text.at, .end = text.at + text.len};
    size_t count = 0, most = 1;
    for (size_t i = 0; i < text.len; i++)
        most += text.at[i] == ';';
    struct view *statements = arena_array(arena, most, sizeof *statements);

    const uint8_t *begin = scan.at;
    while (scan.at < scan.end) {
        if (*scan.at != ';') {
            if (!step(&scan))
                return fail_internal(err, "migration: a quote or comment is left open");
            continue;
        }
        if (scan.content)
            statements[count++] = view_of(begin, (size_t)(scan.at - begin));
        begin = ++scan.at;
        scan.content = false;
    }
    if (scan.content)
        return fail_internal(err, "migration: the last statement has no \";\"");
    *ret_statements = statements;
    *ret_count = count;
    return true;
}
