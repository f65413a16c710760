/* Framing over a real socket pair. */
#include "wire/channel.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

struct ends {
    struct wire_channel left, right;
};

static struct ends open_pair(void) {
    int pair[2];
    struct ends ends;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    wire_channel_open(&ends.left, pair[0]);
    wire_channel_open(&ends.right, pair[1]);
    return ends;
}

static void close_pair(struct ends *ends) {
    wire_channel_close(&ends->left);
    wire_channel_close(&ends->right);
    wire_channel_close(&ends->left); /* twice does no harm */
}

static void *send_it(void *argument) {
    struct wire_channel *channel = argument;
    struct error err;
    return wire_channel_send(channel, &err) ? channel : NULL;
}

static void every_size(void **state) {
    static const size_t sizes[] = {1,
                                   5,
                                   16379,
                                   16380,
                                   16381,
                                   16384,
                                   20000,
                                   WIRE_FRAME_MAX - 1,
                                   WIRE_FRAME_MAX,
                                   WIRE_FRAME_MAX + 1,
                                   3 * WIRE_FRAME_MAX,
                                   WIRE_DATA_MAX,
                                   WIRE_MESSAGE_MAX};
    struct ends ends = open_pair();
    uint8_t *bytes = malloc(WIRE_MESSAGE_MAX);
    (void)state;
    for (size_t i = 0; i < WIRE_MESSAGE_MAX; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct view message;
        struct error err = {0};
        pthread_t thread;
        void *sent;
        wire_channel_begin(&ends.left);
        wire_buffer_add(&ends.left.out, bytes, sizes[i]);
        pthread_create(&thread, NULL, send_it, &ends.left);
        if (!wire_channel_receive(&ends.right, &message, &err))
            fail_msg("%zu: %s %s", sizes[i], err.message, err.detail);
        pthread_join(thread, &sent);
        assert_non_null(sent);
        assert_int_equal(message.len, sizes[i]);
        assert_memory_equal(message.at, bytes, sizes[i]);
    }
    wire_channel_wipe(&ends.right);
    free(bytes);
    close_pair(&ends);
}

/* Byte by byte, as a slow peer may send. */
static void in_small_pieces(void **state) {
    static const uint8_t stream[] = {1, 0,   0, 2, 'a', 'b', 1,   0,   0,
                                     1, 'c', 0, 0, 0,   3,   'd', 'e', 'f'};
    struct ends ends = open_pair();
    struct view message;
    (void)state;
    for (size_t piece = 1; piece <= sizeof stream; piece++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (size_t at = 0; at < sizeof stream; at += piece) {
                size_t len = sizeof stream - at < piece ? sizeof stream - at : piece;
                if (send(ends.left.fd, stream + at, len, 0) < 0)
                    _exit(1);
                usleep(200);
            }
            _exit(0);
        }
        assert_true(wire_channel_receive(&ends.right, &message, NULL));
        assert_true(view_is(message, "abcdef"));
        waitpid(pid, NULL, 0);
    }
    close_pair(&ends);
}

static const struct {
    const char *name;
    struct view stream;
    const char *type;
    enum error_kind kind;
} hostile[] = {
    {"nothing", VIEW_LITERAL(""), "peer-closed", ERROR_UNAVAILABLE},
    {"half a header", VIEW_LITERAL("\x00\x00"), "peer-closed", ERROR_UNAVAILABLE},
    {"half a frame",
     VIEW_LITERAL("\x00\x00\x00\x05"
                  "ab"),
     "peer-closed", ERROR_UNAVAILABLE},
    {"more never comes",
     VIEW_LITERAL("\x01\x00\x00\x01"
                  "a"),
     "peer-closed", ERROR_UNAVAILABLE},
    {"empty frame", VIEW_LITERAL("\x00\x00\x00\x00"), "bad-message", ERROR_MALFORMED},
    {"empty frame that promises more", VIEW_LITERAL("\x01\x00\x00\x00"), "bad-message",
     ERROR_MALFORMED},
    {"unknown flags",
     VIEW_LITERAL("\x02\x00\x00\x01"
                  "a"),
     "bad-message", ERROR_MALFORMED},
    {"frame over the limit",
     VIEW_LITERAL("\x00\x04\x00\x01"
                  "a"),
     "bad-message", ERROR_TOO_LARGE},
    {"largest length",
     VIEW_LITERAL("\x00\xff\xff\xff"
                  "a"),
     "bad-message", ERROR_TOO_LARGE},
};

/* What was sent together comes out one by one, however it was cut on the way, and a message of
 * several frames among them; what waits is known without asking the system. */
