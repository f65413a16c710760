/* JWS, JWK and signatures of strangers.
 * Links: gatehouse_acme */
#include "acme/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct jws jws;
    struct jwk jwk;
    struct error err;
    if (!jws_read(arena, view_of(at, len), &jws, &err))
        return 0;
    jws_verify_mac(&jws, VIEW_LITERAL("key"));
    if (jws.jwk != NULL && jwk_read(arena, jws.jwk, &jwk, &err) && jwk_fits(&jwk, jws.alg))
        jwk_verify(&jwk, jws.alg, jws.signing_input, jws.signature);
    return 0;
}
