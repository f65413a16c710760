#include "ca/authority_material.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/key_type.h"
#include "x509/pkcs12.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define MAX_CHAIN 10
#define MAX_BYTES ((size_t)1024 * 1024)

DEFINE_AUTO(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)

static bool too_many(struct error *err) {
    return fail(err, ERROR_TOO_LARGE, "chain-too-long", "More than %d certificates were given.",
                MATERIAL_MAX_CERTIFICATES);
}

static bool add_one(struct arena *arena, struct ca_material *m, struct view bytes,
                    struct error *err) {
    X509 *certificate = NULL;
    if (m->count == MATERIAL_MAX_CERTIFICATES)
        return too_many(err);
    TRY(certificate_decode(arena, bytes, &certificate, err));
    m->certificates[m->count++] = keep_X509(arena, certificate);
    return true;
}

bool material_read_certificates(struct arena *arena, struct view bytes, struct ca_material *m,
                                struct error *err) {
    static const char end[] = "-----END CERTIFICATE-----";
    size_t before = m->count;
    if (bytes.len > MAX_BYTES)
        return fail(err, ERROR_TOO_LARGE, "too-large",
                    "The certificates are larger than %zu bytes.", MAX_BYTES);
    if (memmem(bytes.at, bytes.len, "-----BEGIN", 10) == NULL)
        return add_one(arena, m, bytes, err);
    for (const uint8_t *to; (to = memmem(bytes.at, bytes.len, end, sizeof end - 1)) != NULL;) {
        size_t used = (size_t)(to - bytes.at) + sizeof end - 1;
        TRY(add_one(arena, m, view_of(bytes.at, used), err));
        bytes = view_of(bytes.at + used, bytes.len - used);
    }
    return m->count > before ||
           fail(err, ERROR_MALFORMED, "malformed-certificate", "There is no PEM certificate in the body.");
}

/* --- private keys ------------------------------------------------------------------------------------ */

static bool no_key(struct error *err, const char *why) {
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "malformed-key",
                "The private key %s; give PEM, DER (PKCS#8) or a PKCS#12 file.", why);
}

static int give_password(char *buffer, int size, int writing, void *password) {
    size_t len = password == NULL ? 0 : strlen(password);
    (void)writing;
    if (len > (size_t)size)
        return -1;
    if (len > 0)
        memcpy(buffer, password, len);
    return (int)len;
}

/* Encrypted PKCS#8 goes through pkcs8_decrypt, which bounds the iterations. */
static bool read_pem(struct arena *arena, struct view bytes, const char *password,
                     EVP_PKEY **ret_key, struct error *err) {
    struct view der;
    if (pem_decode(arena, bytes, "ENCRYPTED PRIVATE KEY", &der)) {
        TRY(pkcs8_decrypt(arena, der, password == NULL ? "" : password, ret_key, err));
        return true;
    }
    AUTO(BIO) *bio = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    EVP_PKEY *key = bio == NULL ? NULL
                                : PEM_read_bio_PrivateKey(bio, NULL, give_password,
                                                          (void *)(uintptr_t)password);
    if (key == NULL)
        return no_key(err, password == NULL ? "cannot be read, or needs a password"
                                            : "cannot be read with this password");
    *ret_key = keep_EVP_PKEY(arena, key);
    return true;
}

static bool read_pkcs12(struct arena *arena, struct view bytes, const char *password,
                        struct ca_material *m, EVP_PKEY **ret_key, struct error *err) {
    struct pkcs12_contents contents;
    TRY(pkcs12_open(arena, bytes, password, &contents, err));
    if (contents.key_count != 1)
        return no_key(err, contents.key_count == 0 ? "is not in the PKCS#12 file"
                                                   : "is not alone in the PKCS#12 file");
    for (size_t i = 0; i < contents.certificate_count; i++) {
        if (m->count == MATERIAL_MAX_CERTIFICATES)
            return too_many(err);
        m->certificates[m->count++] = contents.certificates[i];
    }
    *ret_key = contents.keys[0];
    return true;
}

