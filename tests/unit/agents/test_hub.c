/* The hub with agents that answer at once, and those that lie: about their token, their key, their signatures, their
 * answers. */
#include "agents/hub.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "provider/signer.h"

#include <openssl/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#undef fail /* ours fills an error */

#define URI "pkcs11:token=card;object=ca;type=private"
#define HANDLE 7

enum mood {
    HONEST,
    OTHER_KEY,       /* finds another key under the URI */
    WRONG_SIGNATURE, /* signs other data */
    FORGETS,         /* does not know its handle the first time */
    PULLED,          /* its token was taken out */
    DISAPPEARS,      /* goes in the middle of a signature */
    GARBAGE,         /* answers with what is no message */
    STOPPED,         /* says nothing, and later what it was asked for */
    SLOW,            /* says that it is at it, and answers after some seconds */
    HANGS,           /* says that it is at it, and after more seconds that its module hung */
};

struct fake {
    enum mood mood;
    EVP_PKEY *key;
    struct hub_agent *agent;
    unsigned finds, signatures, forgotten;
    unsigned makes, checks;
    const char *hung_up;
    struct view label;
    struct wire_buffer kept; /* the answer of who is STOPPED or SLOW */
    pthread_t later;
    bool has_later, tokens_told;
};

struct fixture {
    struct hub *hub;
    EVP_PKEY *key, *other;
    struct fake fakes[3];
    unsigned blamed;
    char blame[200];
};

static struct fixture f;

/* ---- agents ---------------------------------------------------------------------------------- */

static struct view spki_of(EVP_PKEY *key, uint8_t room[static 256]) {
    uint8_t *at = room;
    int len = i2d_PUBKEY(key, &at);
    assert_true(len > 0);
    return view_of(room, (size_t)len);
}

static void sign(const struct fake *fake, struct view digest, uint8_t out[static 256], size_t *len) {
    uint8_t data[32] = {0};
    memcpy(data, digest.at, digest.len < 32 ? digest.len : 32);
    if (fake->mood == WRONG_SIGNATURE)
        data[0] ^= 1;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, fake->key, NULL);
    *len = 256;
    assert_true(EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, out, len, data, 32) == 1);
    EVP_PKEY_CTX_free(ctx);
}

static void unknown_handle(struct wire_response *response) {
    response->failed = true;
    fail(&response->error, ERROR_NOT_FOUND, "unknown-handle", "Unknown.");
}

static void fill(struct fake *fake, const struct wire_request *request, struct wire_response *response,
                 struct wire_buffer *list, uint8_t room[static 512]) {
    size_t len;
    struct wire_token token = {.module = VIEW_LITERAL("m"), .label = fake->label};
    switch (request->op) {
    case WIRE_TOKENS:
        wire_add_token(list, &token);
        response->tokens.count = 1;
        response->tokens.list = view_of(list->at, list->len);
        break;
    case WIRE_FIND:
        fake->finds++;
        response->found.handle = HANDLE;
        response->found.spki = spki_of(fake->mood == OTHER_KEY ? f.other : fake->key, room);
        response->found.key_type = VIEW_LITERAL("P-256");
        if (fake->mood == PULLED) {
            response->failed = true;
            fail(&response->error, ERROR_NOT_FOUND, "token-not-found", "Nothing there.");
        }
        break;
    case WIRE_SIGN:
        fake->signatures++;
        assert_int_equal(request->sign.handle, HANDLE);
        sign(fake, request->sign.data, room, &len);
        response->result.data = view_of(room, len);
        if (fake->mood == FORGETS && fake->forgotten++ == 0)
            unknown_handle(response);
        break;
    case WIRE_TOKEN:
        fake->makes += request->token.action == WIRE_TOKEN_MAKE;
        fake->checks += request->token.action == WIRE_TOKEN_CHECK;
        response->result.data = VIEW_LITERAL("rows");
        break;
    default: assert_true(false);
    }
}

