/* What an EST client sends: the body's decoder, and the CSR inside, as far as it is read before anybody is known.
 * Links: gatehouse_est */
#include "est/message.h"
#include "x509/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view der, csr_der, again;
    struct error err = {0};
    enum est_form form, form_again;
    X509_REQ *csr;
    if (!est_body_decode(arena, view_of(at, len), &form, &der, &err))
        return 0;
    struct view body = est_body_encode(arena, form, der);
    if (!est_body_decode(arena, body, &form_again, &again, &err) || form_again != form ||
        !view_equal(again, der))
        __builtin_trap(); /* what we write is what we read */
    if (!csr_decode(arena, der, &csr, &csr_der, &err))
        return 0;
    (void)csr_challenge_password(arena, csr);
    X509_REQ_free(csr);
    return 0;
}
