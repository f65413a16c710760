#include "ca/certificate_steps.h"
#include "ca/enrol.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/request_flow.h"
#include "ca/status_cache.h"
#include "x509/crl.h"

/* The certificate within the scope; a requester sees those of its own requests alone. */
static bool find_visible(struct tx *tx, struct arena *arena, const struct scope *scope, struct uuid id,
                         struct certificate_record *ret, struct error *err) {
    struct request_record request;
    struct certificate_record found;
    TRY(certificate_by_id(tx, arena, scope, id, &found, err));
    if (scope->own_only && !request_by_id(tx, arena, scope, found.request_id, &request, err)) {
        if (err->kind != ERROR_NOT_FOUND)
            return false;
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no certificate %s.",
                    uuid_text(arena, id));
    }
    *ret = found;
    return true;
}

bool certificate_get(struct core *core, struct arena *arena, const struct actor *actor, struct uuid id,
                     struct certificate_record *ret, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CERTIFICATES, &scope);
    TX(tx, core_db(core), &done, err)
        tx.ok = find_visible(tx.tx, arena, &scope, id, ret, err);
    return done;
}

bool certificate_page(struct core *core, struct arena *arena, const struct actor *actor,
                      const char *ca_slug, struct certificate_filter *filter,
                      const struct page *page, struct certificate_record **ret_items,
                      size_t *ret_count, const char **ret_next, struct error *err) {
    struct scope scope, cas;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CERTIFICATES, &scope);
    actor_scope(arena, actor, MAY_READ_CAS, &cas);
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = ca_slug == NULL || ca_by_slug(tx.tx, arena, &cas, ca_slug, &ca, err);
        if (tx.ok && ca_slug != NULL)
            filter->ca_id = ca.id;
        tx.ok = tx.ok && certificate_list(tx.tx, arena, &scope, filter, page, ret_items, ret_count,
                                          ret_next, err);
    }
    return done;
}

bool certificate_chain(struct core *core, struct arena *arena,
                       const struct certificate_record *certificate, struct view **ret_ders,
                       size_t *ret_count, struct error *err) {
    struct ca_record ca;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_by_id(tx.tx, arena, &scope_everything, certificate->ca_id, &ca, err);
    return done && certificate_chain_under(core, arena, &ca, certificate, ret_ders, ret_count, err);
}

bool certificate_chain_under(struct core *core, struct arena *arena, const struct ca_record *ca,
                             const struct certificate_record *certificate, struct view **ret_ders,
                             size_t *ret_count, struct error *err) {
    struct view *issuers;
    size_t count;
    TRY(authority_chain(core, arena, ca, &issuers, &count, err));
    if (count > 0 && view_equal(issuers[0], certificate->der)) { /* a root is its own issuer */
        *ret_ders = issuers;
        *ret_count = count;
        return true;
    }
    struct view *chain = arena_array(arena, count + 1, sizeof *chain);
    chain[0] = certificate->der;
    for (size_t i = 0; i < count; i++)
        chain[i + 1] = issuers[i];
    *ret_ders = chain;
    *ret_count = count + 1;
    return true;
}

static bool check_revocation(const struct certificate_record *certificate, int reason,
                             int64_t invalidity_us, int64_t now, struct error *err) {
    if (reason_name(reason) == NULL || reason == REASON_REMOVE_FROM_CRL)
        return fail(err, ERROR_POLICY, "revocation-reason",
                    "The reason is not one that a certificate can be revoked for (RFC 5280 5.3.1); to "
                    "release a hold, use unhold.");
    if (certificate->revoked && certificate->reason != REASON_CERTIFICATE_HOLD)
        return fail(err, ERROR_CONFLICT, "already-revoked",
                    "The certificate is revoked already (%s); that cannot be changed.",
                    reason_name(certificate->reason));
    if (certificate->revoked && reason == REASON_CERTIFICATE_HOLD)
        return fail(err, ERROR_CONFLICT, "already-revoked", "The certificate is on hold already.");
    if (certificate->not_after_us < now)
        return fail(err, ERROR_CONFLICT, "certificate-expired",
                    "The certificate has expired; there is nothing left to revoke.");
    if (invalidity_us > now)
        return fail(err, ERROR_POLICY, "invalidity-date",
                    "The invalidity date lies in the future (RFC 5280 5.3.2).");
    return true;
}

