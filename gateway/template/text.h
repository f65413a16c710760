/* The second view of a template: a text in the form of OpenSSL's configuration files, which every PKI engineer can
 * read.
 *
 *   #gatehouse: {...}              the whole document, so that nothing is lost; OpenSSL skips it
 *   [req]                          default_days, default_md, distinguished_name, x509_extensions
 *   [variables]                    NAME = default
 *   [dn]                           TYPE = text with {variables} (or ${variables})
 *   [v3_ext]                       basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, certificatePolicies,
 *                                  subjectKeyIdentifier, authorityKeyIdentifier, crlDistributionPoints, freshestCRL,
 *                                  authorityInfoAccess, nameConstraints, issuerAltName, inhibitAnyPolicy,
 *                                  policyConstraints, policyMappings, tlsfeature, noCheck,
 *                                  OID = [critical,]DER:HEX or ASN1:UTF8String:text
 *
 * On import the sections replace what the document says: a line that stands as we wrote it changes nothing, another
 * one says what holds now, and what has no line any more is not in the certificate. Without the mark the text was
 * written for OpenSSL: fields that it would ask for ("prompt") become variables, and it says by itself what is in the
 * certificate. Includes and the environment are refused. */
#ifndef GATEHOUSE_TEMPLATE_TEXT_H
#define GATEHOUSE_TEMPLATE_TEXT_H

#include "store/templates.h"
#include "template/template.h"

#define TEMPLATE_TEXT_MAX ((size_t)64 * 1024)
#define TEXT_FINDINGS_MAX 100

/* What cannot be read (error), or is read and says nothing to a template (no error). */
struct text_finding {
    int line; /* from 1 on; 0: no certain one */
    bool error;
    const char *text; /* a sentence */
};
struct text_findings {
    struct text_finding items[TEXT_FINDINGS_MAX]; /* by line */
    size_t count, errors;                         /* errors counts those, too, that found no place */
};

MUST_USE bool template_to_text(struct arena *arena, const struct template_record *record, const char **ret_text,
                               struct error *err);
/* Reads the text onto `current`, the document of the template that it is for (NULL: a new one), and checks what comes
 * of it. With errors among the findings *ret_document stays as it is. False only when nothing can be read at all. */
MUST_USE bool template_check_text(struct arena *arena, const char *text, const struct json *current,
                                  struct text_findings *ret_findings, const struct json **ret_document,
                                  struct error *err);
/* The same; the first error fails: ERROR_POLICY "template-text" names the line. */
MUST_USE bool template_from_text(struct arena *arena, const char *text, const struct json *current,
                                 const struct json **ret_document, struct error *err);

#endif
