/* The TLS certificate from elsewhere: a CSR goes out, a certificate comes in, or both key and certificate come. */
#include "ca/own_tls.h"

#include "base/clock.h"
#include "ca/authority_material.h"
#include "ca/key_use.h"
#include "store/organisations.h"
#include "x509/csr.h"

#include <openssl/crypto.h>
#include <string.h>

#define MAX_ISSUERS 10

static bool wrong(struct error *err, const char *what) {
    return fail(err, ERROR_POLICY, "tls-certificate", "The TLS certificate cannot be used: %s.", what);
}

/* --- CSR --------------------------------------------------------------------------------------------------------- */

static bool pending_key(struct tx *tx, struct arena *arena, struct key_record *ret, bool *ret_found, struct error *err) {
    const char *text = NULL;
    struct error missing = {0};
    struct uuid id;
    *ret_found = false;
    TRY(setting_get(tx, arena, "tls-csr", &text, err));
    if (text == NULL || !uuid_parse(text, &id))
        return true;
    *ret_found = key_by_id(tx, arena, id, ret, &missing);
    if (*ret_found || missing.kind == ERROR_NOT_FOUND)
        return true;
    *err = missing;
    return false;
}

static bool find_pending(struct core *core, struct arena *arena, struct key_record *ret, bool *ret_found,
                         struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = pending_key(tx.tx, arena, ret, ret_found, err);
    return done;
}

static bool make_pending(struct core *core, struct arena *arena, const struct actor *actor, const char *key_type,
                         EVP_PKEY **ret_key, struct error *err) {
    struct organisation organisation;
    struct key_record key;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, arena, "default", &organisation, err);
    TRY(done && key_make(core, arena, key_type, NULL, KEY_SIGN, organisation.id, &key, ret_key, err));
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = key_insert(tx.tx, &key, err) && setting_put(tx.tx, "tls-csr", uuid_text(arena, key.id), err) &&
                access_note(tx.tx, actor,
                            &(struct event_note){.code = "tls.csr-made", .object_kind = "key",
                                                 .object = uuid_text(arena, key.id)},
                            err);
    return done;
}

bool own_tls_csr(struct core *core, struct arena *arena, const struct actor *actor,
                 const struct own_tls_settings *use, struct view *ret_der, struct error *err) {
    AUTO(X509_NAME) *subject = X509_NAME_new();
    struct key_record pending;
    GENERAL_NAMES *sans;
    EVP_PKEY *key;
    bool found;
    TRY(own_tls_sans(arena, &use->names, &sans, err));
    TRY(find_pending(core, arena, &pending, &found, err));
    if (found && strcmp(pending.key_type, use->key_type) == 0)
        TRY(core_key(core, pending.id, &key, err));
    else
        TRY(make_pending(core, arena, actor, use->key_type, &key, err));
    keep_EVP_PKEY(arena, key);
    const char *name = arena_printf(arena, "%.64s", use->names.items[0]);
    if (X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) != 1)
        return fail_internal(err, "name of a CSR");
    return csr_build(arena, subject, sans, key, key_type_digest(use->key_type), ret_der, err);
}

/* --- certificate ------------------------------------------------------------------------------------------------- */

bool own_tls_check(X509 *certificate, EVP_PKEY *key, struct error *err) {
    char type[KEY_TYPE_SIZE];
    int64_t from, to, now = clock_now_us();
    EVP_PKEY *own = X509_get0_pubkey(certificate);
    TRY(asn1_time_to_us(X509_get0_notBefore(certificate), &from, err) &&
        asn1_time_to_us(X509_get0_notAfter(certificate), &to, err));
    if (own == NULL || EVP_PKEY_eq(own, key) != 1)
        return wrong(err, "it is for another key");
    if (!key_type_of(own, type) || (!key_type_is_ec(type) && strncmp(type, "RSA", 3) != 0))
        return wrong(err, "its key is neither RSA nor on a NIST curve, and browsers verify nothing else");
    TRY(key_check(own, "TLS certificate", err));
    if (to <= now || from > now + 300 * US_PER_SECOND)
        return wrong(err, to <= now ? "it has expired" : "it is not valid yet");
    if (X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) != 1)
        return wrong(err, "its key usage or extended key usage is not that of a TLS server");
    return true;
}

