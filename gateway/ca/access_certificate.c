/* Log-in by the client certificate of the TLS connection, whose key the peer has proved to hold. */
#include "ca/access_internal.h"
#include "ca/factors.h"

#include "base/clock.h"
#include "store/certificates.h"
#include "store/roles.h"
#include "x509/certificate.h"
#include "x509/san.h"

#include <openssl/evp.h>
#include <string.h>

struct shown {
    struct certificate_facts facts;
    X509 *certificate;
    uint8_t fingerprint[32];
};

static bool nobodys(struct error *err) {
    return fail(err, ERROR_NOT_FOUND, "not-found", "The client certificate logs nobody in.");
}

static bool is_listed(const struct text_list *list, const char *slug) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], slug) == 0)
            return true;
    return false;
}

static bool check_status(const struct certificate_record *record, struct error *err) {
    return !record->revoked || fail(err, ERROR_UNAUTHENTICATED, "revoked-certificate",
                                    "The client certificate %.100s is revoked.", record->subject);
}

static bool check_dates(const struct shown *shown, struct error *err) {
    int64_t now = clock_now_us();
    return (now >= shown->facts.not_before_us && now < shown->facts.not_after_us) ||
           fail(err, ERROR_UNAUTHENTICATED, "expired-certificate",
                "The client certificate %.100s is not valid now.", shown->facts.subject);
}

/* The name in the certificate by which the user is found; NULL when there is none. */
static const char *name_in(struct arena *arena, const struct shown *shown,
                           enum certificate_match match) {
    static const char *const prefixes[] = {[MATCH_EMAIL] = "email:", [MATCH_UPN] = "UPN:"};
    AUTO(GENERAL_NAMES) *sans = NULL;
    if (match == MATCH_COMMON_NAME)
        return shown->facts.common_name;
    sans = X509_get_ext_d2i(shown->certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; sans != NULL && i < sk_GENERAL_NAME_num(sans); i++) {
        const char *text = san_text(arena, sk_GENERAL_NAME_value(sans, i), NULL);
        size_t len = strlen(prefixes[match]);
        if (strncmp(text, prefixes[match], len) == 0)
            return text + len;
    }
    return NULL;
}

/* Issued by us: by a CA whose certificates log in, to somebody who is a user. */
static bool find_by_name(struct tx *tx, struct arena *arena, const struct shown *shown,
                         const struct certificate_record *record, struct user *ret_user,
                         struct error *err) {
    struct access_settings settings;
    TRY(access_settings_read(tx, arena, &settings, err));
    const char *name = name_in(arena, shown, settings.certificate_match);
    if (record->use != CERTIFICATE_END_ENTITY || !is_listed(&settings.certificate_cas, record->ca_slug) ||
        name == NULL || name[0] == '\0')
        return nobodys(err);
    return user_by_name(tx, arena, name, ret_user, err);
}

/* *ret_registered: the very certificate is the user's, rather than the name in it. */
static bool find_user(struct tx *tx, struct arena *arena, const struct shown *shown,
                      struct user *ret_user, bool *ret_registered, struct error *err) {
    struct user_certificate registered;
    struct certificate_record record;
    struct error missing = {0}, not_ours = {0};
    bool known = user_certificate_find(tx, arena, shown->fingerprint, &registered, &missing);
    bool ours = certificate_by_fingerprint(tx, arena, shown->fingerprint, &record, &not_ours);
    if ((!known && missing.kind != ERROR_NOT_FOUND) || (!ours && not_ours.kind != ERROR_NOT_FOUND)) {
        *err = known ? not_ours : missing;
        return false;
    }
    *ret_registered = known;
    if (known)
        TRY(user_by_id(tx, arena, &scope_everything, registered.user_id, ret_user, err));
    else if (ours)
        TRY(find_by_name(tx, arena, shown, &record, ret_user, err));
    else
        return nobodys(err);
    return check_dates(shown, err) && (!ours || check_status(&record, err));
}

static bool read_shown(struct arena *arena, struct view der, struct shown *ret, struct error *err) {
    struct error broken = {0};
    if (!certificate_decode(arena, der, &ret->certificate, &broken))
        return nobodys(err);
    keep_X509(arena, ret->certificate);
    TRY(certificate_read(arena, ret->certificate, &ret->facts, err));
    memcpy(ret->fingerprint, ret->facts.fingerprint_sha256, sizeof ret->fingerprint);
    return true;
}

bool access_by_certificate(struct core *core, struct arena *arena, struct view certificate,
                           const char *address, const char *request_id, struct actor *ret_actor,
                           struct error *err) {
    struct shown shown;
    struct user user;
    struct actor actor = {0};
    bool done = false, registered;
    TRY(read_shown(arena, certificate, &shown, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = find_user(tx.tx, arena, &shown, &user, &registered, err) &&
                access_load(tx.tx, arena, user.id, address, request_id, &actor, err) &&
                (registered || access_one_factor_is_enough(tx.tx, arena, &actor, err));
    TRY(done);
    actor.must_change_password = false; /* it was not asked for */
    actor.by_certificate = true;
    *ret_actor = actor;
    return true;
}

bool access_login_certificate(struct core *core, struct arena *arena, struct view certificate,
                              const struct login_order *order, struct login_result *ret,
                              struct error *err) {
    struct shown shown;
    struct user user = {0};
    bool done = false, registered;
    if (certificate.len == 0 || !read_shown(arena, certificate, &shown, err))
        return fail(err, ERROR_UNAUTHENTICATED, "no-certificate",
                    "No client certificate came with the TLS connection; use the address that asks for one.");
    TX(tx, core_db(core), &done, err)
        tx.ok = find_user(tx.tx, arena, &shown, &user, &registered, err);
    struct actor who = access_stranger(arena, shown.facts.subject, order->address, order->request_id);
    if (!done && (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_UNAUTHENTICATED)) {
        struct error reason = *err;
        (void)access_refuse(core, &who, "certificate", err);
        if (reason.kind == ERROR_UNAUTHENTICATED)
            *err = reason;
        return false;
    }
    TRY(done);
    if (user.state != USER_ACTIVE)
        return access_refuse(core, &who, "suspended", err);
    /* The key is something one has; whether something one knows guards it, nobody here can tell. */
    return access_login_go_on(core, arena, &user, order, "certificate", NULL, ret, err);
}