static void say(struct fake *fake, const struct wire_response *response) {
    struct wire_buffer out = {0};
    assert_true(wire_encode_response(response, &out, NULL));
    assert_true(hub_take(fake->agent, view_of(out.at, out.len), NULL));
    wire_buffer_free(&out);
}

static void say_that_it_hung(struct fake *fake) {
    struct wire_response response;
    assert_true(wire_decode_response(view_of(fake->kept.at, fake->kept.len), &response, NULL));
    response.failed = true;
    fail(&response.error, ERROR_UNAVAILABLE, "module-hung", "PKCS#11 module \"m\" gave no answer.");
    say(fake, &response);
}

/* Longer than the hub's patience, which is a second. */
static void *slow_main(void *argument) {
    struct fake *fake = argument;
    bool hangs = fake->mood == HANGS;
    for (int i = 0; i < (hangs ? 6 : 4); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
        say(fake, &(struct wire_response){.op = WIRE_PING});
    }
    if (hangs)
        say_that_it_hung(fake);
    else
        assert_true(hub_take(fake->agent, view_of(fake->kept.at, fake->kept.len), NULL));
    return NULL;
}

static bool waits(struct fake *fake, const struct wire_request *request) {
    return request->op != WIRE_FIND &&
           (fake->mood == STOPPED || ((fake->mood == SLOW || fake->mood == HANGS) && request->op != WIRE_TOKENS));
}

/* Answers within the call, which the hub must bear. */
static bool line_send(void *context, struct view message, struct error *err) {
    struct fake *fake = context;
    struct wire_request request;
    struct wire_response response = {0};
    struct wire_buffer out = {0}, list = {0};
    uint8_t room[512];
    assert_true(wire_decode_request(message, &request, err));
    if ((request.op == WIRE_SIGN || request.op == WIRE_TOKEN) && fake->mood == DISAPPEARS)
        return fail(err, ERROR_UNAVAILABLE, "link-closed", "Gone.");
    response.op = request.op;
    response.id = request.id;
    fill(fake, &request, &response, &list, room);
    assert_true(wire_encode_response(&response, &out, err));
    if (request.op == WIRE_SIGN && fake->mood == GARBAGE)
        out.len = 6; /* its head is right */
    bool taken = true, later = waits(fake, &request) && fake->tokens_told;
    fake->tokens_told = true;
    if (later)
        wire_buffer_add(&fake->kept, out.at, out.len);
    else
        taken = hub_take(fake->agent, view_of(out.at, out.len), err);
    if (later && fake->mood != STOPPED)
        fake->has_later = pthread_create(&fake->later, NULL, slow_main, fake) == 0;
    wire_buffer_free(&out);
    wire_buffer_free(&list);
    return taken;
}

static void line_hang_up(void *context, const char *reason) {
    struct fake *fake = context;
    fake->hung_up = reason;
}

static void join(size_t i, enum mood mood, const char *label) {
    struct fake *fake = &f.fakes[i];
    char name[] = "agent 0";
    name[6] = (char)('0' + i);
    *fake = (struct fake){.mood = mood, .key = f.key, .label = view_text(label)};
    struct hub_line line = {line_send, line_hang_up, fake};
    struct uuid id = {{(uint8_t)(i + 1)}};
    assert_true(hub_join(f.hub, id, name, &line, &fake->agent, NULL));
    assert_true(hub_tick(fake->agent, NULL)); /* asks for the tokens, and gets them */
}

static void leave(size_t i) {
    if (f.fakes[i].has_later)
        pthread_join(f.fakes[i].later, NULL);
    wire_buffer_free(&f.fakes[i].kept);
    hub_leave(f.fakes[i].agent);
    f.fakes[i].agent = NULL;
}

static void note_blame(void *context, struct uuid id, const char *name, const char *what) {
    (void)context, (void)id;
    f.blamed++;
    snprintf(f.blame, sizeof f.blame, "%s %s", name, what);
}