struct view own_tls_order_chain(struct arena *arena, X509 *first, X509 *const *all, size_t count) {
    struct buffer out = buffer_on(arena);
    X509 *at = first;
    for (int hops = 0; hops < MAX_ISSUERS && at != NULL && X509_self_signed(at, 0) != 1; hops++) {
        X509 *issuer = NULL;
        for (size_t i = 0; i < count && issuer == NULL; i++)
            if (certificate_is_issued(all[i], at))
                issuer = all[i];
        if (issuer == NULL || X509_self_signed(issuer, 0) == 1)
            break;
        struct view der = certificate_der(arena, issuer);
        buffer_add(&out, der.at, der.len);
        at = issuer;
    }
    return buffer_view(&out);
}

static X509 *for_key(const struct ca_material *m, EVP_PKEY *key) {
    for (size_t i = 0; i < m->count; i++) {
        EVP_PKEY *own = X509_get0_pubkey(m->certificates[i]);
        if (own != NULL && EVP_PKEY_eq(own, key) == 1)
            return m->certificates[i];
    }
    return NULL;
}

/* The certificate among them that is for the key of the CSR, or for the present one. */
static bool match_known_key(struct core *core, struct arena *arena, const struct ca_material *m, struct own_tls_next *next,
                            struct error *err) {
    AUTO(EVP_PKEY) *waiting = NULL;
    struct key_record pending;
    struct own_tls present;
    struct error why = {0};
    bool found;
    TRY(find_pending(core, arena, &pending, &found, err));
    if (found)
        TRY(key_from_spki(pending.spki, &waiting, err));
    if (found && (next->certificate = for_key(m, waiting)) != NULL) {
        next->key_id = pending.id;
        next->forget_csr = true;
        return own_tls_check(next->certificate, waiting, err);
    }
    if (own_tls(core, arena, &present, &why) &&
        (next->certificate = for_key(m, X509_get0_pubkey(present.certificate))) != NULL) {
        next->key_id = present.key_id;
        return own_tls_check(next->certificate, X509_get0_pubkey(present.certificate), err);
    }
    return wrong(err, "it is neither for the key of the CSR nor for the present one; give its private key, too");
}

static bool match_given_key(struct core *core, struct arena *arena, const struct ca_material *m, struct key_record *key,
                            struct own_tls_next *next, struct error *err) {
    struct organisation organisation;
    EVP_PKEY *remote;
    bool done = false;
    next->certificate = for_key(m, m->public_key);
    if (next->certificate == NULL)
        return wrong(err, m->count == 0 ? "there is only a private key" : "it is for another key than the one given");
    TRY(own_tls_check(next->certificate, m->public_key, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = organisation_by_slug(tx.tx, arena, "default", &organisation, err);
    TRY(done && key_import(core, arena, m->pkcs8, KEY_SIGN, organisation.id, key, &remote, err));
    keep_EVP_PKEY(arena, remote);
    next->key = key;
    return true;
}

static bool import(struct core *core, struct arena *arena, const struct actor *actor, const struct own_tls_order *order,
                   struct ca_material *m, struct error *err) {
    struct own_tls_next next = {.event = "tls.certificate-imported"};
    struct own_tls_settings settings;
    struct key_record key;
    if (order->private_key.len > 0)
        TRY(material_read_key(arena, order->private_key, order->password, m, err));
    if (order->certificates.len > 0)
        TRY(material_read_certificates(arena, order->certificates, m, err));
    if (order->private_key.len > 0)
        TRY(match_given_key(core, arena, m, &key, &next, err));
    else
        TRY(match_known_key(core, arena, m, &next, err));
    TRY(own_tls_settings(core, arena, &settings, err));
    settings.source = OWN_TLS_GIVEN;
    next.settings = &settings;
    next.chain = own_tls_order_chain(arena, next.certificate, m->certificates, m->count);
    return own_tls_adopt(core, arena, actor, &next, err);
}

bool own_tls_import(struct core *core, struct arena *arena, const struct actor *actor,
                    const struct own_tls_order *order, struct error *err) {
    struct ca_material material = {.count = 0};
    bool ok = import(core, arena, actor, order, &material, err);
    material_wipe(&material);
    return ok;
}
