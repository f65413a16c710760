#include "agent/state.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/handles.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 * 1024)
#define KEY_FILE "key.pem"
#define CERTIFICATE_FILE "certificate.pem"
#define PIN_FILE "gateway.pin"
#define PAGE_KEY_FILE "page-key.pem"
#define PAGE_CERTIFICATE_FILE "page.pem"
#define PAGE_DAYS 3650

/* ---- files ----------------------------------------------------------------------------------- */

static bool file_error(const char *directory, const char *name, const char *what, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "state", "The agent's file %.200s/%s: %s: %s.", directory,
                name, what, strerror(errno));
}

static bool write_all(int fd, struct view bytes) {
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = view_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return true;
}

bool state_write(const char *directory, const char *name, struct view bytes, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *path = arena_printf(arena, "%s/%s", directory, name);
    const char *fresh = arena_printf(arena, "%s.new", path);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return file_error(directory, name, "make the directory", err);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return file_error(directory, name, "create", err);
    bool done = write_all(fd, bytes) && fsync(fd) == 0;
    done = close(fd) == 0 && done && rename(fresh, path) == 0;
    if (!done)
        return file_error(directory, name, "write", err);
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    done = folder >= 0 && fsync(folder) == 0;
    if (folder >= 0)
        close(folder);
    return done || file_error(directory, name, "its directory", err);
}

bool state_read(struct arena *arena, const char *directory, const char *name,
                struct view *ret_bytes, struct error *err) {
    const char *path = arena_printf(arena, "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no file %.200s.", path);
    if (fd < 0)
        return file_error(directory, name, "open", err);
    uint8_t *at = arena_alloc(arena, FILE_MAX);
    size_t len = 0;
    ssize_t n = 0;
    while (len < FILE_MAX && (n = read(fd, at + len, FILE_MAX - len)) > 0)
        len += (size_t)n;
    close(fd);
    if (n < 0 || len == FILE_MAX)
        return file_error(directory, name, "read", err);
    *ret_bytes = view_of(at, len);
    return true;
}

/* ---- key and certificate --------------------------------------------------------------------- */

static bool plan(struct arena *arena, EVP_PKEY *key, int64_t days, X509 **ret, struct error *err) {
    uint8_t serial[16];
    X509_NAME *subject = X509_NAME_new();
    keep_X509_NAME(arena, subject);
    random_bytes(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)"Agent", -1, -1, 0) != 1)
        return fail_internal(err, "name");
    struct certificate_plan what = {.serial = view_of(serial, sizeof serial),
                                    .subject = subject,
                                    .public_key = key,
                                    .not_before_us = clock_now_us() - US_PER_DAY,
                                    .not_after_us = clock_now_us() + days * US_PER_DAY,
                                    .path_length = -1,
                                    .key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT};
    return certificate_build(&what, ret, err);
}

static bool make_party(int64_t days, struct party *ret, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    AUTO(EVP_PKEY) *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    AUTO(X509) *certificate = NULL;
    if (key == NULL)
        return fail_internal(err, "EC key");
    TRY(plan(arena, key, days, &certificate, err));
    TRY(certificate_sign(certificate, key, EVP_sha256(), key, err));
    *ret = (struct party){TAKE(certificate), TAKE(key)};
    return true;
}

/* Its certificate is of no meaning but to carry the public key into the first message. */
bool state_new(struct party *ret, struct error *err) {
    return make_party(1, ret, err);
}

static bool save_key(const char *directory, const char *name, EVP_PKEY *key, struct error *err) {
    AUTO(BIO) *bio = BIO_new(BIO_s_secmem());
    char *at = NULL;
    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return fail_internal(err, "encoding the key");
    long len = BIO_get_mem_data(bio, &at);
    return state_write(directory, name, view_of(at, (size_t)len), err);
}

/* The pin last: who has it is enrolled. */
bool state_save(const char *directory, EVP_PKEY *key, struct view certificate,
                const uint8_t pin[static HANDSHAKE_PIN], struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const char *pem = pem_encode(arena, "CERTIFICATE", certificate);
    const char *hex = arena_printf(arena, "%s\n", hex_encode(arena, view_of(pin, HANDSHAKE_PIN)));
    TRY(save_key(directory, KEY_FILE, key, err));
    TRY(state_write(directory, CERTIFICATE_FILE, view_text(pem), err));
    return state_write(directory, PIN_FILE, view_text(hex), err);
}

static bool damaged(const char *directory, const char *name, struct error *err) {
    fail_internal(NULL, "empties the error queue");
    return fail(err, ERROR_UNAVAILABLE, "state",
                "The agent's file %.200s/%s is damaged: enrol again with a new code.", directory, name);
}

static bool load_party(struct arena *arena, const char *directory, const char *key_name,
                       const char *certificate_name, struct party *ret, struct error *err) {
    struct view pem, der;
    TRY(state_read(arena, directory, key_name, &pem, err));
    AUTO(BIO) *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    AUTO(EVP_PKEY) *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    if (key == NULL)
        return damaged(directory, key_name, err);
    TRY(state_read(arena, directory, certificate_name, &pem, err));
    if (!pem_decode(arena, pem, "CERTIFICATE", &der))
        return damaged(directory, certificate_name, err);
    const uint8_t *at = der.at;
    AUTO(X509) *certificate = d2i_X509(NULL, &at, (long)der.len);
    if (certificate == NULL || X509_check_private_key(certificate, key) != 1)
        return damaged(directory, certificate_name, err);
    *ret = (struct party){TAKE(certificate), TAKE(key)};
    return true;
}

bool state_load(const char *directory, struct agent_state *ret, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view text, pin;
    struct error cause = {0};
    if (!state_read(arena, directory, PIN_FILE, &text, &cause)) {
        if (cause.kind == ERROR_NOT_FOUND)
            return fail(err, ERROR_CONFLICT, "not-enrolled",
                        "This agent has not enrolled yet: make a code at the gateway, then run it once "
                        "with --enrol --code-file FILE.");
        *err = cause;
        return false;
    }
    while (text.len > 0 && text.at[text.len - 1] == '\n')
        text.len--;
    if (!hex_decode(arena, text, &pin) || pin.len != HANDSHAKE_PIN)
        return damaged(directory, PIN_FILE, err);
    TRY(load_party(arena, directory, KEY_FILE, CERTIFICATE_FILE, &ret->party, err));
    memcpy(ret->pin, pin.at, HANDSHAKE_PIN);
    return true;
}

bool state_tls(const char *directory, struct party *ret, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error cause = {0};
    if (load_party(arena, directory, PAGE_KEY_FILE, PAGE_CERTIFICATE_FILE, ret, &cause))
        return true;
    if (cause.kind != ERROR_NOT_FOUND) {
        *err = cause;
        return false;
    }
    uint8_t *der = NULL;
    TRY(make_party(PAGE_DAYS, ret, err));
    int len = i2d_X509(ret->certificate, &der);
    const char *pem = pem_encode(arena, "CERTIFICATE", view_of(der, len > 0 ? (size_t)len : 0));
    OPENSSL_free(der);
    return save_key(directory, PAGE_KEY_FILE, ret->key, err) &&
           state_write(directory, PAGE_CERTIFICATE_FILE, view_text(pem), err);
}

void state_free(struct agent_state *state) {
    X509_free(state->party.certificate);
    EVP_PKEY_free(state->party.key);
    *state = (struct agent_state){0};
}