static int set_up(void **state) {
    (void)state;
    f = (struct fixture){.key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
                         .other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")};
    f.hub = hub_new(&(struct hub_config){
        .patience_s = 1, .limit_s = 3, .look_every_s = 10, .give_up_s = 60, .blame = note_blame});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++)
        if (f.fakes[i].agent != NULL)
            leave(i);
    hub_free(f.hub);
    EVP_PKEY_free(f.key);
    EVP_PKEY_free(f.other);
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* 0 when it fails; the error is in *err. */
static uint64_t find(EVP_PKEY *known, struct error *err) {
    struct arena *arena = arena_new();
    uint8_t room[256];
    struct wire_request request = {.op = WIRE_FIND, .find.uri = VIEW_LITERAL(URI)};
    struct wire_response response = {0};
    if (known != NULL)
        request.find.known = spki_of(known, room);
    *err = (struct error){0};
    bool done = hub_call(f.hub, &request, arena, &response, err);
    uint64_t handle = done ? response.found.handle : 0;
    arena_free(arena);
    return handle;
}

static bool sign_once(uint64_t handle, struct error *err) {
    struct arena *arena = arena_new();
    uint8_t digest[32] = {1, 2, 3};
    struct wire_request request = {.op = WIRE_SIGN,
                                   .sign = {.handle = handle,
                                            .scheme = WIRE_ECDSA,
                                            .digest = WIRE_SHA256,
                                            .data = view_of(digest, sizeof digest)}};
    struct wire_response response = {0};
    *err = (struct error){0};
    bool done = hub_call(f.hub, &request, arena, &response, err);
    arena_free(arena);
    return done;
}

static void without_agents_the_token_is_unreachable(void **state) {
    struct error err;
    (void)state;
    assert_int_equal(find(NULL, &err), 0);
    assert_string_equal(err.type, "token-unreachable");
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "\"card\""));
}

static void signatures_are_spread_over_those_that_hold_the_key(void **state) {
    struct error err;
    (void)state;
    join(0, HONEST, "card");
    join(1, HONEST, "card");
    join(2, HONEST, "another");
    uint64_t handle = find(NULL, &err);
    assert_true(handle_is_elsewhere(handle));
    for (int i = 0; i < 20; i++)
        assert_true(sign_once(handle, &err));
    assert_int_equal(f.fakes[0].signatures, 10);
    assert_int_equal(f.fakes[1].signatures, 10);
    assert_int_equal(f.fakes[2].signatures, 0);
    assert_int_equal(f.fakes[0].finds, 1);
}

static void when_one_goes_another_is_asked_at_once(void **state) {
    struct error err;
    (void)state;
    join(0, DISAPPEARS, "card");
    join(1, HONEST, "card");
    uint64_t handle = find(NULL, &err);
    for (int i = 0; i < 6; i++)
        assert_true(sign_once(handle, &err));
    leave(0);
    leave(1);
    assert_false(sign_once(handle, &err));
    assert_string_equal(err.type, "token-unreachable");
    join(0, HONEST, "card"); /* and by itself again, with the same handle */
    assert_true(sign_once(handle, &err));
}

static void a_token_that_was_pulled_or_forgotten_is_found_again(void **state) {
    struct error err;
    (void)state;
    join(0, HONEST, "card");
    join(1, FORGETS, "card");
    uint64_t handle = find(NULL, &err);
    for (int i = 0; i < 4; i++)
        assert_true(sign_once(handle, &err));
    assert_true(f.fakes[1].forgotten > 0);
    leave(1);
    /* It moves to an agent that has not said yet that it has it. */
    leave(0);
    join(1, HONEST, "nothing yet");
    assert_true(sign_once(handle, &err));
}

static void of_two_keys_under_one_uri_the_known_one_is_used(void **state) {
    struct error err;
    (void)state;
    join(0, OTHER_KEY, "card");
    join(1, HONEST, "card");
    assert_int_equal(find(NULL, &err), 0); /* nobody knows which is meant */
    assert_string_equal(err.type, "key-ambiguous");
    uint64_t handle = find(f.key, &err);
    assert_true(handle != 0);
    assert_non_null(strstr(f.blame, "agent 0 has another key"));
    for (int i = 0; i < 4; i++)
        assert_true(sign_once(handle, &err));
    assert_int_equal(f.fakes[0].signatures, 0);
    assert_int_equal(f.fakes[1].signatures, 4);
}

