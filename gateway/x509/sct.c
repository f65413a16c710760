#include "x509/sct.h"

#include "base/buffer.h"

#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

static void put(struct buffer *out, uint64_t number, int octets) {
    uint8_t bytes[8];
    for (int i = 0; i < octets; i++)
        bytes[i] = (uint8_t)(number >> (8 * (octets - 1 - i)));
    buffer_add(out, bytes, (size_t)octets);
}

static void put_vector(struct buffer *out, struct view bytes, int octets) {
    put(out, bytes.len, octets);
    buffer_add(out, bytes.at, bytes.len);
}

static bool add_extension(X509 *certificate, int nid, bool critical, struct view value,
                          struct error *err) {
    AUTO(ASN1_OCTET_STRING) *octets = ASN1_OCTET_STRING_new();
    AUTO(X509_EXTENSION) *extension = NULL;
    if (octets != NULL && ASN1_OCTET_STRING_set(octets, value.at, (int)value.len) == 1)
        extension = X509_EXTENSION_create_by_NID(NULL, nid, critical, octets);
    return (extension != NULL && X509_add_ext(certificate, extension, -1) == 1) ||
           fail_internal(err, "extension %s", OBJ_nid2sn(nid));
}

bool sct_poison(X509 *certificate, struct error *err) {
    static const uint8_t null[] = {5, 0};
    return add_extension(certificate, NID_ct_precert_poison, true, view_of(null, sizeof null), err);
}

bool sct_embed(X509 *certificate, struct view list, struct error *err) {
    return add_extension(certificate, NID_ct_precert_scts, false, list, err);
}

bool sct_entry_precertificate(struct arena *arena, const X509 *precertificate, const X509 *issuer,
                              struct sct_entry *ret, struct error *err) {
    AUTO(X509) *copy = X509_dup(precertificate);
    unsigned char *tbs = NULL, *key = NULL;
    int at = copy == NULL ? -1 : X509_get_ext_by_NID(copy, NID_ct_precert_poison, -1);
    if (at < 0)
        return fail_internal(err, "a precertificate without poison");
    X509_EXTENSION_free(X509_delete_ext(copy, at));
    int tbs_len = i2d_re_X509_tbs(copy, &tbs);
    int key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(issuer), &key);
    struct sct_entry entry = {.precertificate = true};
    bool ok = tbs_len > 0 && key_len > 0;
    if (ok) {
        entry.der = arena_copy(arena, tbs, (size_t)tbs_len);
        SHA256(key, (size_t)key_len, entry.issuer_key_hash);
    }
    OPENSSL_free(tbs);
    OPENSSL_free(key);
    if (!ok)
        return fail_internal(err, "encoding a precertificate");
    *ret = entry;
    return true;
}

bool sct_entry_certificate(struct arena *arena, const X509 *certificate, struct sct_entry *ret,
                           struct error *err) {
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    if (len <= 0)
        return fail_internal(err, "encoding a certificate");
    *ret = (struct sct_entry){.der = arena_copy(arena, der, (size_t)len)};
    OPENSSL_free(der);
    return true;
}

bool sct_log_key(struct view spki, EVP_PKEY **ret_key, uint8_t ret_id[static SCT_ID_SIZE],
                 struct error *err) {
    const unsigned char *next = spki.at;
    AUTO(EVP_PKEY) *key = d2i_PUBKEY(NULL, &next, (long)spki.len);
    ERR_clear_error();
    if (key == NULL || next != spki.at + spki.len)
        return fail(err, ERROR_POLICY, "bad-log-key",
                    "The key of a log must be a SubjectPublicKeyInfo, DER in base64.");
    char group[32] = "";
    bool p256 = EVP_PKEY_is_a(key, "EC") &&
                EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
                strcmp(group, "prime256v1") == 0;
    if (!p256 && !(EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= 2048))
        return fail(
            err, ERROR_POLICY, "bad-log-key",
            "The key of a log must be of P-256, or RSA of 2048 bits or more (RFC 6962 2.1.4).");
    SHA256(spki.at, spki.len, ret_id);
    *ret_key = TAKE(key);
    return true;
}

/* rfc6962#3.2: the digitally-signed struct. */
static struct view signed_bytes(struct arena *arena, const struct sct *sct,
                                const struct sct_entry *entry) {
    struct buffer out = buffer_on(arena);
    put(&out, 0, 1); /* v1 */
    put(&out, 0, 1); /* certificate_timestamp */
    put(&out, (uint64_t)sct->timestamp_ms, 8);
    put(&out, entry->precertificate ? 1 : 0, 2);
    if (entry->precertificate)
        buffer_add(&out, entry->issuer_key_hash, sizeof entry->issuer_key_hash);
    put_vector(&out, entry->der, 3);
    put_vector(&out, sct->extensions, 2);
    return buffer_view(&out);
}

bool sct_verify(const struct sct *sct, const struct sct_entry *entry, EVP_PKEY *log_key,
                const uint8_t log_id[static SCT_ID_SIZE]) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const uint8_t *s = sct->signature.at;
    /* sha256(4) with rsa(1) or ecdsa(3), and nothing behind the octets */
    uint8_t algorithm = EVP_PKEY_is_a(log_key, "RSA") ? 1 : 3;
    if (CRYPTO_memcmp(sct->log_id, log_id, SCT_ID_SIZE) != 0 || sct->extensions.len > 0xffff ||
        sct->signature.len < 4 || s[0] != 4 || s[1] != algorithm ||
        sct->signature.len != 4 + (size_t)(s[2] << 8 | s[3]))
        return false;
    struct view bytes = signed_bytes(arena, sct, entry);
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    bool ok = context != NULL &&
              EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, log_key) == 1 &&
              EVP_DigestVerify(context, s + 4, sct->signature.len - 4, bytes.at, bytes.len) == 1;
    ERR_clear_error();
    return ok;
}

bool sct_list(struct arena *arena, const struct sct *scts, size_t count, struct view *ret_value,
              struct error *err) {
    struct buffer list = buffer_on(arena), one = buffer_on(arena), whole = buffer_on(arena);
    for (size_t i = 0; i < count; i++) {
        one.len = 0;
        put(&one, 0, 1); /* v1 */
        buffer_add(&one, scts[i].log_id, SCT_ID_SIZE);
        put(&one, (uint64_t)scts[i].timestamp_ms, 8);
        put_vector(&one, scts[i].extensions, 2);
        buffer_add(&one, scts[i].signature.at, scts[i].signature.len);
        put_vector(&list, buffer_view(&one), 2);
    }
    if (list.len > 0xffff)
        return fail_internal(err, "a list of %zu SCTs is too long", count);
    put_vector(&whole, buffer_view(&list), 2);
    AUTO(ASN1_OCTET_STRING) *octets = ASN1_OCTET_STRING_new();
    unsigned char *der = NULL;
    int len = -1;
    if (octets != NULL &&
        ASN1_OCTET_STRING_set(octets, (const unsigned char *)whole.at, (int)whole.len) == 1)
        len = i2d_ASN1_OCTET_STRING(octets, &der);
    if (len <= 0)
        return fail_internal(err, "encoding SCTs");
    *ret_value = arena_copy(arena, der, (size_t)len);
    OPENSSL_free(der);
    return true;
}
