/* The handshake and what is sealed after it: what somebody in between could change, keep or send again. */
#include "parties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct party gateway, agent, other;
    struct session_keys at_gateway, at_agent;
};

static const uint8_t code[HANDSHAKE_CODE] = "0123456789abcde";

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->gateway = party_rsa("Gateway");
    f->agent = party_ec("Agent");
    f->other = party_ec("Other");
    parties_agree(&f->gateway, &f->agent, view_of(code, sizeof code), &f->at_gateway, &f->at_agent);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    party_free(&f->gateway);
    party_free(&f->agent);
    party_free(&f->other);
    free(f);
    return 0;
}

static void both_sides_have_the_same_keys(void **state) {
    struct fixture *f = *state;
    assert_memory_equal(&f->at_gateway, &f->at_agent, sizeof f->at_agent);
    assert_memory_not_equal(f->at_agent.to_agent.key, f->at_agent.to_gateway.key, SEAL_KEY_SIZE);
}

static void messages_arrive_in_their_order(void **state) {
    struct fixture *f = *state;
    struct seal to = f->at_gateway.to_agent, from = f->at_agent.to_agent;
    struct wire_buffer scratch = {0};
    char text[32];
    for (int i = 0; i < 5; i++) {
        struct wire_buffer out = {0};
        struct view plain;
        struct error err = {0};
        snprintf(text, sizeof text, "message %d", i);
        assert_true(seal_message(&to, view_text(text), &out, &err));
        assert_null(memmem(out.at, out.len, text, strlen(text)));
        assert_true(out.len <= strlen(text) + SEAL_OVERHEAD);
        assert_true(seal_open(&from, view_of(out.at, out.len), &scratch, &plain, &err));
        assert_true(view_is(plain, text));
        wire_buffer_free(&out);
    }
    wire_buffer_free(&scratch);
}

/* True when the message is taken as the `n`-th one. */
static bool opens(struct seal seal, uint64_t n, struct wire_buffer *message, const char *type,
                  struct view *ret_plain, struct wire_buffer *scratch) {
    struct error err = {0};
    seal.next = n;
    bool done = seal_open(&seal, view_of(message->at, message->len), scratch, ret_plain, &err);
    if (!done)
        assert_string_equal(err.type, type);
    return done;
}

static void replays_gaps_and_other_directions_are_refused(void **state) {
    struct fixture *f = *state;
    struct seal to = f->at_gateway.to_agent;
    struct wire_buffer first = {0}, second = {0}, scratch = {0};
    struct view plain;
    assert_true(seal_message(&to, VIEW_LITERAL("one"), &first, NULL));
    assert_true(seal_message(&to, VIEW_LITERAL("two"), &second, NULL));
    const struct seal *from = &f->at_agent.to_agent;
    assert_true(opens(*from, 0, &first, "", &plain, &scratch));
    assert_false(opens(*from, 1, &first, "bad-sequence", &plain, &scratch)); /* sent again */
    assert_false(opens(*from, 0, &second, "bad-sequence", &plain, &scratch)); /* one is missing */
    assert_true(opens(*from, 1, &second, "", &plain, &scratch));
    assert_false(opens(f->at_agent.to_gateway, 0, &first, "bad-seal", &plain, &scratch)); /* thrown back */
    wire_buffer_free(&first);
    wire_buffer_free(&second);
    wire_buffer_free(&scratch);
}

/* Whatever octet is changed: the message is refused, or says what it said. */
static void no_octet_can_be_changed(void **state) {
    struct fixture *f = *state;
    struct seal to = f->at_gateway.to_agent;
    struct wire_buffer message = {0}, scratch = {0};
    struct view plain;
    size_t refused = 0;
    assert_true(seal_message(&to, VIEW_LITERAL("sign this"), &message, NULL));
    for (size_t i = 0; i < message.len; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            message.at[i] ^= (uint8_t)(1 << bit);
            if (opens(f->at_agent.to_agent, 0, &message, "bad-seal", &plain, &scratch))
                assert_true(view_is(plain, "sign this"));
            else
                refused++;
            message.at[i] ^= (uint8_t)(1 << bit);
        }
    assert_true(refused > 2 * message.len); /* nearly all of them */
    wire_buffer_free(&message);
    wire_buffer_free(&scratch);
}

