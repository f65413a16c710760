/* Tables as files: what no cell may do to its file or to the program that opens it. */
#include "rest/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MOMENT INT64_C(1795219200000000) /* 2026-11-21T00:00:00Z: day 46347 of spreadsheets */

static struct view one_cell(struct arena *arena, enum table_format format, const struct table_cell *cell) {
    static const char *const columns[] = {"a"};
    struct table table = table_on(arena, format, "T<i>", columns, 1);
    table_row(&table, cell);
    return table_end(&table);
}

static bool holds(struct view file, const char *text) {
    return memmem(file.at, file.len, text, strlen(text)) != NULL;
}

static void test_cells(void **state) {
    (void)state;
    static const struct {
        enum table_format format;
        struct table_cell cell;
        const char *there, *not_there;
    } rows[] = {
        {TABLE_CSV, {"plain", 0}, "\"a\"\r\n\"plain\"\r\n", NULL},
        {TABLE_CSV, {"=1+1", 0}, "\"'=1+1\"", NULL},
        {TABLE_CSV, {"@SUM(A1)", 0}, "\"'@SUM(A1)\"", NULL},
        {TABLE_CSV, {"a\"b", 0}, "\"a\"\"b\"", NULL},
        {TABLE_CSV, {NULL, 0}, "\"a\"\r\n\"\"\r\n", NULL},
        {TABLE_CSV, {NULL, MOMENT}, "\"2026-11-21T00:00:00Z\"", NULL},
        {TABLE_HTML, {"<script>", 0}, "<td>&lt;script&gt;</td>", "<script>"},
        {TABLE_HTML, {"\"&'", 0}, "&amp;", "<td>\"&'"},
        {TABLE_HTML, {NULL, 0}, "<title>T&lt;i&gt;</title>", "<i>"},
        {TABLE_XLSX, {"=1+1", 0}, "<c t=\"inlineStr\" s=\"0\"><is><t xml:space=\"preserve\">=1+1</t></is></c>", "<f>"},
        {TABLE_XLSX, {"</t><f>1</f>", 0}, "&lt;/t&gt;&lt;f&gt;", "<f>"},
        {TABLE_XLSX, {"a\x01\x0b" "b", 0}, ">a  b<", NULL},
        {TABLE_XLSX, {NULL, 0}, "<row><c/></row>", NULL},
        {TABLE_XLSX, {NULL, MOMENT}, "<c s=\"2\"><v>46347.000000000</v></c>", "2026"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct view file = one_cell(arena, rows[i].format, &rows[i].cell);
        if (!holds(file, rows[i].there))
            fail_msg("row %zu lacks %s", i, rows[i].there);
        if (rows[i].not_there != NULL && holds(file, rows[i].not_there))
            fail_msg("row %zu has %s", i, rows[i].not_there);
    }
}

/* A cell of a spreadsheet has 32,767 characters; a character of several octets is not torn. */
static void test_long_cell(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    char text[40001];
    (void)state;
    for (size_t i = 0; i < 40000; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[40000] = '\0';
    struct view file = one_cell(arena, TABLE_XLSX, &(struct table_cell){text, 0});
    const uint8_t *end = memmem(file.at, file.len, "\xc3\xa4</t>", 6);
    const uint8_t *begin = memmem(file.at, file.len, "\">\xc3\xa4", 4);
    assert_non_null(begin);
    assert_non_null(end);
    assert_int_equal(end - begin, 32766 - 2 + 2); /* from the quote to the last whole character */
}

static void test_columns(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *columns[28];
    (void)state;
    for (size_t i = 0; i < 28; i++)
        columns[i] = "c";
    struct table table = table_on(arena, TABLE_XLSX, "t", columns, 28);
    assert_true(holds(table_end(&table), "<autoFilter ref=\"A1:AB1\"/>"));
}

static void test_names(void **state) {
    enum table_format format = TABLE_CSV;
    (void)state;
    assert_true(table_format_read("xlsx", &format));
    assert_int_equal(format, TABLE_XLSX);
    assert_string_equal(table_format_name(TABLE_HTML), "html");
    assert_false(table_format_read("pdf", &format));
    assert_int_equal(format, TABLE_XLSX);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cells), cmocka_unit_test(test_long_cell),
                                       cmocka_unit_test(test_columns), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
