/* What the files about people's keys share. */
#ifndef GATEHOUSE_CA_USER_KEY_ACCESS_H
#define GATEHOUSE_CA_USER_KEY_ACCESS_H

#include "ca/user_keys.h"

/* Opens the seal. */
MUST_USE bool user_key_unseal(struct core *core, struct arena *arena,
                              const struct user_key_record *record, struct person_key *ret,
                              struct error *err);
/* The file of an export; nothing is noted here. The certificate is looked up as the actor sees it. */
MUST_USE bool user_key_write(struct core *core, struct arena *arena, const struct actor *actor,
                             const struct user_key_record *record,
                             const struct user_key_export *order, struct view *ret_file,
                             struct error *err);
/* An event about the key, in the caller's transaction; the names come with their values, NULL at the end. */
MUST_USE bool user_key_note(struct tx *tx, struct arena *arena, const struct actor *actor,
                            const char *code, const struct user_key_record *record,
                            const char *const details[], struct error *err);

#endif
