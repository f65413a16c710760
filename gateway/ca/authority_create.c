#include "ca/authority_history.h"
#include "ca/authority_material.h"
#include "ca/authority_profile.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/issue.h"
#include "ca/key_use.h"
#include "ca/slug.h"
#include "store/organisations.h"
#include "store/templates.h"
#include "template/starters.h"
#include "x509/csr.h"
#include "x509/name.h"

#include <string.h>

/* What is gathered before anything is stored. */
struct making {
    const struct ca_order *order;
    struct organisation organisation;
    struct ca_record issuer; /* slug NULL: none */
    struct ca_settings settings;
    struct ca_profile profile;
    struct ca_material material;
    struct key_record key;
    EVP_PKEY *remote_key; /* the arena drops it */
    struct ca_record ca;
    struct certificate_record certificate; /* der empty: csrOnly */
    struct template_record web_server;
};

static bool check_order(struct arena *arena, const struct ca_order *order, struct making *m,
                        struct error *err) {
    if (order->name[0] == '\0' || strlen(order->name) > 100)
        return fail(err, ERROR_POLICY, "bad-name", "A CA's name has 1 to 100 bytes.");
    if (order->csr_only && order->issuer != NULL)
        return fail(err, ERROR_POLICY, "ca-order",
                    "A CA is either signed by an issuer of this instance or made as CSR only; leave out "
                    "\"issuer\" or \"csrOnly\".");
    if (order->certificates.len > 0 && (order->csr_only || order->issuer != NULL))
        return fail(err, ERROR_POLICY, "ca-order",
                    "A CA that comes with its certificate is not signed anew; leave out \"issuer\" and "
                    "\"csrOnly\".");
    TRY(authority_settings_read(arena, order->settings, &m->settings, err));
    m->profile = order->profile;
    if (order->certificates.len > 0)
        return true; /* the name is in the certificate */
    if (m->profile.subject == NULL) {
        X509_NAME *name = X509_NAME_new();
        keep_X509_NAME(arena, name);
        if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                       (const unsigned char *)order->name, -1, -1, 0) != 1)
            return fail(err, ERROR_POLICY, "bad-name",
                        "The name cannot be a common name (at most 64 characters); give a \"subject\".");
        m->profile.subject = name;
    }
    return !name_empty(m->profile.subject) ||
           fail(err, ERROR_POLICY, "no-names", "A CA needs a subject (RFC 5280 4.1.2.6).");
}

static bool load_surroundings(struct core *core, struct arena *arena, const struct actor *actor,
                              struct making *m, struct error *err) {
    struct scope scope;
    bool done = false;
    const char *organisation = m->order->organisation == NULL ? "default" : m->order->organisation;
    actor_scope(arena, actor, MAY_READ_CAS, &scope);
    TX(tx, core_db(core), &done, err) {
        tx.ok = organisation_by_slug(tx.tx, arena, organisation, &m->organisation, err);
        if (tx.ok && m->order->issuer != NULL)
            tx.ok = ca_by_slug(tx.tx, arena, &scope, m->order->issuer, &m->issuer, err);
    }
    TRY(done);
    TRY(actor_may(actor, MAY_MANAGE_CAS, m->organisation.id, (struct uuid){{0}}, err));
    if (m->order->issuer == NULL)
        return true;
    TRY(actor_may(actor, MAY_MANAGE_CAS, m->issuer.organisation_id, m->issuer.id, err));
    return m->issuer.state == CA_ACTIVE ||
           fail(err, ERROR_CONFLICT, "ca-state", "The issuer %s is not active; it does not sign.",
                m->issuer.slug);
}

static bool sign_ca(struct core *core, struct arena *arena, struct making *m, struct error *err) {
    struct ca_signing signing = {.issuer = m->order->issuer == NULL ? NULL : &m->issuer,
                                 .ca = &m->ca,
                                 .profile = &m->profile,
                                 .spki = m->key.spki,
                                 .key = m->remote_key};
    TRY(ca_certificate_make(core, arena, &signing, &m->certificate, err));
    m->ca.certificate = m->certificate.der;
    m->ca.subject = m->certificate.subject;
    m->ca.not_before_us = m->certificate.not_before_us;
    m->ca.not_after_us = m->certificate.not_after_us;
    m->ca.state = CA_ACTIVE;
    return true;
}

