/* WebSocket frames and the HTTP exchange before them, byte by byte, with what a hostile peer could send. */
#include "agent/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 100000

static void frames_come_through_in_both_directions(void **state) {
    static const size_t lengths[] = {1, 125, 126, 127, 65535, 65536, LIMIT};
    static uint8_t text[LIMIT];
    (void)state;
    for (size_t i = 0; i < LIMIT; i++)
        text[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int client = 0; client < 2; client++) {
            struct websocket_reader reader = {.from_client = client == 1, .limit = LIMIT};
            struct wire_buffer out = {0};
            struct view got;
            struct error err = {0};
            websocket_frame(&out, WEBSOCKET_BINARY, view_of(text, lengths[i]), client == 1);
            websocket_feed(&reader, out.at, out.len / 2); /* in two pieces */
            assert_int_equal(websocket_next(&reader, &got, &err), WEBSOCKET_NOTHING);
            websocket_feed(&reader, out.at + out.len / 2, out.len - out.len / 2);
            assert_int_equal(websocket_next(&reader, &got, &err), WEBSOCKET_MESSAGE);
            assert_true(view_equal(got, view_of(text, lengths[i])));
            assert_int_equal(websocket_next(&reader, &got, &err), WEBSOCKET_NOTHING);
            wire_buffer_free(&out);
            websocket_reader_free(&reader);
        }
}

static enum websocket_event read_one(const void *bytes, size_t len, bool from_client,
                                     struct view *ret, struct websocket_reader *reader) {
    struct error err = {0};
    *reader = (struct websocket_reader){.from_client = from_client, .limit = LIMIT};
    websocket_feed(reader, bytes, len);
    return websocket_next(reader, ret, &err);
}

/* rfc6455#5.7 */
static void the_examples_of_the_rfc(void **state) {
    struct websocket_reader reader;
    struct view got;
    (void)state;
    static const uint8_t binary[] = {0x82, 0x05, 'H', 'e', 'l', 'l', 'o'};
    static const uint8_t masked_ping[] = {0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                          0x7f, 0x9f, 0x4d, 0x51, 0x58};
    static const uint8_t pieces[] = {0x02, 0x03, 'H', 'e', 'l', 0x89, 0x00, 0x80, 0x02, 'l', 'o'};
    assert_int_equal(read_one(binary, sizeof binary, false, &got, &reader), WEBSOCKET_MESSAGE);
    assert_true(view_is(got, "Hello"));
    websocket_reader_free(&reader);
    assert_int_equal(read_one(masked_ping, sizeof masked_ping, true, &got, &reader), WEBSOCKET_PINGED);
    assert_true(view_is(got, "Hello"));
    websocket_reader_free(&reader);
    /* A control frame between the pieces of a message (rfc6455#5.4). */
    assert_int_equal(read_one(pieces, sizeof pieces, false, &got, &reader), WEBSOCKET_PINGED);
    assert_int_equal(websocket_next(&reader, &got, NULL), WEBSOCKET_MESSAGE);
    assert_true(view_is(got, "Hello"));
    websocket_reader_free(&reader);
}

