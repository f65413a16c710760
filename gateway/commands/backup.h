/* What backup and restore share. */
#ifndef GATEHOUSE_COMMANDS_BACKUP_H
#define GATEHOUSE_COMMANDS_BACKUP_H

#include "commands/app.h"

struct backup_arguments {
    const char *file;
    const char **certificates; /* --to; NULL-terminated */
    const char *passphrase;    /* from --passphrase-file */
    const char **added;        /* --add: further files and directories */
    size_t added_count;
    const char *key, *certificate; /* restore: --key, --certificate */
    const char *extract;           /* restore: --extract DIR, into files alone */
    const char *events;            /* restore: --events FILE, what happened since */
};
/* FILE and these options; what is left is the program's own. Configures the app. */
MUST_USE bool backup_arguments_read(struct app *app, int argc, char *const argv[],
                                    struct backup_arguments *ret, struct error *err);

#endif
