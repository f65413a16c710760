#include "ca/authority_history.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/status_cache.h"
#include "store/certificates.h"
#include "x509/crl.h"

#include <string.h>

#define BATCH 200
#define UNKNOWN_DAYS 3653 /* an entry whose end nobody knows stays on the CRL that long */

static struct certificate_record record_of(const struct ca_record *ca, const struct past *past) {
    return (struct certificate_record){.id = uuid_new(),
                                       .ca_id = ca->id,
                                       .organisation_id = ca->organisation_id,
                                       .ca_slug = ca->slug,
                                       .issuer_key_id = ca->key_id,
                                       .template_slug = "",
                                       .use = CERTIFICATE_END_ENTITY,
                                       .serial = past->serial,
                                       .common_name = "",
                                       .sans = "",
                                       .key_type = "unknown",
                                       .requester = "imported",
                                       .created_us = clock_now_us()};
}

/* No more than the serial number is known, and what index.txt says. */
static void fill_unknown(struct arena *arena, const struct ca_record *ca, const struct past *past,
                         struct certificate_record *record) {
    const char *name = strstr(past->subject, "CN=");
    record->subject = past->subject;
    size_t len = name == NULL ? 0 : strcspn(name + 3, "/,");
    if (len > 0 && len <= MAX_COMMON_NAME)
        record->common_name = arena_text(arena, view_of(name + 3, len));
    record->not_after_us = past->not_after_us;
    if (record->not_after_us == 0)
        record->not_after_us =
            ca->not_after_us != 0 ? ca->not_after_us : clock_now_us() + UNKNOWN_DAYS * US_PER_DAY;
    record->not_before_us = ca->not_before_us;
}

static bool fill_known(struct arena *arena, const struct past *past, struct certificate_record *record,
                       struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read(arena, past->certificate, &facts, err));
    record->subject = facts.subject;
    record->common_name = facts.common_name == NULL ? "" : facts.common_name;
    record->sans = facts.sans;
    record->key_type = facts.key_type;
    record->use = facts.is_ca ? CERTIFICATE_CA : CERTIFICATE_END_ENTITY;
    record->not_before_us = facts.not_before_us;
    record->not_after_us = facts.not_after_us;
    record->der = certificate_der(arena, past->certificate);
    memcpy(record->fingerprint_sha256, facts.fingerprint_sha256, sizeof record->fingerprint_sha256);
    memcpy(record->spki_sha256, facts.spki_sha256, sizeof record->spki_sha256);
    return true;
}

static bool find(struct tx *tx, struct arena *arena, const struct ca_record *ca, struct view serial,
                 struct certificate_record *ret, bool *ret_found, struct error *err) {
    struct error missing = {0};
    *ret_found = certificate_by_serial(tx, arena, ca->id, serial, ret, &missing);
    if (*ret_found || missing.kind == ERROR_NOT_FOUND)
        return true;
    *err = missing;
    return false;
}

static bool take_one(struct tx *tx, struct arena *arena, const struct ca_record *ca,
                     const struct past *past, struct ca_history_result *counts, struct error *err) {
    struct certificate_record record;
    bool found;
    TRY(find(tx, arena, ca, past->serial, &record, &found, err));
    if (!found) {
        record = record_of(ca, past);
        if (past->certificate != NULL)
            TRY(fill_known(arena, past, &record, err));
        else
            fill_unknown(arena, ca, past, &record);
        TRY(certificate_insert(tx, &record, err));
    }
    counts->certificates += !found && past->certificate != NULL;
    counts->serials += !found && past->certificate == NULL;
    counts->known += found;
    /* A revocation is never taken back, and a hold becomes one. */
    bool better = !record.revoked || (record.reason == REASON_CERTIFICATE_HOLD &&
                                      past->reason != REASON_CERTIFICATE_HOLD);
    if (!past->revoked || !better)
        return true;
    counts->revoked++;
    /* What its CA meant for later counts from now on: a list of today has no day to come. */
    int64_t now = clock_now_us(), revoked_us = past->revoked_us < now ? past->revoked_us : now;
    return revocation_add(tx, &record, past->reason, revoked_us, past->invalidity_us, err);
}

static bool take_batch(struct core *core, const struct ca_record *ca, const struct past *items,
                       size_t count, struct ca_history_result *total, struct error *err) {
    struct ca_history_result counts;
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        SCOPED_ARENA struct arena *arena = arena_new();
        counts = (struct ca_history_result){.known = 0};
        tx.ok = true;
        for (size_t i = 0; i < count && tx.ok; i++) {
            tx.ok = take_one(tx.tx, arena, ca, &items[i], &counts, err);
            if (!tx.ok)
                error_prefix(err, "Serial number %s: ", hex_encode(arena, items[i].serial));
        }
    }
    TRY(done);
    total->certificates += counts.certificates;
    total->serials += counts.serials;
    total->revoked += counts.revoked;
    total->known += counts.known;
    return true;
}

