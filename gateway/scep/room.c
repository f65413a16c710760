#include "scep/room.h"

#include "ca/credentials.h"
#include "scep/outside.h"
#include "scep/scep.h"
#include "store/mdm.h"
#include "store/scep.h"

#include "base/clock.h"

/* Devices come over plain HTTP: everything secret in SCEP is encrypted by itself. */
#define ANY (1u << LISTENER_HTTP | 1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define TLS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)
#define DOCUMENT ((size_t)256 * 1024)
#define TEMPLATE API_BASE "/templates/{}"

static const struct http_route routes[] = {
    {"GET", "/scep/{}", GATE_OPEN, ANY, NO_BODY, scep_public, NULL},
    {"POST", "/scep/{}", GATE_OPEN, ANY, SCEP_MESSAGE_MAX, scep_public, NULL},
    {"GET", "/scep/{}/{*}", GATE_OPEN, ANY, NO_BODY, scep_public_suffix, NULL},
    {"POST", "/scep/{}/{*}", GATE_OPEN, ANY, SCEP_MESSAGE_MAX, scep_public_suffix, NULL},
    {"GET", "/{~certsrv}/{~mscep_admin}/{}", GATE_OPEN, ANY, NO_BODY, scep_ndes_admin, NULL},
    {"GET", "/{~certsrv}/{~mscep_admin}/{}/{*}", GATE_OPEN, ANY, NO_BODY, scep_ndes_admin, NULL},
    {"GET", "/{~certsrv}/{~mscep}/{}", GATE_OPEN, ANY, NO_BODY, scep_ndes, NULL},
    {"POST", "/{~certsrv}/{~mscep}/{}", GATE_OPEN, ANY, SCEP_MESSAGE_MAX, scep_ndes, NULL},
    {"GET", "/{~certsrv}/{~mscep}/{}/{*}", GATE_OPEN, ANY, NO_BODY, scep_ndes, NULL},
    {"POST", "/{~certsrv}/{~mscep}/{}/{*}", GATE_OPEN, ANY, SCEP_MESSAGE_MAX, scep_ndes, NULL},
    {"GET", "/mdm/services/{}", GATE_OPEN, TLS, NO_BODY, scep_mdm_describe, NULL},
    {"POST", "/mdm/services/{}", GATE_OPEN, TLS, SMALL, scep_mdm_challenge, NULL},
    {"POST", "/mdm/services/{}/pkcs12", GATE_OPEN, TLS, SMALL, scep_mdm_file, NULL},
    {"POST", "/mdm/services/{}/pkcs12/{}", GATE_OPEN, TLS, SMALL, scep_mdm_file_again, NULL},
    {"GET", "/profile/{}", GATE_OPEN, TLS, NO_BODY, scep_profile_page, NULL},
    {"POST", "/profile/{}", GATE_OPEN, TLS, NO_BODY, scep_profile_download, NULL},
    {"GET", TEMPLATE "/scep/profiles", GATE_ACTOR, TLS, NO_BODY, scep_profiles_list,
     "templates:manage"},
    {"POST", TEMPLATE "/scep/profiles", GATE_ACTOR, TLS, SMALL, scep_profiles_create,
     "templates:manage"},
    {"DELETE", TEMPLATE "/scep/profiles/{}", GATE_ACTOR, TLS, NO_BODY, scep_profiles_revoke,
     "templates:manage"},
    {"GET", TEMPLATE "/scep", GATE_ACTOR, TLS, NO_BODY, scep_settings_get, "templates:read"},
    {"PUT", TEMPLATE "/scep", GATE_ACTOR, TLS, DOCUMENT, scep_settings_put, "templates:manage"},
    {"POST", TEMPLATE "/scep/check", GATE_ACTOR, TLS, NO_BODY, scep_check, "templates:manage"},
    {"GET", TEMPLATE "/scep/captures", GATE_ACTOR, TLS, NO_BODY, scep_captures_list,
     "templates:manage"},
    {"DELETE", TEMPLATE "/scep/captures", GATE_ACTOR, TLS, NO_BODY, scep_captures_clear,
     "templates:manage"},
};

struct http_room scep_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}

/* --- by themselves ------------------------------------------------------------------------------------ */

#define CAPTURES_KEPT_US (7 * US_PER_DAY)

static bool housekeeping(void *context, __attribute__((unused)) struct arena *arena,
                         struct error *err) {
    bool done = false;
    TRY(credential_housekeeping(context, err));
    TX(tx, core_db(context), &done, err)
        tx.ok = scep_capture_purge(tx.tx, (struct uuid){{0}}, clock_now_us() - CAPTURES_KEPT_US, err) &&
                mdm_key_sweep(tx.tx, clock_now_us(), err);
    return done;
}

size_t scep_jobs(struct core *core, struct job *table) {
    size_t count = 0;
    table[count++] = (struct job){.name = "scep-housekeeping",
                                  .every_us = 3600 * US_PER_SECOND,
                                  .run = housekeeping,
                                  .context = core};
    table[count++] = (struct job){.name = "scep-notifications",
                                  .every_us = 5 * US_PER_SECOND,
                                  .run = scep_deliver,
                                  .context = core};
    /* Microsoft wants an hour between two downloads of one tenant to see an empty list filled again. */
    table[count++] = (struct job){.name = "scep-intune",
                                  .every_us = 900 * US_PER_SECOND,
                                  .run = scep_poll_revocations,
                                  .context = core};
    table[count++] = (struct job){.name = "scep-intune-secrets",
                                  .every_us = 60 * US_PER_SECOND,
                                  .run = scep_warn_of_secrets,
                                  .context = core};
    return count;
}
