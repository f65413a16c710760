/* A SCEP device by steps, for scripts: makes messages, reads answers. What it knows of SCEP is tests/unit/scep/
 * client.c, which is OpenSSL's CMS and no code of the server.
 *
 *   scep_device new TYPE NAME KEY CERT             key (RSA, EC ...) and self-signed certificate
 *   scep_device csr KEY NAME DNS CHALLENGE OUT
 *   scep_device serial CA CERT OUT                 IssuerAndSerialNumber of CERT
 *   scep_device subject CA CERT OUT                IssuerAndSubject
 *   scep_device make TYPE TID KEY CERT RA CONTENT OUT
 *   scep_device read KEY CERT RA REPLY OUT         prints status, failInfo and text; OUT.pem, OUT.crl
 */
#include "client.h"

#include "base/arena.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static void need(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "scep_device: %s\n", what);
        exit(2);
    }
}

static FILE *opened(const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    need(file != NULL, path);
    return file;
}

static X509 *certificate(const char *path) {
    FILE *file = opened(path, "r");
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    need(x != NULL, path);
    return x;
}

static EVP_PKEY *key(const char *path) {
    FILE *file = opened(path, "r");
    EVP_PKEY *k = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    need(k != NULL, path);
    return k;
}

static struct view content(const char *path) {
    uint8_t *bytes = arena_alloc(arena, 1 << 20);
    FILE *file = opened(path, "rb");
    size_t len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return view_of(bytes, len);
}

static void put(const char *path, struct view bytes) {
    FILE *file = opened(path, "wb");
    need(fwrite(bytes.at, 1, bytes.len, file) == bytes.len && fclose(file) == 0, path);
}

static void make_device(char **a) {
    struct scep_device device = device_new(a[0], a[1]);
    FILE *file = opened(a[2], "w");
    need(PEM_write_PrivateKey(file, device.key, NULL, NULL, 0, NULL, NULL) == 1, a[2]);
    fclose(file);
    file = opened(a[3], "w");
    need(PEM_write_X509(file, device.certificate) == 1, a[3]);
    fclose(file);
}

static void read_reply(char **a) {
    struct scep_device device = {key(a[0]), certificate(a[1])};
    struct scep_answer answer;
    need(device_read(arena, &device, certificate(a[2]), content(a[3]), &answer),
         "no CertRep of this RA, or not for this device");
    printf("status=%d fail=%d certificates=%d crls=%d text=%s\n", answer.status, answer.fail,
           answer.certificates == NULL ? 0 : sk_X509_num(answer.certificates),
           answer.crls == NULL ? 0 : sk_X509_CRL_num(answer.crls),
           answer.text == NULL ? "" : answer.text);
    if (answer.certificates != NULL && sk_X509_num(answer.certificates) > 0) {
        FILE *file = opened(arena_printf(arena, "%s.pem", a[4]), "w");
        PEM_write_X509(file, sk_X509_value(answer.certificates, 0));
        fclose(file);
    }
    if (answer.crls != NULL && sk_X509_CRL_num(answer.crls) > 0) {
        FILE *file = opened(arena_printf(arena, "%s.crl", a[4]), "w");
        PEM_write_X509_CRL(file, sk_X509_CRL_value(answer.crls, 0));
        fclose(file);
    }
}

static void make_message(char **a) {
    struct scep_device device = {key(a[2]), certificate(a[3])};
    struct scep_wish wish = {.type = (int)strtol(a[0], NULL, 10),
                             .transaction = a[1],
                             .recipient = certificate(a[4]),
                             .content = content(a[5])};
    put(a[6], device_message(arena, &device, &wish));
}

int main(int argc, char **argv) {
    char **a = argv + 2;
    arena = arena_new();
    if (argc == 6 && strcmp(argv[1], "new") == 0)
        make_device(a);
    else if (argc == 7 && strcmp(argv[1], "csr") == 0)
        put(a[4], device_csr(arena, key(a[0]), a[1], a[2], a[3][0] == '\0' ? NULL : a[3]));
    else if (argc == 5 && strcmp(argv[1], "serial") == 0)
        put(a[2], issuer_and_serial(arena, X509_get_subject_name(certificate(a[0])),
                                    X509_get0_serialNumber(certificate(a[1]))));
    else if (argc == 5 && strcmp(argv[1], "subject") == 0)
        put(a[2], issuer_and_subject(arena, X509_get_subject_name(certificate(a[0])),
                                     X509_get_subject_name(certificate(a[1]))));
    else if (argc == 9 && strcmp(argv[1], "make") == 0)
        make_message(a);
    else if (argc == 7 && strcmp(argv[1], "read") == 0)
        read_reply(a);
    else
        need(0, "see the top of scep_device.c");
    arena_free(arena);
    return 0;
}
