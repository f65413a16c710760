/* ping URL: opens the database and prints "ok", or the error; for tls.sh. */
#include "store/db.h"

#include <stdio.h>

int main(int argc, char **argv) {
    struct db *db;
    struct error err;
    if (argc != 2)
        return 2;
    if (!db_open(argv[1], 1, &db, &err)) {
        printf("%s\n", err.type);
        return 1;
    }
    bool ok = db_ping(db, &err);
    printf("%s\n", ok ? "ok" : err.type);
    if (!ok)
        fprintf(stderr, "%s\n", err.detail);
    db_close(db);
    return ok ? 0 : 1;
}
