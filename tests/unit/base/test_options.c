#include "base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* clang-format off */
static const struct option_spec specs[] = {
    {.name = "config", .type = OPTION_TEXT, .help = "The file."},
    {.name = "public-name", .type = OPTION_TEXT, .initial = "localhost", .help = "The name."},
    {.name = "threads", .type = OPTION_NUMBER, .initial = "8",
     .min = 1, .max = 256, .help = "Threads."},
    {.name = "offset", .type = OPTION_NUMBER, .min = -5, .max = 5, .help = "An offset."},
    {.name = "json-log", .type = OPTION_FLAG, .initial = "false", .help = "JSON lines."},
    {.name = "listen", .type = OPTION_LIST, .initial = "127.0.0.1:1", .help = "Addresses."},
    {.name = NULL},
};
/* clang-format on */

static char file_path[] = "/tmp/gatehouse-options-XXXXXX";

static void write_file(const char *text, size_t len) {
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static bool read_options(struct arena *arena, const char *const arguments[],
                         struct options **ret_options, struct error *err) {
    int argc = 0;
    while (arguments[argc] != NULL)
        argc++;
    return options_read(arena, specs, "GHTEST", argc, (char *const *)(uintptr_t)arguments,
                        ret_options, err);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_ARGS ((const char *const[]){NULL})

static void test_defaults(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct options *o;
    struct error err;
    assert_true(read_options(arena, NO_ARGS, &o, &err));
    assert_null(option_text(o, "config"));
    assert_string_equal(option_text(o, "public-name"), "localhost");
    assert_int_equal(option_number(o, "threads"), 8);
    assert_int_equal(option_number(o, "offset"), 0);
    assert_false(option_flag(o, "json-log"));
    assert_string_equal(option_item(o, "listen", 0), "127.0.0.1:1");
    assert_null(option_item(o, "listen", 1));
}

static void test_later_sources_win(void **state) {
    (void)state;
    static const char text[] =
        "# comment\n\n  public-name = from-file \nthreads=2\nlisten = a\nlisten=b=c\n"
        "json-log = true";
    SCOPED_ARENA struct arena *arena = arena_new();
    struct options *o;
    struct error err;
    write_file(text, sizeof text - 1);
    setenv("GHTEST_THREADS", "3", 1);
    setenv("GHTEST_CONFIG", file_path, 1);
    assert_true(
        read_options(arena, ARGS("--listen", "x", "--listen=y", "--listen", "--z"), &o, &err));
    assert_string_equal(option_text(o, "public-name"), "from-file");
    assert_int_equal(option_number(o, "threads"), 3);
    assert_true(option_flag(o, "json-log"));
    assert_string_equal(option_item(o, "listen", 0), "x");
    assert_string_equal(option_item(o, "listen", 1), "y");
    assert_string_equal(option_item(o, "listen", 2), "--z");
    assert_null(option_item(o, "listen", 3));
    assert_true(read_options(arena, ARGS("--threads=4", "--json-log=false", "--public-name", ""),
                             &o, &err));
    assert_int_equal(option_number(o, "threads"), 4);
    assert_false(option_flag(o, "json-log"));
    assert_string_equal(option_text(o, "public-name"), "");
    assert_string_equal(option_item(o, "listen", 1), "b=c");
    assert_true(read_options(arena, ARGS("--json-log"), &o, &err));
    assert_true(option_flag(o, "json-log"));
    unsetenv("GHTEST_THREADS");
    unsetenv("GHTEST_CONFIG");
}

/* clang-format off */
static const struct {
    const char *argument[3];
    const char *names; /* what the message must name */
} bad_arguments[] = {
    {{"serve"}, "serve"},
    {{"-t"}, "-t"},
    {{"--nothing"}, "nothing"},
    {{"--nothing=1"}, "nothing"},
    {{"--"}, "--help"},
    {{"--=x"}, "--help"},
    {{"--threads"}, "--threads"},
    {{"--threads", "0"}, "threads"},
    {{"--threads", "257"}, "1 to 256"},
    {{"--threads", "99999999999999999999"}, "threads"},
    {{"--threads", "4x"}, "4x"},
    {{"--threads", ""}, "threads"},
    {{"--threads", "0x10"}, "threads"},
    {{"--offset", "-6"}, "-5 to 5"},
    {{"--json-log=yes"}, "json-log"},
    {{"--json-log", "true"}, "true"}, /* a flag takes no separate value */
    {{"--config", "/nonexistent/gatehouse.conf"}, "/nonexistent/gatehouse.conf"},
    {{"--config", "/tmp"}, "/tmp"}, /* a folder */
};
/* clang-format on */

static void test_bad_arguments(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_arguments / sizeof bad_arguments[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct options *o = NULL;
        struct error err = {0};
        assert_false(read_options(arena, bad_arguments[i].argument, &o, &err));
        assert_null(o);
        assert_non_null(strstr(err.message, bad_arguments[i].names));
    }
}

#define FILE_ROW(text, names) \
    { text, sizeof text - 1, names }

/* clang-format off */
static const struct {
    const char *text;
    size_t len;
    const char *names;
} bad_files[] = {
    FILE_ROW("threads\n", "line 1"),
    FILE_ROW("\n\nthreads = many\n", "line 3"),
    FILE_ROW("thread = 3\n", "thread"),
    FILE_ROW("= 3\n", "line 1"),
    FILE_ROW("threads = 3 # three\n", "threads"), /* a comment has its own line */
    FILE_ROW("public-name = a\0b\n", "NUL"),
    FILE_ROW("[section]\n", "line 1"),
};
/* clang-format on */

static void test_bad_files(void **state) {
    (void)state;
    char longer[5000];
    for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct options *o;
        struct error err = {0};
        write_file(bad_files[i].text, bad_files[i].len);
        assert_false(read_options(arena, ARGS("--config", file_path), &o, &err));
        assert_non_null(strstr(err.message, bad_files[i].names));
        assert_non_null(strstr(err.message, file_path));
    }
    SCOPED_ARENA struct arena *arena = arena_new();
    struct options *o;
    struct error err = {0};
    memset(longer, 'a', sizeof longer);
    write_file(longer, sizeof longer);
    assert_false(read_options(arena, ARGS("--config", file_path), &o, &err));
    assert_non_null(strstr(err.message, "too long"));
}

static void test_bad_environment_names_the_variable(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct options *o;
    struct error err = {0};
    setenv("GHTEST_JSON_LOG", "1", 1);
    assert_false(read_options(arena, NO_ARGS, &o, &err));
    assert_non_null(strstr(err.message, "GHTEST_JSON_LOG"));
    unsetenv("GHTEST_JSON_LOG");
}

static void test_help_names_everything(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *help = options_help(arena, specs, "GHTEST");
    for (const struct option_spec *s = specs; s->name != NULL; s++) {
        assert_non_null(strstr(help, s->name));
        assert_non_null(strstr(help, s->help));
    }
    assert_non_null(strstr(help, "GHTEST_PUBLIC_NAME"));
    assert_non_null(strstr(help, "Default: 8"));
}

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(file_path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(file_path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_later_sources_win),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bad_environment_names_the_variable),
        cmocka_unit_test(test_help_names_everything),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
