#include "est/manage.h"

#include "est/settings.h"
#include "rest/protocol.h"

static bool document(__attribute__((unused)) struct core *core, struct arena *arena, struct protocol_edit *e,
                     struct error *err) {
    struct est_settings settings;
    TRY(est_settings_read(e->given == NULL ? e->stored : e->given, &settings, err));
    e->kept = e->shown = est_settings_write(arena, &settings);
    return true;
}

static const struct protocol_rest est = {.protocol = EST_PROTOCOL,
                                         .default_setting = EST_DEFAULT_SETTING,
                                         .event = "est.changed",
                                         .path = "/.well-known/est/",
                                         .https = true,
                                         .document = document};

PROTOCOL_SETTINGS_HANDLERS(est, &est)
PROTOCOL_DEFAULT_HANDLERS(est, &est)
