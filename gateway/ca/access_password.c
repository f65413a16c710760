#include "ca/access.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* rfc9106#4: the second recommended option: 64 MiB, 3 passes, 4 lanes. */
#define ARGON2_MEMORY_KIB 65536u
#define ARGON2_PASSES 3u
#define ARGON2_LANES 4u
#define SALT_SIZE 16
#define HASH_SIZE 32
#define MAX_PASSWORD 1024
#define MIN_CHARACTERS 12

/* Each derivation takes 64 MiB: no more than this many at once, whoever asks. */
#define PARALLEL_DERIVATIONS 2
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_open = PTHREAD_COND_INITIALIZER;
static int deriving;

static size_t count_characters(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* Words that lists of stolen passwords are full of. */
static const char *const common_words[] = {
    "password", "passwort",  "passwd",   "admin",    "administrator", "root",     "letmein",  "welcome",
    "changeme", "change",    "default",  "secret",   "login",         "user",     "guest",    "test",
    "testing",  "iloveyou",  "love",     "monkey",   "dragon",        "football", "baseball", "master",
    "sunshine", "princess",  "shadow",   "superman", "batman",        "trustno",  "hello",    "freedom",
    "whatever", "qwerty",    "qwertz",   "azerty",   "michael",       "jordan",   "summer",   "winter",
    "spring",   "autumn",    "january",  "february", "march",         "april",    "june",     "july",
    "august",   "september", "october",  "november", "december",      "monday",   "friday",   "company",
    "gatehouse", "server",   "the",      "my",       "is",            "me",       "abc",      "pass",
    "word",     "starwars",  "pokemon",  "computer", "internet",      "manager",  "system",   "access",
    "please",   "temp",      "demo",     "super",    "king",          "god",      "you",      "and",
};

/* What "p4$$w0rd" stands for. */
static char plain(char c) {
    static const char from[] = "0134578@$!|+", to[] = "oleastbasiit";
    const char *at = strchr(from, c);
    return c != '\0' && at != NULL ? to[at - from] : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Digits and signs at the ends are what people add when a rule asks for them. */
static size_t core_of(const char *password, char core[static MAX_PASSWORD + 1]) {
    size_t from = 0, to = strlen(password), len = 0;
    while (from < to && !isalpha((unsigned char)password[from]))
        from++;
    while (to > from && !isalpha((unsigned char)password[to - 1]))
        to--;
    for (size_t i = from; i < to; i++)
        if (isalnum((unsigned char)plain(password[i])) || (unsigned char)password[i] >= 0x80)
            core[len++] = plain(password[i]);
    core[len] = '\0';
    return len;
}

/* The text is made of common words alone: which of its beginnings are, from left to right. */
static bool made_of_common_words(const char *text, size_t len, const char *username) {
    bool reached[MAX_PASSWORD + 1] = {true};
    for (size_t i = 0; i < len; i++) {
        size_t user_len = username == NULL ? 0 : strlen(username);
        if (!reached[i])
            continue;
        if (user_len >= 3 && user_len <= len - i && strncasecmp(text + i, username, user_len) == 0)
            reached[i + user_len] = true;
        for (size_t w = 0; w < sizeof common_words / sizeof common_words[0]; w++) {
            size_t word_len = strlen(common_words[w]);
            if (word_len <= len - i && strncmp(text + i, common_words[w], word_len) == 0)
                reached[i + word_len] = true;
        }
    }
    return reached[len];
}

/* True when the second key lies beside the first one, on the keyboard or in the alphabet. */
static bool follows(char before, char c) {
    static const char *const rows[] = {"1234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm",
                                       "yxcvbnm", "0987654321", "poiuytrewq", "lkjhgfdsa", "mnbvcxz"};
    if (before == c || before + 1 == c || before - 1 == c)
        return true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *at = strchr(rows[i], before);
        if (at != NULL && at[1] == c)
            return true;
    }
    return false;
}

/* The two characters up to i were there before, at most six earlier. */
static bool repeats(const char *text, size_t i) {
    for (size_t period = 2; period <= 6 && period < i; period++)
        if (text[i] == text[i - period] && text[i - 1] == text[i - 1 - period])
            return true;
    return false;
}

/* Characters that neither follow from the one before nor repeat what came before. */
static size_t surprises(const char *password) {
    size_t count = 1;
    for (size_t i = 1; password[i] != '\0'; i++)
        count += !follows((char)tolower((unsigned char)password[i - 1]),
                          (char)tolower((unsigned char)password[i])) &&
                 !repeats(password, i);
    return count;
}

static bool too_common(const char *password, const char *username) {
    char core[MAX_PASSWORD + 1];
    size_t len = core_of(password, core);
    return surprises(password) < 5 || (len > 0 && made_of_common_words(core, len, username)) ||
           (username != NULL && strcasecmp(password, username) == 0);
}

bool password_check_rules(const char *password, const char *username, struct error *err) {
    if (strlen(password) > MAX_PASSWORD || !utf8_valid(view_text(password)))
        return fail(err, ERROR_POLICY, "bad-password",
                    "The password is longer than %d bytes or not valid UTF-8.", MAX_PASSWORD);
    if (count_characters(password) < MIN_CHARACTERS)
        return fail(err, ERROR_POLICY, "bad-password",
                    "The password is too short: it needs at least %d characters, of any kind.",
                    MIN_CHARACTERS);
    if (too_common(password, username))
        return fail(err, ERROR_POLICY, "bad-password",
                    "The password is among the first that are guessed; choose another.");
    return true;
}

static void enter_gate(void) {
    pthread_mutex_lock(&gate);
    while (deriving >= PARALLEL_DERIVATIONS)
        pthread_cond_wait(&gate_open, &gate);
    deriving++;
    pthread_mutex_unlock(&gate);
}

static void leave_gate(void) {
    pthread_mutex_lock(&gate);
    deriving--;
    pthread_cond_signal(&gate_open);
    pthread_mutex_unlock(&gate);
}

static bool derive(const char *password, struct view salt, uint32_t memory, uint32_t passes,
                   uint32_t lanes, uint8_t *ret_hash, size_t len) {
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password,
                                          strlen(password)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.at, salt.len),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &memory),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &lanes),
        OSSL_PARAM_construct_end(),
    };
    enter_gate();
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, ret_hash, len, params) == 1;
    leave_gate();
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

