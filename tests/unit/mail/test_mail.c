/* Addresses, wording and messages, with what hostile people would write into them. */
#include "mail/internal.h"

#include "base/clock.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *address;
    bool good;
} addresses[] = {
    {"a@b", true},
    {"alice.smith+pki@mail.example.org", true},
    {"o'neil@example.org", true},
    {"", false},
    {"alice", false},
    {"@example.org", false},
    {"alice@", false},
    {"a b@example.org", false},
    {"a@b@c", false},
    {"a@exa mple.org", false},
    {"a@-example.org", false},
    {"a@example-.org", false},
    {"a@example..org", false},
    {".a@example.org", false},
    {"a..b@example.org", false},
    {"a@example.org>", false},
    {"<a@example.org", false},
    {"a@example.org\r\nRCPT TO:<b@example.org", false},
    {"a\r\n@example.org", false},
    {"\"a\"@example.org", false},
    {"a@[127.0.0.1]", false},
    {"a,b@example.org", false},
    {"\xc3\xa4@example.org", false},
    {"a@\xc3\xa4.org", false},
    {"-oProxy@example.org", true}, /* goes to no command line */
};

static void test_addresses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct error err = {0};
        if (mail_address_check(addresses[i].address, &err) != addresses[i].good)
            fail_msg("%s", addresses[i].address);
        if (!addresses[i].good)
            assert_string_equal(err.type, "bad-email");
    }
}

static void test_long_addresses(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    char local[66], domain[260];
    (void)state;
    memset(local, 'a', 65);
    local[65] = '\0';
    assert_false(mail_address_check(arena_printf(arena, "%s@b", local), &err));
    assert_true(mail_address_check(arena_printf(arena, "%s@b", local + 1), &err));
    memset(domain, 'a', sizeof domain);
    for (size_t i = 60; i < sizeof domain; i += 60)
        domain[i] = '.';
    domain[259] = '\0';
    assert_false(mail_address_check(arena_printf(arena, "a@%s", domain), &err));
}

static void test_senders(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct mail_sender sender;
    struct error err = {0};
    (void)state;
    assert_true(mail_sender_parse(arena, "a@b.example", &sender, &err));
    assert_string_equal(sender.name, "");
    assert_true(mail_sender_parse(arena, "The \xc3\x84 CA <a@b.example>", &sender, &err));
    assert_string_equal(sender.name, "The \xc3\x84 CA");
    assert_string_equal(sender.address, "a@b.example");
    static const char *const bad[] = {"", "x <a@b", "<>", "\"x\" <a@b>", "x\r\nBcc: c@d <a@b>", "x <a@b> y"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mail_sender_parse(arena, bad[i], &sender, &err));
}

static void test_render(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    static const struct mail_variable variables[] = {
        {"a", "<script>&\"'"}, {"empty", ""}, {"none", NULL}, {"lines", "x\r\nBcc: y"}, {"self", "{a}"}};
    struct mail_text out = mail_render(
        arena,
        &(struct mail_text){"S {a} {lines}", "{a}\nGone: {empty}{none}\nKept: {empty}{a}\n{self} {unknown }{\n", ""},
        variables, 5);
    (void)state;
    assert_string_equal(out.subject, "S <script>&\"' x  Bcc: y");
    assert_string_equal(out.text, "<script>&\"'\nKept: <script>&\"'\n{a} {unknown }{\n");
    assert_null(strstr(out.html, "<script>"));
    assert_non_null(strstr(out.html, "&lt;script&gt;&amp;&quot;&#39;"));
    out = mail_render(arena, &(struct mail_text){"s", "t", "<b title=\"{a}\">"}, variables, 5);
    assert_string_equal(out.html, "<b title=\"&lt;script&gt;&amp;&quot;&#39;\">");
    out = mail_render(arena, &(struct mail_text){"s", "https://x.example/?a=\"b\"&c\n", ""}, variables, 5);
    assert_non_null(strstr(out.html, "<a href=\"https://x.example/?a=&quot;b&quot;&amp;c\">"));
}

static void test_check(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct mail_template *t = mail_template_find("request.declined");
    struct error err = {0};
    (void)state;
    assert_true(mail_text_check(arena, t, &(struct mail_text){"{instance}", "{reason} {not this}", ""}, &err));
    assert_false(mail_text_check(arena, t, &(struct mail_text){"{password}", "x", ""}, &err));
    assert_non_null(strstr(err.message, "{password}"));
    assert_false(mail_text_check(arena, t, &(struct mail_text){"x", "y", "{notAfter}"}, &err));
    assert_false(mail_text_check(arena, t, &(struct mail_text){"x\ny", "y", ""}, &err));
    assert_false(mail_text_check(arena, t, &(struct mail_text){"", "y", ""}, &err));
}

/* What is built in keeps the rules that others must keep. */
static void test_catalogue(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct mail_template *t;
    struct error err = {0};
    (void)state;
    for (size_t i = 0; (t = mail_template_at(i)) != NULL; i++) {
        assert_ptr_equal(mail_template_find(t->name), t);
        if (!mail_text_check(arena, t, &(struct mail_text){t->subject, t->text, ""}, &err))
            fail_msg("%s: %s", t->name, err.message);
    }
}

static const char *composed(struct arena *arena, const struct mail_text *text,
                            const struct mail_attachment *attachment) {
    struct mail_envelope envelope = {.from = {"G\xc3\xb6", "a@b.example"}, .reply_to = "r@b.example",
                                     .to = "c@d.example", .now_us = 1763726400 * US_PER_SECOND,
                                     .attachment = attachment};
    return arena_text(arena, mail_compose(arena, &envelope, text));
}

static void check_lines(const char *message) {
    while (*message != '\0') {
        const char *end = strstr(message, "\r\n");
        assert_non_null(end);
        assert_true(end - message <= 998); /* rfc5322#2.1.1 */
        assert_null(memchr(message, '\n', (size_t)(end - message)));
        message = end + 2;
    }
}

static void test_compose(void **state) {
    SCOPED_ARENA struct arena *arena = arena_new();
    char subject[400] = "";
    (void)state;
    for (size_t i = 0; i < 100; i++)
        strcat(subject, i % 10 == 0 ? "\xe2\x82\xac" : "ab ");
    struct mail_text text = {subject, ".\r\n.\r\nQUIT\r\n", "<p>"};
    const char *message = composed(arena, &text, NULL);
    check_lines(message);
    assert_non_null(strstr(message, "From: =?UTF-8?B?R8O2?= <a@b.example>\r\n"));
    assert_non_null(strstr(message, "Reply-To: r@b.example\r\nTo: c@d.example\r\n"));
    assert_non_null(strstr(message, "Date: Fri, 21 Nov 2025 12:00:00 +0000\r\n"));
    for (const char *word = message; (word = strstr(word, "=?UTF-8?B?")) != NULL; word++)
        assert_true(strstr(word, "?=") - word <= 73);
    assert_null(strstr(message, "QUIT"));
    struct mail_attachment attachment = {"a.csv", "text/csv", VIEW_LITERAL("a,b\r\n")};
    message = composed(arena, &text, &attachment);
    check_lines(message);
    assert_non_null(strstr(message, "Content-Disposition: attachment; filename=\"a.csv\"\r\n"));
    assert_non_null(strstr(message, base64_encode(arena, attachment.bytes)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_long_addresses),
        cmocka_unit_test(test_senders),   cmocka_unit_test(test_render),
        cmocka_unit_test(test_check),     cmocka_unit_test(test_catalogue),
        cmocka_unit_test(test_compose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
