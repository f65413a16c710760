#include "x509/inspect.h"

#include "base/encode.h"
#include "x509/inspect_items.h"
#include "x509/internal.h"

#include <openssl/pem.h>
#include <string.h>

static const char *const kind_names[KIND_COUNT] = {
    [KIND_CERTIFICATE] = "certificate",
    [KIND_CSR] = "certificate-request",
    [KIND_CRL] = "crl",
    [KIND_CMS] = "cms",
    [KIND_PKCS12] = "pkcs12",
    [KIND_OCSP_REQUEST] = "ocsp-request",
    [KIND_OCSP_RESPONSE] = "ocsp-response",
    [KIND_TS_REQUEST] = "timestamp-request",
    [KIND_TS_RESPONSE] = "timestamp-response",
    [KIND_PRIVATE_KEY] = "private-key",
    [KIND_PUBLIC_KEY] = "public-key",
    [KIND_SCT_LIST] = "sct-list",
};

static bool unknown(struct error *err) {
    if (err->kind != ERROR_NONE) /* no room, for one */
        return false;
    return REFUSE(err, ERROR_MALFORMED, "not-recognised",
                  "This is neither a certificate, CSR, CRL, PKCS#7/CMS, PKCS#12, OCSP or timestamp "
                  "message, key nor SCT list, in PEM, DER or base64; or it is cut off.");
}

struct block {
    char *name, *header;
    unsigned char *data;
    long len;
};

static void block_free(struct block *block) {
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    if (block->data != NULL)
        OPENSSL_clear_free(block->data, (size_t)block->len);
}

static int give_password(char *to, int size, int writing, void *password) {
    size_t len = password == NULL ? 0 : strlen(password);
    (void)writing;
    if (len == 0 || len > (size_t)size)
        return -1;
    memcpy(to, password, len);
    return (int)len;
}

/* An old encrypted key (rfc1421#4.6.1.1): the encryption is PEM's, not that of what lies in it. */
static bool open_header(const struct inspection *in, struct block *block) {
    EVP_CIPHER_INFO cipher;
    if (PEM_get_EVP_CIPHER_INFO(block->header, &cipher) != 1)
        return false;
    return cipher.cipher == NULL || PEM_do_header(&cipher, block->data, &block->len, give_password,
                                                  (void *)(uintptr_t)in->password) == 1;
}

static bool add_locked(struct inspection *in, const char *label, struct view der) {
    if (in->count == INSPECT_MAX_ITEMS)
        return fail(in->err, ERROR_TOO_LARGE, "too-large", "There are more than %d things in it.",
                    INSPECT_MAX_ITEMS);
    in->items[in->count++] =
        (struct inspect_item){.kind = KIND_PRIVATE_KEY,
                              .label = label,
                              .within = -1,
                              .der = der,
                              .problem = "The key is encrypted; give its password."};
    return true;
}

static bool add_block(struct inspection *in, struct block *block) {
    const char *label = arena_strdup(in->arena, block->name);
    if (strcmp(label, "EC PARAMETERS") == 0 || strcmp(label, "DH PARAMETERS") == 0)
        return true; /* stands beside a key; says nothing by itself */
    if (!open_header(in, block)) {
        ERR_clear_error();
        return add_locked(in, label, arena_copy(in->arena, block->data, (size_t)block->len));
    }
    struct view der = arena_copy(in->arena, block->data, (size_t)block->len);
    if (inspect_add(in, der, label, -1))
        return true;
    if (in->err->kind != ERROR_NONE)
        return false;
    return REFUSE(in->err, ERROR_MALFORMED, "not-recognised",
                  "The PEM block \"%.60s\" holds nothing that is known, or is cut off.", label);
}

static bool read_pem(struct inspection *in, struct view bytes) {
    AUTO(BIO) *bio = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    bool ok = true;
    size_t blocks = 0;
    if (bio == NULL)
        return fail_internal(in->err, "BIO_new_mem_buf");
    for (;; blocks++) {
        struct block block = {0};
        if (PEM_read_bio(bio, &block.name, &block.header, &block.data, &block.len) != 1)
            break;
        ok = add_block(in, &block);
        block_free(&block);
        if (!ok)
            return false;
    }
    bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return (end && blocks > 0) ||
           fail(in->err, ERROR_MALFORMED, "malformed-pem",
                "PEM block %zu is broken (RFC 7468): its base64, or its first and last lines.",
                blocks + 1);
}

static bool read_all(struct inspection *in, struct view bytes) {
    static const char dashes[] = "-----BEGIN ";
    struct view der;
    if (bytes.len > 1 && bytes.at[0] == 0x30 && bytes.at[1] >= 0x80 &&
        inspect_add(in, bytes, NULL, -1))
        return true;
    if (in->err->kind != ERROR_NONE)
        return false;
    if (memmem(bytes.at, bytes.len, dashes, sizeof dashes - 1) != NULL)
        return read_pem(in, bytes);
    if (base64_decode(in->arena, bytes, &der) && inspect_add(in, der, NULL, -1))
        return true;
    return in->err->kind == ERROR_NONE && inspect_add(in, bytes, NULL, -1);
}

static void write_item(struct json_writer *w, const struct inspection *in,
                       const struct inspect_item *item) {
    uint8_t digest[32];
    json_open_object(w);
    json_put_string(w, "type", kind_names[item->kind]);
    json_put_string(w, "label", item->label);
    json_name(w, "within");
    if (item->within < 0)
        json_add_null(w);
    else
        json_add_int(w, item->within);
    json_put_int(w, "size", (int64_t)item->der.len);
    if (EVP_Digest(item->der.at, item->der.len, digest, NULL, EVP_sha256(), NULL) == 1)
        json_put_string(w, "sha256", hex_encode(in->arena, view_of(digest, sizeof digest)));
    json_put_string(w, "text", inspect_text(in->arena, item));
    json_name(w, "details");
    json_open_object(w);
    inspect_details(w, in, item);
    json_close_object(w);
    json_name(w, "findings");
    json_open_array(w);
    inspect_findings(w, in, item);
    json_close_array(w);
    json_close_object(w);
    ERR_clear_error();
}

bool inspect(struct arena *arena, struct view bytes, const char *password, int64_t now_us,
             struct json_writer *w, struct error *err) {
    struct inspection *in = arena_alloc(arena, sizeof *in);
    struct error why = {0};
    *in = (struct inspection){.arena = arena, .password = password, .now_us = now_us, .err = &why};
    if (bytes.len > INSPECT_MAX_SIZE)
        return fail(err, ERROR_TOO_LARGE, "too-large", "There are %zu bytes; %zu is the most.",
                    bytes.len, INSPECT_MAX_SIZE);
    if (!read_all(in, bytes) || in->count == 0) {
        (void)unknown(&why);
        *err = why;
        return false;
    }
    inspect_find_signers(in);
    json_open_object(w);
    json_name(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < in->count; i++)
        write_item(w, in, &in->items[i]);
    json_close_array(w);
    inspect_relate(w, in);
    json_close_object(w);
    ERR_clear_error();
    return true;
}