/* PKCS#8 begins with SEQUENCE, INTEGER version 0 or 1; its encrypted form with SEQUENCE, SEQUENCE; PKCS#12 with
 * SEQUENCE, INTEGER 3. */
static bool read_der(struct arena *arena, struct view bytes, const char *password,
                     struct ca_material *m, EVP_PKEY **ret_key, struct error *err) {
    const uint8_t *at = bytes.at;
    long len;
    int tag, class;
    int flags = ASN1_get_object(&at, &len, &tag, &class, (long)bytes.len);
    size_t left = bytes.len - (size_t)(at - bytes.at);
    if ((flags & 0x80) != 0 || tag != V_ASN1_SEQUENCE || left < 3)
        return no_key(err, "is no DER");
    if (at[0] == (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
        return pkcs8_decrypt(arena, bytes, password == NULL ? "" : password, ret_key, err);
    if (at[0] == V_ASN1_INTEGER && at[1] == 1 && at[2] == 3)
        return read_pkcs12(arena, bytes, password, m, ret_key, err);
    at = bytes.at;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)bytes.len);
    if (key == NULL)
        return no_key(err, "is of an unknown type or damaged");
    *ret_key = keep_EVP_PKEY(arena, key);
    return at == bytes.at + bytes.len || no_key(err, "is followed by other bytes");
}

static bool take_key(struct arena *arena, EVP_PKEY *key, struct ca_material *m, struct error *err) {
    AUTO(PKCS8_PRIV_KEY_INFO) *info = EVP_PKEY2PKCS8(key);
    unsigned char *der = NULL;
    struct view spki;
    TRY(key_check(key, "private key", err));
    int len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    if (len <= 0)
        return no_key(err, "has no private half");
    m->pkcs8 = arena_copy(arena, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    TRY(key_spki(arena, key, &spki, err));
    TRY(key_from_spki(spki, &m->public_key, err));
    keep_EVP_PKEY(arena, m->public_key);
    return true;
}

bool material_read_key(struct arena *arena, struct view bytes, const char *password,
                       struct ca_material *m, struct error *err) {
    EVP_PKEY *key = NULL;
    bool pem = memmem(bytes.at, bytes.len, "-----BEGIN", 10) != NULL;
    if (bytes.len == 0 || bytes.len > MAX_BYTES)
        return no_key(err, "is empty or too large");
    TRY(pem ? read_pem(arena, bytes, password, &key, err)
            : read_der(arena, bytes, password, m, &key, err));
    if (pem && memmem(bytes.at, bytes.len, "-----BEGIN CERTIFICATE-----", 27) != NULL)
        TRY(material_read_certificates(arena, bytes, m, err));
    return take_key(arena, key, m, err);
}

void material_wipe(struct ca_material *m) {
    if (m->pkcs8.len > 0)
        OPENSSL_cleanse((void *)(uintptr_t)m->pkcs8.at, m->pkcs8.len);
    m->pkcs8 = view_of(NULL, 0);
}

/* --- the CA's own certificate and its chain ---------------------------------------------------------- */

static bool is_issued(X509 *issuer, X509 *subject) {
    return X509_check_issued(issuer, subject) == X509_V_OK &&
           X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
}

static X509 *take_own(struct ca_material *m, EVP_PKEY *key) {
    for (size_t i = 0; i < m->count; i++)
        if (key == NULL || EVP_PKEY_eq(X509_get0_pubkey(m->certificates[i]), key) == 1) {
            X509 *own = m->certificates[i];
            m->certificates[i] = m->certificates[--m->count];
            return own;
        }
    ERR_clear_error();
    return NULL;
}

/* Where issuers are looked for: what was given, then the CAs of this instance. */
struct pool {
    const struct ca_material *given;
    struct ca_record *cas;
    X509 **ca_certificates;
    size_t ca_count;
};

static bool open_pool(struct core *core, struct arena *arena, const struct ca_material *given,
                      const struct ca_record *self, struct pool *ret, struct error *err) {
    struct pool pool = {.given = given};
    struct ca_record *all;
    size_t count;
    TRY(authority_public_list(core, arena, &all, &count, err));
    pool.cas = arena_array(arena, count + 1, sizeof *pool.cas);
    pool.ca_certificates = arena_array(arena, count + 1, sizeof(X509 *));
    for (size_t i = 0; i < count; i++) {
        X509 *certificate;
        if (uuid_equal(all[i].id, self->id))
            continue;
        TRY(certificate_decode(arena, all[i].certificate, &certificate, err));
        pool.cas[pool.ca_count] = all[i];
        pool.ca_certificates[pool.ca_count++] = keep_X509(arena, certificate);
    }
    *ret = pool;
    return true;
}

static X509 *find_issuer(const struct pool *pool, X509 *subject, struct uuid *ret_id) {
    X509 *issuer = NULL;
    for (size_t i = 0; i < pool->ca_count && issuer == NULL; i++)
        if (is_issued(pool->ca_certificates[i], subject)) {
            issuer = pool->ca_certificates[i];
            *ret_id = pool->cas[i].id;
        }
    for (size_t i = 0; i < pool->given->count && issuer == NULL; i++)
        if (is_issued(pool->given->certificates[i], subject))
            issuer = pool->given->certificates[i];
    ERR_clear_error();
    return issuer;
}

/* rfc5280#6.1.4 (l), (m): below a path length of n at most n CAs that do not issue themselves. */
static bool check_path_length(struct arena *arena, X509 *issuer, int below, struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read(arena, issuer, &facts, err));
    if (facts.path_length < 0 || facts.path_length >= below)
        return true;
    return fail(err, ERROR_POLICY, "wrong-certificate",
                "CA certificate: the issuer \"%.100s\" has path length %d, and %d CA%s would stand below it "
                "(rfc5280#4.2.1.9).",
                facts.subject, facts.path_length, below, below == 1 ? "" : "s");
}

