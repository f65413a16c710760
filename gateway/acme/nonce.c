/* Nonces are made without the database: eight octets of time, sixteen random ones, and a MAC under
 * a key that all nodes share. Used ones are rows, whose key begins with the time, so that they are
 * added at the index's end and removed from its beginning. */
#include "acme/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "store/organisations.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define MAC_SIZE 16
#define SETTING "acme-nonce-key"

/* The first node that needs it makes it; all take what stands in the database afterwards. */
static bool load_key(struct acme *acme, uint8_t key[static 32], struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *sealed = NULL, *kept = NULL;
    struct view secret;
    uint8_t fresh[32];
    bool done = false;
    TX(tx, core_db(acme->core), &done, err)
    tx.ok = setting_get(tx.tx, arena, SETTING, &kept, err);
    TRY(done);
    if (kept == NULL) {
        random_bytes(fresh, sizeof fresh);
        TRY(secret_seal(acme->core, arena, SETTING, view_of(fresh, sizeof fresh), &sealed, err));
        TX(tx, core_db(acme->core), &done, err)
        tx.ok = setting_default(tx.tx, arena, SETTING, sealed, &kept, err);
        TRY(done);
    }
    TRY(secret_open(acme->core, arena, SETTING, kept, &secret, err));
    if (secret.len != 32)
        return fail_internal(err, "the setting " SETTING " has %zu octets", secret.len);
    memcpy(key, secret.at, 32);
    return true;
}

static bool set_up(const uint8_t key[static 32], EVP_MAC_CTX **ret) {
    static char digest[] = "SHA2-256";
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_free(hmac);
    if (mac == NULL || EVP_MAC_init(mac, key, 32, params) != 1) {
        EVP_MAC_CTX_free(mac);
        return false;
    }
    *ret = mac;
    return true;
}

/* The first that needs the key loads it; a copy of what is set up with it costs a tenth of setting it up. */
static EVP_MAC_CTX *copy_mac(struct acme *acme) {
    pthread_mutex_lock(&acme->mutex);
    EVP_MAC_CTX *kept = acme->nonce_mac; /* never changes once it is there */
    pthread_mutex_unlock(&acme->mutex);
    return kept == NULL ? NULL : EVP_MAC_CTX_dup(kept);
}

static bool prepare_mac(struct acme *acme, struct error *err) {
    uint8_t key[32];
    EVP_MAC_CTX *fresh = NULL;
    TRY(load_key(acme, key, err));
    bool ok = set_up(key, &fresh);
    OPENSSL_cleanse(key, sizeof key);
    if (!ok)
        return fail_internal(err, "HMAC for nonces");
    pthread_mutex_lock(&acme->mutex);
    bool first = acme->nonce_mac == NULL;
    if (first)
        acme->nonce_mac = fresh;
    pthread_mutex_unlock(&acme->mutex);
    if (!first)
        EVP_MAC_CTX_free(fresh);
    return true;
}

static bool mac(struct acme *acme, const uint8_t nonce[static ACME_NONCE_SIZE], uint8_t ret[static MAC_SIZE],
                struct error *err) {
    unsigned char full[EVP_MAX_MD_SIZE];
    size_t len = 0;
    EVP_MAC_CTX *ctx = copy_mac(acme);
    if (ctx == NULL) {
        TRY(prepare_mac(acme, err));
        ctx = copy_mac(acme);
    }
    bool ok = ctx != NULL && EVP_MAC_update(ctx, nonce, ACME_NONCE_SIZE) == 1 &&
              EVP_MAC_final(ctx, full, &len, sizeof full) == 1 && len >= MAC_SIZE;
    EVP_MAC_CTX_free(ctx);
    if (!ok)
        return fail_internal(err, "HMAC of a nonce");
    memcpy(ret, full, MAC_SIZE);
    return true;
}

bool nonce_make(struct acme *acme, struct arena *arena, const char **ret, struct error *err) {
    uint8_t bytes[ACME_NONCE_SIZE + MAC_SIZE];
    uint64_t now = (uint64_t)clock_now_us();
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(now >> (56 - 8 * i));
    random_bytes(bytes + 8, 16);
    TRY(mac(acme, bytes, bytes + ACME_NONCE_SIZE, err));
    *ret = base64url_encode(arena, view_of(bytes, sizeof bytes));
    return true;
}

bool nonce_check(struct acme *acme, struct arena *arena, const char *text,
                 uint8_t ret[static ACME_NONCE_SIZE], struct error *err) {
    uint8_t expected[MAC_SIZE];
    struct view bytes;
    uint64_t made = 0;
    if (!base64url_decode(arena, view_text(text), &bytes)) /* rfc8555#6.5.2 */
        return acme_refuse(err, "malformed", ERROR_MALFORMED, "The nonce is no base64url.");
    if (bytes.len != ACME_NONCE_SIZE + MAC_SIZE)
        return acme_refuse(err, "badNonce", ERROR_MALFORMED,
                           "The nonce is not one of this server.");
    TRY(mac(acme, bytes.at, expected, err));
    for (int i = 0; i < 8; i++)
        made = made << 8 | bytes.at[i];
    if (CRYPTO_memcmp(expected, bytes.at + ACME_NONCE_SIZE, MAC_SIZE) != 0)
        return acme_refuse(err, "badNonce", ERROR_MALFORMED,
                           "The nonce is not one of this server.");
    if ((int64_t)made < clock_now_us() - NONCE_LIFE_US)
        return acme_refuse(err, "badNonce", ERROR_MALFORMED,
                           "The nonce is too old; take a new one and try again.");
    memcpy(ret, bytes.at, ACME_NONCE_SIZE);
    return true;
}
