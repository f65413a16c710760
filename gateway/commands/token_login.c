/* gatehouse token login URI: the PIN is typed here, and sent to the running instance over the REST API. */
#include "commands/app.h"

#include "commands/instance.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PIN_MAX 255
#define PAD_SECONDS 600

/* From the terminal without echo, or a line of standard input. */
static bool read_pin(char pin[static PIN_MAX + 2], struct error *err) {
    struct termios before, silent;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    setvbuf(stdin, NULL, _IONBF, 0); /* no copy stays in a buffer */
    if (terminal) {
        fputs("PIN: ", stderr);
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    bool got = fgets(pin, PIN_MAX + 2, stdin) != NULL;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    size_t len = got ? strcspn(pin, "\r\n") : 0;
    bool whole = len > 0 && len <= PIN_MAX && (pin[len] != '\0' || feof(stdin) != 0);
    pin[got ? len : 0] = '\0';
    return whole || fail(err, ERROR_MALFORMED, "usage", "A PIN is one line of 1 to %d octets.", PIN_MAX);
}

/* The reason, once, while somebody is on the way to the PIN pad. */
static bool still_waits(const struct json *problem, int *waited) {
    const struct json *type = json_get(problem, "type"), *detail = json_get(problem, "detail");
    if (type == NULL || type->text == NULL || strstr(type->text, "token-waits") == NULL || *waited >= PAD_SECONDS)
        return false;
    if ((*waited)++ == 0 && detail != NULL && detail->text != NULL)
        fprintf(stderr, "%s\n", detail->text);
    sleep(1);
    return true;
}

static bool send_pin(struct arena *arena, const char *uri, const char *pin, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    struct instance instance = instance_of_environment();
    struct fetch_reply reply;
    TRY(instance_ready(arena, &instance, err));
    json_open_object(&w);
    json_put_string(&w, "token", uri);
    if (pin != NULL)
        json_put_string(&w, "pin", pin);
    json_close_object(&w);
    const struct json *problem = NULL;
    int waited = 0;
    bool done, again;
    do {
        done = instance_ask(arena, &instance, "POST", "/tokens/login", json_written(&w), &reply, err);
        again = done && pin == NULL && reply.status == 503 && json_parse(arena, reply.body, &problem, NULL) &&
                still_waits(problem, &waited);
    } while (again);
    OPENSSL_cleanse(w.out.at, w.out.len);
    TRY(done);
    return reply.status == 204 || instance_refused(arena, &reply, err);
}

int command_token_login(int argc, char *const argv[]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct error err = {0};
    bool at_pad = argc == 2 && strcmp(argv[1], "--pin-pad") == 0;
    if (argc != 1 && !at_pad) {
        fputs("usage: gatehouse token login URI: the PIN is read from the terminal or standard input, and kept by the "
              "signer of the instance (GATEHOUSE_URL, GATEHOUSE_TOKEN_FILE) until it ends\n"
              "       gatehouse token login URI --pin-pad: it is typed at the token's own PIN pad\n",
              stderr);
        return 2;
    }
    if (at_pad)
        return send_pin(arena, argv[0], NULL, &err) ? 0 : command_failed("token login", &err);
    if (CRYPTO_secure_malloc_init(16384, 16) == 0)
        return command_failed("token login", &(struct error){.message = "There is no locked memory."});
    char *pin = OPENSSL_secure_zalloc(PIN_MAX + 2);
    bool done = pin != NULL && read_pin(pin, &err) && send_pin(arena, argv[0], pin, &err);
    OPENSSL_secure_clear_free(pin, PIN_MAX + 2);
    return done ? 0 : command_failed("token login", &err);
}