static bool make_csr(struct arena *arena, struct making *m, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    m->ca.state = CA_WAITING;
    m->ca.subject = name_text(arena, m->profile.subject);
    TRY(authority_pad(&m->settings, m->remote_key, &key, err));
    return csr_build(arena, m->profile.subject, NULL, key, authority_digest(&m->ca, &m->settings),
                     &m->ca.csr, err);
}

/* Where the key comes from: elsewhere, a token, nowhere (certificate only), or made now. */
static bool take_key(struct core *core, struct arena *arena, struct making *m, struct error *err) {
    const struct ca_order *order = m->order;
    const char *key_type = order->key_type;
    if (order->private_key.len > 0)
        return key_import(core, arena, m->material.pkcs8, KEY_SIGN, m->organisation.id, &m->key,
                          &m->remote_key, err);
    if (m->material.count > 0 && order->key_uri == NULL)
        return key_public(arena, X509_get0_pubkey(m->material.certificates[0]), m->organisation.id,
                          &m->key, err);
    if (key_type == NULL && order->key_uri == NULL)
        key_type = "ML-DSA-65";
    return key_make(core, arena, key_type, order->key_uri, KEY_SIGN, m->organisation.id, &m->key,
                    &m->remote_key, err);
}

/* An existing CA keeps its certificate. While its history comes in it waits, so that no CRL goes out. */
static bool take_certificate(struct core *core, struct arena *arena, struct making *m, struct error *err) {
    AUTO(EVP_PKEY) *public_key = NULL;
    struct ca_own own;
    TRY(key_from_spki(m->key.spki, &public_key, err));
    TRY(material_choose(core, arena, &m->material, public_key, &m->ca, &own, err));
    TRY(ca_take_own(arena, &own, &m->ca, err));
    if (m->remote_key == NULL)
        m->ca.state = CA_CERTIFICATE_ONLY;
    return true;
}

static bool make_ca(struct core *core, struct arena *arena, struct making *m, struct error *err) {
    const struct ca_order *order = m->order;
    TRY(take_key(core, arena, m, err));
    if (m->remote_key != NULL)
        keep_EVP_PKEY(arena, m->remote_key);
    m->ca = (struct ca_record){.id = uuid_new(),
                               .organisation_id = m->organisation.id,
                               .slug = slug_from_name(arena, order->name, NULL),
                               .name = order->name,
                               .state = CA_ACTIVE,
                               .key_id = m->key.id,
                               .key_type = m->key.key_type,
                               .settings = authority_settings_write(arena, &m->settings),
                               .revision = 1,
                               .generation = 1,
                               .created_us = clock_now_us()};
    if (m->material.count > 0)
        return take_certificate(core, arena, m, err);
    if (order->csr_only)
        return make_csr(arena, m, err);
    if (order->issuer != NULL) {
        m->ca.issuer_id = m->issuer.id;
        m->ca.chain = ca_chain_below(arena, &m->issuer);
    }
    return sign_ca(core, arena, m, err);
}

static bool first_template(struct arena *arena, struct making *m, struct error *err) {
    size_t count;
    const struct template_starter *starter = template_starters(&count); /* the first: Web Server */
    const struct json *document;
    struct template parsed;
    TRY(json_parse(arena, view_text(starter->document), &document, err));
    TRY(template_from_json(arena, document, &parsed, err));
    m->web_server = (struct template_record){.id = uuid_new(),
                                             .ca_id = m->ca.id,
                                             .name = starter->name,
                                             .version = 1,
                                             .document = template_to_json(arena, &parsed),
                                             .created_us = m->ca.created_us,
                                             .changed_us = m->ca.created_us};
    return true;
}

