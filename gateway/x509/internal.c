#include "x509/internal.h"

#include "base/encode.h"

#include <limits.h>
#include <openssl/objects.h>
#include <string.h>

#define OID_MAX_TEXT 128

struct view item_der(struct arena *arena, const void *object, const ASN1_ITEM *item) {
    int len = ASN1_item_i2d(object, NULL, item);
    if (len <= 0) {
        ERR_clear_error();
        return (struct view){NULL, 0};
    }
    unsigned char *der = arena_alloc(arena, (size_t)len), *end = der;
    /* Straight onto the arena: a CRL of a million entries is not copied twice. */
    if (ASN1_item_i2d(object, &end, item) != len) {
        ERR_clear_error();
        return (struct view){NULL, 0};
    }
    return view_of(der, (size_t)len);
}

void *item_decode(struct view der, const ASN1_ITEM *item) {
    const unsigned char *next = der.at;
    if (der.len == 0 || der.len > INT_MAX)
        return NULL;
    ASN1_VALUE *value = ASN1_item_d2i(NULL, &next, (long)der.len, item);
    if (value != NULL && next != der.at + der.len) {
        ASN1_item_free(value, item);
        value = NULL;
    }
    if (value == NULL)
        ERR_clear_error();
    return value;
}

bool pem_or_der(struct arena *arena, struct view bytes, const char *object,
                const char *const *labels, struct view *ret_der, struct error *err) {
    static const char dashes[] = "-----BEGIN ";

    if (bytes.len == 0)
        return fail(err, ERROR_MALFORMED, "malformed-pem", "The %s is empty.", object);
    /* DER begins with a SEQUENCE of more than 127 octets; PEM may have text in front (rfc7468#2),
     * which may begin with the same byte, a "0". */
    bool der = bytes.at[0] == 0x30 && bytes.len > 1 && bytes.at[1] >= 0x80;
    if (der || memmem(bytes.at, bytes.len, dashes, sizeof dashes - 1) == NULL) {
        *ret_der = bytes;
        return true;
    }
    for (size_t i = 0; labels[i] != NULL; i++)
        if (pem_decode(arena, bytes, labels[i], ret_der))
            return true;
    return fail(err, ERROR_MALFORMED, "malformed-pem",
                "The %s is no PEM block with the label \"%s\" and valid base64 (RFC 7468); send "
                "PEM or DER.",
                object, labels[0]);
}

bool signing_failed(struct error *err, const char *object) {
    unsigned long code;
    char text[160];

    fail(err, ERROR_UNAVAILABLE, "signing-failed",
         "The private key did not sign the %s: the signer or its token is not available now. "
         "Try again; `gatehouse check` shows the state of tokens.",
         object);
    while ((code = ERR_get_error()) != 0) {
        ERR_error_string_n(code, text, sizeof text);
        error_detail(err, "%s; ", text);
    }
    return false;
}

EVP_PKEY *public_half(EVP_PKEY *key) {
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len <= 0)
        return NULL;
    const unsigned char *next = der;
    EVP_PKEY *half = d2i_PUBKEY(NULL, &next, len);
    OPENSSL_free(der);
    return half;
}

const char *bio_text(struct arena *arena, BIO *bio) {
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    return arena_text(arena, view_of(at, len > 0 ? (size_t)len : 0));
}

const char *oid_text(struct arena *arena, const ASN1_OBJECT *object) {
    char text[256];
    int len = OBJ_obj2txt(text, sizeof text, object, 1);
    if (len > 0 && (size_t)len < sizeof text)
        return arena_strdup(arena, text);
    if (len <= 0)
        return "?";
    char *more = arena_alloc(arena, (size_t)len + 1);
    OBJ_obj2txt(more, len + 1, object, 1);
    return more;
}

ASN1_OBJECT *oid_parse(const char *text, bool names) {
    size_t len = strlen(text);
    if (len == 0 || len > OID_MAX_TEXT)
        return NULL;
    bool dotted = strspn(text, "0123456789.") == len;
    if (!dotted && !names)
        return NULL;
    /* OpenSSL forgives a dot at the end. */
    if (dotted && (text[0] == '.' || text[len - 1] == '.' || strstr(text, "..") != NULL))
        return NULL;
    ASN1_OBJECT *object = OBJ_txt2obj(text, dotted ? 1 : 0);
    if (object == NULL)
        ERR_clear_error();
    return object;
}

const X509_EXTENSION *extension_find(const EXTENSION_LIST *list, int nid) {
    int at = X509v3_get_ext_by_NID(list, nid, -1);
    if (at < 0 || X509v3_get_ext_by_NID(list, nid, at) >= 0)
        return NULL;
    return X509v3_get_ext(list, at);
}
