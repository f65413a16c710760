#include "signer/share.h"

#include "signer/shamir.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "ghk1-"
#define SUM_SIZE 4

static void prove(const struct kek *kek, const uint8_t key[static KEK_SIZE],
                  uint8_t ret_proof[static SHARE_PROOF_SIZE]) {
    static const char purpose[] = "gatehouse-kek-proof";
    uint8_t digest[32] = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory */
    EVP_DigestUpdate(ctx, purpose, sizeof purpose - 1);
    EVP_DigestUpdate(ctx, kek->id, kek->id_len);
    EVP_DigestUpdate(ctx, key, KEK_SIZE);
    EVP_DigestFinal_ex(ctx, digest, NULL);
    EVP_MD_CTX_free(ctx);
    memcpy(ret_proof, digest, SHARE_PROOF_SIZE);
}

bool shares_make(const struct kek *kek, const uint8_t key[static KEK_SIZE], unsigned k, unsigned n,
                 struct share *shares, struct error *err) {
    struct share head = {.k = k, .n = n, .kek = *kek};
    uint8_t *rows = OPENSSL_secure_malloc((size_t)k * KEK_SIZE);
    bool ready = rows != NULL && RAND_priv_bytes(rows + KEK_SIZE, (int)((k - 1) * KEK_SIZE)) == 1 &&
                 RAND_bytes(head.set, sizeof head.set) == 1;
    if (ready) {
        memcpy(rows, key, KEK_SIZE);
        prove(kek, key, head.proof);
    }
    for (unsigned i = 0; ready && i < n; i++) {
        shares[i] = head;
        shares[i].x = i + 1;
        shamir_share(rows, k, KEK_SIZE, (uint8_t)shares[i].x, shares[i].value);
    }
    OPENSSL_secure_clear_free(rows, (size_t)k * KEK_SIZE);
    return ready || fail_internal(err, "no locked memory or no random numbers for the shares");
}

/* --- text ------------------------------------------------------------------------------------------------ */

static char *put_hex(char *at, const uint8_t *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at++ = '-';
    return at;
}

static void sum_of(const char *text, size_t len, uint8_t sum[static SUM_SIZE]) {
    uint8_t digest[32] = {0};
    EVP_Digest(text, len, digest, NULL, EVP_sha256(), NULL);
    memcpy(sum, digest, SUM_SIZE);
}

void share_format(const struct share *share, char text[static SHARE_TEXT_MAX]) {
    uint8_t sum[SUM_SIZE];
    char *at = text + snprintf(text, SHARE_TEXT_MAX, PREFIX "%u-%u-%u-", share->k, share->n, share->x);
    at = put_hex(at, share->kek.id, share->kek.id_len);
    at = put_hex(at, share->set, sizeof share->set);
    at = put_hex(at, share->proof, sizeof share->proof);
    at = put_hex(at, share->value, sizeof share->value);
    sum_of(text, (size_t)(at - 1 - text), sum);
    at = put_hex(at, sum, sizeof sum);
    at[-1] = '\0';
}

static bool bad_share(const char *from, const char *what, struct error *err) {
    return fail(err, ERROR_MALFORMED, "bad-share", "The share in %.150s %s.", from, what);
}

/* One field to the next "-"; hexadecimal, of exactly `len` octets, or of 1 to `len` when ret_len is given. */
static bool take_hex(const char **at, uint8_t *ret_bytes, size_t len, size_t *ret_len) {
    size_t count = 0;
    unsigned byte;
    int used;
    while (count < len && (*at)[0] != '-' && sscanf(*at, "%2x%n", &byte, &used) == 1 && used == 2) {
        ret_bytes[count++] = (uint8_t)byte;
        *at += 2;
    }
    if (ret_len != NULL)
        *ret_len = count;
    bool ended = **at == '-' || **at == '\0';
    *at += **at == '-';
    return ended && (ret_len != NULL ? count > 0 : count == len);
}

static bool take_number(const char **at, unsigned *ret) {
    char *end;
    unsigned long value = strtoul(*at, &end, 10);
    if (end == *at || *end != '-' || value > SHAMIR_SHARES_MAX)
        return false;
    *at = end + 1;
    *ret = (unsigned)value;
    return true;
}

static bool take_fields(const char *at, struct share *s, uint8_t sum[static SUM_SIZE]) {
    return take_number(&at, &s->k) && take_number(&at, &s->n) && take_number(&at, &s->x) &&
           take_hex(&at, s->kek.id, sizeof s->kek.id, &s->kek.id_len) &&
           take_hex(&at, s->set, sizeof s->set, NULL) && take_hex(&at, s->proof, sizeof s->proof, NULL) &&
           take_hex(&at, s->value, sizeof s->value, NULL) && take_hex(&at, sum, SUM_SIZE, NULL) && *at == '\0';
}

