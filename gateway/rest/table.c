#include "rest/table.h"

#include "base/clock.h"
#include "rest/zip.h"

#include <string.h>

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define SHEETS "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE "http://schemas.openxmlformats.org/package/2006/"
#define CELL_MOST 32767 /* characters, of Excel; octets here, which are no fewer */
#define DAYS_1899 25569 /* from 1899-12-30, where spreadsheets begin, to 1970-01-01 */

static const struct {
    const char *name, *media_type;
} formats[] = {
    [TABLE_CSV] = {"csv", "text/csv; charset=utf-8; header=present"},
    [TABLE_XLSX] = {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    [TABLE_HTML] = {"html", "text/html; charset=utf-8"},
};

bool table_format_read(const char *name, enum table_format *ret) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, name) == 0) {
            *ret = (enum table_format)i;
            return true;
        }
    return false;
}

const char *table_format_name(enum table_format format) {
    return formats[format].name;
}

const char *table_media_type(enum table_format format) {
    return formats[format].media_type;
}

/* --- cells ------------------------------------------------------------------------------------------------------- */

static const char *time_text(struct arena *arena, int64_t us) {
    char text[TIME_TEXT_SIZE];
    time_format(us, text);
    return arena_strdup(arena, text);
}

/* rfc4180#2; and what a spreadsheet would run as a formula is made text. */
static void add_csv(struct buffer *out, const char *text) {
    buffer_add_byte(out, '"');
    if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
        buffer_add_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buffer_add_byte(out, '"');
        buffer_add_byte(out, (uint8_t)*text);
    }
    buffer_add_byte(out, '"');
}

/* Cut between characters, where a spreadsheet's cell ends. */
static const char *fitting(struct arena *arena, const char *text) {
    size_t len = strlen(text);
    if (len <= CELL_MOST)
        return text;
    for (len = CELL_MOST; (text[len] & 0xc0) == 0x80; len--)
        ;
    return arena_text(arena, view_of(text, len));
}

/* Inline strings are never formulas. Style 1 is the head's, 2 that of times. */
static void add_xlsx(struct table *t, const struct table_cell *cell, bool head) {
    if (cell->us != 0) {
        int64_t seconds = cell->us / US_PER_SECOND;
        buffer_printf(&t->out, "<c s=\"2\"><v>%.9f</v></c>", (double)seconds / 86400.0 + DAYS_1899);
        return;
    }
    if (cell->text == NULL || cell->text[0] == '\0') {
        buffer_add_text(&t->out, "<c/>");
        return;
    }
    buffer_printf(&t->out, "<c t=\"inlineStr\" s=\"%d\"><is><t xml:space=\"preserve\">", head ? 1 : 0);
    buffer_add_markup(&t->out, fitting(t->arena, cell->text));
    buffer_add_text(&t->out, "</t></is></c>");
}

static void add_cell(struct table *t, size_t column, const struct table_cell *cell, bool head) {
    const char *text = cell->us != 0 ? time_text(t->arena, cell->us) : cell->text == NULL ? "" : cell->text;
    switch (t->format) {
    case TABLE_CSV:
        buffer_add_text(&t->out, column == 0 ? "" : ",");
        add_csv(&t->out, text);
        break;
    case TABLE_XLSX:
        add_xlsx(t, cell, head);
        break;
    case TABLE_HTML:
        buffer_add_text(&t->out, head ? "<th>" : "<td>");
        buffer_add_markup(&t->out, text);
        buffer_add_text(&t->out, head ? "</th>" : "</td>");
        break;
    }
}

