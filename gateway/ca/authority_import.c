#include "ca/authority_material.h"

#include "base/clock.h"
#include "ca/authority_profile.h"
#include "ca/status_cache.h"
#include "x509/key_type.h"

static bool note_import(struct tx *tx, const struct actor *actor, const struct ca_record *ca,
                        struct error *err) {
    return access_note(tx, actor,
                       &(struct event_note){.code = "ca.certificate-imported",
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "ca",
                                            .object = ca->slug},
                       err);
}

static bool store_import(struct core *core, const struct actor *actor, const struct ca_record *ca,
                         struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_set_certificate(tx.tx, ca->id, ca->certificate, ca->chain, ca->not_before_us,
                                   ca->not_after_us, ca->subject, err) &&
                ca_set_issuer(tx.tx, ca->id, ca->issuer_id, err) &&
                note_import(tx.tx, actor, ca, err);
    return done;
}

bool ca_take_own(struct arena *arena, const struct ca_own *own, struct ca_record *ca, struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read(arena, own->certificate, &facts, err));
    ca->certificate = certificate_der(arena, own->certificate);
    ca->chain = own->chain;
    ca->issuer_id = own->issuer_id;
    ca->not_before_us = facts.not_before_us;
    ca->not_after_us = facts.not_after_us;
    ca->subject = facts.subject;
    ca->state = CA_ACTIVE;
    return true;
}

static bool public_key_of(struct core *core, struct arena *arena, const struct ca_record *ca,
                          EVP_PKEY **ret_key, struct error *err) {
    struct key_record record = {0};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_by_id(tx.tx, arena, ca->key_id, &record, err);
    return done && key_from_spki(record.spki, ret_key, err);
}

bool authority_import_certificate(struct core *core, struct arena *arena, const struct actor *actor,
                                  const char *slug, struct view bytes, struct ca_record *ret,
                                  struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct ca_material material = {.count = 0};
    struct ca_record ca;
    struct ca_own own;
    TRY(authority_get(core, arena, actor, slug, &ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ca.organisation_id, ca.id, err));
    if (ca.state != CA_WAITING)
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s does not wait for a certificate.", ca.slug);
    TRY(public_key_of(core, arena, &ca, &key, err));
    TRY(material_read_certificates(arena, bytes, &material, err));
    TRY(material_choose(core, arena, &material, key, &ca, &own, err));
    TRY(ca_take_own(arena, &own, &ca, err));
    TRY(store_import(core, actor, &ca, err));
    status_cache_forget(core);
    *ret = ca;
    return true;
}
