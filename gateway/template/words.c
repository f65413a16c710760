/* The words of the template document. */
#include "template/words.h"

#include <string.h>

const char *const approval_names[] = {"none", "role", "always", "four-eyes", NULL};
const char *const subject_source_names[] = {"csr", "fixed", "none", "expression", NULL};
const char *const related_names[] = {"none", "request", "required", NULL};
const char *const proof_names[] = {"required", "none", NULL};
const char *const purpose_source_names[] = {"template", "request", "both", "never", NULL};
const char *const issuer_end_names[] = {"auto", "clamp", "refuse", NULL};
const char *const alignment_names[] = {"none", "hour", "day", NULL};
const char *const over_names[] = {"refuse", "clamp", NULL};
const char *const keys_level_names[] = {"off", "log", "block", NULL};
const char *const lint_level_names[] = {"off", "warn", "block", NULL};
const char *const padding_names[] = {"auto", "pkcs1", "pss", NULL};
const char *const critical_rule_names[] = {"no", "request", "yes", NULL};
const char *const subject_key_id_names[] = {"sha1",      "rfc7093-1", "rfc7093-2", "rfc7093-3",
                                            "rfc7093-4", "none",      NULL};
const char *const authority_key_id_names[] = {"keyId", "keyIdAndIssuer", "none", NULL};
const char *const digest_names[] = {"SHA-256", "SHA-384", "SHA-512", NULL};
const char *const door_names[] = {"rest", "console", "public", "preapproved", "acme",
                                  "scep", "est",     "cmp",    NULL};
const char *const san_type_names[] = {"dns", "ip",      "email", "uri", "upn",
                                      "rid", "dirName", "srv",   "xmpp", "other", NULL};
const char *const san_source_names[] = {"request", "none", NULL};
const char *const ct_delivery_names[] = {"embedded", "ocsp", "both", NULL};
const char *const ct_failure_names[] = {"refuse", "retry", NULL};
const char *const other_extension_names[] = {"ignore", "refuse", NULL};

const struct key_usage_word key_usage_words[] = {
    {"digitalSignature", KU_DIGITAL_SIGNATURE},
    {"nonRepudiation", KU_NON_REPUDIATION},
    {"contentCommitment", KU_NON_REPUDIATION}, /* rfc5280#4.2.1.3: its newer name */
    {"keyEncipherment", KU_KEY_ENCIPHERMENT},
    {"dataEncipherment", KU_DATA_ENCIPHERMENT},
    {"keyAgreement", KU_KEY_AGREEMENT},
    {"keyCertSign", KU_KEY_CERT_SIGN},
    {"cRLSign", KU_CRL_SIGN},
    {"encipherOnly", KU_ENCIPHER_ONLY},
    {"decipherOnly", KU_DECIPHER_ONLY},
    {NULL, 0},
};

unsigned key_usage_bit(const char *name) {
    for (const struct key_usage_word *word = key_usage_words; word->name != NULL; word++)
        if (strcmp(word->name, name) == 0)
            return word->bit;
    return 0;
}

bool key_family_known(const char *name) {
    static const char *const families[] = {"RSA", "EC", "ML-DSA", "SLH-DSA", "ML-KEM"};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strcmp(families[i], name) == 0)
            return true;
    return key_type_canonical(name) != NULL;
}

bool variable_next(const char **at, char name[static VARIABLE_NAME_SIZE], const char **ret_end) {
    const char *open = *at;
    while ((open = strchr(open, '{')) != NULL && open[1] == '{')
        open += 2;
    *at = open;
    if (open == NULL)
        return true;
    size_t len =
        strspn(open + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (len == 0 || len >= VARIABLE_NAME_SIZE || open[1 + len] != '}')
        return false;
    memcpy(name, open + 1, len);
    name[len] = '\0';
    *ret_end = open + 1 + len + 1;
    return true;
}

bool variable_built_in(const char *name) {
    static const char *const plain[] = {"requester", "door", "key", NULL};
    ASN1_OBJECT *object = NULL;
    struct error ignored;
    for (int i = 0; plain[i] != NULL; i++)
        if (strcmp(plain[i], name) == 0)
            return true;
    if (strncmp(name, "csr.", 4) == 0) {
        bool known = name_attribute_type(name + 4, &object, &ignored);
        ASN1_OBJECT_free(object);
        return known;
    }
    for (int i = 0; strncmp(name, "san.", 4) == 0 && san_type_names[i] != NULL; i++)
        if (strcmp(san_type_names[i], name + 4) == 0)
            return true;
    return false;
}
