/* Extensions as documents: what a template writes, and what comes beside a request.
 *
 *   {"type":"nameConstraints","critical":true,"value":{"permitted":["DNS:example.com"]}}
 *   {"oid":"1.3.6.1.4.1.99999.1","value":{"utf8":"anything"}}
 *
 * Types, and the form of their value:
 *   certificatePolicies, applicationPolicies   ["OID", {"oid":"OID","cps":"URL","notice":"text"}]
 *   policyMappings         [{"issuer":"OID","subject":"OID"}]
 *   policyConstraints      {"requireExplicitPolicy":0,"inhibitPolicyMapping":0}
 *   inhibitAnyPolicy       0
 *   nameConstraints
 * {"permitted":["DNS:example.com","IP:10.0.0.0/8","email:example.com"],"excluded":[]}
 *   issuerAltNames         ["URI:https://..."], the forms of x509/san.h
 *   privateKeyUsagePeriod  {"days":90}, from notBefore on
 *   tlsFeature             ["status_request"]
 *   subjectInfoAccess      [{"method":"caRepository","url":"https://..."}], a method is a name or
 * an OID freshestCrl            ["http://..."] subjectDirectoryAttributes
 * {"countryOfCitizenship":["DE"],"dateOfBirth":"1970-01-31","gender":"F",
 *                           "placeOfBirth":"...","countryOfResidence":["DE"]}, rfc3739#3.2.2
 *   qcStatements           see extension_qc.c
 *   microsoftTemplate      {"oid":"OID","major":100,"minor":0}
 *   microsoftTemplateName  "Machine"
 *   microsoftSid           "S-1-5-21-..."
 *   smimeCapabilities      ["AES-256-CBC"], names or OIDs
 *   ocspNoCheck            null
 *   pivInterim             false
 *   relatedCertificate     "sha256:HEX" of the other certificate's DER, or its PEM (RFC 9763)
 * With "oid" the value is one of
 *   {"utf8":""} {"printable":""} {"ia5":""} {"visible":""} {"numeric":""} {"bmp":""} {"integer":1}
 *   {"enumerated":1} {"boolean":true} {"null":null} {"oid":""} {"octets":"HEX"} {"bits":"HEX"}
 *   {"time":"2026-01-31T00:00:00Z"} {"sequence":[...]} {"set":[...]}
 * {"explicit":{"tag":0,"value":{}}}
 *   {"implicit":{"tag":0,"octets":"HEX"}} {"der":"HEX"} */
#ifndef GATEHOUSE_X509_EXTENSION_H
#define GATEHOUSE_X509_EXTENSION_H

#include "x509/certificate.h"

struct extension_place {
    struct arena *arena;
    int64_t not_before_us, not_after_us; /* of the certificate */
};

/* One document as an extension, which the caller frees. ERROR_POLICY "extension" names type and
 * member. */
MUST_USE bool extension_from_json(const struct extension_place *place, const struct json *document,
                                  X509_EXTENSION **ret, struct error *err);
/* Only the value of a type: as the template's "policies" are written. */
MUST_USE bool extension_of_type(const struct extension_place *place, const char *type,
                                bool critical, const struct json *value, X509_EXTENSION **ret,
                                struct error *err);
/* The OID of a document's "type" or "oid", dotted, on the arena. */
MUST_USE bool extension_oid(struct arena *arena, const struct json *document, const char **ret_oid,
                            struct error *err);
/* What people call an extension: our type, OpenSSL's name, or the dotted OID. */
const char *extension_label(struct arena *arena, const ASN1_OBJECT *oid);
/* The dotted OID of a type name of ours, of an OpenSSL name or of a dotted OID; NULL when unknown.
 */
const char *extension_oid_of(struct arena *arena, const char *name);
/* What a stranger's extension value must be: one DER value, and of the right shape where the type
 * is known. ERROR_POLICY "extension". */
MUST_USE bool extension_check_value(struct arena *arena, const ASN1_OBJECT *oid, struct view value,
                                    struct error *err);

#endif
