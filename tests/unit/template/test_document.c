#include "template/starters.h"
#include "template/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool read(struct arena *arena, const char *text, struct template *ret, struct error *err) {
    const struct json *document;
    return json_parse(arena, view_text(text), &document, err) &&
           template_from_json(arena, document, ret, err);
}

static void round_trips(void **state) {
    (void)state;
    size_t count;
    const struct template_starter *starters = template_starters(&count);
    for (size_t i = 0; i < count; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct template first, second;
        struct error err = {0};
        if (!read(arena, starters[i].document, &first, &err))
            fail_msg("%s: %s", starters[i].id, err.message);
        const char *text = template_to_json(arena, &first);
        assert_true(read(arena, text, &second, &err));
        assert_string_equal(template_to_json(arena, &second), text);
    }
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *document, *type, *names;
    } rows[] = {
        {"[]", "wrong-type", "object"},
        {"{\"unknown\":1}", "unknown-field", "unknown"},
        {"{\"enabled\":\"yes\"}", "wrong-type", "enabled"},
        {"{\"approval\":\"maybe\"}", "template-invalid", "approval"},
        {"{\"doors\":[\"window\"]}", "template-invalid", "window"},
        {"{\"doors\":[1]}", "wrong-type", "doors"},
        {"{\"validity\":{\"days\":0}}", "out-of-range", "days"},
        {"{\"validity\":{\"days\":1e3}}", "out-of-range", "days"},
        {"{\"validity\":{\"days\":99999999999999999999}}", "out-of-range", "days"},
        {"{\"validity\":{\"days\":20,\"maxDays\":10}}", "template-invalid", "maxDays"},
        {"{\"keys\":[\"DSA\"]}", "template-invalid", "DSA"},
        {"{\"keyUsage\":[\"everything\"]}", "template-invalid", "everything"},
        {"{\"keyUsage\":[\"keyCertSign\"]}", "template-invalid", "keyCertSign"},
        {"{\"extendedKeyUsage\":[\"1.2.x\"]}", "template-invalid", "1.2.x"},
        {"{\"policies\":[\"no such\"]}", "template-invalid", "no such"},
        {"{\"basicConstraints\":{\"ca\":true}}", "template-invalid", "keyCertSign"},
        {"{\"basicConstraints\":{\"pathLength\":0}}", "template-invalid", "pathLength"},
        {"{\"sans\":{\"types\":[\"x\"]}}", "template-invalid", "x"},
        {"{\"sans\":{\"min\":5,\"max\":1}}", "template-invalid", "min"},
        {"{\"serialOctets\":7}", "out-of-range", "serialOctets"},
        {"{\"serialOctets\":21}", "out-of-range", "serialOctets"},
        {"{\"subject\":{\"fixed\":{\"C\":\"Germany\"}}}", NULL, "C"},
        {"{\"subject\":{\"attributes\":[\"nonsense\"]}}", "template-invalid", "nonsense"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct template out;
        struct error err = {0};
        memset(&out, 0x5a, sizeof out);
        struct template poison = out;
        if (read(arena, rows[i].document, &out, &err))
            fail_msg("accepted: %s", rows[i].document);
        if (rows[i].type != NULL)
            assert_string_equal(err.type, rows[i].type);
        if (strstr(err.message, rows[i].names) == NULL)
            fail_msg("%s: the message does not name %s: %s", rows[i].document, rows[i].names,
                     err.message);
        assert_memory_equal(&out, &poison, sizeof out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
