#include "ca/secret.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/data_key.h"
#include "ca/key_use.h"
#include "store/organisations.h"
#include "x509/handles.h"
#include "x509/key_type.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SETTING "data-key"
#define KEY_SIZE 32
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define VERSION "1."
#define MAX_WRAPPED 1024

/* The data key of the instance, once it has been opened; in memory that is not swapped. */
struct data_key {
    pthread_mutex_t mutex;
    bool known;
    uint8_t key[KEY_SIZE];
};

struct data_key *data_key_new(void) {
    struct data_key *data_key = must_alloc(sizeof *data_key);
    mlock(data_key, sizeof *data_key); /* best effort: RLIMIT_MEMLOCK may be small */
    pthread_mutex_init(&data_key->mutex, NULL);
    return data_key;
}

void data_key_free(struct data_key *data_key) {
    pthread_mutex_destroy(&data_key->mutex);
    munlock(data_key, sizeof *data_key);
    OPENSSL_cleanse(data_key, sizeof *data_key);
    free(data_key);
}

/* --- the key itself: kept as {key id}:{RSA-OAEP ciphertext} in a setting
 * ------------------------------ */

/* OAEP with SHA-1: the only one that every token does (SoftHSM2); its security does not rest on
 * collisions. */
static EVP_PKEY_CTX *oaep(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *)) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL || init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1) {
        EVP_PKEY_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool encrypt(EVP_PKEY *key, const uint8_t plain[static KEY_SIZE], uint8_t *out, size_t *len,
                    struct error *err) {
    EVP_PKEY_CTX *context = oaep(key, EVP_PKEY_encrypt_init);
    bool ok = context != NULL && EVP_PKEY_encrypt(context, out, len, plain, KEY_SIZE) == 1;
    EVP_PKEY_CTX_free(context);
    return ok || fail_internal(err, "wrapping the data key");
}

static bool decrypt(EVP_PKEY *key, struct view wrapped, uint8_t plain[static KEY_SIZE],
                    struct error *err) {
    uint8_t out[MAX_WRAPPED];
    size_t len = sizeof out;
    struct error why;
    EVP_PKEY_CTX *context = oaep(key, EVP_PKEY_decrypt_init);
    bool ok = context != NULL &&
              EVP_PKEY_decrypt(context, out, &len, wrapped.at, wrapped.len) == 1 && len == KEY_SIZE;
    EVP_PKEY_CTX_free(context);
    if (ok)
        memcpy(plain, out, KEY_SIZE);
    OPENSSL_cleanse(out, sizeof out);
    if (ok)
        return true;
    if (signer_take_error(&why)) {
        *err = why;
        return false;
    }
    return fail_internal(err, "the data key does not open");
}

static bool open_setting(struct core *core, struct arena *arena, const char *text,
                         uint8_t ret_key[static KEY_SIZE], struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct view wrapped;
    struct uuid id;
    char id_text[UUID_TEXT_SIZE] = "";
    const char *colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) != UUID_TEXT_SIZE - 1)
        return fail_internal(err, "setting " SETTING " is broken");
    memcpy(id_text, text, UUID_TEXT_SIZE - 1);
    if (!uuid_parse(id_text, &id) || !base64url_decode(arena, view_text(colon + 1), &wrapped))
        return fail_internal(err, "setting " SETTING " is broken");
    TRY(core_key(core, id, &key, err));
    return decrypt(key, wrapped, ret_key, err);
}

/* Makes key and setting unless another node was quicker; *ret_text is what stands. */
static bool make_setting(struct core *core, struct arena *arena, const char **ret_text,
                         struct error *err) {
    struct key_record record;
    AUTO(EVP_PKEY) *remote = NULL;
    AUTO(EVP_PKEY) *public_key = NULL;
    uint8_t plain[KEY_SIZE], wrapped[MAX_WRAPPED];
    size_t len = sizeof wrapped;
    bool done = false;
    TRY(key_make(core, arena, "RSA-3072", NULL, KEY_DECRYPT, (struct uuid){{0}}, &record, &remote,
                 err));
    TRY(key_from_spki(record.spki, &public_key, err));
    random_bytes(plain, sizeof plain);
    bool ok = encrypt(public_key, plain, wrapped, &len, err);
    OPENSSL_cleanse(plain, sizeof plain);
    TRY(ok);
    const char *text = arena_printf(arena, "%s:%s", uuid_text(arena, record.id),
                                    base64url_encode(arena, view_of(wrapped, len)));
    TX(tx, core_db(core), &done, err)
    tx.ok = setting_default(tx.tx, arena, SETTING, text, ret_text, err) &&
            (strcmp(*ret_text, text) != 0 || key_insert(tx.tx, &record, err));
    return done;
}

