/* A managed token and a signer for one test program, in a temporary folder: softtoken or SoftHSM2.
 */
#ifndef TEST_PROVIDER_HARNESS_H
#define TEST_PROVIDER_HARNESS_H

#include "provider/signer.h"

#include <openssl/x509.h>

struct harness {
    bool softtoken;
    char folder[64], tokens[96], pin_file[96];
    const char *program;       /* gatehouse-signer */
    const char *arguments[32]; /* to serve, as signer_config wants them */
    struct signer *signer;
};

/* argv: BACKEND SIGNER MODULE. Initialises the token and opens the signer; ends the program when
 * that fails. */
void harness_begin(struct harness *h, int argc, char **argv);
void harness_end(struct harness *h);
/* Runs the signer's program with these further arguments (NULL-terminated) and waits; its exit
 * code. */
int harness_run(struct harness *h, const char *const *more);
/* Kills the signer's process with SIGKILL and waits until it is gone. */
void harness_kill(struct harness *h);

/* Key types that the backend can do. */
const char *const *harness_key_types(const struct harness *h);

struct test_key {
    EVP_PKEY *key;        /* in the signer */
    EVP_PKEY *public_key; /* the default provider's */
    X509 *certificate;    /* self-signed, a CA */
    const EVP_MD *md;     /* NULL for keys that sign the whole message */
};
/* Generates a key, makes and self-signs a certificate; asserts. */
struct test_key test_key_make(struct harness *h, const char *key_type, enum key_purpose purpose);
void test_key_free(struct test_key *key);

#endif
