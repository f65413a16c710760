#include "identity/outside.h"

bool outside_check(struct arena *arena, enum identity_kind kind, const struct json *settings,
                   struct error *err) {
    return kind == IDENTITY_OIDC ? openid_check(arena, settings, err)
                                 : outside_check_directory(arena, settings, err);
}

static bool open_directory(struct core *core, struct arena *arena, const char *slug,
                           struct identity_provider *ret, const struct json **ret_settings,
                           const char **ret_secret, struct error *err) {
    return identity_open(core, arena, slug, IDENTITY_LDAP, ret, ret_secret, err) &&
           json_parse(arena, view_text(ret->settings), ret_settings, err);
}

bool outside_login(struct core *core, struct arena *arena, const char *slug,
                   const struct login_order *order, const struct factor_proof *proof,
                   struct login_result *ret, struct error *err) {
    struct identity_provider provider;
    const struct json *settings;
    const char *secret;
    struct identity who = {0};
    bool right = false;
    TRY(open_directory(core, arena, slug, &provider, &settings, &secret, err));
    TRY(identity_may_try(core, arena, &provider, order, err));
    TRY(ldap_authenticate(arena, settings, secret, order->username, order->password, &right, &who, err));
    if (!right)
        return identity_refused(core, arena, order, err);
    return identity_login(core, arena, &provider, &who, order, proof, ret, err);
}

bool outside_test(struct core *core, struct arena *arena, const char *slug, struct error *err) {
    struct identity_provider provider;
    const struct json *settings;
    const char *secret;
    struct error other = {0};
    if (identity_open(core, arena, slug, IDENTITY_OIDC, &provider, &secret, &other))
        return openid_try(core, arena, slug, err);
    TRY(open_directory(core, arena, slug, &provider, &settings, &secret, err));
    return ldap_try(arena, settings, secret, err);
}
