#include "signer/token.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIN_MAX 255
#define CREDENTIAL "credential:"
#define VARIABLE "env:"

static bool bad_pin_file(const char *path, const char *what, struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "pin-file", "The PIN file %.200s %s.", path, what);
}

static bool read_pin_bytes(int fd, const char *path, char *buffer, size_t size, struct error *err) {
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return bad_pin_file(path, "is no regular file", err);
    if ((info.st_mode & S_IRWXO) != 0)
        return bad_pin_file(path, "can be read by everybody: chmod 0600 it", err);
    ssize_t got = read(fd, buffer, size - 1);
    if (got < 0)
        return bad_pin_file(path, strerror(errno), err);
    buffer[got] = '\0';
    char *end = buffer + got;
    while (end > buffer && (end[-1] == '\n' || end[-1] == '\r'))
        *--end = '\0';
    if (end == buffer || end - buffer > PIN_MAX || strlen(buffer) != (size_t)(end - buffer) ||
        strpbrk(buffer, "\r\n") != NULL)
        return bad_pin_file(path, "must hold one line of 1 to 255 characters", err);
    return true;
}

/* The variable stays in the environment, where the signer's children find it; nobody reads it there, for the process
 * is not dumpable. */
static bool from_environment(const char *variable, char **ret_pin, struct error *err) {
    const char *value = getenv(variable);
    size_t len = value == NULL ? 0 : strlen(value);
    if (len == 0 || len > PIN_MAX || strpbrk(value, "\r\n") != NULL)
        return fail(err, ERROR_UNAVAILABLE, "pin-file",
                    "The environment variable %.100s must hold a PIN of 1 to %d characters.", variable, PIN_MAX);
    char *pin = OPENSSL_secure_zalloc(len + 1);
    if (pin == NULL)
        return fail_internal(err, "no locked memory for a PIN");
    memcpy(pin, value, len);
    *ret_pin = pin;
    return true;
}

/* systemd's LoadCredential=, LoadCredentialEncrypted= and SetCredential=. */
static bool credential_path(const char *name, char path[static PATH_MAX], struct error *err) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || strchr(name, '/') != NULL || name[0] == '\0' || name[0] == '.')
        return fail(err, ERROR_UNAVAILABLE, "pin-file",
                    "There is no systemd credential \"%.100s\": the unit needs LoadCredential=%.100s:FILE.", name, name);
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return true;
}

bool pin_is_file(const char *path) {
    return strncmp(path, CREDENTIAL, sizeof CREDENTIAL - 1) != 0 && strncmp(path, VARIABLE, sizeof VARIABLE - 1) != 0;
}

bool pin_read(const char *path, char **ret_pin, struct error *err) {
    char credential[PATH_MAX];
    if (strncmp(path, VARIABLE, sizeof VARIABLE - 1) == 0)
        return from_environment(path + sizeof VARIABLE - 1, ret_pin, err);
    if (strncmp(path, CREDENTIAL, sizeof CREDENTIAL - 1) == 0) {
        TRY(credential_path(path + sizeof CREDENTIAL - 1, credential, err));
        path = credential;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return bad_pin_file(path, errno == ENOENT ? "does not exist" : "cannot be read", err);
    char *pin = OPENSSL_secure_zalloc(PIN_MAX + 8);
    bool done = pin != NULL && read_pin_bytes(fd, path, pin, PIN_MAX + 8, err);
    close(fd);
    if (!done) {
        token_pin_free(pin);
        return pin == NULL ? fail_internal(err, "no locked memory for a PIN") : false;
    }
    *ret_pin = pin;
    return true;
}

void token_pin_free(char *pin) {
    if (pin != NULL)
        OPENSSL_secure_clear_free(pin, strlen(pin));
}
