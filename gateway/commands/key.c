#include "commands/app.h"

/* gatehouse key create|import|csr|list|delete|certificate ...: keys in tokens. */
int command_key(int argc, char *const argv[]) {
    static const struct ctl_word words[] = {{"create", "create-token-key"},
                                            {"import", "import-token-key"},
                                            {"csr", "create-token-key-csr"},
                                            {"list", "list-token-keys"},
                                            {"delete", "delete-token-key"},
                                            {"certificate", "store-token-certificate"},
                                            {NULL, NULL}};
    return command_ctl_word("key", words, argc, argv);
}
