#include "store/gather.h"

#define MOST ((size_t)256 * 1024) /* is kept back; what is larger goes when it comes */
#define USUAL ((size_t)8 * 1024)

static bool write_all(const struct gather *gather, const uchar *at, size_t len) {
    while (len > 0) {
        ssize_t written = gather->real->write(gather->pvio, at, len);
        if (written <= 0)
            return false;
        at += written;
        len -= (size_t)written;
    }
    return true;
}

static bool let_go(struct gather *gather) {
    bool ok = write_all(gather, gather->bytes.at, gather->bytes.len);
    gather->bytes.len = 0;
    return ok;
}

static ssize_t keep(MARIADB_PVIO *pvio, const uchar *at, size_t len) {
    struct gather *gather = (struct gather *)pvio->methods;
    if (gather->bytes.len + len > MOST)
        return let_go(gather) && write_all(gather, at, len) ? (ssize_t)len : -1;
    buffer_add(&gather->bytes, at, len);
    return (ssize_t)len;
}

void gather_begin(struct gather *gather, MYSQL *mysql) {
    MARIADB_PVIO *pvio = mysql->net.pvio;
    *gather = (struct gather){.mysql = mysql, .pvio = pvio};
    if (pvio == NULL) /* closed: the write says so */
        return;
    gather->arena = arena_new();
    gather->bytes = buffer_on(gather->arena);
    buffer_reserve(&gather->bytes, USUAL);
    gather->real = pvio->methods;
    gather->methods = *pvio->methods;
    gather->methods.write = keep;
    pvio->methods = &gather->methods;
}

bool gather_end(struct gather *gather, bool send) {
    bool open = gather->pvio != NULL && gather->mysql->net.pvio == gather->pvio; /* the library closes what fails */
    if (open)
        gather->pvio->methods = gather->real;
    bool ok = open && (!send || let_go(gather));
    arena_free(gather->arena);
    return ok;
}
