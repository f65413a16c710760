#include "commands/app.h"

#include <stdio.h>
#include <string.h>

/* Words of `gatehouse key`, and the operation of the REST API that each is. */
static const struct {
    const char *word, *operation;
} words[] = {
    {"create", "create-token-key"},
    {"csr", "create-token-key-csr"},
    {"list", "list-token-keys"},
    {"delete", "delete-token-key"},
    {"certificate", "store-token-certificate"},
};

/* gatehouse key create|csr|list|delete|certificate ...: keys in tokens, as `gatehouse ctl` with the operation's name. */
int command_key(int argc, char *const argv[]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    for (size_t i = 0; argc > 0 && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(argv[0], words[i].word) == 0) {
            char **list = arena_array(arena, (size_t)argc + 1, sizeof *list);
            list[0] = arena_strdup(arena, words[i].operation);
            for (int k = 1; k < argc; k++)
                list[k] = argv[k];
            return command_ctl(argc, list);
        }
    fprintf(stderr, "gatehouse: usage: gatehouse key create|csr|list|delete|certificate --uri URI ...; "
                    "\"gatehouse ctl help create-token-key\" and its like list the options\n");
    return 2;
}
