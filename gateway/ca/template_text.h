/* The second view of a template: a text in the form of OpenSSL's configuration files, which every PKI engineer can
 * read.
 *
 *   #gatehouse: {...}              the whole document, so that nothing is lost; OpenSSL skips it
 *   [req]                          default_days, default_md, distinguished_name, x509_extensions
 *   [variables]                    NAME = default
 *   [dn]                           TYPE = text with {variables} (or ${variables})
 *   [v3_ext]                       basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, certificatePolicies,
 *                                  subjectKeyIdentifier, authorityKeyIdentifier, tlsfeature, noCheck,
 *                                  OID = [critical,]DER:HEX or ASN1:UTF8String:text
 *
 * On import the sections replace what the document says. Includes and the environment are refused. */
#ifndef GATEHOUSE_CA_TEMPLATE_TEXT_H
#define GATEHOUSE_CA_TEMPLATE_TEXT_H

#include "ca/template.h"

#define TEMPLATE_TEXT_MAX ((size_t)64 * 1024)

MUST_USE bool template_to_text(struct arena *arena, const struct template_record *record, const char **ret_text,
                               struct error *err);
/* The document, to be checked by template_from_json. ERROR_POLICY "template-text" names the line. */
MUST_USE bool template_from_text(struct arena *arena, const char *text, const struct json **ret_document,
                                 struct error *err);

#endif