/* The issuers, nearest first, up to a self-signed one or as far as they are known. */
static bool build_chain(struct arena *arena, const struct pool *pool, struct ca_own *own,
                        X509 **ret_issuer, struct error *err) {
    struct buffer chain = buffer_on(arena);
    X509 *at = own->certificate;
    for (int depth = 0; !is_issued(at, at); depth++) {
        struct uuid id = {{0}};
        X509 *issuer = find_issuer(pool, at, &id);
        if (issuer == NULL)
            break;
        if (depth == MAX_CHAIN)
            return fail(err, ERROR_POLICY, "chain-too-long", "The chain is longer than %d.", MAX_CHAIN);
        if (depth == 0) {
            *ret_issuer = issuer;
            own->issuer_id = id;
        }
        TRY(check_path_length(arena, issuer, depth + 1, err));
        struct view der = certificate_der(arena, issuer);
        buffer_add(&chain, der.at, der.len);
        at = issuer;
    }
    ERR_clear_error();
    own->chain = buffer_view(&chain);
    return true;
}

bool material_choose(struct core *core, struct arena *arena, struct ca_material *m, EVP_PKEY *key,
                     const struct ca_record *ca, struct ca_own *ret, struct error *err) {
    struct pool pool;
    struct ca_own own = {.certificate = take_own(m, key)};
    X509 *issuer = NULL;
    if (own.certificate == NULL)
        return fail(err, ERROR_POLICY, "key-mismatch",
                    "None of the certificates has the key of the authority %s; have the CSR that it "
                    "offers signed.",
                    ca->slug);
    TRY(open_pool(core, arena, m, ca, &pool, err));
    TRY(build_chain(arena, &pool, &own, &issuer, err));
    if (key == NULL)
        key = X509_get0_pubkey(own.certificate);
    TRY(certificate_check_ca(own.certificate, key, issuer, clock_now_us(), err));
    *ret = own;
    return true;
}
