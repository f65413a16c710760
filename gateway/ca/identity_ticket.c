#include "ca/identity.h"

#include "ca/factor_internal.h"

#include <string.h>

bool identity_ticket(struct core *core, struct arena *arena, const char *provider, const char **ret_secret,
                     struct error *err) {
    const struct uuid nobody = {{0}};
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "provider", provider);
    json_close_object(&w);
    return ticket_make(core, arena, TICKET_OIDC, nobody, json_written(&w), ret_secret, err);
}

bool identity_ticket_take(struct core *core, struct arena *arena, const char *secret, const char *provider,
                          struct error *err) {
    struct ticket ticket;
    uint8_t hash[32];
    bool done = false;
    TRY(ticket_open(core, arena, secret, TICKET_OIDC, &ticket, err));
    const char *begun = ticket_member(arena, &ticket, "provider");
    access_hash(secret, hash);
    TX(tx, core_db(core), &done, err)
        tx.ok = ticket_take(tx.tx, hash, err);
    if ((!done && err->kind == ERROR_NOT_FOUND) || (done && (begun == NULL || strcmp(begun, provider) != 0)))
        return fail(err, ERROR_UNAUTHENTICATED, "ticket-over",
                    "This step of the log-in is over, or was begun with another provider; begin again.");
    return done;
}

void identity_distrusted(struct core *core, struct arena *arena, const struct identity_provider *provider,
                         const struct login_order *order, const struct error *why) {
    struct actor who = access_stranger(arena, provider->slug, order->address, order->request_id);
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "reason", why->type);
    json_put_string(&w, "message", why->message);
    json_close_object(&w);
    access_note_alone(core, &who,
                      &(struct event_note){.code = "session.refused",
                                           .outcome = "refused",
                                           .object_kind = "identity-provider",
                                           .object = provider->slug,
                                           .details = json_written(&w)});
}
