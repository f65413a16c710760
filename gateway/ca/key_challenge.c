#include "ca/key_challenge.h"

#include "base/clock.h"
#include "ca/request_flow.h"
#include "ca/secret.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* In the token: when it ends (8 octets), SHA-256 of the SubjectPublicKeyInfo, and the secret. */
#define TIME_OCTETS 8
#define HASH_OCTETS 32
#define SECRET_MAX 128

static const char *place_of(struct arena *arena, struct uuid template_id) {
    return arena_printf(arena, "key_challenge/%s", uuid_text(arena, template_id));
}

static bool hash_of(struct arena *arena, EVP_PKEY *key, uint8_t ret[static HASH_OCTETS], struct error *err) {
    struct view spki;
    TRY(key_spki(arena, key, &spki, err));
    return EVP_Digest(spki.at, spki.len, ret, NULL, EVP_sha256(), NULL) == 1 || fail_internal(err, "EVP_Digest");
}

static bool read_key(struct view spki, EVP_PKEY **ret, char ret_type[static KEY_TYPE_SIZE], struct error *err) {
    TRY(key_from_spki(spki, ret, err));
    TRY(key_check(*ret, "public key", err));
    if (key_type_of(*ret, ret_type) && strncmp(ret_type, "ML-KEM-", 7) == 0)
        return true;
    return fail(err, ERROR_POLICY, "key-proof",
                "Challenges are for ML-KEM keys; a key that can sign proves itself by the signature of a CSR.");
}

/* `secret` holds SECRET_MAX octets. */
static bool encapsulate(struct arena *arena, EVP_PKEY *key, struct view *ret_ciphertext, uint8_t *secret,
                        size_t *ret_len, struct error *err) {
    AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t len = 0;
    *ret_len = SECRET_MAX;
    if (context == NULL || EVP_PKEY_encapsulate_init(context, NULL) != 1 ||
        EVP_PKEY_encapsulate(context, NULL, &len, NULL, NULL) != 1)
        return fail_internal(err, "EVP_PKEY_encapsulate");
    uint8_t *ciphertext = arena_alloc(arena, len);
    if (EVP_PKEY_encapsulate(context, ciphertext, &len, secret, ret_len) != 1)
        return fail_internal(err, "EVP_PKEY_encapsulate");
    *ret_ciphertext = view_of(ciphertext, len);
    return true;
}

static bool seal(struct core *core, struct arena *arena, struct uuid template_id, EVP_PKEY *key, struct view secret,
                 struct key_challenge *ret, struct error *err) {
    uint8_t content[TIME_OCTETS + HASH_OCTETS + SECRET_MAX];
    for (size_t i = 0; i < TIME_OCTETS; i++)
        content[i] = (uint8_t)((uint64_t)ret->expires_us >> (56 - 8 * i));
    TRY(hash_of(arena, key, content + TIME_OCTETS, err));
    memcpy(content + TIME_OCTETS + HASH_OCTETS, secret.at, secret.len);
    bool ok = secret_seal(core, arena, place_of(arena, template_id),
                          view_of(content, TIME_OCTETS + HASH_OCTETS + secret.len), &ret->token, err);
    OPENSSL_cleanse(content, sizeof content);
    return ok;
}

bool key_challenge_make(struct core *core, struct arena *arena, const struct actor *actor, const char *template_slug,
                        struct view spki, struct key_challenge *ret, struct error *err) {
    struct request_context c = {0};
    struct key_challenge challenge = {.expires_us = clock_now_us() + KEY_CHALLENGE_LIFE_US};
    uint8_t secret[SECRET_MAX];
    size_t len;
    char type[KEY_TYPE_SIZE];
    AUTO(EVP_PKEY) *key = NULL;
    TRY(flow_load_template(core, arena, actor, template_slug, &c, err));
    TRY(read_key(spki, &key, type, err));
    TRY(encapsulate(arena, key, &challenge.ciphertext, secret, &len, err));
    bool ok = seal(core, arena, c.template_record.id, key, view_of(secret, len), &challenge, err);
    OPENSSL_cleanse(secret, sizeof secret);
    challenge.key_type = arena_strdup(arena, type);
    if (ok)
        *ret = challenge;
    return ok;
}

static bool refuse(struct error *err) {
    return fail(err, ERROR_POLICY, "key-proof",
                "The proof of the key is not right: it is HMAC-SHA256 of the token, under the secret in the "
                "ciphertext, for this key and template, within ten minutes. Ask for a new challenge.");
}

bool key_challenge_check(struct core *core, struct arena *arena, struct uuid template_id, EVP_PKEY *key,
                         const struct key_proof *proof, struct error *err) {
    uint8_t mac[32], hash[HASH_OCTETS];
    unsigned mac_len = sizeof mac;
    struct view content;
    struct error why = {0};
    int64_t expires_us = 0;
    if (!secret_open(core, arena, place_of(arena, template_id), proof->token, &content, &why)) {
        if (why.kind != ERROR_UNAVAILABLE)
            return refuse(err); /* made elsewhere, or changed */
        *err = why;
        return false;
    }
    if (content.len <= TIME_OCTETS + HASH_OCTETS || proof->mac.len != sizeof mac)
        return refuse(err);
    for (size_t i = 0; i < TIME_OCTETS; i++)
        expires_us = (int64_t)((uint64_t)expires_us << 8 | content.at[i]);
    TRY(hash_of(arena, key, hash, err));
    size_t before = TIME_OCTETS + HASH_OCTETS;
    if (HMAC(EVP_sha256(), content.at + before, (int)(content.len - before), (const uint8_t *)proof->token,
             strlen(proof->token), mac, &mac_len) == NULL)
        return fail_internal(err, "HMAC");
    bool same_key = CRYPTO_memcmp(hash, content.at + TIME_OCTETS, sizeof hash) == 0;
    bool right = CRYPTO_memcmp(mac, proof->mac.at, sizeof mac) == 0;
    return (same_key && right && clock_now_us() < expires_us) || refuse(err);
}