static bool note_created(struct tx *tx, struct arena *arena, const struct actor *actor,
                         const struct making *m, struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "subject", m->ca.subject);
    json_put_string(&w, "keyType", m->ca.key_type);
    json_put_string(&w, "issuer", m->issuer.slug);
    json_put_bool(&w, "csrOnly", m->order->csr_only);
    json_put_bool(&w, "imported", m->material.count > 0 || m->order->private_key.len > 0);
    json_close_object(&w);
    struct event_note note = {.code = "ca.created",
                              .organisation_id = m->ca.organisation_id,
                              .ca_id = m->ca.id,
                              .object_kind = "ca",
                              .object = m->ca.slug,
                              .details = json_written(&w)};
    return access_note(tx, actor, &note, err);
}

static bool store_ca(struct tx *tx, struct arena *arena, const struct actor *actor, struct making *m,
                     struct error *err) {
    const char *wanted = slug_from_name(arena, m->order->name, NULL);
    TRY(slug_claim(tx, arena, SLUG_CA, wanted, m->ca.id, &m->ca.slug, err));
    wanted = slug_from_name(arena, m->web_server.name, m->ca.slug);
    TRY(slug_claim(tx, arena, SLUG_TEMPLATE, wanted, m->web_server.id, &m->web_server.slug, err));
    TRY(key_insert(tx, &m->key, err) && ca_insert(tx, &m->ca, err));
    if (m->ca.state != CA_CERTIFICATE_ONLY) /* which issues nothing */
        TRY(template_insert(tx, &m->web_server, err));
    TRY(note_created(tx, arena, actor, m, err));
    return m->certificate.der.len == 0 || issue_store(tx, actor, &m->certificate, err);
}

static bool read_material(struct arena *arena, struct making *m, struct error *err) {
    const struct ca_order *order = m->order;
    bool wanted = order->csr_only || order->issuer != NULL;
    if (order->private_key.len > 0)
        TRY(material_read_key(arena, order->private_key, order->password, &m->material, err));
    if (wanted) /* a new certificate is wanted, not one that happens to be in the PKCS#12 file */
        m->material.count = 0;
    if (order->certificates.len > 0)
        TRY(material_read_certificates(arena, order->certificates, &m->material, err));
    return order->history == NULL || m->material.count > 0 ||
           fail(err, ERROR_POLICY, "ca-order",
                "A history belongs to a CA that comes with its certificate; give \"certificate\", or make it "
                "as CSR only and send the history while it waits.");
}

static bool insert_ca(struct core *core, struct arena *arena, const struct actor *actor, struct making *m,
                      struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = store_ca(tx.tx, arena, actor, m, err);
    return done;
}

/* Stored as waiting, so that no CRL goes out, until all of the history is there. */
static bool insert_with_history(struct core *core, struct arena *arena, const struct actor *actor,
                                struct making *m, struct error *err) {
    struct ca_record whole = m->ca;
    struct ca_history_result result;
    bool done = false;
    m->ca.state = CA_WAITING;
    m->ca.certificate = m->ca.chain = view_of(NULL, 0);
    m->ca.not_before_us = m->ca.not_after_us = 0;
    TRY(insert_ca(core, arena, actor, m, err));
    whole.slug = m->ca.slug;
    if (!history_take(core, arena, actor, &whole, m->order->history, &result, err)) {
        struct error ignored = {0}; /* the first one counts */
        if (!authority_remove(core, arena, actor, whole.slug, &ignored))
            log_failure(LOG_WARN, "ca", "a CA whose history could not be read stays, waiting", &ignored);
        return false;
    }
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_set_certificate(tx.tx, whole.id, whole.certificate, whole.chain, whole.not_before_us,
                                   whole.not_after_us, whole.subject, err);
    m->ca = whole;
    return done;
}

bool authority_create(struct core *core, struct arena *arena, const struct actor *actor,
                      const struct ca_order *order, struct ca_record *ret, struct error *err) {
    struct making m = {.order = order};
    TRY(check_order(arena, order, &m, err));
    TRY(load_surroundings(core, arena, actor, &m, err));
    bool ok = read_material(arena, &m, err) && make_ca(core, arena, &m, err);
    material_wipe(&m.material);
    TRY(ok && first_template(arena, &m, err));
    m.certificate.requester = actor->name;
    TRY(order->history != NULL ? insert_with_history(core, arena, actor, &m, err)
                               : insert_ca(core, arena, actor, &m, err));
    *ret = m.ca;
    return true;
}
