/* A table as a file: CSV for programs and spreadsheets, XLSX (ECMA-376) for spreadsheets, HTML for reading and printing. */
#ifndef GATEHOUSE_REST_TABLE_H
#define GATEHOUSE_REST_TABLE_H

#include "base/buffer.h"

enum table_format { TABLE_CSV, TABLE_XLSX, TABLE_HTML };
bool table_format_read(const char *name, enum table_format *ret); /* "csv", "xlsx", "html" */
const char *table_format_name(enum table_format format);          /* also the file's suffix */
const char *table_media_type(enum table_format format);

struct table {
    struct arena *arena;
    struct buffer out;
    enum table_format format;
    size_t columns, rows; /* rows: with the head */
};
/* A text, or a time when us is not 0; neither: empty. */
struct table_cell {
    const char *text;
    int64_t us;
};
/* title and columns are of the head. */
struct table table_on(struct arena *arena, enum table_format format, const char *title, const char *const *columns,
                      size_t count);
void table_row(struct table *table, const struct table_cell *cells);
struct view table_end(struct table *table);

#endif
