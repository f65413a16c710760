/* Files with several certificates. */
#include "x509/certificate.h"

#include "base/encode.h"
#include "x509/internal.h"

#include <string.h>

#define MAX_BYTES ((size_t)1024 * 1024)

struct bundle {
    X509 **certificates;
    size_t most, count;
};

static bool add_one(struct arena *arena, struct bundle *b, struct view bytes, struct error *err) {
    X509 *certificate = NULL;
    if (b->count == b->most)
        return fail(err, ERROR_TOO_LARGE, "chain-too-long", "More than %zu certificates were given.", b->most);
    TRY(certificate_decode(arena, bytes, &certificate, err));
    b->certificates[b->count++] = keep_X509(arena, certificate);
    return true;
}

/* The signers, if any, are nothing to us: who trusts one of these certificates looks at its own signature. */
static bool add_pkcs7(struct arena *arena, struct bundle *b, struct view der, struct error *err) {
    AUTO(PKCS7) *file = item_decode(der, ASN1_ITEM_rptr(PKCS7));
    const STACK_OF(X509) *list = NULL;
    if (file != NULL && PKCS7_type_is_signed(file) && file->d.sign != NULL)
        list = file->d.sign->cert;
    if (sk_X509_num(list) <= 0)
        return fail(err, ERROR_MALFORMED, "malformed-certificate",
                    "The certificate is no X.509 certificate, and as a PKCS#7 file (RFC 2315) it has none in it.");
    for (int i = 0; i < sk_X509_num(list); i++)
        TRY(add_one(arena, b, certificate_der(arena, sk_X509_value(list, i)), err));
    return true;
}

static bool add_pem(struct arena *arena, struct bundle *b, struct view bytes, struct error *err) {
    static const char end[] = "-----END CERTIFICATE-----";
    size_t before = b->count;
    struct view der;
    for (const uint8_t *to; (to = memmem(bytes.at, bytes.len, end, sizeof end - 1)) != NULL;) {
        size_t used = (size_t)(to - bytes.at) + sizeof end - 1;
        TRY(add_one(arena, b, view_of(bytes.at, used), err));
        bytes = view_of(bytes.at + used, bytes.len - used);
    }
    if (b->count == before && pem_decode(arena, bytes, "PKCS7", &der))
        return add_pkcs7(arena, b, der, err);
    return b->count > before ||
           fail(err, ERROR_MALFORMED, "malformed-certificate", "There is no PEM certificate in the body.");
}

/* A ContentInfo begins with the OID of its type, a certificate with the sequence that is signed. */
static bool is_content_info(struct view bytes) {
    const uint8_t *at = bytes.at;
    long len;
    int tag, class;
    int flags = ASN1_get_object(&at, &len, &tag, &class, (long)bytes.len);
    ERR_clear_error();
    return (flags & 0x80) == 0 && tag == V_ASN1_SEQUENCE && at < bytes.at + bytes.len && at[0] == V_ASN1_OBJECT;
}

bool certificates_read(struct arena *arena, struct view bytes, X509 **certificates, size_t most, size_t *count,
                       struct error *err) {
    struct bundle b = {certificates, most, *count};
    if (bytes.len > MAX_BYTES)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The certificates are larger than %zu bytes.", MAX_BYTES);
    bool pem = memmem(bytes.at, bytes.len, "-----BEGIN", 10) != NULL;
    bool ok = is_content_info(bytes) ? add_pkcs7(arena, &b, bytes, err)
              : pem                  ? add_pem(arena, &b, bytes, err)
                                     : add_one(arena, &b, bytes, err);
    *count = b.count;
    return ok;
}
