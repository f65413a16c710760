#include "ca/webauthn.h"

#include "base/encode.h"

/* The headers of libfido2 name these in functions that are not called here; OpenSSL hides them as deprecated. */
typedef struct ec_key_st EC_KEY;
typedef struct rsa_st RSA;

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define MAX_PART ((size_t)16 * 1024)
#define AUTH_DATA_MIN 37
#define USER_PRESENT 0x01

static void drop_cred(fido_cred_t **cred) {
    fido_cred_free(cred);
}
static void drop_assertion(fido_assert_t **assertion) {
    fido_assert_free(assertion);
}

static bool bad(const char *why, struct error *err) {
    return fail(err, ERROR_POLICY, "bad-credential", "The security key's answer is refused: %s.", why);
}

struct webauthn_site webauthn_site(struct arena *arena, const char *url) {
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    const char *name = arena_printf(arena, "%.*s", (int)strcspn(host, ":/"), host);
    return (struct webauthn_site){.rp_id = name, .origin = arena_printf(arena, "https://%s", name)};
}

/* --- CBOR, as much as an attestation object needs (RFC 8949 section 3) --------------------------------- */

#define MAX_DEPTH 8

/* The head of an item: major type and argument. Indefinite lengths are not for CTAP2 (its canonical form). */
static bool read_head(struct view *at, unsigned *ret_major, uint64_t *ret_argument) {
    if (at->len == 0)
        return false;
    unsigned first = at->at[0], low = first & 31, size = low < 24 ? 0 : 1u << (low - 24);
    uint64_t argument = low;
    if (low > 27 || at->len < 1 + size)
        return false;
    if (size > 0)
        argument = 0;
    for (unsigned i = 0; i < size; i++)
        argument = argument << 8 | at->at[1 + i];
    *ret_major = first >> 5;
    *ret_argument = argument;
    *at = view_of(at->at + 1 + size, at->len - 1 - size);
    return true;
}

static bool skip_item(struct view *at, unsigned depth) {
    unsigned major;
    uint64_t argument;
    if (depth > MAX_DEPTH || !read_head(at, &major, &argument))
        return false;
    switch (major) {
    case 2: /* octets */
    case 3: /* text */
        if (argument > at->len)
            return false;
        *at = view_of(at->at + argument, at->len - (size_t)argument);
        return true;
    case 4: /* array */
    case 5: /* map */
        if (argument > at->len)
            return false;
        for (uint64_t i = 0; i < (major == 5 ? 2 * argument : argument); i++)
            if (!skip_item(at, depth + 1))
                return false;
        return true;
    case 6: /* tag */
        return skip_item(at, depth + 1);
    default: /* numbers, simple values */
        return true;
    }
}

static bool read_string(struct view *at, unsigned wanted, struct view *ret) {
    unsigned major;
    uint64_t len;
    if (!read_head(at, &major, &len) || major != wanted || len > at->len)
        return false;
    *ret = view_of(at->at, (size_t)len);
    *at = view_of(at->at + len, at->len - (size_t)len);
    return true;
}

static bool read_member(struct arena *arena, struct view *at, struct attestation_parts *parts) {
    struct view name, text;
    if (!read_string(at, 3, &name))
        return false;
    if (view_equal(name, view_text("fmt"))) {
        if (!read_string(at, 3, &text) || !utf8_valid(text))
            return false;
        parts->format = arena_text(arena, text);
        return true;
    }
    if (view_equal(name, view_text("authData")))
        return read_string(at, 2, &parts->auth_data);
    struct view start = *at;
    if (!skip_item(at, 0))
        return false;
    if (view_equal(name, view_text("attStmt")))
        parts->statement = view_of(start.at, start.len - at->len);
    return true;
}

bool attestation_read(struct arena *arena, struct view bytes, struct attestation_parts *ret) {
    struct attestation_parts parts = {0};
    unsigned major;
    uint64_t count;
    if (!read_head(&bytes, &major, &count) || major != 5 || count > 16)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!read_member(arena, &bytes, &parts))
            return false;
    if (bytes.len != 0 || parts.format == NULL || parts.statement.len == 0 || parts.auth_data.len == 0)
        return false;
    *ret = parts;
    return true;
}

/* --- what the browser says ------------------------------------------------------------------------------- */

static bool read_part(struct arena *arena, const struct json *object, const char *name,
                      struct view *ret, struct error *err) {
    const char *text = NULL;
    TRY(json_string(object, name, &text, err));
    if (text == NULL || strlen(text) > MAX_PART || !base64url_decode(arena, view_text(text), ret) ||
        ret->len == 0)
        return bad(arena_printf(arena, "%s is missing or not base64url", name), err);
    return true;
}

