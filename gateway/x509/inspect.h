/* Looking into what somebody pastes: recognised, decoded to text and JSON, linted, set in relation.
 * Pure: nothing is stored, nothing is fetched, and no private part of a key is shown. */
#ifndef GATEHOUSE_X509_INSPECT_H
#define GATEHOUSE_X509_INSPECT_H

#include "base/json.h"
#include "x509/handles.h"

#define INSPECT_MAX_SIZE ((size_t)1024 * 1024)
#define INSPECT_MAX_ITEMS 200
#define INSPECT_MAX_TEXT ((size_t)64 * 1024) /* of one item; more is cut, and said */

/* Writes one object:
 *   {"items":[{"type":"certificate","label":"CERTIFICATE","within":null,"size":1234,"sha256":"hex",
 *              "text":"...","details":{...},"findings":[{"level":"error","message":"..."}]}, ...],
 *    "chains":[{"items":[0,2,1],"complete":true,"problems":[]}],
 *    "sameKey":[[0,3]]}
 * type: certificate, certificate-request, crl, cms, pkcs12, ocsp-request, ocsp-response,
 * timestamp-request, timestamp-response, private-key, public-key, sct-list. `within` is the index
 * of the item that held it.
 *
 * bytes: PEM (any number of blocks, text between them), DER, or base64 of DER. password opens
 * PKCS#12 and encrypted private keys; NULL: none. ERROR_MALFORMED "not-recognised",
 * "malformed-pem"; ERROR_TOO_LARGE "too-large". What is recognised but cannot be opened is an item
 * with a finding. */
MUST_USE bool inspect(struct arena *arena, struct view bytes, const char *password, int64_t now_us,
                      struct json_writer *w, struct error *err);

#endif
