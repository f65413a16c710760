#include "ca/access.h"
#include "commands/app.h"

#include <stdio.h>
#include <string.h>

/* gatehouse user reset NAME: a new one-time password, for who is locked out. */
int command_user(int argc, char *const argv[]) {
    struct app app = {0};
    struct error err = {0};
    const char *password;
    if (argc < 2 || strcmp(argv[0], "reset") != 0 || argv[1][0] == '-') {
        fprintf(stderr, "gatehouse: usage: gatehouse user reset NAME [options]\n");
        return 2;
    }
    bool ok = app_configure(&app, argc - 2, argv + 2, &err) && app_open_core(&app, &err) &&
              access_user_reset(app.core, app.arena, &actor_system, argv[1], &password, &err);
    if (ok)
        printf("user=%s\npassword=%s\n", argv[1], password);
    app_close(&app);
    return ok ? 0 : command_failed("user reset", &err);
}
