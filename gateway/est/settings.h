/* How EST treats a template: one JSON document, kept by store/protocols.h under "est".
 *
 * {
 *   "basic": true,                    HTTP Basic with the name and password of a user who may make requests
 *   "digest": "none",                 none | sha-256 | md5 (and SHA-256): HTTP Digest with MAC credentials
 *   "challenge": true,                challenge passwords: by HTTP Basic, or in the CSR
 *   "ownCertificates": "sameNames",   what simpleenroll gives to holders of this template's certificates:
 *                                     sameNames | any | none; simplereenroll always keeps the names
 *   "approveDevices": true,           a certificate under a trust anchor counts as approval by role
 *   "names": "any",                   any | caller: the CSR's names are the user's name, or stand in the
 *                                     device's certificate
 *   "channelBinding": "ifPresent",    required | ifPresent | ignore (rfc7030#3.5, rfc9266)
 *   "retryAfterSeconds": 60,          of a 202
 *   "serverKeyGeneration": false,     serverkeygen makes keys (rfc7030#4.4)
 *   "leastKeyStrength": 112,          see x509/minima.h: of the CSR's key and the client certificate's
 *   "leastDigestBits": 224            of the CSR's signature
 * } */
#ifndef GATEHOUSE_EST_SETTINGS_H
#define GATEHOUSE_EST_SETTINGS_H

#include "base/json.h"
#include "ca/core.h"
#include "x509/minima.h"

#define EST_PROTOCOL "est"
#define EST_DEFAULT_SETTING "est-default-template"

enum est_own { EST_OWN_SAME_NAMES, EST_OWN_ANY, EST_OWN_NONE };
enum est_digests { EST_DIGEST_NONE, EST_DIGEST_SHA256, EST_DIGEST_MD5 };
enum est_binding { EST_BINDING_REQUIRED, EST_BINDING_IF_PRESENT, EST_BINDING_IGNORE };

struct est_settings {
    bool basic, challenge, approve_devices, names_of_caller, key_generation;
    enum est_own own;
    enum est_binding binding;
    enum est_digests digest;
    int64_t retry_s;
    struct minima least;
};
/* What is absent gets the default. ERROR_MALFORMED, ERROR_POLICY "est-settings" name the member. */
MUST_USE bool est_settings_read(const struct json *document, struct est_settings *ret,
                                struct error *err);
const char *est_settings_write(struct arena *arena, const struct est_settings *settings);
MUST_USE bool est_settings_of(struct core *core, struct arena *arena, struct uuid template_id,
                              struct est_settings *ret, int64_t *ret_version, struct error *err);

#endif