static void garbage_ends_the_connection_and_nothing_else(void **state) {
    struct error err;
    (void)state;
    join(0, GARBAGE, "card");
    join(1, HONEST, "card");
    uint64_t handle = find(NULL, &err);
    for (int i = 0; i < 4; i++)
        assert_true(sign_once(handle, &err));
    assert_non_null(f.fakes[0].hung_up);
    assert_null(f.fakes[1].hung_up);
}

/* SIGSTOP, a machine that swaps: the first call waits for its patience, the next ones do not. */
static void who_says_nothing_is_not_asked_until_he_is_heard(void **state) {
    struct error err;
    struct hub_look look;
    (void)state;
    join(0, STOPPED, "card");
    join(1, HONEST, "card");
    uint64_t handle = find(NULL, &err);
    int64_t before = clock_monotonic_us();
    for (int i = 0; i < 6; i++)
        assert_true(sign_once(handle, &err));
    int64_t took = clock_monotonic_us() - before;
    assert_in_range(took, US_PER_SECOND, US_PER_SECOND * 19 / 10);
    assert_int_equal(f.fakes[0].signatures, 1);
    assert_null(f.fakes[0].hung_up); /* it may be back */
    assert_true(hub_connected(f.hub, (struct uuid){{1}}, &look) && look.silent_us >= US_PER_SECOND);
    leave(1);
    assert_false(sign_once(handle, &err)); /* at once */
    assert_string_equal(err.type, "token-unreachable");
    f.fakes[0].mood = HONEST;
    struct view late = view_of(f.fakes[0].kept.at, f.fakes[0].kept.len);
    assert_true(hub_take(f.fakes[0].agent, late, &err));
    assert_false(hub_take(f.fakes[0].agent, late, &err)); /* twice */
    assert_true(hub_connected(f.hub, (struct uuid){{1}}, &look) && look.silent_us == 0);
    assert_true(sign_once(handle, &err));
}

static void who_says_that_he_is_at_it_is_waited_for(void **state) {
    struct error err;
    (void)state;
    join(0, SLOW, "card");
    uint64_t handle = find(NULL, &err);
    assert_true(sign_once(handle, &err));
    assert_int_equal(f.fakes[0].signatures, 1);
}

/* A module that hangs at one agent: whoever else has the key is asked after the patience, and from then on first; the
 * late answer changes nothing. */
static void while_a_module_hangs_another_agent_signs(void **state) {
    struct error err;
    struct hub_look look;
    (void)state;
    join(0, HANGS, "card");
    join(1, HONEST, "card");
    uint64_t handle = find(NULL, &err);
    int64_t before = clock_monotonic_us();
    for (int i = 0; i < 6; i++)
        assert_true(sign_once(handle, &err));
    assert_in_range(clock_monotonic_us() - before, US_PER_SECOND, US_PER_SECOND * 19 / 10);
    assert_int_equal(f.fakes[0].signatures, 1);
    assert_true(hub_connected(f.hub, (struct uuid){{1}}, &look) && look.silent_us == 0);
    pthread_join(f.fakes[0].later, NULL);
    f.fakes[0].has_later = false;
    f.fakes[0].mood = HONEST; /* its module was started again */
    for (int i = 0; i < 6; i++)
        assert_true(sign_once(handle, &err));
    assert_in_range(f.fakes[0].signatures, 3, 5);
    assert_null(f.fakes[0].hung_up);
}

static void alone_its_own_reason_is_told(void **state) {
    struct error err;
    (void)state;
    join(0, HANGS, "card");
    uint64_t handle = find(NULL, &err);
    assert_false(sign_once(handle, &err));
    assert_string_equal(err.type, "module-hung");
}

