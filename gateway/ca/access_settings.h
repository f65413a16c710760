/* What the instance says about log-ins: one document, setting "access". */
#ifndef GATEHOUSE_CA_ACCESS_SETTINGS_H
#define GATEHOUSE_CA_ACCESS_SETTINGS_H

#include "ca/access.h"
#include "ca/core.h"

#include "base/json.h"

enum certificate_match { MATCH_EMAIL, MATCH_COMMON_NAME, MATCH_UPN };

struct access_settings {
    int64_t session_us;            /* life of a session: 12 hours */
    int64_t idle_us;               /* longest pause of one; 0: none */
    bool registration;             /* strangers may register */
    bool registration_approval;    /* and wait for somebody who approves */
    const char *registration_role; /* which they get on the default organisation */
    struct text_list second_factor_roles; /* who has one of these needs a second factor */
    struct text_list certificate_cas;     /* slugs of CAs whose certificates log in */
    enum certificate_match certificate_match; /* which of its names is the user's name (e-mail: or address) */
    int64_t version;               /* 0: never changed */
};

/* In the caller's transaction. */
MUST_USE bool access_settings_read(struct tx *tx, struct arena *arena, struct access_settings *ret,
                                   struct error *err);
/* From a document as the REST API has it; what is absent gets its default. */
MUST_USE bool access_settings_parse(struct arena *arena, const struct json *document,
                                    struct access_settings *ret, struct error *err);
void access_settings_write(struct json_writer *w, const struct access_settings *settings);
/* For what a stranger may know of them: whether registration is open. */
MUST_USE bool access_settings_anyone(struct core *core, struct arena *arena, struct access_settings *ret,
                                     struct error *err);
/* MAY_READ_SETTINGS; MAY_MANAGE_SETTINGS. version: the one the change is based on (ERROR_CONFLICT). */
MUST_USE bool access_settings_get(struct core *core, struct arena *arena, const struct actor *actor,
                                  struct access_settings *ret, struct error *err);
MUST_USE bool access_settings_put(struct core *core, struct arena *arena, const struct actor *actor,
                                  struct access_settings *settings, struct error *err);
/* True when a role of these grants needs a second factor. */
bool second_factor_required(const struct access_settings *settings, const struct grant *grants,
                            size_t count);

#endif
