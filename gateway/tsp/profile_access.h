/* The member "access" of an issuer's document. Private to profile.c. */
#ifndef GATEHOUSE_TSP_PROFILE_ACCESS_H
#define GATEHOUSE_TSP_PROFILE_ACCESS_H

#include "tsp/profile.h"

MUST_USE bool tsp_profile_read_access(struct arena *arena, const struct json *document,
                                      struct tsp_profile *profile, struct error *err);
void tsp_profile_write_access(struct json_writer *w, const struct tsp_profile *profile);

#endif