/* Both wait to be touched, one of them is. */
static void the_first_of_two_that_take_long_counts(void **state) {
    struct error err;
    (void)state;
    join(0, HANGS, "card");
    join(1, SLOW, "card"); /* is asked first */
    uint64_t handle = find(NULL, &err);
    int64_t before = clock_monotonic_us();
    assert_true(sign_once(handle, &err));
    assert_in_range(clock_monotonic_us() - before, US_PER_SECOND * 3 / 2, US_PER_SECOND * 22 / 10);
    assert_int_equal(f.fakes[0].signatures + f.fakes[1].signatures, 2);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool ask_token(unsigned action, const char *uri, struct error *err) {
    struct arena *arena = arena_new();
    struct wire_request request = {.op = WIRE_TOKEN,
                                   .token = {.action = (uint8_t)action,
                                             .uri = view_text(uri),
                                             .key_type = VIEW_LITERAL("P-256")}};
    struct wire_response response = {0};
    *err = (struct error){0};
    bool done = hub_call(f.hub, &request, arena, &response, err);
    arena_free(arena);
    return done;
}

static void a_key_is_made_at_the_agent_that_has_the_token(void **state) {
    struct error err;
    (void)state;
    join(0, HONEST, "another");
    join(1, HONEST, "card");
    assert_true(ask_token(WIRE_TOKEN_MAKE, URI, &err));
    assert_true(ask_token(WIRE_TOKEN_CHECK, URI, &err));
    assert_int_equal(f.fakes[0].makes + f.fakes[0].checks, 0);
    assert_int_equal(f.fakes[1].makes, 1);
    assert_int_equal(f.fakes[1].checks, 1);
    leave(1); /* who does not have the token is not asked to change it: the officer's PIN may be in it */
    assert_false(ask_token(WIRE_TOKEN_MAKE, URI, &err));
    assert_string_equal(err.type, "token-unreachable");
    assert_int_equal(f.fakes[0].makes, 0);
}

static void a_token_that_two_agents_might_mean_is_not_changed(void **state) {
    struct error err;
    (void)state;
    join(0, HONEST, "card");
    join(1, HONEST, "card");
    assert_false(ask_token(WIRE_TOKEN_MAKE, URI, &err));
    assert_string_equal(err.type, "token-ambiguous");
    assert_int_equal(f.fakes[0].makes + f.fakes[1].makes, 0);
}

/* It may have been made: nobody makes another one in the dark. */
static void a_key_that_may_have_been_made_is_not_made_again(void **state) {
    struct error err;
    (void)state;
    join(0, DISAPPEARS, "card");
    assert_false(ask_token(WIRE_TOKEN_MAKE, URI, &err));
    assert_string_equal(err.type, "agent-lost");
    assert_non_null(strstr(err.message, "gatehouse key list"));
}

/* A flood is over with its first message. */
static void answers_to_nothing_are_refused(void **state) {
    struct wire_response response = {.op = WIRE_SIGN, .id = 4711, .result.data = VIEW_LITERAL("x")};
    struct wire_buffer out = {0};
    struct error err = {0};
    (void)state;
    join(0, HONEST, "card");
    assert_true(wire_encode_response(&response, &out, NULL));
    assert_false(hub_take(f.fakes[0].agent, view_of(out.at, out.len), &err));
    assert_string_equal(err.type, "agent-out-of-step");
    assert_false(hub_take(f.fakes[0].agent, view_of(out.at, 3), &err));
    assert_false(hub_take(f.fakes[0].agent, view_of(NULL, 0), &err));
    wire_buffer_free(&out);
}

static void a_second_connection_ends_the_first(void **state) {
    struct uuid id = {{1}};
    struct hub_agent *again;
    (void)state;
    join(0, HONEST, "card");
    struct hub_line line = {line_send, line_hang_up, &f.fakes[1]};
    assert_true(hub_join(f.hub, id, "agent 0", &line, &again, NULL));
    assert_non_null(f.fakes[0].hung_up);
    hub_leave(again);
}

/* ---- through the provider -------------------------------------------------------------------- */

/* A signature that does not verify is never given out: another agent is asked, and the first not again. */
static void wrong_signatures_are_not_used(void **state) {
    static const uint8_t message[] = "to be signed";
    struct signer_config config = {.program = "/nonexistent", .later = true};
    struct signer *signer;
    EVP_PKEY *remote;
    uint8_t room[256], signature[256];
    struct error err = {0};
    (void)state;
    join(0, WRONG_SIGNATURE, "card");
    join(1, HONEST, "card");
    assert_true(signer_open(&config, &signer, &err));
    signer_set_elsewhere(signer, &(struct signer_elsewhere){hub_call, hub_wrong, f.hub});
    assert_true(signer_known_token_key(signer, URI, spki_of(f.key, room), &remote, &err));
    for (int i = 0; i < 6; i++) {
        size_t len = sizeof signature;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        assert_true(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, remote, NULL) == 1);
        assert_true(EVP_DigestSign(ctx, signature, &len, message, sizeof message) == 1);
        EVP_MD_CTX_free(ctx);
        ctx = EVP_MD_CTX_new();
        assert_true(EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, f.key, NULL) == 1 &&
                    EVP_DigestVerify(ctx, signature, len, message, sizeof message) == 1);
        EVP_MD_CTX_free(ctx);
    }
    assert_int_equal(f.fakes[0].signatures, 1);
    assert_int_equal(f.blamed, 1);
    assert_non_null(strstr(f.blame, "agent 0 gave a signature"));
    EVP_PKEY_free(remote);
    signer_close(signer);
}