bool password_hash(struct arena *arena, const char *password, const char **ret_encoded,
                   struct error *err) {
    uint8_t salt[SALT_SIZE], hash[HASH_SIZE];
    random_bytes(salt, sizeof salt);
    if (!derive(password, view_of(salt, sizeof salt), ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES,
                hash, sizeof hash))
        return fail_internal(err, "Argon2id failed");
    *ret_encoded = arena_printf(arena, "$argon2id$v=19$m=%u,t=%u,p=%u$%s$%s", ARGON2_MEMORY_KIB,
                                ARGON2_PASSES, ARGON2_LANES,
                                base64url_encode(arena, view_of(salt, sizeof salt)),
                                base64url_encode(arena, view_of(hash, sizeof hash)));
    OPENSSL_cleanse(hash, sizeof hash);
    return true;
}

bool password_verify(const char *encoded, const char *password) {
    SCOPED_ARENA struct arena *arena = arena_new();
    unsigned memory, passes, lanes;
    char salt_text[64], hash_text[128];
    struct view salt, hash;
    uint8_t derived[64];
    if (strlen(password) > MAX_PASSWORD ||
        sscanf(encoded, "$argon2id$v=19$m=%u,t=%u,p=%u$%63[A-Za-z0-9_-]$%127[A-Za-z0-9_-]", &memory,
               &passes, &lanes, salt_text, hash_text) != 5 ||
        !base64url_decode(arena, view_text(salt_text), &salt) ||
        !base64url_decode(arena, view_text(hash_text), &hash) || hash.len > sizeof derived)
        return false;
    bool ok = derive(password, salt, memory, passes, lanes, derived, hash.len) &&
              CRYPTO_memcmp(derived, hash.at, hash.len) == 0;
    OPENSSL_cleanse(derived, sizeof derived);
    return ok;
}
