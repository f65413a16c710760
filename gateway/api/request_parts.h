/* What requests.c and request_more.c share. */
#ifndef GATEHOUSE_API_REQUEST_PARTS_H
#define GATEHOUSE_API_REQUEST_PARTS_H

#include "base/json.h"
#include "ca/request_more.h"
#include "http/types.h"

/* The member "csr": PEM as it is, anything else as base64 of DER. */
MUST_USE bool read_csr(struct arena *arena, const struct json *document, struct view *ret_csr,
                       struct error *err);
/* The members key, password, protection. */
MUST_USE bool read_made_key(const struct json *document, struct made_key *ret, bool *ret_given,
                            struct error *err);
/* The member "claim": null when there is no link. */
void claim_link_write(struct json_writer *w, const struct claim_link *link);
/* The member "email": to whom the claim link goes; NULL when it is absent. Refused while no mail server is set up. */
MUST_USE bool invitation_read(struct core *core, struct arena *arena, const struct json *document,
                              const char **ret_email, struct error *err);
/* Queues the mail; nothing when there is no address, or no link yet. */
MUST_USE bool invitation_send(struct core *core, struct arena *arena, const struct request_record *request,
                              const struct claim_link *link, const char *email, struct error *err);
/* {"request":{...},"pkcs12":"base64"|null} */
MUST_USE bool reply_keyed(struct core *core, struct http_request *request, struct http_response *response,
                          const struct request_record *record, const struct certificate_record *certificate,
                          struct view pkcs12, struct error *err);

#endif