static void broken_frames_end_it(void **state) {
    static const struct {
        const char *what;
        uint8_t bytes[16];
        size_t len;
        bool from_client;
    } rows[] = {
        {"a reserved bit", {0xc2, 0x01, 'x'}, 3, false},
        {"text", {0x81, 0x01, 'x'}, 3, false},
        {"an unknown opcode", {0x83, 0x01, 'x'}, 3, false},
        {"an unknown control opcode", {0x8b, 0x00}, 2, false},
        {"a server's frame masked", {0x82, 0x81, 1, 2, 3, 4, 'x'}, 7, false},
        {"a client's frame not masked", {0x82, 0x01, 'x'}, 3, true},
        {"a continuation of nothing", {0x80, 0x01, 'x'}, 3, false},
        {"a message within a message", {0x02, 0x01, 'x', 0x82, 0x01, 'y'}, 6, false},
        {"a ping in pieces", {0x09, 0x01, 'x'}, 3, false},
        {"a long ping", {0x89, 126, 0, 126}, 4, false},
        {"a length of two octets that fits one", {0x82, 126, 0, 125}, 4, false},
        {"a length of eight octets that fits two", {0x82, 127, 0, 0, 0, 0, 0, 0, 1, 0}, 10, false},
        {"a length of 2^63", {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10, false},
        {"a length over the limit", {0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0}, 10, false},
        {"an empty message", {0x82, 0x00}, 2, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct websocket_reader reader;
        struct view got;
        enum websocket_event event =
            read_one(rows[i].bytes, rows[i].len, rows[i].from_client, &got, &reader);
        /* A long ping is refused once all of it is there, or at once. */
        if (event == WEBSOCKET_NOTHING) {
            static const uint8_t more[200];
            websocket_feed(&reader, more, sizeof more);
            event = websocket_next(&reader, &got, NULL);
        }
        if (event != WEBSOCKET_BROKEN)
            fail_msg("%s was taken (%d)", rows[i].what, (int)event);
        websocket_reader_free(&reader);
    }
}

static void pieces_of_a_message_are_limited_together(void **state) {
    static uint8_t piece[40000];
    struct websocket_reader reader = {.limit = LIMIT};
    struct wire_buffer out = {0};
    struct view got;
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t at = out.len;
        websocket_frame(&out, i == 0 ? WEBSOCKET_BINARY : WEBSOCKET_CONTINUATION,
                        view_of(piece, sizeof piece), false);
        out.at[at] &= 0x7f; /* more follow */
    }
    websocket_feed(&reader, out.at, out.len);
    assert_int_equal(websocket_next(&reader, &got, NULL), WEBSOCKET_BROKEN);
    wire_buffer_free(&out);
    websocket_reader_free(&reader);
}

static void a_close_gives_its_reason(void **state) {
    struct wire_buffer out = {0};
    struct websocket_reader reader;
    struct view got;
    (void)state;
    websocket_close_frame(&out, 4001, "the code was used already", false);
    assert_int_equal(read_one(out.at, out.len, false, &got, &reader), WEBSOCKET_CLOSED);
    assert_true(view_is(got, "the code was used already"));
    wire_buffer_free(&out);
    websocket_reader_free(&reader);
}

#define UPGRADE                                                                                    \
    "Host: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"                         \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void upgrades_are_read_strictly(void **state) {
    static const struct {
        const char *head;
        bool good;
    } rows[] = {
        {"GET /agent HTTP/1.1\r\n" UPGRADE "\r\n", true},
        {"GET /agent HTTP/1.1\r\nX: \r\n" UPGRADE "\r\n", true},
        {"GET /agent HTTP/1.0\r\n" UPGRADE "\r\n", false},
        {"POST /agent HTTP/1.1\r\n" UPGRADE "\r\n", false},
        {"GET /agents HTTP/1.1\r\n" UPGRADE "\r\n", false},
        {"GET /agent?x HTTP/1.1\r\n" UPGRADE "\r\n", false},
        {"GET /agent HTTP/1.1\r\nHost: x\r\n\r\n", false},
        {"GET /agent HTTP/1.1\r\n" UPGRADE "Upgrade: h2c\r\n\r\n", false},
        {"GET /agent HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", false},
        {"GET /agent HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZ\x01Bub25jZQ==\r\n\r\n",
         false},
        {"\r\n\r\n", false},
    };
    char key[WEBSOCKET_KEY_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err = {0};
        struct view head = view_text(rows[i].head);
        assert_int_equal(websocket_head_length(head), head.len);
        assert_int_equal(websocket_head_length(view_of(head.at, head.len - 1)), 0);
        if (websocket_read_request(head, "/agent", key, &err) != rows[i].good)
            fail_msg("%s: %s", rows[i].head, err.message);
    }
}

static void the_answer_must_fit_the_key(void **state) {
    char accept[WEBSOCKET_ACCEPT_SIZE];
    struct error err = {0};
    (void)state;
    assert_true(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept)); /* rfc6455#1.3 */
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    static const char good[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_true(websocket_read_answer(view_text(good), "dGhlIHNhbXBsZSBub25jZQ==", &err));
    assert_false(websocket_read_answer(view_text(good), "AAAAAAAAAAAAAAAAAAAAAA==", &err));
    assert_false(websocket_read_answer(VIEW_LITERAL("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
                                       "dGhlIHNhbXBsZSBub25jZQ==", &err));
    assert_non_null(strstr(err.message, "502 Bad Gateway"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_through_in_both_directions),
        cmocka_unit_test(the_examples_of_the_rfc),
        cmocka_unit_test(broken_frames_end_it),
        cmocka_unit_test(pieces_of_a_message_are_limited_together),
        cmocka_unit_test(a_close_gives_its_reason),
        cmocka_unit_test(upgrades_are_read_strictly),
        cmocka_unit_test(the_answer_must_fit_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
