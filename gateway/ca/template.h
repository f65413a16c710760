/* Templates: every certificate is made under one. One typed struct, one JSON document: the same in the
 * database, the REST API, export and import, and the form.
 *
 * The document ("Web Server" as made with every CA):
 * {
 *   "enabled": true,
 *   "description": "TLS servers",
 *   "doors": ["rest","console"],                   who may use it: rest, console, public, acme, scep, est, cmp
 *   "approval": "role",                            none | role | always | four-eyes
 *   "validity": {"days":397,"maxDays":397,"backdateSeconds":300},
 *   "keys": ["RSA","EC","Ed25519","ML-DSA","SLH-DSA"],       see key_type_allowed
 *   "subject": {"from":"csr","attributes":["CN","O","OU","L","ST","C"],"required":[],"fixed":{}},
 *                                                  from: csr | fixed | none; attributes not listed are refused;
 *                                                  fixed ones are set whatever the CSR says
 *   "sans": {"types":["dns","ip"],"min":1,"max":100,"commonNameToSan":true},
 *   "keyUsage": ["digitalSignature","keyEncipherment"],   keyEncipherment only goes into RSA certificates
 *   "extendedKeyUsage": ["serverAuth"],
 *   "basicConstraints": {"include":true,"ca":false,"pathLength":null},
 *   "aia": true, "ocsp": true, "crl": true,
 *   "policies": ["2.23.140.1.2.1"],
 *   "serialOctets": 16
 * } */
#ifndef GATEHOUSE_CA_TEMPLATE_H
#define GATEHOUSE_CA_TEMPLATE_H

#include "ca/core.h"
#include "store/cas.h"
#include "store/templates.h"
#include "x509/certificate.h"

enum approval { APPROVAL_NONE, APPROVAL_ROLE, APPROVAL_ALWAYS, APPROVAL_FOUR_EYES };
enum subject_source { SUBJECT_FROM_CSR, SUBJECT_FIXED, SUBJECT_NONE };

struct template {
    bool enabled;
    const char *description;
    struct text_list doors;
    enum approval approval;
    int64_t days, max_days, backdate_seconds;
    struct text_list keys;
    struct {
        enum subject_source from;
        struct text_list attributes, required;
        const struct json *fixed; /* object, or NULL */
    } subject;
    struct {
        struct text_list types;
        int64_t min, max;
        bool common_name_to_san;
    } sans;
    unsigned key_usage; /* KU_ bits */
    struct text_list extended_key_usage;
    struct {
        bool include, ca;
        int64_t path_length; /* -1: none */
    } basic;
    bool aia, ocsp, crl;
    struct text_list policies;
    int64_t serial_octets;
};

/* Reads a document; what is absent gets the defaults of the example above with approval "role". Unknown
 * members and impossible combinations are errors that name the member. */
MUST_USE bool template_from_json(struct arena *arena, const struct json *document,
                                 struct template *ret_template, struct error *err);
/* The complete document. */
const char *template_to_json(struct arena *arena, const struct template *template);

/* May a certificate of this template be got by holding `old`? It must be of the same CA, neither revoked nor
 * held, and not over. ERROR_POLICY "renewal" names the rule. */
struct certificate_record;
MUST_USE bool renewal_check(const struct template *template, const struct ca_record *ca,
                            const struct certificate_record *old, int64_t now_us, struct error *err);
/* Whether the old one is revoked (superseded) when the new one stands. */
bool renewal_revokes(const struct template *template);

/* Starters: name and document for a new template ("web-server", "tls-client", "ocsp", "sub-ca" ...). */
struct template_starter {
    const char *id, *name, *document;
};
const struct template_starter *template_starters(size_t *ret_count);

/* CRUD on behalf of an actor. `document` is JSON as received; `name` 1-100 characters. */
MUST_USE bool template_create(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *ca_slug, const char *name, const struct json *document,
                              struct template_record *ret, struct error *err);
MUST_USE bool template_get(struct core *core, struct arena *arena, const struct actor *actor,
                           const char *slug, struct template_record *ret, struct error *err);
MUST_USE bool template_page(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *ca_slug, const struct page *page,
                            struct template_record **ret_items, size_t *ret_count,
                            const char **ret_next, struct error *err);
/* version: the one the edit is based on. */
MUST_USE bool template_change(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, int64_t version, const char *name,
                              const struct json *document, struct template_record *ret,
                              struct error *err);
MUST_USE bool template_remove(struct core *core, struct arena *arena, const struct actor *actor,
                              const char *slug, struct error *err);

#endif
