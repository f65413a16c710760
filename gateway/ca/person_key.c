#include "ca/person_key.h"

#include "base/buffer.h"
#include "ca/kek.h"
#include "x509/csr.h"
#include "x509/key_type.h"

#include <stdlib.h>
#include <string.h>

#define PURPOSE ((enum key_purpose)(KEY_SIGN | KEY_OWNER))

bool person_key_type_check(const char *key_type, struct error *err) {
    const char *type = key_type == NULL ? NULL : key_type_canonical(key_type);
    if (type == NULL || strcmp(type, key_type) != 0)
        return fail(err, ERROR_POLICY, "key-type", "The type of the key is not known.");
    if (strncmp(type, "ML-KEM", 6) == 0)
        return fail(err, ERROR_POLICY, "key-type",
                    "%s keys sign nothing and are not made here; send a request of your own.", type);
    if (strncmp(type, "RSA-", 4) == 0 && strtoul(type + 4, NULL, 10) > 4096)
        return fail(err, ERROR_POLICY, "key-type",
                    "RSA keys of more than 4096 bits are not made here; send a CSR.");
    return true;
}

bool person_key_make(struct core *core, struct arena *arena, const char *key_type,
                     struct person_key *ret, struct error *err) {
    struct person_key key = {.key_type = key_type};
    TRY(person_key_type_check(key_type, err));
    TRY(signer_generate(core_signer(core), arena, key_type, PURPOSE, &key.blob, &key.spki, err));
    TRY(kek_settle(core, arena, key.spki, &key.blob, err));
    *ret = key;
    return true;
}

bool person_key_open(struct core *core, struct arena *arena, const struct person_key *key,
                     EVP_PKEY **ret, struct error *err) {
    EVP_PKEY *remote;
    TRY(signer_managed_key(core_signer(core), key->blob, key->spki, PURPOSE, &remote, err));
    *ret = keep_EVP_PKEY(arena, remote);
    return true;
}

bool person_key_csr(struct core *core, struct arena *arena, const struct person_key *key,
                    const X509_NAME *subject, const GENERAL_NAMES *sans, struct view *ret_csr,
                    struct error *err) {
    AUTO(X509_NAME) *none = X509_NAME_new();
    EVP_PKEY *remote;
    if (none == NULL)
        return fail_internal(err, "X509_NAME_new");
    TRY(person_key_open(core, arena, key, &remote, err));
    if (csr_build(arena, subject == NULL ? none : subject, sans, remote,
                  key_type_digest(key->key_type), ret_csr, err))
        return true;
    signer_take_error(err); /* the token's own words, when it was the token */
    return false;
}

/* --- as bytes ------------------------------------------------------------------------------------------ */

struct view person_key_pack(struct arena *arena, const struct person_key *key) {
    struct buffer out = buffer_on(arena);
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_add_byte(&out, (uint8_t)(key->blob.len >> shift));
    buffer_add(&out, key->blob.at, key->blob.len);
    buffer_add(&out, key->spki.at, key->spki.len);
    return buffer_view(&out);
}

bool person_key_unpack(struct arena *arena, struct view packed, struct person_key *ret,
                       struct error *err) {
    const uint8_t *at = packed.at;
    char type[KEY_TYPE_SIZE];
    AUTO(EVP_PKEY) *public_key = NULL;
    size_t len = packed.len < 5 ? 0
                                : (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    if (len == 0 || len >= packed.len - 4)
        return fail_internal(err, "a key that was made here is stored in an unknown form");
    ret->blob = view_of(at + 4, len);
    ret->spki = view_of(at + 4 + len, packed.len - 4 - len);
    TRY(key_from_spki(ret->spki, &public_key, err));
    if (!key_type_of(public_key, type))
        return fail_internal(err, "a key that was made here has an unknown type");
    ret->key_type = arena_strdup(arena, type);
    return true;
}
