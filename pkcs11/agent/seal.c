#include "agent/seal.h"

#include "agent/cms_handles.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#define TAG_SIZE 16
#define NUMBER_SIZE 8

/* ---- CMS ------------------------------------------------------------------------------------- */

bool cms_write(CMS_ContentInfo *cms, struct wire_buffer *out, struct error *err) {
    int len = i2d_CMS_ContentInfo(cms, NULL);
    if (len <= 0)
        return fail_internal(err, "CMS: encode");
    wire_buffer_reserve(out, (size_t)len);
    uint8_t *at = out->at + out->len;
    if (i2d_CMS_ContentInfo(cms, &at) != len)
        return fail_internal(err, "CMS: encode");
    out->len += (size_t)len;
    return true;
}

CMS_ContentInfo *cms_read(struct view bytes) {
    const uint8_t *at = bytes.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)bytes.len);
    if (cms != NULL && at == bytes.at + bytes.len)
        return cms;
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return NULL;
}

struct view cms_content(BIO *bio) {
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    return view_of(at, len > 0 ? (size_t)len : 0);
}

/* ---- sealing --------------------------------------------------------------------------------- */

/* OpenSSL frees the copies of key and identifier with the structure. */
static bool add_recipient(CMS_ContentInfo *cms, const struct seal *seal) {
    uint8_t *key = OPENSSL_memdup(seal->key, sizeof seal->key);
    uint8_t *id = OPENSSL_memdup(seal->id, sizeof seal->id);
    if (key != NULL && id != NULL &&
        CMS_add0_recipient_key(cms, NID_id_aes256_wrap, key, sizeof seal->key, id, sizeof seal->id,
                               NULL, NULL, NULL) != NULL)
        return true;
    OPENSSL_clear_free(key, sizeof seal->key);
    OPENSSL_free(id);
    return false;
}

static bool numbered(const struct seal *seal, struct view plain, BIO **ret_bio) {
    uint8_t number[NUMBER_SIZE];
    for (size_t i = 0; i < NUMBER_SIZE; i++)
        number[i] = (uint8_t)(seal->next >> (8 * (NUMBER_SIZE - 1 - i)));
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && BIO_write(bio, number, sizeof number) == NUMBER_SIZE &&
        (plain.len == 0 || BIO_write(bio, plain.at, (int)plain.len) == (int)plain.len)) {
        *ret_bio = bio;
        return true;
    }
    BIO_free_all(bio);
    return false;
}

bool seal_message(struct seal *seal, struct view plain, struct wire_buffer *out,
                  struct error *err) {
    AUTO(BIO) *in = NULL;
    AUTO(CMS_ContentInfo) *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
    if (cms == NULL || plain.len > WIRE_MESSAGE_MAX || CMS_set_detached(cms, 0) != 1 ||
        !add_recipient(cms, seal) ||
        !numbered(seal, plain, &in) || CMS_final(cms, in, NULL, CMS_BINARY) != 1)
        return fail_internal(err, "CMS: AuthEnvelopedData");
    TRY(cms_write(cms, out, err));
    seal->next++;
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

struct element {
    int tag, class;
    struct view content;
};

static bool take_element(struct view *rest, struct element *ret) {
    const unsigned char *at = rest->at;
    long len;
    if (rest->len == 0)
        return false;
    int rc = ASN1_get_object(&at, &len, &ret->tag, &ret->class, (long)rest->len);
    if ((rc & 0x80) != 0 || (rc & 0x01) != 0) /* broken, or of indefinite length */
        return false;
    ret->content = view_of(at, (size_t)len);
    *rest = view_of(at + len, rest->len - (size_t)(at + len - rest->at));
    return true;
}

static bool take(struct view *rest, int tag, int class, struct view *ret_content) {
    struct element element;
    if (!take_element(rest, &element) || element.tag != tag || element.class != class)
        return false;
    *ret_content = element.content;
    return true;
}

/* OpenSSL takes a tag of any length, and a short one is soon guessed: there must be the five parts that
 * we send (rfc5083#2.1: version, recipients, content, no attributes, mac), and a mac of 16 octets
 * (rfc5084#3.2). */
static bool has_whole_tag(struct view message) {
    struct view outer, inner, type, part, mac;
    if (!take(&message, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &outer) || message.len != 0 ||
        !take(&outer, V_ASN1_OBJECT, V_ASN1_UNIVERSAL, &type) ||
        !take(&outer, 0, V_ASN1_CONTEXT_SPECIFIC, &inner) || outer.len != 0 ||
        !take(&inner, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &outer) || inner.len != 0)
        return false;
    return take(&outer, V_ASN1_INTEGER, V_ASN1_UNIVERSAL, &part) &&
           take(&outer, V_ASN1_SET, V_ASN1_UNIVERSAL, &part) &&
           take(&outer, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &part) &&
           take(&outer, V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL, &mac) && outer.len == 0 &&
           mac.len == TAG_SIZE;
}

static bool decrypt(const struct seal *seal, CMS_ContentInfo *cms, BIO *out) {
    uint8_t key[SEAL_KEY_SIZE], id[SEAL_ID_SIZE];
    memcpy(key, seal->key, sizeof key);
    memcpy(id, seal->id, sizeof id);
    bool done = CMS_get0_type(cms) != NULL &&
                OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData &&
                CMS_decrypt_set1_key(cms, key, sizeof key, id, sizeof id) == 1 &&
                CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY) == 1;
    OPENSSL_cleanse(key, sizeof key);
    ERR_clear_error();
    return done;
}

static bool bad_seal(struct error *err) {
    return fail(err, ERROR_MALFORMED, "bad-seal",
                "A message was not sealed by the other side of this session, or was changed on its way.");
}

static bool check_number(struct seal *seal, struct view *plain, struct error *err) {
    uint64_t number = 0;
    if (plain->len < NUMBER_SIZE)
        return bad_seal(err);
    for (size_t i = 0; i < NUMBER_SIZE; i++)
        number = number << 8 | plain->at[i];
    if (number != seal->next)
        return fail(err, ERROR_MALFORMED, "bad-sequence",
                    "A message came twice, is missing or is not in its order: number %llu, not %llu.",
                    (unsigned long long)number, (unsigned long long)seal->next);
    *plain = view_of(plain->at + NUMBER_SIZE, plain->len - NUMBER_SIZE);
    seal->next++;
    return true;
}

bool seal_open(struct seal *seal, struct view message, struct wire_buffer *scratch,
               struct view *ret_plain, struct error *err) {
    AUTO(CMS_ContentInfo) *cms = NULL;
    AUTO(BIO) *out = BIO_new(BIO_s_mem());
    if (out == NULL)
        return fail_internal(err, "memory");
    if (!has_whole_tag(message) || (cms = cms_read(message)) == NULL || !decrypt(seal, cms, out))
        return bad_seal(err);
    struct view plain = cms_content(out);
    TRY(check_number(seal, &plain, err));
    scratch->len = 0;
    wire_buffer_add(scratch, plain.at, plain.len);
    OPENSSL_cleanse((void *)(uintptr_t)plain.at, plain.len);
    *ret_plain = view_of(scratch->at, scratch->len);
    return true;
}
