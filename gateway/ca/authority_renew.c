#include "ca/authority_renew.h"

#include "base/clock.h"
#include "ca/authority_profile.h"
#include "ca/issue.h"
#include "ca/key_use.h"
#include "ca/status_cache.h"
#include "x509/csr.h"

#include <openssl/err.h>
#include <string.h>

struct renewing {
    const struct ca_renewal *order;
    struct ca_record ca, issuer, next; /* issuer.slug NULL: it signs itself */
    struct ca_settings settings;
    struct ca_profile profile;
    struct key_record key;
    EVP_PKEY *remote; /* the arena drops it */
    struct certificate_record certificate, new_with_old, old_with_new; /* the last two: der empty: none */
};

static bool self_signed(X509 *certificate) {
    return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

static bool find_issuer(struct core *core, struct arena *arena, const struct actor *actor,
                        struct renewing *r, bool self, struct error *err) {
    struct scope scope;
    bool done = false, named = r->order->issuer != NULL;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    if (r->order->csr_only || (self && !named))
        return true;
    if (!named && uuid_is_nil(r->ca.issuer_id))
        return fail(err, ERROR_POLICY, "ca-order",
                    "The authority %s was signed elsewhere; say \"csrOnly\" to have a CSR made, or name an "
                    "issuer of this instance.",
                    r->ca.slug);
    TX(tx, core_db(core), &done, err)
        tx.ok = named ? ca_by_slug(tx.tx, arena, &scope, r->order->issuer, &r->issuer, err)
                      : ca_by_id(tx.tx, arena, &scope, r->ca.issuer_id, &r->issuer, err);
    TRY(done);
    TRY(actor_may(actor, MAY_MANAGE_CAS, r->issuer.organisation_id, r->issuer.id, err));
    if (uuid_equal(r->issuer.id, r->ca.id))
        return fail(err, ERROR_POLICY, "ca-order", "A CA is not its own issuer; leave \"issuer\" out.");
    return r->issuer.state == CA_ACTIVE ||
           fail(err, ERROR_CONFLICT, "ca-state",
                "The issuer %s does not sign here; say \"csrOnly\" to have a CSR made.", r->issuer.slug);
}

/* The new dates; without any the old length of life, cut to the issuer's end. */
static void make_profile(struct renewing *r) {
    const struct ca_profile *wanted = &r->order->profile;
    r->profile.not_before_us = wanted->not_before_us;
    r->profile.not_after_us = wanted->not_after_us;
    r->profile.backdate_seconds = wanted->backdate_seconds;
    if (wanted->validity_days != 0)
        r->profile.validity_days = wanted->validity_days;
    else if (r->issuer.slug != NULL &&
             clock_now_us() + r->profile.validity_days * US_PER_DAY > r->issuer.not_after_us)
        r->profile.validity_days = 0;
}

static bool begin(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                  struct renewing *r, struct error *err) {
    AUTO(X509) *certificate = NULL;
    TRY(authority_get(core, arena, actor, slug, &r->ca, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, r->ca.organisation_id, r->ca.id, err));
    if (r->ca.state != CA_ACTIVE && r->ca.state != CA_DISABLED)
        return fail(err, ERROR_CONFLICT, "ca-state",
                    "The authority %s has no certificate and key here that could be renewed.", r->ca.slug);
    if (r->order->revision != 0 && r->order->revision != r->ca.revision)
        return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                    "The authority %s was changed since it was read; read it again.", r->ca.slug);
    TRY(authority_settings(arena, &r->ca, &r->settings, err));
    TRY(certificate_decode(arena, r->ca.certificate, &certificate, err));
    TRY(ca_profile_from_certificate(arena, certificate, &r->profile, err));
    TRY(find_issuer(core, arena, actor, r, self_signed(certificate), err));
    make_profile(r);
    r->next = r->ca;
    return true;
}

static bool take_key(struct core *core, struct arena *arena, struct renewing *r, struct error *err) {
    const struct ca_renewal *order = r->order;
    const char *type = order->key_type;
    bool done = false;
    if (!order->new_key) {
        TX(tx, core_db(core), &done, err)
            tx.ok = key_by_id(tx.tx, arena, r->ca.key_id, &r->key, err);
        TRY(done && core_key(core, r->ca.key_id, &r->remote, err));
        keep_EVP_PKEY(arena, r->remote);
        return true;
    }
    if (type == NULL && order->key_uri == NULL)
        type = r->ca.key_type;
    TRY(key_make(core, arena, type, order->key_uri, KEY_SIGN, r->ca.organisation_id, &r->key, &r->remote,
                 err));
    keep_EVP_PKEY(arena, r->remote);
    r->next.key_id = r->key.id;
    r->next.key_type = r->key.key_type;
    return true;
}

/* rfc4210#4.4: the new key of a root, signed by its old one, for those who trust that still; and the old key, signed
 * by the new one, for those who trust that already. */
static bool make_links(struct core *core, struct arena *arena, struct renewing *r, struct error *err) {
    AUTO(X509) *old = NULL;
    struct ca_record next = r->next;
    struct ca_profile profile = r->profile;
    if (profile.path_length == 0)
        return true; /* the old key may not sign a CA */
    if (profile.path_length > 0)
        profile.path_length--;
    profile.not_before_us = 0;
    profile.not_after_us = r->ca.not_after_us;
    profile.validity_days = 0;
    struct ca_signing signing = {
        .issuer = &r->ca, .ca = &r->next, .profile = &profile, .spki = r->key.spki};
    TRY(ca_certificate_make(core, arena, &signing, &r->new_with_old, err));
    TRY(certificate_decode(arena, r->ca.certificate, &old, err));
    next.generation++;
    signing = (struct ca_signing){.issuer = &next, .ca = &r->ca, .profile = &profile, .issuer_key = r->remote};
    return key_spki(arena, X509_get0_pubkey(old), &signing.spki, err) &&
           ca_certificate_make(core, arena, &signing, &r->old_with_new, err);
}