static void several_at_once(void **state) {
    static const uint8_t stream[] = {0, 0, 0, 1, 'a', 0,   0,   0, 2, 'b', 'c', 1, 0,
                                     0, 1, 'd', 0, 0, 0,   1,   'e', 0, 0, 0,   1,   'f'};
    static const char *const parts[] = {"a", "bc", "de", "f"};
    (void)state;
    for (size_t cut = 0; cut <= sizeof stream; cut++) {
        struct ends ends = open_pair();
        struct view message;
        size_t first = cut;
        assert_int_equal(send(ends.left.fd, stream, first, 0), (ssize_t)first);
        for (size_t i = 0; i < 4; i++) {
            static const size_t ends_at[] = {5, 11, 21, 26};
            if (first < sizeof stream && ends_at[i] > first) {
                assert_false(wire_channel_pending(&ends.right));
                assert_true(send(ends.left.fd, stream + first, sizeof stream - first, 0) > 0);
                first = sizeof stream;
            }
            assert_true(wire_channel_receive(&ends.right, &message, NULL));
            assert_true(view_is(message, parts[i]));
            if (cut == sizeof stream) /* the third message has two frames: nothing is promised */
                assert_int_equal(wire_channel_pending(&ends.right), i == 0 || i == 2);
        }
        close_pair(&ends);
    }
}

/* Several messages leave in one call; a wiped channel keeps what it read ahead. */
static void sent_together(void **state) {
    struct ends ends = open_pair();
    struct view message;
    (void)state;
    wire_channel_begin(&ends.left);
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0)
            wire_channel_next(&ends.left);
        wire_buffer_add(&ends.left.out, "0123456789", i + 1);
    }
    assert_true(wire_channel_send(&ends.left, NULL));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(wire_channel_receive(&ends.right, &message, NULL));
        assert_true(view_equal(message, view_of("0123456789", i + 1)));
        assert_int_equal(wire_channel_pending(&ends.right), i < 2);
        wire_channel_wipe(&ends.right);
    }
    close_pair(&ends);
}

static void hostile_streams(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        struct ends ends = open_pair();
        struct view message = VIEW_LITERAL("poison");
        struct error err = {0};
        assert_int_equal(send(ends.left.fd, hostile[i].stream.at, hostile[i].stream.len, 0),
                         (ssize_t)hostile[i].stream.len);
        shutdown(ends.left.fd, SHUT_WR);
        if (wire_channel_receive(&ends.right, &message, &err))
            fail_msg("%s was accepted", hostile[i].name);
        assert_string_equal(err.type, hostile[i].type);
        assert_int_equal(err.kind, hostile[i].kind);
        assert_true(view_is(message, "poison"));
        close_pair(&ends);
    }
}

/* A sender that goes on for ever is stopped at the limit, not at the end of memory. */
static void *send_for_ever(void *argument) {
    struct wire_channel *channel = argument;
    static uint8_t frame[4 + WIRE_FRAME_MAX] = {1, 0x04, 0, 0};
    size_t frames = 0;
    while (send(channel->fd, frame, sizeof frame, MSG_NOSIGNAL) == (ssize_t)sizeof frame &&
           frames < 10000)
        frames++;
    return (void *)frames;
}

static void endless_message(void **state) {
    struct ends ends = open_pair();
    struct view message;
    struct error err = {0};
    pthread_t thread;
    void *frames;
    (void)state;
    pthread_create(&thread, NULL, send_for_ever, &ends.left);
    assert_false(wire_channel_receive(&ends.right, &message, &err));
    assert_int_equal(err.kind, ERROR_TOO_LARGE);
    wire_channel_close(&ends.right);
    pthread_join(thread, &frames);
    assert_in_range((uintptr_t)frames, 200, 300);
    wire_channel_close(&ends.left);
}

static void patience_ends(void **state) {
    struct ends ends = open_pair();
    struct view message;
    struct error err = {0};
    (void)state;
    wire_channel_patience(&ends.right, 1);
    assert_false(wire_channel_receive(&ends.right, &message, &err));
    assert_string_equal(err.type, "peer-timeout");
    close_pair(&ends);
    assert_false(wire_channel_receive(&ends.right, &message, &err)); /* closed */
    assert_string_equal(err.type, "peer-closed");
}

static void sockets_are_passed(void **state) {
    int control[2], pair[2], got = -1;
    struct error err = {0};
    char byte = 0;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, control), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(wire_send_socket(control[0], pair[1], &err));
    assert_true(wire_receive_socket(control[1], &got, &err));
    close(pair[1]);
    assert_int_equal(write(got, "x", 1), 1);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    close(got);
    got = -1;
    assert_int_equal(write(control[0], "x", 1), 1); /* a byte without a socket */
    assert_false(wire_receive_socket(control[1], &got, &err));
    assert_string_equal(err.type, "bad-message");
    close(control[0]);
    assert_false(wire_receive_socket(control[1], &got, &err));
    assert_string_equal(err.type, "peer-closed");
    assert_int_equal(got, -1);
    assert_false(wire_send_socket(control[1], pair[0], &err));
    close(control[1]);
    close(pair[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),      cmocka_unit_test(in_small_pieces),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(sent_together),
        cmocka_unit_test(hostile_streams), cmocka_unit_test(endless_message),
        cmocka_unit_test(patience_ends),   cmocka_unit_test(sockets_are_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
