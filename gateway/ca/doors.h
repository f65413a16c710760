/* The instance's switch of doors: what is closed here is closed for every template. */
#ifndef GATEHOUSE_CA_DOORS_H
#define GATEHOUSE_CA_DOORS_H

#include "base/json.h"
#include "ca/core.h"

/* The closed ones, of the setting "doors". */
MUST_USE bool doors_read(struct tx *tx, struct arena *arena, struct text_list *ret_closed, struct error *err);
/* ERROR_POLICY "door-closed". */
MUST_USE bool doors_check(const struct text_list *closed, const char *door, struct error *err);

/* For the REST API: {"rest":true,"scep":false,...}; names that are absent stay as they are. */
MUST_USE bool doors_get(struct core *core, struct arena *arena, const struct actor *actor,
                        struct text_list *ret_closed, struct error *err);
MUST_USE bool doors_change(struct core *core, struct arena *arena, const struct actor *actor,
                           const struct json *document, struct text_list *ret_closed, struct error *err);
void doors_write(struct json_writer *w, const struct text_list *closed);

#endif
