/* The handlers of this room. */
#ifndef GATEHOUSE_KEYS_HANDLERS_H
#define GATEHOUSE_KEYS_HANDLERS_H

#include "ca/user_keys.h"
#include "rest/handler.h"

void keys_write(struct json_writer *w, struct arena *arena, const struct user_key_record *key);
/* {"format","password","protection","alias","certificate"} */
MUST_USE bool keys_ask_export(const struct http_request *request, struct user_key_export *ret,
                              struct error *err);
void keys_reply_file(struct http_response *response, const struct user_key_export *order,
                     struct view file);

/* keys.c */
HANDLER(keys_list);
HANDLER(keys_create);
HANDLER(keys_show);
HANDLER(keys_remove);
HANDLER(keys_csr);
HANDLER(keys_self_sign);
HANDLER(keys_export);
/* recoveries.c */
HANDLER(keys_recoverable);
HANDLER(recoveries_list);
HANDLER(recoveries_create);
HANDLER(recoveries_approve);
HANDLER(recoveries_decline);
HANDLER(recoveries_export);
/* kek.c */
HANDLER(kek_show);
HANDLER(kek_rotation_start);
HANDLER(kek_rotation_cancel);
HANDLER(keks_remove);
HANDLER(kek_nodes_forget);
HANDLER(private_keys_list);
HANDLER(private_keys_show);
HANDLER(private_keys_destroy);
/* tokens.c */
HANDLER(tokens_login);
/* trust_store.c */
HANDLER(trust_store_create);

#endif
