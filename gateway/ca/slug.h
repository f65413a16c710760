/* URL-safe names of CAs and templates: [a-z0-9-]{1,63}, folded from the name. */
#ifndef GATEHOUSE_CA_SLUG_H
#define GATEHOUSE_CA_SLUG_H

#include "base/arena.h"

/* "Example Root" -> "example-root"; with a prefix "example-root-web-server". Never empty. */
const char *slug_from_name(struct arena *arena, const char *name, const char *prefix);

#endif