static bool sign(struct core *core, struct arena *arena, struct renewing *r, struct error *err) {
    bool self = r->issuer.slug == NULL;
    struct ca_signing signing = {.issuer = self ? NULL : &r->issuer,
                                 .ca = &r->next,
                                 .profile = &r->profile,
                                 .spki = r->key.spki,
                                 .key = r->remote};
    TRY(ca_certificate_make(core, arena, &signing, &r->certificate, err));
    r->next.certificate = r->certificate.der;
    r->next.subject = r->certificate.subject;
    r->next.not_before_us = r->certificate.not_before_us;
    r->next.not_after_us = r->certificate.not_after_us;
    r->next.issuer_id = self ? (struct uuid){{0}} : r->issuer.id;
    r->next.chain = self ? view_of(NULL, 0) : ca_chain_below(arena, &r->issuer);
    return !self || !r->order->new_key || r->ca.not_after_us < clock_now_us() || make_links(core, arena, r, err);
}

static bool note(struct tx *tx, const struct actor *actor, const struct ca_record *ca, const char *code,
                 struct error *err) {
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = ca->organisation_id,
                                            .ca_id = ca->id,
                                            .object_kind = "ca",
                                            .object = ca->slug},
                       err);
}

static bool keep_certificate(struct tx *tx, const struct ca_record *ca, enum ca_certificate_kind kind,
                             struct error *err) {
    struct ca_certificate old = {.id = uuid_new(),
                                 .ca_id = ca->id,
                                 .generation = ca->generation,
                                 .kind = kind,
                                 .certificate = ca->certificate,
                                 .chain = ca->chain,
                                 .not_before_us = ca->not_before_us,
                                 .not_after_us = ca->not_after_us,
                                 .created_us = clock_now_us()};
    return ca_certificate_insert(tx, &old, err);
}

bool authority_adopt(struct tx *tx, const struct actor *actor, const struct ca_record *ca,
                     const struct ca_record *next, bool new_key, struct error *err) {
    if (new_key)
        return generation_begin(tx, ca, next, clock_now_us(), err) &&
               note(tx, actor, ca, "ca.rekeyed", err);
    return keep_certificate(tx, ca, CA_CERTIFICATE_RENEWED, err) &&
           ca_replace_certificate(tx, ca, next, err) &&
           ca_chains_replace(tx, ca->certificate, next->certificate, err) &&
           note(tx, actor, ca, "ca.renewed", err);
}

static bool store_link(struct tx *tx, const struct actor *actor, const struct certificate_record *link,
                       const struct ca_record *subject, struct view issuer, struct error *err) {
    struct ca_certificate row = {.id = uuid_new(),
                                 .ca_id = subject->id,
                                 .generation = subject->generation,
                                 .kind = CA_CERTIFICATE_CROSS,
                                 .certificate = link->der,
                                 .chain = issuer,
                                 .not_before_us = link->not_before_us,
                                 .not_after_us = link->not_after_us,
                                 .created_us = clock_now_us()};
    return link->der.len == 0 || (ca_certificate_insert(tx, &row, err) && issue_store(tx, actor, link, err));
}

static bool store_renewal(struct tx *tx, const struct actor *actor, const struct renewing *r,
                          struct error *err) {
    bool new_key = r->order->new_key;
    struct ca_record next = r->next;
    next.generation = r->ca.generation + 1;
    return (!new_key || key_insert(tx, &r->key, err)) &&
           authority_adopt(tx, actor, &r->ca, &r->next, new_key, err) &&
           issue_store(tx, actor, &r->certificate, err) &&
           store_link(tx, actor, &r->new_with_old, &next, r->ca.certificate, err) &&
           store_link(tx, actor, &r->old_with_new, &r->ca, r->next.certificate, err);
}

static bool make_csr(struct core *core, struct arena *arena, const struct actor *actor, struct renewing *r,
                     struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    bool done = false, new_key = r->order->new_key;
    struct uuid next_key = new_key ? r->key.id : (struct uuid){{0}};
    TRY(authority_pad(&r->settings, r->remote, &key, err));
    TRY(csr_build(arena, r->profile.subject, NULL, key, authority_digest(&r->next, &r->settings),
                  &r->ca.csr, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = (!new_key || key_insert(tx.tx, &r->key, err)) &&
                ca_set_csr(tx.tx, &r->ca, r->ca.csr, next_key, err) &&
                note(tx.tx, actor, &r->ca, "ca.csr-made", err);
    return done;
}

bool authority_renew(struct core *core, struct arena *arena, const struct actor *actor, const char *slug,
                     const struct ca_renewal *renewal, struct ca_record *ret, struct error *err) {
    struct renewing r = {.order = renewal};
    bool done = false;
    TRY(begin(core, arena, actor, slug, &r, err));
    TRY(take_key(core, arena, &r, err));
    if (renewal->csr_only) {
        TRY(make_csr(core, arena, actor, &r, err));
    } else {
        TRY(sign(core, arena, &r, err));
        r.certificate.requester = r.new_with_old.requester = r.old_with_new.requester = actor->name;
        TX(tx, core_db(core), &done, err)
            tx.ok = store_renewal(tx.tx, actor, &r, err);
        TRY(done);
    }
    status_cache_forget(core);
    return authority_get(core, arena, actor, slug, ret, err);
}
