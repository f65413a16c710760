/* One conversation between two machines who share a code that somebody carried from one to the other: TLS 1.3 with
 * nothing but the code as its key (rfc8446#4.2.11, psk_dhe_ke, X25519MLKEM768 or X25519). So each proves to the other
 * that it has the code, nobody in between reads along, also not when the code becomes known later, and no certificate is
 * needed. */
#ifndef GATEHOUSE_COMMANDS_NODE_CHANNEL_H
#define GATEHOUSE_COMMANDS_NODE_CHANNEL_H

#include "base/arena.h"

#define NODE_CODE_OCTETS 20 /* 160 bits: no guessing, with or without a record of conversations */
#define NODE_CODE_SIZE 40   /* "ABCD-EFGH-...": eight groups of four letters and digits (rfc4648#6), and NUL */
void node_code_make(char code[static NODE_CODE_SIZE]);

struct node_channel;
/* Binds ADDRESS:PORT. *ret_fd is to be given to node_accept and closed. */
MUST_USE bool node_listen(const char *address, int *ret_fd, struct error *err);
/* Waits for a caller with the code, at most until the time (monotonic). Callers without it are told nothing and noted in
 * the log; who is silent keeps nobody else waiting. ERROR_UNAVAILABLE "invitation-over" when nobody came. ret_peer: the
 * caller's address. */
MUST_USE bool node_accept(int fd, const char *code, int64_t until_us, struct node_channel **ret, char ret_peer[static 64],
                          struct error *err);
/* ERROR_MALFORMED "bad-code" for what cannot be one; ERROR_FORBIDDEN "wrong-code" when the other side has another one. */
MUST_USE bool node_call(const char *address, const char *code, struct node_channel **ret, struct error *err);
void node_close(struct node_channel *channel); /* NULL is accepted */

/* A message of at most `most` octets, whole or not at all. */
MUST_USE bool node_send(struct node_channel *channel, struct view message, struct error *err);
MUST_USE bool node_receive(struct node_channel *channel, struct arena *arena, size_t most, struct view *ret,
                           struct error *err);

#endif
