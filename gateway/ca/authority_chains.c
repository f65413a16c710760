#include "ca/authority_renew.h"

#include "base/clock.h"
#include "ca/authority_material.h"
#include "ca/authority_profile.h"
#include "ca/issue.h"
#include "ca/status_cache.h"

bool authority_chains(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                      struct ca_certificate **ret_items, size_t *ret_count, struct error *err) {
    struct ca_record ca;
    struct ca_certificate *others = NULL;
    size_t count = 0, kept = 0;
    bool done = false;
    TRY(authority_get(core, arena, actor, slug, &ca, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_certificate_list(tx.tx, arena, ca.id, &others, &count, err);
    TRY(done);
    struct ca_certificate *items = arena_array(arena, count + 1, sizeof *items);
    if (ca.certificate.len > 0)
        items[kept++] = (struct ca_certificate){.ca_id = ca.id,
                                                .generation = ca.generation,
                                                .kind = CA_CERTIFICATE_OTHER,
                                                .certificate = ca.certificate,
                                                .chain = ca.chain,
                                                .not_before_us = ca.not_before_us,
                                                .not_after_us = ca.not_after_us,
                                                .created_us = ca.created_us};
    for (size_t i = 0; i < count; i++)
        if (!view_equal(others[i].certificate, ca.certificate))
            items[kept++] = others[i];
    *ret_items = items;
    *ret_count = kept;
    return true;
}

static bool manage(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                   struct ca_record *ret, struct error *err) {
    TRY(authority_get(core, arena, actor, slug, ret, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ret->organisation_id, ret->id, err));
    return ret->certificate.len > 0 || fail(err, ERROR_CONFLICT, "ca-state",
                                            "The authority %s has no certificate yet.", ret->slug);
}

static bool spki_of(struct core *core, struct arena *arena, const struct ca_record *ca, struct view *ret,
                    struct error *err) {
    struct key_record key = {.created_us = 0};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_by_id(tx.tx, arena, ca->key_id, &key, err);
    *ret = key.spki;
    return done;
}

static void fill(const struct ca_record *ca, struct view certificate, struct view chain, int64_t from,
                 int64_t to, struct ca_certificate *ret) {
    *ret = (struct ca_certificate){.id = uuid_new(),
                                   .ca_id = ca->id,
                                   .generation = ca->generation,
                                   .kind = CA_CERTIFICATE_CROSS,
                                   .certificate = certificate,
                                   .chain = chain,
                                   .not_before_us = from,
                                   .not_after_us = to,
                                   .created_us = clock_now_us()};
}

/* Name, usages and constraints are the CA's; the dates are asked for, or as long as both allow. */
static bool sign_cross(struct core *core, struct arena *arena, const struct ca_record *ca,
                       const struct ca_record *issuer, const struct ca_profile *wanted,
                       struct certificate_record *ret, struct error *err) {
    AUTO(X509) *certificate = NULL;
    struct ca_profile profile;
    struct view spki;
    TRY(spki_of(core, arena, ca, &spki, err));
    TRY(certificate_decode(arena, ca->certificate, &certificate, err));
    TRY(ca_profile_from_certificate(arena, certificate, &profile, err));
    profile.backdate_seconds = wanted->backdate_seconds;
    profile.not_before_us = wanted->not_before_us;
    profile.not_after_us = wanted->not_after_us;
    profile.validity_days = wanted->validity_days;
    if (wanted->path_length != -2)
        profile.path_length = wanted->path_length;
    if (wanted->name_constraints != NULL)
        profile.name_constraints = wanted->name_constraints;
    if (profile.not_after_us == 0 && profile.validity_days == 0)
        profile.not_after_us =
            ca->not_after_us < issuer->not_after_us ? ca->not_after_us : issuer->not_after_us;
    struct ca_signing signing = {.issuer = issuer, .ca = ca, .profile = &profile, .spki = spki};
    return ca_certificate_make(core, arena, &signing, ret, err);
}

static bool by_local(struct core *core, struct arena *arena, const struct actor *actor,
                     const struct ca_record *ca, const char *slug, const struct ca_profile *wanted,
                     struct certificate_record *issued, struct ca_certificate *ret, struct error *err) {
    struct ca_record issuer;
    TRY(manage(core, arena, actor, slug, &issuer, err));
    if (issuer.state != CA_ACTIVE || uuid_equal(issuer.id, ca->id))
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The issuer of a cross-certificate is another CA, and active; %s is not.", slug);
    TRY(sign_cross(core, arena, ca, &issuer, wanted, issued, err));
    issued->requester = actor->name;
    fill(ca, issued->der, ca_chain_below(arena, &issuer), issued->not_before_us, issued->not_after_us, ret);
    return true;
}

static bool from_elsewhere(struct core *core, struct arena *arena, const struct ca_record *ca,
                           struct view bytes, struct ca_certificate *ret, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    AUTO(X509) *present = NULL;
    struct ca_material material = {.count = 0};
    struct ca_own own;
    struct ca_record taken = *ca;
    struct view spki;
    TRY(spki_of(core, arena, ca, &spki, err));
    TRY(key_from_spki(spki, &key, err));
    TRY(certificate_decode(arena, ca->certificate, &present, err));
    TRY(material_read_certificates(arena, bytes, &material, err));
    TRY(material_choose(core, arena, &material, key, ca, &own, err));
    TRY(ca_take_own(arena, &own, &taken, err));
    if (X509_NAME_cmp(X509_get_subject_name(own.certificate), X509_get_subject_name(present)) != 0)
        return fail(err, ERROR_POLICY, "wrong-certificate",
                    "CA certificate: its subject is not that of the authority %s, so what it signed would "
                    "not chain to it (rfc5280#6.1.3).",
                    ca->slug);
    fill(ca, taken.certificate, taken.chain, taken.not_before_us, taken.not_after_us, ret);
    return true;
}

bool authority_cross(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                     const char *issuer, const struct ca_profile *profile, struct view certificates,
                     struct ca_certificate *ret, struct error *err) {
    struct ca_record ca;
    struct certificate_record issued = {.created_us = 0};
    struct ca_certificate cross;
    bool done = false;
    TRY(manage(core, arena, actor, slug, &ca, err));
    TRY(issuer != NULL ? by_local(core, arena, actor, &ca, issuer, profile, &issued, &cross, err)
                       : from_elsewhere(core, arena, &ca, certificates, &cross, err));
    struct event_note note = {.code = "ca.cross-certified",
                              .organisation_id = ca.organisation_id,
                              .ca_id = ca.id,
                              .object_kind = "ca",
                              .object = ca.slug};
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_certificate_insert(tx.tx, &cross, err) &&
                (issued.der.len == 0 || issue_store(tx.tx, actor, &issued, err)) &&
                access_note(tx.tx, actor, &note, err);
    *ret = cross;
    return done;
}

static bool find_chain(struct core *core, struct arena *arena, const struct ca_record *ca, struct uuid id,
                       struct ca_certificate *ret, struct error *err) {
    struct ca_certificate *items = NULL;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_certificate_list(tx.tx, arena, ca->id, &items, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        if (uuid_equal(items[i].id, id)) {
            *ret = items[i];
            return true;
        }
    return fail(err, ERROR_NOT_FOUND, "not-found", "The authority %s has no such chain.", ca->slug);
}

bool authority_use_chain(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                         struct uuid id, struct ca_record *ret, struct error *err) {
    struct ca_record ca, next;
    struct ca_certificate chosen;
    bool done = false;
    TRY(manage(core, arena, actor, slug, &ca, err));
    TRY(find_chain(core, arena, &ca, id, &chosen, err));
    if (chosen.generation != ca.generation || chosen.not_after_us <= clock_now_us())
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "That certificate is for a key that was replaced, or it has expired.");
    next = ca;
    next.certificate = chosen.certificate;
    next.chain = chosen.chain;
    next.not_before_us = chosen.not_before_us;
    next.not_after_us = chosen.not_after_us;
    TX(tx, core_db(core), &done, err)
        tx.ok = authority_adopt(tx.tx, actor, &ca, &next, false, err);
    TRY(done);
    status_cache_forget(core);
    return authority_get(core, arena, actor, slug, ret, err);
}