bool webauthn_credential_id(struct arena *arena, const struct json *credential, struct view *ret_id,
                            struct error *err) {
    TRY(read_part(arena, credential, "id", ret_id, err));
    return ret_id->len <= 1023 || bad("the id is too long", err);
}

static bool same_origin(const char *origin, const char *wanted) {
    size_t len = strlen(wanted);
    return strncmp(origin, wanted, len) == 0 && (origin[len] == '\0' || origin[len] == ':');
}

/* webauthn-2 section 7.1 steps 7 to 9, 7.2 steps 11 to 13 */
static bool check_client_data(struct arena *arena, const struct webauthn_site *site,
                              const char *challenge, struct view bytes, const char *wanted_type,
                              struct error *err) {
    const struct json *data;
    struct error broken = {0};
    const char *type = NULL, *shown = NULL, *origin = NULL;
    bool crossed = false;
    if (!json_parse(arena, bytes, &data, &broken) || !json_string(data, "type", &type, &broken) ||
        !json_string(data, "challenge", &shown, &broken) ||
        !json_string(data, "origin", &origin, &broken) ||
        !json_bool(data, "crossOrigin", &crossed, &broken))
        return bad("its client data is no JSON object of strings", err);
    if (type == NULL || strcmp(type, wanted_type) != 0)
        return bad("it is for another purpose", err);
    if (shown == NULL || strlen(shown) != strlen(challenge) ||
        CRYPTO_memcmp(shown, challenge, strlen(challenge)) != 0)
        return bad("it answers another challenge", err);
    if (origin == NULL || crossed || !same_origin(origin, site->origin))
        return bad(arena_printf(arena, "it was made for %.100s, the console is at %.100s",
                                origin == NULL ? "nowhere" : origin, site->origin),
                   err);
    return true;
}

/* webauthn-2 section 6.1: the site's hash and the flags come first */
static bool check_auth_data(const struct webauthn_site *site, struct view auth_data,
                            struct error *err) {
    uint8_t hash[32];
    if (auth_data.len < AUTH_DATA_MIN)
        return bad("its data is too short", err);
    EVP_Digest(site->rp_id, strlen(site->rp_id), hash, NULL, EVP_sha256(), NULL);
    if (CRYPTO_memcmp(hash, auth_data.at, sizeof hash) != 0)
        return bad("it belongs to another site", err);
    return (auth_data.at[32] & USER_PRESENT) != 0 || bad("nobody was present", err);
}

/* --- registration ---------------------------------------------------------------------------------------- */

static bool verify_attestation(fido_cred_t *cred, const struct attestation_parts *parts,
                               const uint8_t *hash, const struct webauthn_site *site,
                               struct error *err) {
    if (strcmp(parts->format, "none") == 0)
        return true;
    if (strcmp(parts->format, "packed") != 0)
        return bad("its attestation is neither \"none\" nor \"packed\"", err);
    if (fido_cred_set_rp(cred, site->rp_id, NULL) != FIDO_OK ||
        fido_cred_set_clientdata_hash(cred, hash, 32) != FIDO_OK ||
        fido_cred_set_fmt(cred, "packed") != FIDO_OK ||
        fido_cred_set_attstmt(cred, parts->statement.at, parts->statement.len) != FIDO_OK)
        return bad("its attestation cannot be read", err);
    int result = fido_cred_x5c_len(cred) > 0 ? fido_cred_verify(cred) : fido_cred_verify_self(cred);
    return result == FIDO_OK || bad("its attestation does not verify", err);
}

static struct view copy(struct arena *arena, const unsigned char *at, size_t len) {
    uint8_t *bytes = arena_alloc(arena, len + 1);
    if (len > 0)
        memcpy(bytes, at, len);
    return view_of(bytes, len);
}

/* libfido2 reads the data for one algorithm; the one that fits is the key's. */
static bool read_auth_data(const struct attestation_parts *parts, fido_cred_t **cred, int *ret_type) {
    static const int types[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        fido_cred_free(cred);
        *cred = fido_cred_new();
        if (*cred != NULL && fido_cred_set_type(*cred, types[i]) == FIDO_OK &&
            fido_cred_set_authdata_raw(*cred, parts->auth_data.at, parts->auth_data.len) == FIDO_OK) {
            *ret_type = types[i];
            return true;
        }
    }
    return false;
}