static void add_row(struct table *t, const struct table_cell *cells, bool head) {
    static const char *const before[] = {[TABLE_CSV] = "", [TABLE_XLSX] = "<row>", [TABLE_HTML] = "<tr>"};
    static const char *const after[] = {[TABLE_CSV] = "\r\n", [TABLE_XLSX] = "</row>", [TABLE_HTML] = "</tr>\n"};
    buffer_add_text(&t->out, before[t->format]);
    for (size_t i = 0; i < t->columns; i++)
        add_cell(t, i, &cells[i], head);
    buffer_add_text(&t->out, after[t->format]);
    t->rows++;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

/* Long words break, the head comes again on each page, rows are not torn. */
static void begin_html(struct table *t, const char *title) {
    buffer_add_text(&t->out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    buffer_add_markup(&t->out, title);
    buffer_add_text(&t->out,
                    "</title><style>body{font:14px sans-serif}table{border-collapse:collapse;width:100%}"
                    "th,td{border:1px solid #888;padding:.25em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
                    "th{background:#eee}@page{size:A4 landscape;margin:12mm}"
                    "@media print{body{font-size:8pt}thead{display:table-header-group}tr{break-inside:avoid}}"
                    "</style></head><body>\n<h1>");
    buffer_add_markup(&t->out, title);
    const char *now = time_text(t->arena, clock_now_us() / US_PER_SECOND * US_PER_SECOND);
    buffer_printf(&t->out, "</h1>\n<p>%s</p>\n<table><thead>", now);
}

static void begin_xlsx(struct table *t) {
    buffer_add_text(&t->out, XML "<worksheet xmlns=\"" SHEETS "\"><sheetViews><sheetView workbookViewId=\"0\">"
                             "<pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/>"
                             "</sheetView></sheetViews>");
    buffer_printf(&t->out, "<cols><col min=\"1\" max=\"%zu\" width=\"24\" customWidth=\"1\"/></cols><sheetData>", t->columns);
}

struct table table_on(struct arena *arena, enum table_format format, const char *title, const char *const *columns,
                      size_t count) {
    struct table t = {.arena = arena, .out = buffer_on(arena), .format = format, .columns = count};
    struct table_cell *head = arena_array(arena, count, sizeof *head);
    for (size_t i = 0; i < count; i++)
        head[i] = (struct table_cell){columns[i], 0};
    if (format == TABLE_HTML)
        begin_html(&t, title);
    if (format == TABLE_XLSX)
        begin_xlsx(&t);
    add_row(&t, head, true);
    if (format == TABLE_HTML)
        buffer_add_text(&t.out, "</thead><tbody>\n");
    return t;
}

void table_row(struct table *table, const struct table_cell *cells) {
    add_row(table, cells, false);
}

/* "A" ... "Z", "AA" ... */
static const char *column_name(struct arena *arena, size_t number) {
    const char *name = "";
    for (; number > 0; number = (number - 1) / 26)
        name = arena_printf(arena, "%c%s", (char)('A' + (number - 1) % 26), name);
    return name;
}

/* ECMA-376 part 1, 12.3: what a workbook of one sheet has at least. */
static struct view pack(struct table *t) {
    static const char types[] =
        XML "<Types xmlns=\"" PACKAGE "content-types\"><Default Extension=\"rels\" ContentType=\""
            "application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" "
            "ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\""
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override "
            "PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument."
            "spreadsheetml.worksheet+xml\"/><Override PartName=\"/xl/styles.xml\" ContentType=\""
            "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/></Types>";
    static const char root[] = XML "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
                                   "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
    static const char workbook[] = XML "<workbook xmlns=\"" SHEETS "\" xmlns:r=\"" OFFICE
                                       "\"><sheets><sheet name=\"Report\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
    static const char parts[] = XML "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
                                    "/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"" OFFICE
                                    "/styles\" Target=\"styles.xml\"/></Relationships>";
    static const char styles[] =
        XML "<styleSheet xmlns=\"" SHEETS "\"><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\\ "
            "hh:mm:ss\"/></numFmts><fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz "
            "val=\"11\"/><name val=\"Calibri\"/></font></fonts><fills count=\"2\"><fill><patternFill patternType=\"none\"/>"
            "</fill><fill><patternFill patternType=\"gray125\"/></fill></fills><borders count=\"1\"><border><left/><right/>"
            "<top/><bottom/><diagonal/></border></borders><cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" "
            "fillId=\"0\" borderId=\"0\"/></cellStyleXfs><cellXfs count=\"3\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" "
            "borderId=\"0\" xfId=\"0\"/><xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" "
            "applyFont=\"1\"/><xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" "
            "applyNumberFormat=\"1\"/></cellXfs></styleSheet>";
    struct zip zip = zip_on(t->arena);
    zip_add(&zip, "[Content_Types].xml", view_text(types));
    zip_add(&zip, "_rels/.rels", view_text(root));
    zip_add(&zip, "xl/workbook.xml", view_text(workbook));
    zip_add(&zip, "xl/_rels/workbook.xml.rels", view_text(parts));
    zip_add(&zip, "xl/styles.xml", view_text(styles));
    zip_add(&zip, "xl/worksheets/sheet1.xml", buffer_view(&t->out));
    return zip_end(&zip);
}

struct view table_end(struct table *t) {
    if (t->format == TABLE_HTML)
        buffer_add_text(&t->out, "</tbody></table>\n</body></html>\n");
    if (t->format != TABLE_XLSX)
        return buffer_view(&t->out);
    buffer_printf(&t->out, "</sheetData><autoFilter ref=\"A1:%s%zu\"/></worksheet>", column_name(t->arena, t->columns), t->rows);
    return pack(t);
}
