#include "ca/template.h"
#include "ca/template_tables.h"

#include <string.h>

const char *const approval_names[] = {"none", "role", "always", "four-eyes", NULL};
const char *const subject_source_names[] = {"csr", "fixed", "none", NULL};
const char *const door_names[] = {"rest", "console", "public", "acme", "scep", "est", "cmp", NULL};
const char *const san_type_names[] = {"dns", "ip", "email", "uri", "upn", "rid", "dirName", "other", NULL};

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
    static const char *const families[] = {"RSA", "EC", "ML-DSA", "SLH-DSA"};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strcmp(families[i], name) == 0)
            return true;
    return key_type_canonical(name) != NULL;
}

static void put_list(struct json_writer *w, const char *name, const struct text_list *list) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_add_string(w, list->items[i]);
    json_close_array(w);
}

static void put_key_usage(struct json_writer *w, unsigned bits) {
    json_name(w, "keyUsage");
    json_open_array(w);
    for (const struct key_usage_word *word = key_usage_words; word->name != NULL; word++)
        if ((bits & word->bit) != 0) {
            json_add_string(w, word->name);
            bits &= ~word->bit; /* the alias is not written */
        }
    json_close_array(w);
}

static void put_subject(struct json_writer *w, const struct template *t) {
    json_name(w, "subject");
    json_open_object(w);
    json_put_string(w, "from", subject_source_names[t->subject.from]);
    put_list(w, "attributes", &t->subject.attributes);
    put_list(w, "required", &t->subject.required);
    json_name(w, "fixed");
    if (t->subject.fixed != NULL) {
        json_add_value(w, t->subject.fixed);
    } else {
        json_open_object(w);
        json_close_object(w);
    }
    json_close_object(w);
}

static void put_groups(struct json_writer *w, const struct template *t) {
    json_name(w, "validity");
    json_open_object(w);
    json_put_int(w, "days", t->days);
    json_put_int(w, "maxDays", t->max_days);
    json_put_int(w, "backdateSeconds", t->backdate_seconds);
    json_close_object(w);
    put_list(w, "keys", &t->keys);
    put_subject(w, t);
    json_name(w, "sans");
    json_open_object(w);
    put_list(w, "types", &t->sans.types);
    json_put_int(w, "min", t->sans.min);
    json_put_int(w, "max", t->sans.max);
    json_put_bool(w, "commonNameToSan", t->sans.common_name_to_san);
    json_close_object(w);
}

const char *template_to_json(struct arena *arena, const struct template *t) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_bool(&w, "enabled", t->enabled);
    json_put_string(&w, "description", t->description);
    put_list(&w, "doors", &t->doors);
    json_put_string(&w, "approval", approval_names[t->approval]);
    put_groups(&w, t);
    put_key_usage(&w, t->key_usage);
    put_list(&w, "extendedKeyUsage", &t->extended_key_usage);
    json_name(&w, "basicConstraints");
    json_open_object(&w);
    json_put_bool(&w, "include", t->basic.include);
    json_put_bool(&w, "ca", t->basic.ca);
    json_name(&w, "pathLength");
    if (t->basic.path_length >= 0)
        json_add_int(&w, t->basic.path_length);
    else
        json_add_null(&w);
    json_close_object(&w);
    json_put_bool(&w, "aia", t->aia);
    json_put_bool(&w, "ocsp", t->ocsp);
    json_put_bool(&w, "crl", t->crl);
    put_list(&w, "policies", &t->policies);
    json_put_int(&w, "serialOctets", t->serial_octets);
    json_close_object(&w);
    return json_written(&w);
}
