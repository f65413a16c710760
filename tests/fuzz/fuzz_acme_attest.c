/* Attestation statements of device-attest-01: CBOR, certificates, TPM structures.
 * Links: gatehouse_acme */
#include "acme/attest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct attestation attestation;
    struct error err = {0};
    if (!attest_read(arena, view_of(at, len), "token", "token.print", &attestation, &err)) {
        if (err.kind == ERROR_NONE || *err.message == '\0')
            abort();
        return 0;
    }
    if (attestation.certificate.len == 0 || attestation.name_count > ATTEST_NAMES_MAX)
        abort();
    for (size_t i = 0; i < attestation.name_count; i++)
        if (strlen(attestation.names[i]) == 0 || strlen(attestation.names[i]) > 255)
            abort();
    return 0;
}
