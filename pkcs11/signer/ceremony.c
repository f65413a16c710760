#include "signer/ceremony.h"

#include "signer/shamir.h"
#include "signer/share.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM "signer"
#define FILE_MAX ((size_t)16 * 1024)

/* What is secret on the way, in locked memory. */
struct secrets {
    struct kek kek;
    uint8_t key[KEK_SIZE];
    struct share shares[SHAMIR_SHARES_MAX];
    size_t count;
    char text[SHARE_TEXT_MAX];
    char file[FILE_MAX];
};

static struct secrets *secrets_new(struct error *err) {
    struct secrets *s = OPENSSL_secure_zalloc(sizeof *s);
    if (s == NULL)
        fail_internal(err, "no locked memory for shares (raise LimitMEMLOCK)");
    return s;
}

/* --- into the token -------------------------------------------------------------------------------------- */

static bool put(struct task *task, void *subject, struct error *err) {
    const struct secrets *s = subject;
    struct kek keks[KEKS_MAX];
    size_t count;
    TRY(kek_list(task, keks, &count, err));
    for (size_t i = 0; i < count; i++)
        if (view_equal(view_of(keks[i].id, keks[i].id_len), view_of(s->kek.id, s->kek.id_len))) {
            log_info(ROOM, "token \"%s\" holds this key-encryption key already", task->token->label);
            return true;
        }
    TRY(kek_put(task, &s->kek, view_of(s->key, sizeof s->key), err));
    log_info(ROOM, "token \"%s\" holds the key-encryption key now", task->token->label);
    return true;
}

/* Its id goes to standard output, for whoever rotates to it. */
static bool put_into_token(struct vault *vault, struct secrets *s, struct error *err) {
    struct token *token;
    TRY(vault_managed(vault, &token, err) && task_run(token, put, s, err));
    for (size_t i = 0; i < s->kek.id_len; i++)
        printf("%02x", s->kek.id[i]);
    putchar('\n');
    return true;
}

/* --- splitting ------------------------------------------------------------------------------------------- */

static bool read_numbers(const char *text, unsigned *ret_k, unsigned *ret_n, struct error *err) {
    int end = 0;
    if (sscanf(text, "%2u/%2u%n", ret_k, ret_n, &end) == 2 && text[end] == '\0' && *ret_k >= 2 && *ret_k <= *ret_n &&
        *ret_n <= SHAMIR_SHARES_MAX)
        return true;
    return fail(err, ERROR_MALFORMED, "bad-option",
                "The option split-kek is K/N, any K of N shares (2 <= K <= N <= %d), for example 3/5.",
                SHAMIR_SHARES_MAX);
}

static void page_of(struct secrets *s, const struct share *share) {
    share_format(share, s->text);
    snprintf(s->file, sizeof s->file,
             "Gatehouse key-encryption key, share %u of %u. Any %u of them restore it:\n"
             "gatehouse kek join FILE...\n\n%s\n",
             share->x, share->n, share->k, s->text);
}

static bool write_share(struct secrets *s, const struct share *share, const char *directory, struct error *err) {
    char path[4096];
    page_of(s, share);
    snprintf(path, sizeof path, "%.4000s/kek-share-%u-of-%u.txt", directory, share->x, share->n);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t len = strlen(s->file);
    bool done = fd >= 0 && write(fd, s->file, len) == (ssize_t)len && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return done || fail(err, ERROR_UNAVAILABLE, "share-file", "The share %.300s cannot be written: %s.", path,
                        strerror(why));
}

/* Whoever holds share X sits at the screen, writes it down, and it is gone before the next one comes. */
static bool show_share(struct secrets *s, const struct share *share, FILE *terminal, struct error *err) {
    char line[8];
    page_of(s, share);
    fprintf(terminal, "\033[2J\033[3J\033[H%s\nWrite it down, then press Enter: it is not shown again. ", s->file);
    fflush(terminal);
    bool done = fgets(line, sizeof line, terminal) != NULL;
    fputs("\033[2J\033[3J\033[H", terminal);
    fflush(terminal);
    return done || fail(err, ERROR_UNAVAILABLE, "share-file", "The terminal was closed before all shares were shown.");
}