/* All of them lie: an error, no signature. */
static void nobody_left_is_an_error(void **state) {
    struct signer_config config = {.program = "/nonexistent", .later = true};
    struct signer *signer;
    EVP_PKEY *remote;
    uint8_t room[256], signature[256], digest[32] = {0};
    size_t len = sizeof signature;
    struct error err = {0};
    (void)state;
    join(0, WRONG_SIGNATURE, "card");
    join(1, WRONG_SIGNATURE, "card");
    assert_true(signer_open(&config, &signer, &err));
    signer_set_elsewhere(signer, &(struct signer_elsewhere){hub_call, hub_wrong, f.hub});
    assert_true(signer_known_token_key(signer, URI, spki_of(f.key, room), &remote, &err));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, remote, NULL);
    assert_true(EVP_PKEY_sign_init(ctx) == 1);
    assert_true(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
    assert_false(EVP_PKEY_sign(ctx, signature, &len, digest, sizeof digest) == 1);
    assert_true(signer_take_error(&err));
    assert_string_equal(err.type, "token-unreachable");
    assert_int_equal(f.blamed, 2);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(remote);
    signer_close(signer);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_agents_the_token_is_unreachable),
        TEST(signatures_are_spread_over_those_that_hold_the_key),
        TEST(when_one_goes_another_is_asked_at_once),
        TEST(a_token_that_was_pulled_or_forgotten_is_found_again),
        TEST(of_two_keys_under_one_uri_the_known_one_is_used),
        TEST(garbage_ends_the_connection_and_nothing_else),
        TEST(answers_to_nothing_are_refused),
        TEST(who_says_nothing_is_not_asked_until_he_is_heard),
        TEST(who_says_that_he_is_at_it_is_waited_for),
        TEST(while_a_module_hangs_another_agent_signs),
        TEST(alone_its_own_reason_is_told),
        TEST(the_first_of_two_that_take_long_counts),
        TEST(a_key_is_made_at_the_agent_that_has_the_token),
        TEST(a_token_that_two_agents_might_mean_is_not_changed),
        TEST(a_key_that_may_have_been_made_is_not_made_again),
        TEST(a_second_connection_ends_the_first),
        TEST(wrong_signatures_are_not_used),
        TEST(nobody_left_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
