#include "acme/jws.h"

#include "base/encode.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

static bool bad(struct error *err, const char *what) {
    return fail(err, ERROR_MALFORMED, "bad-jws", "The JWS %s.", what);
}

static bool text_member(const struct json *document, const char *name, const char **ret,
                        struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    if (text == NULL)
        return fail(err, ERROR_MALFORMED, "bad-jws", "The JWS has no \"%s\" (rfc8555#6.2).", name);
    *ret = text;
    return true;
}

static bool read_header(struct arena *arena, struct view text, struct jws *out, struct error *err) {
    const struct json *header;
    TRY(json_parse(arena, text, &header, err));
    /* rfc7515#4.1.11: what must be understood is not; rfc7797 changes what is signed. */
    if (json_get(header, "crit") != NULL || json_get(header, "b64") != NULL)
        return bad(err, "has \"crit\" or \"b64\": no extension is supported (rfc7515#4.1.11)");
    TRY(text_member(header, "alg", &out->alg, err));
    TRY(text_member(header, "url", &out->url, err));
    TRY(json_string(header, "nonce", &out->nonce, err));
    TRY(json_string(header, "kid", &out->kid, err));
    TRY(json_object(header, "jwk", &out->jwk, err));
    /* rfc8555#6.2: mutually exclusive */
    if ((out->kid == NULL) == (out->jwk == NULL))
        return bad(err, "needs either \"kid\" or \"jwk\", not both (rfc8555#6.2)");
    return true;
}

bool jws_read_json(struct arena *arena, const struct json *document, struct jws *ret,
                   struct error *err) {
    const char *header, *payload, *signature;
    struct view header_bytes;
    struct jws out = {0};
    if (document == NULL || document->type != JSON_OBJECT)
        return bad(err, "is no JSON object");
    if (json_get(document, "signatures") != NULL || json_get(document, "header") != NULL)
        return bad(err, "must be flattened, with one signature and no unprotected header "
                        "(rfc8555#6.2)");
    TRY(text_member(document, "protected", &header, err));
    TRY(text_member(document, "payload", &payload, err));
    TRY(text_member(document, "signature", &signature, err));
    if (!base64url_decode(arena, view_text(header), &header_bytes) ||
        !base64url_decode(arena, view_text(payload), &out.payload) ||
        !base64url_decode(arena, view_text(signature), &out.signature))
        return bad(err, "has a part that is no base64url without padding (rfc7515#2)");
    TRY(read_header(arena, header_bytes, &out, err));
    out.signing_input = view_text(arena_printf(arena, "%s.%s", header, payload));
    *ret = out;
    return true;
}

bool jws_read(struct arena *arena, struct view body, struct jws *ret, struct error *err) {
    const struct json *document;
    TRY(json_parse(arena, body, &document, err));
    return jws_read_json(arena, document, ret, err);
}

bool jws_verify_mac(const struct jws *jws, struct view key) {
    static const struct {
        const char *alg, *digest;
    } macs[] = {{"HS256", "SHA2-256"}, {"HS384", "SHA2-384"}, {"HS512", "SHA2-512"}};
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t len = 0;
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(jws->alg, macs[i].alg) != 0)
            continue;
        if (EVP_Q_mac(NULL, "HMAC", NULL, macs[i].digest, NULL, key.at, key.len,
                      jws->signing_input.at, jws->signing_input.len, mac, sizeof mac, &len) == NULL)
            return false;
        return len == jws->signature.len && CRYPTO_memcmp(mac, jws->signature.at, len) == 0;
    }
    return false;
}