bool webauthn_register(struct arena *arena, const struct webauthn_site *site, const char *challenge,
                       const struct json *credential, struct webauthn_key *ret, struct error *err) {
    __attribute__((cleanup(drop_cred))) fido_cred_t *cred = NULL;
    const struct json *response = json_get(credential, "response");
    struct view client_data, object, id;
    struct attestation_parts parts;
    uint8_t hash[32];
    int type;
    TRY(webauthn_credential_id(arena, credential, &id, err));
    TRY(read_part(arena, response, "clientDataJSON", &client_data, err));
    TRY(read_part(arena, response, "attestationObject", &object, err));
    TRY(check_client_data(arena, site, challenge, client_data, "webauthn.create", err));
    if (!attestation_read(arena, object, &parts))
        return bad("its attestation object is broken", err);
    TRY(check_auth_data(site, parts.auth_data, err));
    if (!read_auth_data(&parts, &cred, &type))
        return bad("its key is none of ES256, EdDSA and RS256, or its data is broken", err);
    EVP_Digest(client_data.at, client_data.len, hash, NULL, EVP_sha256(), NULL);
    TRY(verify_attestation(cred, &parts, hash, site, err));
    struct webauthn_key key = {
        .credential = copy(arena, fido_cred_id_ptr(cred), fido_cred_id_len(cred)),
        .public_key = copy(arena, fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred)),
        .type = type,
        .counter = fido_cred_sigcount(cred),
        .aaguid = hex_encode(arena, view_of(fido_cred_aaguid_ptr(cred), fido_cred_aaguid_len(cred))),
        .format = parts.format};
    if (!view_equal(key.credential, id))
        return bad("the id is not that of the key", err);
    *ret = key;
    return true;
}

/* --- log-in ------------------------------------------------------------------------------------------------ */

static int verify_es256(fido_assert_t *assertion, struct view key) {
    es256_pk_t *pk = es256_pk_new();
    int result = pk == NULL ? FIDO_ERR_INTERNAL : es256_pk_from_ptr(pk, key.at, key.len);
    if (result == FIDO_OK)
        result = fido_assert_verify(assertion, 0, COSE_ES256, pk);
    es256_pk_free(&pk);
    return result;
}

static int verify_eddsa(fido_assert_t *assertion, struct view key) {
    eddsa_pk_t *pk = eddsa_pk_new();
    int result = pk == NULL ? FIDO_ERR_INTERNAL : eddsa_pk_from_ptr(pk, key.at, key.len);
    if (result == FIDO_OK)
        result = fido_assert_verify(assertion, 0, COSE_EDDSA, pk);
    eddsa_pk_free(&pk);
    return result;
}

static int verify_rs256(fido_assert_t *assertion, struct view key) {
    rs256_pk_t *pk = rs256_pk_new();
    int result = pk == NULL ? FIDO_ERR_INTERNAL : rs256_pk_from_ptr(pk, key.at, key.len);
    if (result == FIDO_OK)
        result = fido_assert_verify(assertion, 0, COSE_RS256, pk);
    rs256_pk_free(&pk);
    return result;
}

static bool verify(fido_assert_t *assertion, const struct webauthn_key *key) {
    switch (key->type) {
    case COSE_ES256:
        return verify_es256(assertion, key->public_key) == FIDO_OK;
    case COSE_EDDSA:
        return verify_eddsa(assertion, key->public_key) == FIDO_OK;
    case COSE_RS256:
        return verify_rs256(assertion, key->public_key) == FIDO_OK;
    default:
        return false;
    }
}

bool webauthn_assert(struct arena *arena, const struct webauthn_site *site, const char *challenge,
                     const struct json *credential, const struct webauthn_key *key, bool verified,
                     int64_t *ret_counter, struct error *err) {
    __attribute__((cleanup(drop_assertion))) fido_assert_t *assertion = fido_assert_new();
    const struct json *response = json_get(credential, "response");
    struct view client_data, auth_data, signature;
    uint8_t hash[32];
    TRY(read_part(arena, response, "clientDataJSON", &client_data, err));
    TRY(read_part(arena, response, "authenticatorData", &auth_data, err));
    TRY(read_part(arena, response, "signature", &signature, err));
    TRY(check_client_data(arena, site, challenge, client_data, "webauthn.get", err));
    TRY(check_auth_data(site, auth_data, err));
    EVP_Digest(client_data.at, client_data.len, hash, NULL, EVP_sha256(), NULL);
    if (assertion == NULL || fido_assert_set_clientdata_hash(assertion, hash, sizeof hash) != FIDO_OK ||
        fido_assert_set_rp(assertion, site->rp_id) != FIDO_OK ||
        fido_assert_set_count(assertion, 1) != FIDO_OK ||
        fido_assert_set_authdata_raw(assertion, 0, auth_data.at, auth_data.len) != FIDO_OK ||
        fido_assert_set_sig(assertion, 0, signature.at, signature.len) != FIDO_OK ||
        fido_assert_set_up(assertion, FIDO_OPT_TRUE) != FIDO_OK ||
        (verified && fido_assert_set_uv(assertion, FIDO_OPT_TRUE) != FIDO_OK))
        return bad("its data cannot be read", err);
    if (!verify(assertion, key))
        return bad(verified ? "the signature does not verify, or the person was not verified"
                            : "the signature does not verify",
                   err);
    *ret_counter = fido_assert_sigcount(assertion, 0);
    return true;
}
