/* How CMP treats a template: one JSON document, kept by store/protocols.h under "cmp".
 *
 * {
 *   "protection": ["signature","pbm","pbmac1"],
 *   "sha1": false,                      HMAC-SHA1 and SHA-1 inside PasswordBasedMac, for old clients
 *   "maxIterations": 100000,            of either MAC
 *   "implicitConfirm": true,            granted when asked for
 *   "confirmSeconds": 600,              a certificate not confirmed by then is revoked
 *   "waitDays": 30,                     how long a client may poll for an approval
 *   "pollSeconds": 60,                  checkAfter of pollRep
 *   "clockToleranceSeconds": 0,         0: messageTime is not looked at
 *   "ownCertificates": "sameNames",     what holders of this template's certificates may ask for:
 *                                       sameNames | any | none
 *   "approveDevices": true,             a certificate under a trust anchor counts as approval by role
 *   "centralKeyGeneration": false,
 *   "leastKeyStrength": 112,            see x509/minima.h: of requested keys and of those that protect messages
 *   "leastDigestBits": 224,             of signatures and MACs
 *   "keyPackage": "rfc5958"             rfc5958 (AsymmetricKeyPackage) | bare (one OneAsymmetricKey, as openssl cmp)
 * } */
#ifndef GATEHOUSE_CMP_SETTINGS_H
#define GATEHOUSE_CMP_SETTINGS_H

#include "ca/core.h"
#include "cmp/protect.h"

#define CMP_PROTOCOL "cmp"

enum cmp_own { CMP_OWN_SAME_NAMES, CMP_OWN_ANY, CMP_OWN_NONE };
struct cmp_settings {
    struct cmp_algorithms algorithms;
    bool implicit_confirm, approve_devices, central_key_generation, bare_key;
    int64_t confirm_s, wait_days, poll_s, tolerance_s;
    enum cmp_own own;
};
/* What is absent gets the default. ERROR_MALFORMED, ERROR_POLICY "cmp-settings" name the member. */
MUST_USE bool cmp_settings_read(const struct json *document, struct cmp_settings *ret, struct error *err);
const char *cmp_settings_write(struct arena *arena, const struct cmp_settings *settings);
MUST_USE bool cmp_settings_of(struct core *core, struct arena *arena, struct uuid template_id,
                              struct cmp_settings *ret, int64_t *ret_version, struct error *err);

#endif
