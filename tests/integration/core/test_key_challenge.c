/* A key that cannot sign is proven by what only it can decrypt: by the right key, for the right template, in time. */
#include "fixture.h"

#include "base/clock.h"
#include "ca/key_challenge.h"
#include "store/templates.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

static int64_t ahead_us; /* of the real clock */

static int64_t later(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000 + ahead_us;
}

static struct view spki_of(EVP_PKEY *key) {
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    struct view spki = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return spki;
}

/* HMAC-SHA256 of the token, under the secret in the ciphertext. */
static struct key_proof prove(EVP_PKEY *key, const struct key_challenge *challenge) {
    static uint8_t mac[32];
    uint8_t secret[64];
    size_t len = sizeof secret;
    unsigned mac_len = sizeof mac;
    EVP_PKEY_CTX *decapsulation = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    assert_int_equal(EVP_PKEY_decapsulate_init(decapsulation, NULL), 1);
    assert_int_equal(EVP_PKEY_decapsulate(decapsulation, secret, &len, challenge->ciphertext.at,
                                          challenge->ciphertext.len), 1);
    EVP_PKEY_CTX_free(decapsulation);
    assert_non_null(HMAC(EVP_sha256(), secret, (int)len, (const uint8_t *)challenge->token,
                         strlen(challenge->token), mac, &mac_len));
    return (struct key_proof){.token = challenge->token, .mac = view_of(mac, sizeof mac)};
}

static struct uuid template_id(const char *slug) {
    struct template_record found;
    bool done = false;
    TX(tx, core_db(core), &done, &err)
        tx.ok = template_by_slug(tx.tx, arena, &scope_everything, slug, &found, &err);
    DONE(done);
    return found.id;
}

static void test_life(void **state) {
    (void)state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-768"), *other = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-768");
    struct uuid here = template_id("test-ca-web-server"), there = template_id(make_template("Elsewhere", "{}"));
    struct key_challenge challenge;
    clock_set(later);
    DONE(key_challenge_make(core, arena, &actor_system, "test-ca-web-server", spki_of(key), &challenge, &err));
    assert_in_range(challenge.expires_us - later(), KEY_CHALLENGE_LIFE_US - 60 * US_PER_SECOND, KEY_CHALLENGE_LIFE_US);
    struct key_proof proof = prove(key, &challenge);
    DONE(key_challenge_check(core, arena, here, key, &proof, &err));
    REFUSED(key_challenge_check(core, arena, there, key, &proof, &err), ERROR_POLICY, "key-proof");
    REFUSED(key_challenge_check(core, arena, here, other, &proof, &err), ERROR_POLICY, "key-proof");
    ahead_us = KEY_CHALLENGE_LIFE_US - 60 * US_PER_SECOND;
    DONE(key_challenge_check(core, arena, here, key, &proof, &err));
    ahead_us = KEY_CHALLENGE_LIFE_US + US_PER_SECOND;
    REFUSED(key_challenge_check(core, arena, here, key, &proof, &err), ERROR_POLICY, "key-proof");
    DONE(key_challenge_make(core, arena, &actor_system, "test-ca-web-server", spki_of(key), &challenge, &err));
    proof = prove(key, &challenge);
    DONE(key_challenge_check(core, arena, here, key, &proof, &err)); /* a new one, as the message says */
    ahead_us = 0;
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_life)};
    core_set_up(argc, argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    core_tear_down();
    return failed;
}
