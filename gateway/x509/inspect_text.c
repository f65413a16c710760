/* What OpenSSL prints of it, cut to a bearable length. */
#include "x509/inspect_items.h"

#include "x509/certificate.h"
#include "x509/internal.h"
#include "x509/pkcs12.h"

#include <string.h>

/* UTF-8 as it is; control characters escaped. */
#define NAMES (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

static void print_pkcs12(BIO *bio, const struct pkcs12_contents *contents) {
    BIO_printf(bio, "PKCS#12 file: %zu private keys, %zu certificates, %zu CRLs\n",
               contents->key_count, contents->certificate_count, contents->crl_count);
    BIO_printf(bio, "Protection: %s\n", contents->protection);
}

static void print(BIO *bio, const struct inspect_item *item) {
    switch (item->kind) {
    case KIND_CERTIFICATE:
        X509_print_ex(bio, item->object, NAMES, 0);
        break;
    case KIND_CSR:
        X509_REQ_print_ex(bio, item->object, NAMES, 0);
        break;
    case KIND_CRL:
        X509_CRL_print_ex(bio, item->object, NAMES);
        break;
    case KIND_CMS:
        CMS_ContentInfo_print_ctx(bio, item->object, 0, NULL);
        break;
    case KIND_PKCS12:
        print_pkcs12(bio, item->object);
        break;
    case KIND_OCSP_REQUEST:
        OCSP_REQUEST_print(bio, item->object, 0);
        break;
    case KIND_OCSP_RESPONSE:
        OCSP_RESPONSE_print(bio, item->object, 0);
        break;
    case KIND_TS_REQUEST:
        TS_REQ_print_bio(bio, item->object);
        break;
    case KIND_TS_RESPONSE:
        TS_RESP_print_bio(bio, item->object);
        break;
    case KIND_PRIVATE_KEY: /* the public half alone */
    case KIND_PUBLIC_KEY:
        EVP_PKEY_print_public(bio, item->object, 0, NULL);
        break;
    case KIND_SCT_LIST:
        SCT_LIST_print(item->object, bio, 0, "\n", NULL);
        break;
    case KIND_COUNT:
        break;
    }
}

const char *inspect_text(struct arena *arena, const struct inspect_item *item) {
    AUTO(BIO) *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    if (item->object == NULL || bio == NULL)
        return item->problem == NULL ? "" : item->problem;
    print(bio, item);
    ERR_clear_error(); /* what could be printed is shown */
    long len = BIO_get_mem_data(bio, &at);
    if (len <= 0)
        return "";
    size_t shown = (size_t)len < INSPECT_MAX_TEXT ? (size_t)len : INSPECT_MAX_TEXT;
    /* Strings in it may hold NUL; what follows is shown all the same. */
    char *text = arena_text(arena, view_of(at, shown));
    for (size_t i = 0; i < shown; i++)
        if (text[i] == '\0')
            text[i] = '.';
    if (shown == (size_t)len)
        return text;
    return arena_printf(arena, "%s\n... cut: %ld more bytes\n", text, len - (long)shown);
}