static bool load(struct core *core, uint8_t ret_key[static KEY_SIZE], struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *text = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = setting_get(tx.tx, arena, SETTING, &text, err);
    TRY(done);
    if (text == NULL)
        TRY(make_setting(core, arena, &text, err));
    return open_setting(core, arena, text, ret_key, err);
}

static bool data_key(struct core *core, uint8_t ret_key[static KEY_SIZE], struct error *err) {
    struct data_key *cache = core_data_key(core);
    pthread_mutex_lock(&cache->mutex);
    if (!cache->known)
        cache->known = load(core, cache->key, err);
    bool known = cache->known;
    if (known)
        memcpy(ret_key, cache->key, KEY_SIZE);
    pthread_mutex_unlock(&cache->mutex);
    return known;
}

/* --- sealing
 * ------------------------------------------------------------------------------------------ */

static bool gcm_seal(const uint8_t key[static KEY_SIZE], const char *place, struct view secret,
                     uint8_t *out) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int len = 0;
    random_bytes(out, NONCE_SIZE);
    bool ok =
        context != NULL && EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key, out, NULL) == 1 &&
        EVP_EncryptUpdate(context, NULL, &len, (const uint8_t *)place, (int)strlen(place)) == 1 &&
        EVP_EncryptUpdate(context, out + NONCE_SIZE, &len, secret.at, (int)secret.len) == 1 &&
        EVP_EncryptFinal_ex(context, out + NONCE_SIZE + len, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE,
                            out + NONCE_SIZE + secret.len) == 1;
    EVP_CIPHER_CTX_free(context);
    return ok;
}

static bool gcm_open(const uint8_t key[static KEY_SIZE], const char *place, struct view sealed,
                     uint8_t *out) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t secret_len = sealed.len - NONCE_SIZE - TAG_SIZE;
    int len = 0;
    bool ok =
        context != NULL &&
        EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key, sealed.at, NULL) == 1 &&
        EVP_DecryptUpdate(context, NULL, &len, (const uint8_t *)place, (int)strlen(place)) == 1 &&
        EVP_DecryptUpdate(context, out, &len, sealed.at + NONCE_SIZE, (int)secret_len) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE,
                            (void *)(uintptr_t)(sealed.at + sealed.len - TAG_SIZE)) == 1 &&
        EVP_DecryptFinal_ex(context, out + len, &len) == 1;
    EVP_CIPHER_CTX_free(context);
    ERR_clear_error();
    return ok;
}

bool secret_derive(struct core *core, const char *place, uint8_t ret_key[static 32],
                   struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *label = arena_printf(arena, "derive/%s", place);
    uint8_t key[KEY_SIZE];
    unsigned len = 0;
    TRY(data_key(core, key, err));
    bool ok = HMAC(EVP_sha256(), key, sizeof key, (const uint8_t *)label, strlen(label), ret_key,
                   &len) != NULL &&
              len == 32;
    OPENSSL_cleanse(key, sizeof key);
    return ok || fail_internal(err, "deriving %s", place);
}

bool secret_seal(struct core *core, struct arena *arena, const char *place, struct view secret,
                 const char **ret_sealed, struct error *err) {
    uint8_t key[KEY_SIZE];
    uint8_t *out = arena_alloc(arena, NONCE_SIZE + secret.len + TAG_SIZE);
    TRY(data_key(core, key, err));
    bool ok = gcm_seal(key, place, secret, out);
    OPENSSL_cleanse(key, sizeof key);
    if (!ok)
        return fail_internal(err, "sealing %s", place);
    struct view sealed = view_of(out, NONCE_SIZE + secret.len + TAG_SIZE);
    *ret_sealed = arena_printf(arena, VERSION "%s", base64url_encode(arena, sealed));
    return true;
}

bool secret_open(struct core *core, struct arena *arena, const char *place, const char *sealed,
                 struct view *ret_secret, struct error *err) {
    uint8_t key[KEY_SIZE];
    struct view bytes;
    if (strncmp(sealed, VERSION, strlen(VERSION)) != 0 ||
        !base64url_decode(arena, view_text(sealed + strlen(VERSION)), &bytes) ||
        bytes.len < NONCE_SIZE + TAG_SIZE)
        return fail_internal(err, "the sealed secret at %s is broken", place);
    size_t len = bytes.len - NONCE_SIZE - TAG_SIZE;
    uint8_t *out = arena_alloc(arena, len + 1); /* and a NUL, for who reads it as text */
    TRY(data_key(core, key, err));
    bool ok = gcm_open(key, place, bytes, out);
    OPENSSL_cleanse(key, sizeof key);
    if (!ok)
        return fail_internal(err, "the sealed secret at %s was changed or belongs elsewhere",
                             place);
    *ret_secret = view_of(out, len);
    return true;
}
