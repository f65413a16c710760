#include "ca/totp.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

void totp_code(struct view secret, uint64_t step, char ret_code[static 7]) {
    uint8_t moment[8], mac[20] = {0};
    unsigned len = sizeof mac;
    for (int i = 7; i >= 0; i--, step >>= 8)
        moment[i] = (uint8_t)step;
    HMAC(EVP_sha1(), secret.at, (int)secret.len, moment, sizeof moment, mac, &len);
    unsigned offset = mac[19] & 0x0f; /* rfc4226#5.3 */
    unsigned long number = (mac[offset] & 0x7fUL) << 24 | (unsigned long)mac[offset + 1] << 16 |
                           (unsigned long)mac[offset + 2] << 8 | mac[offset + 3];
    snprintf(ret_code, 7, "%06lu", number % 1000000);
}

int64_t totp_match(struct view secret, const char *code, int64_t now_us) {
    char typed[7] = "", wanted[7];
    size_t len = 0;
    int64_t step = now_us / US_PER_SECOND / TOTP_STEP_S, found = 0;
    for (; *code != '\0'; code++) {
        if (*code == ' ')
            continue;
        if (!isdigit((unsigned char)*code) || len == 6)
            return 0;
        typed[len++] = *code;
    }
    if (len != 6)
        return 0;
    for (int64_t at = step - 1; at <= step + 1; at++) {
        totp_code(secret, (uint64_t)at, wanted);
        if (CRYPTO_memcmp(typed, wanted, 6) == 0)
            found = at;
    }
    return found;
}

const char *totp_base32(struct arena *arena, struct view bytes) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    struct buffer out = buffer_on(arena);
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        held = (held << 8 | bytes.at[i]) & 0xffff;
        for (bits += 8; bits >= 5; bits -= 5)
            buffer_add_byte(&out, (uint8_t)letters[held >> (bits - 5) & 31]);
    }
    if (bits > 0)
        buffer_add_byte(&out, (uint8_t)letters[held << (5 - bits) & 31]);
    return buffer_text(&out);
}

static const char *escape(struct arena *arena, const char *text) {
    struct buffer out = buffer_on(arena);
    for (; *text != '\0'; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
            buffer_add_byte(&out, (uint8_t)*text);
        else
            buffer_printf(&out, "%%%02X", (unsigned)(unsigned char)*text);
    return buffer_text(&out);
}

const char *totp_uri(struct arena *arena, const char *issuer, const char *account, struct view secret) {
    return arena_printf(arena, "otpauth://totp/%s:%s?secret=%s&issuer=%s", escape(arena, issuer),
                        escape(arena, account), totp_base32(arena, secret), escape(arena, issuer));
}
