#include "ca/token_attestation.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/handles.h"
#include "x509/key_type.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

DEFINE_AUTO(X509_STORE, X509_STORE_free)
DEFINE_AUTO(X509_STORE_CTX, X509_STORE_CTX_free)

#define YUBICO_PIV "1.3.6.1.4.1.41482.3."
#define ATTESTATION_ID 0x19 /* ykcs11's CKA_ID of slot f9, whose key attests */

static bool is_yubico(const X509 *certificate, const char *number, struct view *ret) {
    char oid[64];
    snprintf(oid, sizeof oid, "%s%s", YUBICO_PIV, number);
    return certificate_extension(certificate, oid, ret);
}

static X509 *decode(struct arena *arena, struct view der) {
    const uint8_t *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    return x == NULL ? NULL : keep_X509(arena, x);
}

/* The certificate about this key, and that of the key which signed it. */
static bool find_pair(struct core *core, struct arena *arena, const struct token_key *key, struct view *ret_own,
                      struct view *ret_signer, struct error *err) {
    struct token_certificate *items;
    struct view ignored, spki;
    size_t count;
    const char *all = arena_text(arena, view_of(key->uri, strcspn(key->uri, ";")));
    const char *id = strstr(key->uri, ";id=");
    if (id != NULL) /* of the token, whatever the object */
        all = arena_text(arena, view_of(key->uri, (size_t)(id - key->uri)));
    *ret_own = *ret_signer = view_of(NULL, 0);
    TRY(signer_token_certificates(core_signer(core), arena, all, &items, &count, err));
    for (size_t i = 0; i < count; i++) {
        X509 *x = decode(arena, items[i].der);
        if (x == NULL)
            continue;
        if (items[i].id.len == 1 && items[i].id.at[0] == ATTESTATION_ID)
            *ret_signer = items[i].der;
        if (is_yubico(x, "8", &ignored) && key_spki(arena, X509_get0_pubkey(x), &spki, err) &&
            view_equal(spki, key->spki))
            *ret_own = items[i].der;
    }
    return true;
}

/* Attestation certificates are as old as the device: their dates say nothing. */
static bool leads_to(X509 *own, X509 *signer, const char *root_pem, struct arena *arena, struct error *err) {
    X509 *root = NULL;
    TRY(certificate_decode(arena, view_text(root_pem), &root, err));
    keep_X509(arena, root);
    AUTO(X509_STORE) *store = X509_STORE_new();
    AUTO(X509_STORE_CTX) *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    bool good = store != NULL && ctx != NULL && between != NULL && sk_X509_push(between, signer) > 0 &&
                X509_STORE_add_cert(store, root) == 1 && X509_STORE_CTX_init(ctx, store, own, between) == 1;
    if (good) {
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
        good = X509_verify_cert(ctx) == 1;
    }
    const char *why = ctx == NULL ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
    if (!good)
        fail(err, ERROR_POLICY, "attestation",
             "The token's attestation of the key does not lead to the root that was given: %.150s. The key was made; "
             "delete it or trust the token's maker.",
             why);
    sk_X509_free(between);
    ERR_clear_error();
    return good;
}

bool token_attestation(struct core *core, struct arena *arena, const struct token_key *key, const char *root,
                       struct token_key_record *record, struct error *err) {
    struct buffer both = buffer_on(arena);
    struct view own, signer;
    TRY(find_pair(core, arena, key, &own, &signer, err));
    if (own.len == 0 || signer.len == 0)
        return root == NULL || fail(err, ERROR_POLICY, "attestation",
                                    "The token attests nothing of this key, but a root was given that must attest it. "
                                    "The key was made; delete it or make it in a token that attests its keys.");
    buffer_add(&both, own.at, own.len);
    buffer_add(&both, signer.at, signer.len);
    record->attestation = buffer_view(&both);
    if (root == NULL)
        return true;
    TRY(leads_to(decode(arena, own), decode(arena, signer), root, arena, err));
    record->attested = true;
    return true;
}

static const char *name_of(uint8_t number, const char *const names[static 4]) {
    return number < 4 ? names[number] : "unknown";
}

bool token_attested_read(struct arena *arena, struct view attestation, struct token_attested *ret) {
    static const char *const pin[] = {"unknown", "never", "once", "always"};
    static const char *const touch[] = {"unknown", "never", "always", "cached"};
    struct view version, serial, policy;
    X509 *x = attestation.len == 0 ? NULL : decode(arena, attestation);
    if (x == NULL || !is_yubico(x, "3", &version) || version.len != 3 || !is_yubico(x, "8", &policy) ||
        policy.len != 2)
        return false;
    *ret = (struct token_attested){.serial = "",
                                   .firmware = arena_printf(arena, "%u.%u.%u", version.at[0], version.at[1],
                                                            version.at[2]),
                                   .pin_policy = name_of(policy.at[0], pin),
                                   .touch_policy = name_of(policy.at[1], touch)};
    if (is_yubico(x, "7", &serial)) {
        uint64_t number = 0;
        const uint8_t *at = serial.at;
        AUTO(ASN1_INTEGER) *value = d2i_ASN1_INTEGER(NULL, &at, (long)serial.len);
        if (value != NULL && ASN1_INTEGER_get_uint64(&number, value) == 1)
            ret->serial = arena_printf(arena, "%llu", (unsigned long long)number);
    }
    return true;
}

const char *token_attestation_pem(struct arena *arena, struct view attestation) {
    struct buffer out = buffer_on(arena);
    const uint8_t *from = attestation.at;
    X509 *one;
    while ((one = certificate_next(&attestation)) != NULL) {
        X509_free(one);
        buffer_add_text(&out, certificate_pem(arena, view_of(from, (size_t)(attestation.at - from))));
        from = attestation.at;
    }
    return buffer_text(&out);
}