static bool check_text(const char *text, const char *from, struct share *s, struct error *err) {
    uint8_t written[SUM_SIZE], sum[SUM_SIZE];
    const char *last = strrchr(text, '-');
    *s = (struct share){.from = from};
    if (!take_fields(text + sizeof PREFIX - 1, s, written))
        return bad_share(from, "is not whole: characters are missing, or too many", err);
    sum_of(text, (size_t)(last - text), sum);
    if (CRYPTO_memcmp(sum, written, sizeof sum) != 0)
        return bad_share(from, "is mistyped: its check sum is wrong", err);
    return (s->k >= 2 && s->k <= s->n && s->x >= 1 && s->x <= s->n) ||
           bad_share(from, "has numbers that cannot be", err);
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Up to the next share's prefix or a character that is none of a share's. */
static size_t collect(struct view text, char out[static SHARE_TEXT_MAX]) {
    static const char letters[] = "-0123456789abcdefABCDEFghk";
    size_t used = 0, len = 0;
    while (used < text.len && len < SHARE_TEXT_MAX - 1) {
        uint8_t c = text.at[used];
        if (len >= sizeof PREFIX && text.len - used >= sizeof PREFIX - 1 &&
            strncmp((const char *)text.at + used, PREFIX, sizeof PREFIX - 1) == 0)
            break;
        if (!is_space(c) && memchr(letters, c, sizeof letters - 1) == NULL)
            break;
        if (!is_space(c))
            out[len++] = (char)c;
        used++;
    }
    out[len] = '\0';
    return used;
}

bool share_parse(struct view *text, const char *from, struct share *ret, bool *ret_found, struct error *err) {
    char one[SHARE_TEXT_MAX];
    const uint8_t *at = text->len < sizeof PREFIX - 1
                            ? NULL
                            : memmem(text->at, text->len, PREFIX, sizeof PREFIX - 1);
    *ret_found = at != NULL;
    if (at == NULL)
        return true;
    struct view rest = view_of(at, text->len - (size_t)(at - text->at));
    size_t used = collect(rest, one);
    *text = view_of(rest.at + used, rest.len - used);
    bool done = check_text(one, from, ret, err);
    OPENSSL_cleanse(one, sizeof one);
    return done;
}

/* --- joining --------------------------------------------------------------------------------------------- */

static bool belong_together(const struct share *a, const struct share *b, struct error *err) {
    if (a->k != b->k || a->n != b->n || a->kek.id_len != b->kek.id_len ||
        CRYPTO_memcmp(a->kek.id, b->kek.id, a->kek.id_len) != 0)
        return bad_share(b->from, "is of another key than the first", err);
    if (CRYPTO_memcmp(a->set, b->set, sizeof a->set) != 0 ||
        CRYPTO_memcmp(a->proof, b->proof, sizeof a->proof) != 0)
        return bad_share(b->from, "is of another splitting than the first", err);
    return a->x != b->x || bad_share(b->from, "has the same number as another", err);
}

/* Joins the first k shares without that one (count: without none). */
static bool try_without(const struct share *shares, size_t count, size_t without,
                        uint8_t ret_key[static KEK_SIZE]) {
    uint8_t xs[SHAMIR_SHARES_MAX], proof[SHARE_PROOF_SIZE];
    const uint8_t *values[SHAMIR_SHARES_MAX];
    unsigned used = 0;
    for (size_t i = 0; i < count && used < shares[0].k; i++)
        if (i != without) {
            xs[used] = (uint8_t)shares[i].x;
            values[used++] = shares[i].value;
        }
    if (used < shares[0].k)
        return false;
    shamir_join(xs, values, used, KEK_SIZE, ret_key);
    prove(&shares[0].kek, ret_key, proof);
    return CRYPTO_memcmp(proof, shares[0].proof, sizeof proof) == 0;
}

bool shares_join(const struct share *shares, size_t count, uint8_t ret_key[static KEK_SIZE], struct error *err) {
    if (count == 0)
        return fail(err, ERROR_MALFORMED, "bad-share", "There is no share: give --share FILE for each.");
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            TRY(belong_together(&shares[j], &shares[i], err));
    if (count < shares[0].k)
        return fail(err, ERROR_MALFORMED, "bad-share",
                    "%zu of the %u shares that are needed were given: %u more.", count, shares[0].k,
                    shares[0].k - (unsigned)count);
    if (try_without(shares, count, count, ret_key))
        return true;
    for (size_t i = 0; i < count; i++)
        if (try_without(shares, count, i, ret_key)) {
            OPENSSL_cleanse(ret_key, KEK_SIZE);
            return bad_share(shares[i].from, "is wrong: the others restore the key without it", err);
        }
    OPENSSL_cleanse(ret_key, KEK_SIZE);
    return fail(err, ERROR_MALFORMED, "bad-share",
                "One of these %zu shares is wrong, though its check sum is right; with one share more it can be named.",
                count);
}
