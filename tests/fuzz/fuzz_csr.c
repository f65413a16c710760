/* A certification request from anybody: decode it, and whatever passes, ask it for all it says. The
 * same bytes are tried as a certificate, as a file of several, as names and as subject alternative names, which read
 * deeper than a random request whose signature never verifies. */
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

#include <openssl/err.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void expect(bool holds) {
    if (!holds)
        abort();
}

static void use_name(struct arena *arena, const X509_NAME *name) {
    struct json_writer w = json_writer_on(arena);
    struct error err;
    name_write_json(&w, arena, name);
    (void)name_common_name(arena, name);
    const char *text = name_text(arena, name);
    AUTO(X509_NAME) *again = NULL;
    /* What obeys our rules survives being shown and typed again, but for the order in an RDN. */
    if (name_check(name, &err) && name_from_text(text, &again, &err))
        expect(X509_NAME_entry_count(again) == X509_NAME_entry_count(name));
}

static void use_sans(struct arena *arena, const GENERAL_NAMES *sans) {
    struct json_writer w = json_writer_on(arena);
    struct error err;
    san_write_json(&w, arena, sans);
    if (!san_check(sans, &err))
        return;
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        AUTO(GENERAL_NAMES) *again = GENERAL_NAMES_new();
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(sans, i);
        if (name->type != GEN_DIRNAME)
            expect(san_add_text(again, san_text(arena, name, NULL), &err));
    }
}

static void try_request(struct arena *arena, struct view bytes) {
    AUTO(X509_REQ) *csr = NULL;
    AUTO(GENERAL_NAMES) *sans = NULL;
    struct view der;
    struct error err;
    if (!csr_decode(arena, bytes, &csr, &der, &err))
        return;
    use_name(arena, X509_REQ_get_subject_name(csr));
    if (csr_sans(csr, &sans, &err))
        use_sans(arena, sans);
    (void)csr_challenge_password(arena, csr);
}

static void try_certificate(struct arena *arena, struct view bytes) {
    AUTO(X509) *certificate = NULL;
    struct certificate_facts facts;
    struct error err;
    if (!certificate_decode(arena, bytes, &certificate, &err))
        return;
    (void)!certificate_read(arena, certificate, &facts, &err);
    (void)!certificate_lint(certificate, NULL, &err);
    (void)certificate_text(arena, certificate);
}

static void try_bundle(struct arena *arena, struct view bytes) {
    X509 *certificates[4] = {NULL};
    size_t count = 0;
    struct error err;
    bool done = certificates_read(arena, bytes, certificates, 3, &count, &err);
    expect(count <= 3 && certificates[3] == NULL && (!done || count > 0));
    for (size_t i = 0; i < count; i++)
        expect(certificate_der(arena, certificates[i]).len > 0);
}

/* The parts of a request on their own: no signature stands before them. */
static void try_parts(struct arena *arena, struct view bytes) {
    AUTO(X509_NAME) *name = NULL, *typed = NULL;
    AUTO(GENERAL_NAMES) *sans = NULL, *one = GENERAL_NAMES_new();
    AUTO(EVP_PKEY) *key = NULL;
    struct error err;
    if (name_from_der(bytes, &name, &err))
        use_name(arena, name);
    if (san_from_der(bytes, &sans, &err))
        use_sans(arena, sans);
    if (key_from_spki(bytes, &key, &err))
        (void)!key_check(key, "key", &err);
    const char *text = arena_text(arena, bytes);
    if (name_from_text(text, &typed, &err))
        use_name(arena, typed);
    if (san_add_text(one, text, &err))
        use_sans(arena, one);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view bytes = view_of(at, len);
    try_request(arena, bytes);
    try_certificate(arena, bytes);
    try_bundle(arena, bytes);
    try_parts(arena, bytes);
    ERR_clear_error();
    return 0;
}
