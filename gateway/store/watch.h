/* A thread that notices a server that hangs: one that is there for the kernel, but says nothing (stopped, swapping, a
 * dead disk), on which statements would wait for their whole time-out. When a connection has been in use for longer
 * than `probe-after`, a new connection is opened; without any word on that one within `connect-timeout`, all that
 * wait for this server are given up (and run again elsewhere, where there is another). A long statement on a server
 * that lives goes on. Private to this room. */
#ifndef GATEHOUSE_STORE_WATCH_H
#define GATEHOUSE_STORE_WATCH_H

struct db;
struct watch;
/* NULL when there is no thread to be had: then only the connector's time-outs are left. */
struct watch *watch_start(struct db *db);
void watch_stop(struct watch *watch); /* NULL: nothing */

#endif
