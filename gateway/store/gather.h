/* What is written to the server between begin and end leaves in one piece: each piece of its own would be a system call
 * and, for a server that waits, a wake-up. Private to this room. */
#ifndef GATEHOUSE_STORE_GATHER_H
#define GATEHOUSE_STORE_GATHER_H

#include "base/buffer.h"

#include <mysql.h>
#include <ma_pvio.h> /* needs mysql.h before it */

struct gather {
    PVIO_METHODS methods; /* first: it is what the library has of us */
    PVIO_METHODS *real;
    MARIADB_PVIO *pvio;
    MYSQL *mysql;
    struct arena *arena;
    struct buffer bytes;
};
void gather_begin(struct gather *gather, MYSQL *mysql);
/* Writes it all, or, unless `send`, forgets what has not been written. False when the connection is of no more use.
 * After begin, whatever came between. */
bool gather_end(struct gather *gather, bool send);

#endif
