/* Keys that are made here for those who cannot make one. */
#include "ca/request_link.h"

#include "x509/csr.h"
#include "x509/key_type.h"

#include <stdlib.h>
#include <string.h>

/* Of OpenSSL's default provider: such a key is not the signer's, and is gone with the call. */
#define ORDINARY "provider=default"

static size_t rsa_bits(const char *key_type) {
    return strtoul(key_type + strlen("RSA-"), NULL, 10);
}

bool local_key(const char *key_type, EVP_PKEY **ret_key, struct error *err) {
    EVP_PKEY *key;
    if (strncmp(key_type, "RSA-", 4) == 0)
        key = EVP_PKEY_Q_keygen(NULL, ORDINARY, "RSA", rsa_bits(key_type));
    else if (strncmp(key_type, "P-", 2) == 0)
        key = EVP_PKEY_Q_keygen(NULL, ORDINARY, "EC", key_type);
    else
        key = EVP_PKEY_Q_keygen(NULL, ORDINARY, key_type);
    if (key == NULL)
        return fail_internal(err, "making a key of the type %s", key_type);
    *ret_key = key;
    return true;
}

bool made_key_check(const struct made_key *wanted, struct error *err) {
    const char *type = wanted->key_type == NULL ? NULL : key_type_canonical(wanted->key_type);
    if (type == NULL || strcmp(type, wanted->key_type) != 0)
        return fail(err, ERROR_POLICY, "key-type", "The type of the key is not known.");
    /* Larger ones take many seconds to find. */
    if (strncmp(type, "RSA-", 4) == 0 && rsa_bits(type) > 4096)
        return fail(err, ERROR_POLICY, "key-type",
                    "RSA keys of more than 4096 bits are not made here; send a CSR.");
    return pkcs12_password_check(wanted->password, err);
}

/* A CSR for the key: no names, they come beside it. */
static bool bare_csr(struct arena *arena, EVP_PKEY *key, const char *key_type, struct view *ret_csr,
                     struct error *err) {
    AUTO(X509_NAME) *none = X509_NAME_new();
    if (none == NULL)
        return fail_internal(err, "X509_NAME_new");
    return csr_build(arena, none, NULL, key, key_type_digest(key_type), ret_csr, err);
}

static bool pack(struct core *core, struct arena *arena, EVP_PKEY *key,
                 const struct certificate_record *certificate, const struct made_key *wanted,
                 struct view *ret_pkcs12, struct error *err) {
    struct pkcs12_order order = {
        .key = key,
        .name = certificate->common_name[0] == '\0' ? NULL : certificate->common_name,
        .password = wanted->password,
        .protection = wanted->protection};
    struct view *ders;
    TRY(certificate_chain(core, arena, certificate, &ders, &order.count, err));
    order.ders = ders;
    return pkcs12_make(arena, &order, ret_pkcs12, err);
}

bool request_with_key(struct core *core, struct arena *arena, const struct actor *actor,
                      const struct submission *submission, const struct made_key *wanted,
                      struct request_record *ret_request,
                      struct certificate_record *ret_certificate, struct view *ret_pkcs12,
                      struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct submission whole = *submission;
    TRY(made_key_check(wanted, err));
    TRY(local_key(wanted->key_type, &key, err));
    TRY(bare_csr(arena, key, wanted->key_type, &whole.csr, err));
    whole.now_or_never = true;
    TRY(request_submit(core, arena, actor, &whole, ret_request, ret_certificate, err));
    return pack(core, arena, key, ret_certificate, wanted, ret_pkcs12, err);
}

bool claim_with_key(struct core *core, struct arena *arena, const struct actor *actor,
                    const char *secret, const struct made_key *wanted,
                    struct request_record *ret_request, struct certificate_record *ret_certificate,
                    struct view *ret_pkcs12, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    struct claim_offer offer;
    struct view csr;
    TRY(made_key_check(wanted, err));
    /* A key costs time: nobody makes one without a link that opens. */
    TRY(claim_look(core, arena, secret, &offer, err));
    TRY(local_key(wanted->key_type, &key, err));
    TRY(bare_csr(arena, key, wanted->key_type, &csr, err));
    TRY(claim_deliver(core, arena, actor, secret, csr, ret_request, ret_certificate, err));
    return pack(core, arena, key, ret_certificate, wanted, ret_pkcs12, err);
}