static bool note_history(struct tx *tx, struct arena *arena, const struct actor *actor,
                         const struct ca_record *ca, const struct past_list *list,
                         const struct ca_history_result *r, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_int(&w, "certificates", (int64_t)r->certificates);
    json_put_int(&w, "serials", (int64_t)r->serials);
    json_put_int(&w, "revoked", (int64_t)r->revoked);
    json_put_int(&w, "crlNumber", list->crl_number);
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = "ca.history-imported",
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "ca",
                                            .object = ca->slug,
                                            .details = json_written(&w)},
                       err);
}

/* The list itself, so that it is served to its end; without it an empty row that has ended, which holds the
 * number alone. Epoch -1: anything revoked here is newer. */
static bool take_number(struct tx *tx, const struct ca_record *ca, const struct past_list *list,
                        struct error *err) {
    struct error why = {0};
    struct crl_record crl = {.id = uuid_new(),
                             .ca_id = ca->id,
                             .number = list->crl_number,
                             .base_number = CRL_COMPLETE,
                             .this_update_us = list->crl_this_update_us,
                             .next_update_us = list->crl_next_update_us,
                             .epoch = -1,
                             .der = list->crl};
    if (list->crl_number == 0 || crl_insert(tx, &crl, &why) || strcmp(why.type, "crl-number") == 0)
        return true;
    *err = why;
    return false;
}

bool history_take(struct core *core, struct arena *arena, const struct actor *actor,
                  const struct ca_record *ca, const struct ca_history *history,
                  struct ca_history_result *ret, struct error *err) {
    struct ca_history_result result = {.known = 0};
    struct key_record key_record = {.created_us = 0};
    struct past_list list;
    AUTO(EVP_PKEY) *key = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_by_id(tx.tx, arena, ca->key_id, &key_record, err);
    TRY(done);
    TRY(key_from_spki(key_record.spki, &key, err));
    TRY(history_read(arena, history, key, &list, err));
    for (size_t at = 0; at < list.count; at += BATCH)
        TRY(take_batch(core, ca, list.items + at, list.count - at < BATCH ? list.count - at : BATCH,
                       &result, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = take_number(tx.tx, ca, &list, err) &&
                note_history(tx.tx, arena, actor, ca, &list, &result, err);
    status_cache_forget(core);
    *ret = result;
    return done;
}

bool authority_import_history(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, const struct ca_history *history,
                              struct ca_history_result *ret, struct error *err) {
    struct ca_record ca;
    TRY(authority_get(core, arena, actor, slug, &ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    return history_take(core, arena, actor, &ca, history, ret, err);
}

/* --- a CRL of a CA whose key is elsewhere -------------------------------------------------------------- */

static bool check_newer(struct tx *tx, const struct ca_record *ca, const struct past_list *list,
                        struct error *err) {
    int64_t last = 0;
    TRY(crl_last_number(tx, ca->id, &last, err));
    return list->crl_number > last ||
           fail(err, ERROR_CONFLICT, "crl-number",
                "The CRL has the number %lld, and one with %lld is here already; give a newer one.",
                (long long)list->crl_number, (long long)last);
}

static bool note_crl(struct tx *tx, struct arena *arena, const struct actor *actor,
                     const struct ca_record *ca, int64_t number, struct error *err) {
    return access_note(tx, actor,
                       &(struct event_note){.code = "crl.imported",
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "crl",
                                            .object = arena_printf(arena, "%lld", (long long)number)},
                       err);
}

bool authority_import_crl(struct core *core, struct arena *arena, const struct actor *actor,
                          const char *slug, struct view bytes, struct error *err) {
    struct ca_history history = {.crl = bytes, .crl_alone = true};
    struct past_list list;
    struct ca_record ca;
    AUTO(X509) *certificate = NULL;
    bool done = false;
    TRY(authority_get(core, arena, actor, slug, &ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    if (ca.state != CA_CERTIFICATE_ONLY)
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s signs its CRLs here; send no body to have one made now.", ca.slug);
    TRY(certificate_decode(arena, ca.certificate, &certificate, err));
    TRY(history_read(arena, &history, X509_get0_pubkey(certificate), &list, err));
    if (list.crl_next_update_us <= clock_now_us())
        return fail(err, ERROR_POLICY, "crl", "The CRL has ended already; have a new one signed.");
    TX(tx, core_db(core), &done, err)
        tx.ok = check_newer(tx.tx, &ca, &list, err) && take_number(tx.tx, &ca, &list, err) &&
                note_crl(tx.tx, arena, actor, &ca, list.crl_number, err);
    status_cache_forget(core);
    return done;
}
