#include "commands/app.h"

/* gatehouse tls show|set|csr|import|renew ...: the instance's own TLS certificate. */
int command_tls(int argc, char *const argv[]) {
    static const struct ctl_word words[] = {{"show", "show-tls"},
                                            {"set", "set-tls"},
                                            {"csr", "create-tls-csr"},
                                            {"import", "import-tls-certificate"},
                                            {"renew", "renew-tls-certificate"},
                                            {NULL, NULL}};
    return command_ctl_word("tls", words, argc, argv);
}
