/* Keys, certificates, lists and records that come from elsewhere: read, and held against each other. */
#ifndef GATEHOUSE_CA_AUTHORITY_MATERIAL_H
#define GATEHOUSE_CA_AUTHORITY_MATERIAL_H

#include "ca/authority.h"

#define MATERIAL_MAX_CERTIFICATES 20

/* Objects live as long as the arena. The private key is only there between reading and importing. */
struct ca_material {
    struct view pkcs8; /* DER, not encrypted: a secret, wipe it by material_wipe; empty: none */
    EVP_PKEY *public_key; /* of the private key, or NULL */
    X509 *certificates[MATERIAL_MAX_CERTIFICATES + 1];
    size_t count;
};
/* A private key in PEM (PKCS#8 encrypted or not, SEC 1, PKCS#1, also with OpenSSL's own encryption), DER, or a
 * PKCS#12 file, which may hold certificates, too; PEM may have them beside the key. password NULL: none.
 * ERROR_MALFORMED "malformed-key", "malformed-pkcs12"; ERROR_POLICY "wrong-password", "weak-key". */
MUST_USE bool material_read_key(struct arena *arena, struct view bytes, const char *password,
                                struct ca_material *material, struct error *err);
/* As certificates_read. */
MUST_USE bool material_read_certificates(struct arena *arena, struct view bytes,
                                         struct ca_material *material, struct error *err);
void material_wipe(struct ca_material *material);

/* The CA's own certificate among those of the material, and its issuers: of the material, of this instance, or fetched
 * from where the certificates say (caIssuers), so no transaction is open. An issuer that is nowhere ends the chain.
 * Checked: key, CA true, keyCertSign, path length up the chain, dates, the issuers' signatures;
 * ERROR_POLICY "wrong-certificate" or "key-mismatch" says which of them. key NULL: the first certificate. */
struct ca_own {
    X509 *certificate;
    struct view chain;     /* as in ca_record */
    struct uuid issuer_id; /* the CA of this instance that is its issuer, or nil */
    const char *missing;   /* which issuer was not found, and why; NULL: the chain is complete */
};
MUST_USE bool material_choose(struct core *core, struct arena *arena, struct ca_material *material,
                              EVP_PKEY *key, const struct ca_record *ca, struct ca_own *ret,
                              struct error *err);

/* Certificate, chain, dates and subject of `own` become the record's; the state becomes CA_ACTIVE. */
MUST_USE bool ca_take_own(struct arena *arena, const struct ca_own *own, struct ca_record *ca,
                          struct error *err);

#endif
