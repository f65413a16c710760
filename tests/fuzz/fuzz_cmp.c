/* A CMP message from anybody: decode it, judge its protection, verify it by a secret, and describe it, which reads
 * every body.
 * Links: gatehouse_cmp */
#include "cmp/describe.h"
#include "cmp/protect.h"

#include <openssl/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    /* Few iterations: what is tried is the reading, not the patience. */
    static const struct cmp_algorithms allowed = {
        .pbm = true, .pbmac1 = true, .signature = true, .sha1 = true, .max_iterations = 2000};
    SCOPED_ARENA struct arena *arena = arena_new();
    struct cmp_message message;
    enum cmp_protection kind;
    enum cmp_fail why;
    struct error err = {0};
    (void)cmp_describe(arena, view_of(at, len));
    if (!cmp_decode(arena, view_of(at, len), &message, &err))
        return 0;
    (void)!cmp_check_header(&message, 0, 1, &why, &err);
    if (cmp_protection_kind(arena, &message, &allowed, &kind, &err) && kind == CMP_BY_MAC)
        (void)!cmp_verify_mac(arena, &message, VIEW_LITERAL("secret secret"), &err);
    for (int i = 0; i < sk_X509_num(message.whole->extra_certs); i++) {
        EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(message.whole->extra_certs, i));
        if (key != NULL && message.header->protection_alg != NULL && message.whole->protection != NULL)
            (void)!cmp_verify_signature(&message, key, &err);
    }
    ERR_clear_error();
    return 0;
}