/* The last part is the mac; OpenSSL would take one of a single octet, which can be guessed. */
static void a_short_mac_is_refused(void **state) {
    struct fixture *f = *state;
    struct seal to = f->at_gateway.to_agent;
    struct wire_buffer message = {0}, scratch = {0};
    struct view plain;
    static const uint8_t text[500];
    assert_true(seal_message(&to, view_of(text, sizeof text), &message, NULL));
    assert_int_equal(message.at[message.len - 18], 0x04);
    assert_int_equal(message.at[message.len - 17], 16);
    /* The lengths of what is around it, each of two octets (0x82 before them), shrink with it. */
    for (unsigned keep = 0; keep < 16; keep++) {
        struct wire_buffer copy = {0};
        unsigned cut = 16 - keep;
        wire_buffer_add(&copy, message.at, message.len - cut);
        copy.at[message.len - 17] = (uint8_t)keep;
        for (size_t i = 0, found = 0; found < 3; i++)
            if (copy.at[i] == 0x82) {
                unsigned length = (unsigned)copy.at[i + 1] << 8 | copy.at[i + 2];
                copy.at[i + 1] = (uint8_t)((length - cut) >> 8);
                copy.at[i + 2] = (uint8_t)(length - cut);
                found++;
            }
        assert_false(opens(f->at_agent.to_agent, 0, &copy, "bad-seal", &plain, &scratch));
        wire_buffer_free(&copy);
    }
    wire_buffer_free(&message);
    wire_buffer_free(&scratch);
}

/* ---- handshakes that go wrong ---------------------------------------------------------------- */

static void another_gateway_is_not_greeted(void **state) {
    struct fixture *f = *state;
    struct handshake there = {0}, here = {0};
    struct wire_buffer out = {0};
    struct error err = {0};
    uint8_t pin[HANDSHAKE_PIN] = {1};
    assert_true(handshake_greet(&there, f->gateway.certificate, &out, &err));
    assert_false(handshake_read_greeting(&here, view_of(out.at, out.len), pin, &err));
    assert_string_equal(err.type, "wrong-gateway");
    wire_buffer_free(&out);
    handshake_end(&there);
    handshake_end(&here);
}

static void greet(struct fixture *f, struct handshake *there, struct handshake *here) {
    struct wire_buffer out = {0};
    uint8_t pin[HANDSHAKE_PIN];
    assert_true(handshake_pin(f->gateway.certificate, pin, NULL));
    assert_true(handshake_greet(there, f->gateway.certificate, &out, NULL));
    assert_true(handshake_read_greeting(here, view_of(out.at, out.len), pin, NULL));
    wire_buffer_free(&out);
}

/* A recorded hello is of no use in another connection, nor is a recorded welcome. */
static void recorded_messages_are_refused(void **state) {
    struct fixture *f = *state;
    struct handshake there = {0}, here = {0}, later = {0}, agent_later = {0};
    struct wire_buffer hello_bytes = {0}, welcome_bytes = {0}, unused = {0};
    struct error err = {0};
    struct session_keys keys;
    struct hello hello;
    struct view certificate;
    greet(f, &there, &here);
    greet(f, &later, &agent_later);
    assert_true(handshake_hello(&here, &f->agent, view_of(NULL, 0), "test", &hello_bytes, &err));
    assert_true(handshake_hello(&agent_later, &f->agent, view_of(NULL, 0), "test", &unused, &err));
    assert_true(handshake_read_hello(&there, &f->gateway, view_of(hello_bytes.at, hello_bytes.len),
                                     &hello, &err));
    assert_false(hello.enrols);
    assert_false(handshake_read_hello(&later, &f->gateway,
                                      view_of(hello_bytes.at, hello_bytes.len), &hello, &err));
    assert_string_equal(err.type, "bad-handshake");
    assert_true(handshake_welcome(&there, &f->gateway, view_of(NULL, 0), &welcome_bytes, &keys, &err));
    assert_false(handshake_read_welcome(&agent_later, &f->agent,
                                        view_of(welcome_bytes.at, welcome_bytes.len), &certificate,
                                        &keys, &err));
    assert_string_equal(err.type, "bad-handshake");
    struct handshake *all[] = {&there, &here, &later, &agent_later};
    for (size_t i = 0; i < 4; i++)
        handshake_end(all[i]);
    wire_buffer_free(&hello_bytes);
    wire_buffer_free(&welcome_bytes);
    wire_buffer_free(&unused);
}

