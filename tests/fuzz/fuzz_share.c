/* Shares of a key-encryption key, as files and people bring them. What is read can be written, and is read again as the
 * same.
 * Links: gatehouse_signer
 */
#include "signer/share.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void must(bool holds) {
    if (!holds)
        abort();
}

static void written_and_read(const struct share *share) {
    char text[SHARE_TEXT_MAX];
    struct share again;
    bool found;
    share_format(share, text);
    struct view rest = view_text(text);
    must(share_parse(&rest, "again", &again, &found, NULL) && found);
    must(again.k == share->k && again.n == share->n && again.x == share->x &&
         again.kek.id_len == share->kek.id_len);
    must(memcmp(again.kek.id, share->kek.id, share->kek.id_len) == 0);
    must(memcmp(again.value, share->value, sizeof share->value) == 0);
}

static void read_all(struct view rest) {
    struct share shares[4] = {0};
    struct error err = {0};
    uint8_t key[KEK_SIZE];
    size_t count = 0;
    bool found = true;
    while (found && count < 4) {
        if (!share_parse(&rest, "input", &shares[count], &found, &err)) {
            must(err.kind != ERROR_NONE && strstr(err.message, "input") != NULL);
            return;
        }
        if (found)
            written_and_read(&shares[count++]);
    }
    if (!shares_join(shares, count, key, &err))
        must(err.kind != ERROR_NONE && err.message[0] != '\0');
}

/* The same with the check sum that it ought to have: without it no changed share comes past the sum. */
static void read_summed(struct view text) {
    char bare[SHARE_TEXT_MAX + 16];
    uint8_t sum[EVP_MAX_MD_SIZE];
    size_t len = 0, end = 0;
    for (size_t i = 0; i < text.len && len < SHARE_TEXT_MAX; i++) {
        if (isspace(text.at[i]))
            continue;
        if (text.at[i] == '-')
            end = len;
        bare[len++] = (char)text.at[i];
    }
    must(EVP_Digest(bare, end, sum, NULL, EVP_sha256(), NULL) == 1);
    int more = snprintf(bare + end, sizeof bare - end, "-%02x%02x%02x%02x", sum[0], sum[1], sum[2], sum[3]);
    read_all(view_of(bare, end + (size_t)more));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    read_all(view_of(at, len));
    read_summed(view_of(at, len));
    return 0;
}
