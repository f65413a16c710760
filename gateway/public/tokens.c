/* Links, puzzles and counters. The key of the first two is a sealed setting, the same on every node. */
#include "public/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/secret.h"
#include "net/reach.h"
#include "store/organisations.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define SETTING "public-key"
#define PLACE "settings/public-key"
#define MAC_SIZE 16
#define PER_MINUTE 60

static bool load_key(struct core *core, uint8_t ret[static 32], struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    uint8_t fresh[32];
    const char *sealed, *stands = NULL;
    struct view key;
    bool done = false;
    random_bytes(fresh, sizeof fresh);
    TRY(secret_seal(core, arena, PLACE, view_of(fresh, sizeof fresh), &sealed, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_default(tx.tx, arena, SETTING, sealed, &stands, err);
    TRY(done);
    TRY(secret_open(core, arena, PLACE, stands, &key, err));
    if (key.len != 32)
        return fail_internal(err, "setting " SETTING " is broken");
    memcpy(ret, key.at, 32);
    return true;
}

static bool mac(struct public_pages *pages, struct arena *arena, struct view text,
                uint8_t ret[static MAC_SIZE], struct error *err) {
    uint8_t whole[SHA256_DIGEST_LENGTH];
    (void)arena;
    pthread_mutex_lock(&pages->lock);
    if (!pages->known)
        pages->known = load_key(pages->core, pages->key, err);
    bool ok = pages->known;
    if (ok && HMAC(EVP_sha256(), pages->key, sizeof pages->key, text.at, text.len, whole, NULL) == NULL)
        ok = fail_internal(err, "HMAC");
    pthread_mutex_unlock(&pages->lock);
    if (ok)
        memcpy(ret, whole, MAC_SIZE);
    return ok;
}

/* --- links --------------------------------------------------------------------------------------------- */

static struct view link_text(struct arena *arena, enum public_link kind, struct uuid id) {
    return view_text(arena_printf(arena, "link %c %s", kind, uuid_text(arena, id)));
}

bool public_link_make(struct public_pages *pages, struct arena *arena, enum public_link kind,
                      struct uuid id, const char **ret, struct error *err) {
    uint8_t bytes[16 + MAC_SIZE];
    memcpy(bytes, id.bytes, 16);
    TRY(mac(pages, arena, link_text(arena, kind, id), bytes + 16, err));
    *ret = base64url_encode(arena, view_of(bytes, sizeof bytes));
    return true;
}

bool public_link_read(struct public_pages *pages, struct arena *arena, enum public_link kind,
                      const char *text, struct uuid *ret, struct error *err) {
    uint8_t expected[MAC_SIZE];
    struct view bytes;
    struct uuid id;
    if (strlen(text) <= 64 && base64url_decode(arena, view_text(text), &bytes) && bytes.len == 16 + MAC_SIZE) {
        memcpy(id.bytes, bytes.at, 16);
        TRY(mac(pages, arena, link_text(arena, kind, id), expected, err));
        if (CRYPTO_memcmp(expected, bytes.at + 16, MAC_SIZE) == 0) {
            *ret = id;
            return true;
        }
    }
    return fail(err, ERROR_NOT_FOUND, "not-found",
                "This link opens nothing: it is not complete, or what it was for has been forgotten.");
}

/* --- puzzles and challenges ---------------------------------------------------------------------------- */

#define STAMP_SIZE 24 /* eight octets of time, sixteen of chance */

static struct view stamp_text(struct arena *arena, const uint8_t *stamp, struct view bound) {
    struct buffer text = buffer_on(arena);
    buffer_add_text(&text, "challenge ");
    buffer_add(&text, stamp, STAMP_SIZE);
    buffer_add(&text, bound.at, bound.len);
    return buffer_view(&text);
}

bool public_challenge_make(struct public_pages *pages, struct arena *arena, struct view bound,
                           const char **ret, struct error *err) {
    uint8_t bytes[STAMP_SIZE + MAC_SIZE];
    uint64_t now = (uint64_t)clock_now_us();
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(now >> (56 - 8 * i));
    random_bytes(bytes + 8, STAMP_SIZE - 8);
    TRY(mac(pages, arena, stamp_text(arena, bytes, bound), bytes + STAMP_SIZE, err));
    *ret = base64url_encode(arena, view_of(bytes, sizeof bytes));
    return true;
}

bool public_challenge_check(struct public_pages *pages, struct arena *arena, struct view bound,
                            const char *text, uint8_t ret_hash[static 32], struct error *err) {
    uint8_t expected[MAC_SIZE];
    struct view bytes;
    uint64_t made = 0;
    if (strlen(text) > 100 || !base64url_decode(arena, view_text(text), &bytes) ||
        bytes.len != STAMP_SIZE + MAC_SIZE)
        return fail(err, ERROR_POLICY, "puzzle", "That is no challenge of ours; ask for a new one.");
    TRY(mac(pages, arena, stamp_text(arena, bytes.at, bound), expected, err));
    for (int i = 0; i < 8; i++)
        made = made << 8 | bytes.at[i];
    int64_t age = clock_now_us() - (int64_t)made;
    if (CRYPTO_memcmp(expected, bytes.at + STAMP_SIZE, MAC_SIZE) != 0 || age < -PUZZLE_US || age > PUZZLE_US)
        return fail(err, ERROR_POLICY, "puzzle",
                    "The challenge is over or was given for something else; ask for a new one.");
    SHA256(bytes.at, bytes.len, ret_hash);
    return true;
}

bool public_puzzle_check(struct arena *arena, const char *challenge, const char *solution, int64_t bits,
                         struct error *err) {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    const char *text = arena_printf(arena, "%.100s:%.40s", challenge, solution);
    SHA256((const unsigned char *)text, strlen(text), hash);
    for (int64_t i = 0; i < bits; i++)
        if ((hash[i / 8] & 0x80u >> (i % 8)) != 0)
            return fail(err, ERROR_POLICY, "puzzle", "The puzzle is not solved.");
    return true;
}

bool public_spend_once(struct tx *tx, const uint8_t hash[static 32], struct error *err) {
    bool duplicate;
    TRY(public_spend(tx, hash, clock_now_us() + 2 * PUZZLE_US, &duplicate, err));
    return !duplicate || fail(err, ERROR_POLICY, "puzzle", "The challenge was used already; ask for a new one.");
}

/* --- counters ------------------------------------------------------------------------------------------ */

const char *public_origin(struct arena *arena, const char *address) {
    struct net_address parsed;
    if (!net_address_parse(address, &parsed))
        return address;
    if (parsed.family == AF_INET6)
        memset(parsed.bytes + 8, 0, 8);
    return net_address_text(arena, &parsed);
}

bool public_slow_down(struct public_pages *pages, const struct http_request *request, struct error *err) {
    const char *origin = public_origin(request->arena, request->address);
    uint8_t hash[SHA256_DIGEST_LENGTH];
    int64_t minute = clock_monotonic_us() / (60 * US_PER_SECOND);
    SHA256((const unsigned char *)origin, strlen(origin), hash);
    size_t slot = (size_t)(hash[0] << 8 | hash[1]) % ORIGIN_SLOTS;
    pthread_mutex_lock(&pages->lock);
    if (pages->minute != minute) {
        memset(pages->counts, 0, sizeof pages->counts);
        pages->minute = minute;
    }
    bool ok = pages->counts[slot] < PER_MINUTE;
    pages->counts[slot] += ok;
    pthread_mutex_unlock(&pages->lock);
    return ok || fail(err, ERROR_TOO_MANY, "slow-down", "Too much at once; wait a minute and try again.");
}
