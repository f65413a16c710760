#include "ca/access.h"
#include "ca/core.h"

#include "base/clock.h"
#include "base/log.h"

const struct actor actor_system = {.system = true, .name = "system", .address = "", .request_id = ""};

static const char *or_empty(const char *text) {
    return text == NULL ? "" : text;
}

bool access_note(struct tx *tx, const struct actor *actor, const struct event_note *note,
                 struct error *err) {
    struct event event = {
        .organisation_id = note->organisation_id,
        .ca_id = note->ca_id,
        .code = note->code,
        .outcome = note->outcome == NULL ? "success" : note->outcome,
        .actor_id = actor->user_id,
        .actor = actor->name,
        .address = or_empty(actor->address),
        .object_kind = or_empty(note->object_kind),
        .object = or_empty(note->object),
        .request_id = or_empty(actor->request_id),
        .details = note->details == NULL ? "{}" : note->details,
    };
    return event_append(tx, &event, err);
}

void access_note_alone(struct core *core, const struct actor *actor, const struct event_note *note) {
    struct error err = {0};
    bool done = false;
    TX(tx, core_db(core), &done, &err)
        tx.ok = access_note(tx.tx, actor, note, &err);
    if (!done)
        log_failure(LOG_ERROR, "ca", note->code, &err);
}
