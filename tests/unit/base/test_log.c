/* One entry, one line, whatever is in it. */
#include "base/json.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What log_at writes for this message. */
static const char *logged(struct arena *arena, const char *message) {
    int ends[2], saved = dup(STDERR_FILENO);
    char text[8192];
    assert_int_equal(pipe(ends), 0);
    fflush(stderr);
    dup2(ends[1], STDERR_FILENO);
    log_info("room", "%s", message);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t len = read(ends[0], text, sizeof text);
    close(ends[0]);
    return arena_text(arena, view_of(text, len < 0 ? 0 : (size_t)len));
}

static const char *const messages[] = {
    "plain",
    "",
    "two\nlines\r\n",
    "tab\tbell\a",
    "quote \" backslash \\",
    "gr\xc3\xbc\xc3\x9f",
    "broken \xff\xc3 utf-8",
    "c1 \xc2\x9b[31m",
    "\x1b[2J",
    "\x7f",
    "\xed\xa0\x80",
};

static void test_text(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    log_setup(LOG_INFO, false, "prog");
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const char *line = logged(arena, messages[i]);
        assert_non_null(strstr(line, " info prog/room: "));
        assert_true(utf8_valid(view_text(line)));
        size_t len = strlen(line);
        assert_int_equal(strcspn(line, "\n"), len - 1);
        for (size_t k = 0; k < len - 1; k++)
            assert_true((unsigned char)line[k] >= 0x20 && line[k] != 0x7f);
    }
    assert_non_null(strstr(logged(arena, "a\nb"), "a\\x0ab"));
    assert_non_null(strstr(logged(arena, "\xff!"), "\\xff!"));
    assert_non_null(strstr(logged(arena, "\xc2\x9b!"), "\\x9b!"));
    log_request_id("abc123");
    assert_string_equal(log_current_request_id(), "abc123");
    assert_non_null(strstr(logged(arena, "x"), "prog/room abc123: x\n"));
    log_request_id(NULL);
    assert_string_equal(log_current_request_id(), "");
}

static void test_json(void **state) {
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err;
    log_setup(LOG_INFO, true, "prog");
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const struct json *line;
        const char *message = NULL;
        assert_true(json_parse(arena, view_text(logged(arena, messages[i])), &line, &err));
        assert_true(json_string(line, "message", &message, &err));
        assert_non_null(message);
        if (utf8_valid(view_text(messages[i])) && strchr(messages[i], '\xc2') == NULL)
            assert_string_equal(message, messages[i]);
    }
    char longer[6000]; /* cut, in the middle of a character, and still JSON */
    for (size_t shift = 0; shift < 3; shift++) {
        const struct json *line;
        memset(longer, 'a', 4);
        for (size_t k = shift; k + 2 < sizeof longer; k += 2)
            memcpy(longer + k, "\xc3\xbc", 2);
        longer[sizeof longer - 2] = '\0';
        assert_true(json_parse(arena, view_text(logged(arena, longer)), &line, &err));
        memset(longer, '\x01', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        assert_true(json_parse(arena, view_text(logged(arena, longer)), &line, &err));
    }
    log_setup(LOG_INFO, false, "prog");
}

static void test_levels(void **state) {
    (void)state;
    enum log_level level = LOG_WARN;
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_parse("Error", &level));
    assert_false(log_level_parse("", &level));
    log_setup(LOG_ERROR, false, "prog");
    int ends[2], saved = dup(STDERR_FILENO);
    char text[64];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_warn("room", "quiet");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    assert_int_equal(read(ends[0], text, sizeof text), 0);
    close(ends[0]);
    log_setup(LOG_INFO, false, "prog");
}

/* Whether an entry of this level and room is written. */
static bool is_written(enum log_level level, const char *room) {
    int ends[2], saved = dup(STDERR_FILENO);
    char text[256];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_at(level, room, "x");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t len = read(ends[0], text, sizeof text);
    close(ends[0]);
    return len > 0;
}

static void test_levels_of_rooms(void **state) {
    (void)state;
    assert_true(log_set_levels("warn,acme=debug,http=error"));
    assert_true(is_written(LOG_DEBUG, "acme"));
    assert_false(is_written(LOG_INFO, "scep"));
    assert_true(is_written(LOG_WARN, "scep"));
    assert_false(is_written(LOG_WARN, "http"));
    static const char *const bad[] = {"", "loud", "warn,", "warn,acme", "acme=", "=warn", "warn,acme=loud",
                                      "warn,a-name-that-is-too-long-for-a-room=warn", "WARN"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (log_set_levels(bad[i]))
            fail_msg("\"%s\" was taken", bad[i]);
    assert_true(is_written(LOG_DEBUG, "acme")); /* nothing has changed */
    assert_false(is_written(LOG_WARN, "http"));
    assert_true(log_set_levels("http=warn")); /* what is not named any more is as the rest */
    assert_false(is_written(LOG_DEBUG, "acme"));
    assert_true(is_written(LOG_INFO, "acme"));
    assert_false(is_written(LOG_INFO, "http"));
    assert_true(log_set_levels("info"));
    assert_true(is_written(LOG_INFO, "http"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_levels_of_rooms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
