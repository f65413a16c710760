#ifndef GATEHOUSE_CMP_DESCRIBE_H
#define GATEHOUSE_CMP_DESCRIBE_H

#include "cmp/message.h"

/* The message as lines of text for debugging: header, body, names of algorithms and certificates. No key, no
 * signature value, no MAC, no attribute that may be a password. Any octets: what cannot be read is said so. */
const char *cmp_describe(struct arena *arena, struct view der);

#endif