static bool hand_out(struct secrets *s, const char *directory, struct error *err) {
    FILE *terminal = directory != NULL ? NULL : fopen("/dev/tty", "r+e");
    bool done = true;
    if (directory == NULL && terminal == NULL)
        return fail(err, ERROR_UNAVAILABLE, "share-file", "There is no terminal to show the shares on: give a directory.");
    if (terminal != NULL)
        setvbuf(terminal, NULL, _IONBF, 0); /* no copy stays in a buffer */
    for (size_t i = 0; done && i < s->count; i++)
        done = directory != NULL ? write_share(s, &s->shares[i], directory, err)
                                 : show_share(s, &s->shares[i], terminal, err);
    if (terminal != NULL)
        fclose(terminal);
    return done;
}

static bool split(struct vault *vault, const struct split_order *order, struct secrets *s, struct error *err) {
    unsigned k, n;
    struct uuid id = uuid_new();
    TRY(read_numbers(order->shares, &k, &n, err));
    s->kek.id_len = sizeof id.bytes;
    memcpy(s->kek.id, id.bytes, sizeof id.bytes);
    s->count = n;
    if (RAND_priv_bytes(s->key, sizeof s->key) != 1)
        return fail_internal(err, "RAND_priv_bytes");
    TRY(shares_make(&s->kek, s->key, k, n, s->shares, err));
    return hand_out(s, order->directory, err) && put_into_token(vault, s, err);
}

bool ceremony_split(struct vault *vault, const struct split_order *order, struct error *err) {
    struct secrets *s = secrets_new(err);
    bool done = s != NULL && split(vault, order, s, err);
    OPENSSL_secure_clear_free(s, sizeof *s);
    return done;
}

/* --- joining --------------------------------------------------------------------------------------------- */

static bool read_file(struct secrets *s, const char *path, size_t *ret_len, struct error *err) {
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t len = 0;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && len < FILE_MAX) {
        got = read(fd, s->file + len, FILE_MAX - len);
        len += got > 0 ? (size_t)got : 0;
    }
    int why = errno;
    if (fd > STDIN_FILENO)
        close(fd);
    *ret_len = len;
    return got >= 0 || fail(err, ERROR_UNAVAILABLE, "share-file", "The share %.300s cannot be read: %s.", path,
                            strerror(why));
}

static bool take_shares(struct secrets *s, const char *path, struct error *err) {
    size_t len, before = s->count;
    bool found = true;
    TRY(read_file(s, path, &len, err));
    struct view text = view_of(s->file, len);
    while (found) {
        struct share share;
        bool done = share_parse(&text, path, &share, &found, err);
        if (done && found && s->count < SHAMIR_SHARES_MAX)
            s->shares[s->count++] = share;
        OPENSSL_cleanse(&share, sizeof share);
        TRY(done);
    }
    return s->count > before ||
           fail(err, ERROR_MALFORMED, "bad-share", "There is no share in %.300s: it begins with \"ghk1-\".", path);
}

static bool join(struct vault *vault, const char *const *files, struct secrets *s, struct error *err) {
    for (size_t i = 0; files[i] != NULL; i++)
        TRY(take_shares(s, files[i], err));
    TRY(shares_join(s->shares, s->count, s->key, err));
    s->kek = s->shares[0].kek;
    return put_into_token(vault, s, err);
}

bool ceremony_join(struct vault *vault, const char *const *files, struct error *err) {
    struct secrets *s = secrets_new(err);
    bool done = s != NULL && join(vault, files, s, err);
    OPENSSL_secure_clear_free(s, sizeof *s);
    return done;
}
