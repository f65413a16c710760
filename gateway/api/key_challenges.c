/* Challenges for keys that cannot sign, and the proofs that answer them. */
#include "api/handlers.h"

#include "base/encode.h"
#include "ca/key_challenge.h"

bool ask_key_proof(struct arena *arena, const struct json *document, const struct key_proof **ret,
                   struct error *err) {
    static const char *const members[] = {"token", "mac", NULL};
    const struct json *object = NULL;
    struct key_proof proof;
    const char *mac;
    TRY(json_object(document, "keyProof", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, members, err));
    TRY(ask_string(object, "token", &proof.token, err));
    TRY(ask_string(object, "mac", &mac, err));
    if (!base64_decode(arena, view_text(mac), &proof.mac))
        return fail(err, ERROR_POLICY, "key-proof", "The field \"mac\" of \"keyProof\" is no base64.");
    struct key_proof *kept = arena_alloc(arena, sizeof *kept);
    *kept = proof;
    *ret = kept;
    return true;
}

HANDLER(key_challenges_create) {
    static const char *const members[] = {"publicKey", NULL};
    const struct json *document;
    struct key_challenge challenge;
    struct view spki;
    const char *pem;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "publicKey", &pem, err));
    TRY(ask_public_key(request->arena, pem, &spki, err));
    TRY(key_challenge_make(context, request->arena, actor_of(request), request->parameters[0], spki, &challenge, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "keyType", challenge.key_type);
    json_put_string(&w, "ciphertext", base64_encode(request->arena, challenge.ciphertext));
    json_put_string(&w, "token", challenge.token);
    json_put_time(&w, "expiresAt", challenge.expires_us);
    json_close_object(&w);
    http_add_header(response, "Cache-Control", "no-store");
    reply_json(response, 200, &w);
    return true;
}