/* The certificate and whether this actor may revoke it. */
static bool authorized(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
                       struct certificate_record *ret, struct error *err) {
    struct scope scope;
    actor_scope(arena, actor, MAY_READ_CERTIFICATES, &scope);
    TRY(find_visible(tx, arena, &scope, id, ret, err));
    return actor_may(actor, MAY_REVOKE, ret->organisation_id, ret->ca_id, err);
}

static bool note_status(struct tx *tx, struct arena *arena, const struct actor *actor,
                        const struct certificate_record *certificate, const char *code, int reason,
                        struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "serial", hex_encode(arena, certificate->serial));
    json_put_string(&w, "reason", reason_name(reason));
    json_close_object(&w);
    struct event_note note = {.code = code,
                              .organisation_id = certificate->organisation_id,
                              .ca_id = certificate->ca_id,
                              .object_kind = "certificate",
                              .object = uuid_text(arena, certificate->id),
                              .details = json_written(&w)};
    return access_note(tx, actor, &note, err);
}

static const char *code_of(int reason) {
    return reason == REASON_CERTIFICATE_HOLD ? "certificate.held"
           : reason == REASON_REMOVE_FROM_CRL ? "certificate.released"
                                              : "certificate.revoked";
}

/* Adds the status row with its event; the epoch moves with it, so caches of this node are told after the
 * commit. */
static bool change_status(struct tx *tx, struct arena *arena, const struct actor *actor,
                          struct certificate_record *certificate, int reason, int64_t now,
                          int64_t invalidity_us, struct error *err) {
    return revocation_add(tx, certificate, reason, now, invalidity_us, err) &&
           note_status(tx, arena, actor, certificate, code_of(reason), reason, err);
}

bool revoke_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id, int reason, int64_t now_us,
               int64_t invalidity_us, struct certificate_record *ret, struct error *err) {
    return authorized(tx, arena, actor, id, ret, err) && check_revocation(ret, reason, invalidity_us, now_us, err) &&
           change_status(tx, arena, actor, ret, reason, now_us, invalidity_us, err);
}

bool unhold_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id, int64_t now_us,
               struct certificate_record *ret, struct error *err) {
    TRY(authorized(tx, arena, actor, id, ret, err));
    if (!ret->revoked || ret->reason != REASON_CERTIFICATE_HOLD)
        return fail(err, ERROR_CONFLICT, "not-held",
                    "The certificate is not on hold; only a hold can be released.");
    return change_status(tx, arena, actor, ret, REASON_REMOVE_FROM_CRL, now_us, 0, err);
}

bool certificate_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                        struct uuid id, int reason, int64_t invalidity_us,
                        struct certificate_record *ret, struct error *err) {
    int64_t now = clock_now_us() / US_PER_SECOND * US_PER_SECOND;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = revoke_in(tx.tx, arena, actor, id, reason, now, invalidity_us, ret, err);
    TRY(done);
    status_cache_forget(core);
    ret->revoked = true;
    ret->reason = reason;
    ret->revoked_us = now;
    ret->invalidity_us = invalidity_us;
    ret->status_ordinal++;
    return true;
}

bool flow_supersede(struct tx *tx, struct arena *arena, const struct actor *actor,
                    const struct certificate_record *certificate, struct error *err) {
    struct certificate_record copy = *certificate;
    return change_status(tx, arena, actor, &copy, REASON_SUPERSEDED,
                         clock_now_us() / US_PER_SECOND * US_PER_SECOND, 0, err);
}

bool enrol_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                  struct uuid certificate_id, int reason, struct error *err) {
    int64_t now = clock_now_us() / US_PER_SECOND * US_PER_SECOND;
    struct certificate_record certificate;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = certificate_by_id(tx.tx, arena, &scope_everything, certificate_id, &certificate,
                                  err) &&
                check_revocation(&certificate, reason, 0, now, err) &&
                change_status(tx.tx, arena, actor, &certificate, reason, now, 0, err);
    if (done)
        status_cache_forget(core);
    return done;
}

bool certificate_unhold(struct core *core, struct arena *arena, const struct actor *actor,
                        struct uuid id, struct certificate_record *ret, struct error *err) {
    int64_t now = clock_now_us() / US_PER_SECOND * US_PER_SECOND;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = unhold_in(tx.tx, arena, actor, id, now, ret, err);
    TRY(done);
    status_cache_forget(core);
    ret->revoked = false;
    ret->reason = REASON_REMOVE_FROM_CRL;
    ret->revoked_us = ret->invalidity_us = 0;
    ret->status_ordinal++;
    return true;
}