/* A welcome by anybody but the gateway that was greeted is refused, though it is well encrypted. */
static void a_welcome_by_another_is_refused(void **state) {
    struct fixture *f = *state;
    struct party thief = party_rsa("Thief");
    struct handshake there = {0}, here = {0};
    struct wire_buffer hello_bytes = {0}, welcome_bytes = {0};
    struct error err = {0};
    struct session_keys keys;
    struct hello hello;
    struct view certificate;
    greet(f, &there, &here);
    assert_true(handshake_hello(&here, &f->agent, view_of(NULL, 0), "test", &hello_bytes, &err));
    assert_true(handshake_read_hello(&there, &f->gateway, view_of(hello_bytes.at, hello_bytes.len),
                                     &hello, &err));
    assert_true(handshake_welcome(&there, &thief, view_of(NULL, 0), &welcome_bytes, &keys, &err));
    assert_false(handshake_read_welcome(&here, &f->agent,
                                        view_of(welcome_bytes.at, welcome_bytes.len), &certificate,
                                        &keys, &err));
    assert_string_equal(err.type, "bad-envelope");
    handshake_end(&there);
    handshake_end(&here);
    wire_buffer_free(&hello_bytes);
    wire_buffer_free(&welcome_bytes);
    party_free(&thief);
}

/* Or say what they said, when it is the envelope's outside that has another form. */
static void hellos_that_were_changed_are_refused(void **state) {
    struct fixture *f = *state;
    size_t refused = 0, tried = 0;
    struct handshake there = {0}, here = {0};
    struct wire_buffer bytes = {0};
    struct hello hello;
    greet(f, &there, &here);
    assert_true(handshake_hello(&here, &f->agent, view_of(code, sizeof code), "test", &bytes, NULL));
    for (size_t i = 0; i < bytes.len; i += 37) {
        struct error err = {0};
        bytes.at[i] ^= 0x10;
        tried++;
        if (handshake_read_hello(&there, &f->gateway, view_of(bytes.at, bytes.len), &hello, &err)) {
            assert_true(view_equal(hello.code, view_of(code, sizeof code)));
        } else {
            assert_string_equal(err.type, "bad-envelope");
            refused++;
        }
        bytes.at[i] ^= 0x10;
    }
    assert_true(refused > tried * 3 / 4);
    wire_buffer_free(&bytes);
    handshake_end(&there);
    handshake_end(&here);
}

static void only_p256_agents_are_heard(void **state) {
    struct fixture *f = *state;
    struct party large = party_rsa("Large");
    struct handshake there = {0}, here = {0};
    struct wire_buffer bytes = {0};
    struct hello hello;
    struct error err = {0};
    greet(f, &there, &here);
    assert_true(handshake_hello(&here, &large, view_of(NULL, 0), "test", &bytes, &err));
    assert_false(handshake_read_hello(&there, &f->gateway, view_of(bytes.at, bytes.len), &hello, &err));
    assert_string_equal(err.type, "bad-handshake");
    wire_buffer_free(&bytes);
    handshake_end(&there);
    handshake_end(&here);
    party_free(&large);
}

static void codes_are_read_back(void **state) {
    struct fixture *f = *state;
    uint8_t pin[HANDSHAKE_PIN], secret[HANDSHAKE_CODE], its[HANDSHAKE_PIN];
    char text[CODE_TEXT_SIZE];
    static const char *const bad[] = {"", "GH1-", "GH2-AAAA", "GH1-AAAA", "GH1-****"};
    assert_true(handshake_pin(f->gateway.certificate, pin, NULL));
    code_write(code, pin, text);
    assert_int_equal(strlen(text), 68);
    assert_true(code_read(text, secret, its, NULL));
    assert_memory_equal(secret, code, sizeof code);
    assert_memory_equal(its, pin, sizeof pin);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        assert_false(code_read(bad[i], secret, its, &err));
        assert_string_equal(err.type, "bad-code");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_have_the_same_keys),
        cmocka_unit_test(messages_arrive_in_their_order),
        cmocka_unit_test(replays_gaps_and_other_directions_are_refused),
        cmocka_unit_test(no_octet_can_be_changed),
        cmocka_unit_test(a_short_mac_is_refused),
        cmocka_unit_test(another_gateway_is_not_greeted),
        cmocka_unit_test(recorded_messages_are_refused),
        cmocka_unit_test(a_welcome_by_another_is_refused),
        cmocka_unit_test(hellos_that_were_changed_are_refused),
        cmocka_unit_test(only_p256_agents_are_heard),
        cmocka_unit_test(codes_are_read_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
