/* The file of one token object, in two sealed parts:
 *
 *   magic (8) | flags (4) | length (4) | attributes, sealed | length (4) | material, sealed
 *
 * The attributes are sealed under the token key when the object is private, else under the public
 * key; the material (PKCS #8, or the value of a secret key) always under the token key. Both are
 * bound to the token, its initialisation and the object's id, so a file copied over another, or
 * from another token, does not open; the material is bound to the attributes, so nobody can give a
 * key other attributes than the ones it was sealed with.
 */
#include "object.h"

#include <string.h>

#include "record.h"

static const char magic[8] = {'G', 'H', 'O', 'B', 'J', '0', '0', '1'};
#define FLAG_PRIVATE 1u
#define FLAG_MATERIAL 2u

void object_file_name(const uint8_t id[OBJECT_ID_LEN], bool private,
                      char ret_name[STORE_NAME_MAX]) {
    hex_encode(ret_name, id, OBJECT_ID_LEN);
    memcpy(ret_name + 2 * OBJECT_ID_LEN, private ? ".prv" : ".pub", 5);
}

bool object_file_parse(const char *name, uint8_t ret_id[OBJECT_ID_LEN], bool *ret_private) {
    char digits[2 * OBJECT_ID_LEN + 1];
    if (strlen(name) != 2 * OBJECT_ID_LEN + 4)
        return false;
    const char *suffix = name + 2 * OBJECT_ID_LEN;
    *ret_private = strcmp(suffix, ".prv") == 0;
    if (!*ret_private && strcmp(suffix, ".pub") != 0)
        return false;
    memcpy(digits, name, 2 * OBJECT_ID_LEN);
    digits[2 * OBJECT_ID_LEN] = '\0';
    return hex_decode(ret_id, OBJECT_ID_LEN, digits);
}

/* attrs_tag is NULL for the attributes themselves. */
static CK_RV part_aad(const struct object_keys *keys, const uint8_t id[OBJECT_ID_LEN],
                      uint32_t flags, const uint8_t *attrs_tag, struct bytes *ret_aad) {
    bytes_clear(ret_aad);
    TRY(bytes_append(ret_aad, magic, sizeof magic));
    TRY(bytes_put_u32(ret_aad, flags));
    TRY(bytes_append(ret_aad, keys->instance, TOKEN_INSTANCE_LEN));
    TRY(bytes_append(ret_aad, id, OBJECT_ID_LEN));
    if (attrs_tag != NULL)
        TRY(bytes_append(ret_aad, attrs_tag, SEAL_TAG_LEN));
    return CKR_OK;
}

static uint32_t flags_of(const struct object *object) {
    return (object->private ? FLAG_PRIVATE : 0) | (object_has_material(object) ? FLAG_MATERIAL : 0);
}

static CK_RV put_part(const struct bytes *sealed, struct bytes *file) {
    TRY(bytes_put_u32(file, (uint32_t)sealed->len));
    return bytes_append(file, sealed->at, sealed->len);
}

CK_RV object_seal(struct object *object, const struct object_keys *keys,
                  const struct bytes *material, struct bytes *ret_file) {
    AUTO(bytes) struct bytes aad = {0}, plain = {0}, part = {0};
    uint32_t flags = flags_of(object);
    if (flags != 0 && keys->token_key == NULL)
        return CKR_USER_NOT_LOGGED_IN;
    TRY(attributes_encode(&object->attrs, &plain));
    TRY(part_aad(keys, object->id, flags, NULL, &aad));
    TRY(seal(object->private ? keys->token_key : keys->public_key, &aad, &plain, &part));
    memcpy(object->attrs_tag, part.at + part.len - SEAL_TAG_LEN, SEAL_TAG_LEN);
    bytes_clear(&object->sealed);
    if ((flags & FLAG_MATERIAL) != 0) {
        TRY(part_aad(keys, object->id, flags, object->attrs_tag, &aad));
        TRY(seal(keys->token_key, &aad, material, &object->sealed));
    }
    TRY(bytes_append(ret_file, magic, sizeof magic));
    TRY(bytes_put_u32(ret_file, flags));
    TRY(put_part(&part, ret_file));
    return put_part(&object->sealed, ret_file);
}

/* A whole file whose content is not that of an object of its kind was not written by us. */
static CK_RV check_content(const struct object *object, bool private, uint32_t flags) {
    char unique[2 * OBJECT_ID_LEN + 1];
    const struct attribute *attr = attributes_find(&object->attrs, CKA_UNIQUE_ID);
    hex_encode(unique, object->id, OBJECT_ID_LEN);
    if (attr == NULL || attr->len != 2 * OBJECT_ID_LEN ||
        memcmp(attribute_at(attr), unique, 2 * OBJECT_ID_LEN) != 0)
        return CKR_DEVICE_ERROR;
    if (object->private != private || !object->on_token || flags_of(object) != flags ||
        (object_has_material(object) && object->sealed.len < SEAL_NONCE_LEN + SEAL_TAG_LEN))
        return CKR_DEVICE_ERROR;
    return CKR_OK;
}

CK_RV object_unseal(struct slot *slot, const struct object_keys *keys,
                    const uint8_t id[OBJECT_ID_LEN], bool private, const struct bytes *file,
                    struct object **ret_object) {
    AUTO(bytes) struct bytes aad = {0}, plain = {0};
    AUTO(attributes) struct attributes attrs = {0};
    AUTO(object) struct object *object = NULL;
    struct reader in = {.at = file->at, .left = file->len};
    const uint8_t *found = read_octets(&in, sizeof magic);
    uint32_t flags = read_u32(&in);
    uint32_t attrs_len = read_u32(&in);
    const uint8_t *attrs_at = read_octets(&in, attrs_len);
    uint32_t sealed_len = read_u32(&in);
    const uint8_t *sealed_at = read_octets(&in, sealed_len);
    if (!read_done(&in) || memcmp(found, magic, sizeof magic) != 0 ||
        attrs_len < SEAL_NONCE_LEN + SEAL_TAG_LEN || ((flags & FLAG_PRIVATE) != 0) != private)
        return CKR_DEVICE_ERROR;
    if (private && keys->token_key == NULL)
        return CKR_USER_NOT_LOGGED_IN;
    TRY(part_aad(keys, id, flags, NULL, &aad));
    TRY(unseal(private ? keys->token_key : keys->public_key, &aad, attrs_at, attrs_len, &plain));
    struct reader inner = {.at = plain.at, .left = plain.len};
    TRY(attributes_decode(&inner, &attrs));
    if (!read_done(&inner))
        return CKR_DEVICE_ERROR;
    TRY(object_restore(slot, &attrs, id, &object));
    memcpy(object->attrs_tag, attrs_at + attrs_len - SEAL_TAG_LEN, SEAL_TAG_LEN);
    TRY(bytes_append(&object->sealed, sealed_at, sealed_len));
    TRY(check_content(object, private, flags));
    *ret_object = object;
    object = NULL;
    return CKR_OK;
}

CK_RV object_unseal_material(struct object *object, const struct object_keys *keys,
                             struct bytes *ret_material) {
    AUTO(bytes) struct bytes aad = {0};
    if (keys->token_key == NULL)
        return CKR_USER_NOT_LOGGED_IN;
    TRY(part_aad(keys, object->id, flags_of(object), object->attrs_tag, &aad));
    return unseal(keys->token_key, &aad, object->sealed.at, object->sealed.len, ret_material);
}
