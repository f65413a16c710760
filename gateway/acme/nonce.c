/* Nonces are made without the database: eight octets of time, eight of the process that made them, one of how long the
 * client has stayed there, seven others, and a MAC under a key that all nodes share. Used ones are rows, whose key
 * begins with the time, so that they are added at the index's end and removed from its beginning.
 *
 * A client that stays at one process gets nonces of its own, which no other node takes (it says badNonce, and the next
 * nonce is one for all). That they count once is remembered by the process; when it ends, they count no more. So a
 * request that only reads writes nothing. */
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
#define STAYED 8 /* from then on: of two nodes in random turns, one request in five hundred asks again */
#define MAKER 8  /* where what begins */
#define STAY 16
#define REST 17
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

/* Those for one process alone have another MAC: a node of an older version does not take them. */
static bool mac(struct acme *acme, const uint8_t nonce[static ACME_NONCE_SIZE], bool own,
                uint8_t ret[static MAC_SIZE], struct error *err) {
    static const unsigned char label[] = {'o', 'w', 'n'};
    unsigned char full[EVP_MAX_MD_SIZE];
    size_t len = 0;
    EVP_MAC_CTX *ctx = copy_mac(acme);
    if (ctx == NULL) {
        TRY(prepare_mac(acme, err));
        ctx = copy_mac(acme);
    }
    bool ok = ctx != NULL && EVP_MAC_update(ctx, nonce, ACME_NONCE_SIZE) == 1 &&
              (!own || EVP_MAC_update(ctx, label, sizeof label) == 1) &&
              EVP_MAC_final(ctx, full, &len, sizeof full) == 1 && len >= MAC_SIZE;
    EVP_MAC_CTX_free(ctx);
    if (!ok)
        return fail_internal(err, "HMAC of a nonce");
    memcpy(ret, full, MAC_SIZE);
    return true;
}

static void put_number(uint8_t *at, size_t count, uint64_t number) {
    for (size_t i = 0; i < count; i++)
        at[i] = (uint8_t)(number >> 8 * (count - 1 - i));
}

static uint64_t get_number(const uint8_t *at, size_t count) {
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = number << 8 | at[i];
    return number;
}

bool nonce_make(struct acme *acme, struct arena *arena, unsigned stayed, const char **ret,
                struct error *err) {
    uint8_t bytes[ACME_NONCE_SIZE + MAC_SIZE];
    bool own = stayed >= STAYED;
    put_number(bytes, 8, (uint64_t)clock_now_us());
    memcpy(bytes + MAKER, acme->nonce_maker, sizeof acme->nonce_maker);
    bytes[STAY] = (uint8_t)(own ? STAYED : stayed);
    if (own)
        put_number(bytes + REST, ACME_NONCE_SIZE - REST, own_nonces_next(acme->own_nonces));
    else
        random_bytes(bytes + REST, ACME_NONCE_SIZE - REST);
    TRY(mac(acme, bytes, own, bytes + ACME_NONCE_SIZE, err));
    *ret = base64url_encode(arena, view_of(bytes, sizeof bytes));
    return true;
}

static bool bad(struct error *err, const char *why) {
    return acme_refuse(err, "badNonce", ERROR_MALFORMED, "The nonce %s.", why);
}

static bool is_mac(struct acme *acme, struct view bytes, bool own, bool *ret, struct error *err) {
    uint8_t expected[MAC_SIZE];
    TRY(mac(acme, bytes.at, own, expected, err));
    *ret = CRYPTO_memcmp(expected, bytes.at + ACME_NONCE_SIZE, MAC_SIZE) == 0;
    return true;
}

bool nonce_check(struct acme *acme, struct arena *arena, const char *text, struct nonce *ret,
                 struct error *err) {
    struct view bytes;
    bool own = false, ours = false;
    if (!base64url_decode(arena, view_text(text), &bytes)) /* rfc8555#6.5.2 */
        return acme_refuse(err, "malformed", ERROR_MALFORMED, "The nonce is no base64url.");
    if (bytes.len != ACME_NONCE_SIZE + MAC_SIZE)
        return bad(err, "is not one of this server");
    TRY(is_mac(acme, bytes, false, &ours, err));
    if (!ours)
        TRY(is_mac(acme, bytes, true, &own, err));
    if (!ours && !own)
        return bad(err, "is not one of this server");
    bool here = view_equal(view_of(bytes.at + MAKER, sizeof acme->nonce_maker),
                           view_of(acme->nonce_maker, sizeof acme->nonce_maker));
    if (own && !here)
        return bad(err, "was for another node; take this one and try again");
    if ((int64_t)get_number(bytes.at, 8) < clock_now_us() - NONCE_LIFE_US)
        return bad(err, "is too old; take a new one and try again");
    memcpy(ret->bytes, bytes.at, ACME_NONCE_SIZE);
    ret->own = own;
    ret->stayed = here ? bytes.at[STAY] + 1u : 0;
    return true;
}

bool nonce_take_own(struct acme *acme, const struct nonce *nonce, struct error *err) {
    return own_nonces_take(acme->own_nonces, get_number(nonce->bytes + REST, ACME_NONCE_SIZE - REST)) ||
           bad(err, "was used before; take a new one and try again");
}
