#include "cmp/exchange.h"

#include "x509/name.h"

#include <openssl/err.h>

static bool bad_proof(struct exchange *x, struct error *err, const char *why) {
    ERR_clear_error();
    return REFUSED(x, CMP_BAD_POP, ERROR_POLICY, "cmp-proof", "Proof of possession: %s", why);
}

static struct view spki(struct exchange *x, const X509_PUBKEY *key) {
    return asn1_der(x->arena, key, ASN1_ITEM_rptr(X509_PUBKEY));
}

/* rfc4211#4.1: the input names the sender that the protection has established, or carries a MAC by the shared
 * secret; its key is the template's. */
static bool check_input(struct exchange *x, const CRMF_SIGN_INPUT *input, const CRMF_TEMPLATE *template,
                        struct error *err) {
    struct view key = spki(x, input->public_key);
    if (!view_equal(key, spki(x, template->public_key)))
        return bad_proof(x, err, "the key in poposkInput is not the one in the template.");
    if (input->auth->type == CRMF_AUTH_MAC)
        return x->peer.protection != CMP_BY_MAC
                   ? bad_proof(x, err, "publicKeyMAC needs a message that is protected by the shared secret, too.")
                   : cmp_check_public_key_mac(x->arena, input->auth->value.mac, key, x->peer.secret,
                                              &x->settings.algorithms, err) ||
                         bad_proof(x, err, "publicKeyMAC does not verify.");
    if (GENERAL_NAME_cmp(input->auth->value.sender, x->m.header->sender) != 0)
        return bad_proof(x, err, "the sender in poposkInput is not the sender of the message.");
    return true;
}

static bool check_signature(struct exchange *x, const CRMF_MESSAGE *message, const CRMF_TEMPLATE *template,
                            struct error *err) {
    const CRMF_SIGN_PROOF *proof = message->proof->value.signature;
    EVP_PKEY *key = X509_PUBKEY_get0(template->public_key);
    x->fail = CMP_BAD_ALG;
    TRY(cmp_signature_allowed(proof->alg, err));
    TRY(minima_signature(&x->settings.algorithms.least, proof->alg, "proof of possession", err));
    x->fail = CMP_NO_FAIL;
    if (proof->input != NULL) {
        TRY(check_input(x, proof->input, template, err));
        return ASN1_item_verify(ASN1_ITEM_rptr(CRMF_SIGN_INPUT), proof->alg, proof->signature, proof->input, key) ==
                   1 ||
               bad_proof(x, err, "the signature over poposkInput does not verify.");
    }
    return ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), proof->alg, proof->signature, message->request, key) == 1 ||
           bad_proof(x, err, "the signature over the CertRequest does not verify with its key.");
}

/* rfc4211#4.2: subsequentMessage encrCert (0): the certificate goes out encrypted, and the hash in certConf shows
 * that it could be read. The other ways hand over the key or need a dialogue that RFC 9483 leaves out. */
static bool check_indirect(struct exchange *x, const ASN1_TYPE *private_key, EVP_PKEY *key, bool *ret_encrypt,
                           struct error *err) {
    unsigned tag;
    struct view content;
    if (!wire_unwrap(asn1_any(x->arena, private_key), &tag, &content) || tag != 0x81 || content.len != 1 ||
        content.at[0] != 0)
        return bad_proof(x, err, "of the indirect ways only subsequentMessage encrCert is taken; sign the request if "
                                 "the key can.");
    if (!EVP_PKEY_is_a(key, "RSA"))
        return bad_proof(x, err, "an encrypted certificate needs an RSA key.");
    *ret_encrypt = true;
    return true;
}

bool cmp_check_proof(struct exchange *x, const CRMF_MESSAGE *message, const CRMF_REQUEST *request,
                     bool *ret_encrypt, struct error *err) {
    EVP_PKEY *key = X509_PUBKEY_get0(request->template->public_key);
    if (message->proof == NULL)
        return bad_proof(x, err, "there is none; sign the request with its key.");
    switch (message->proof->type) {
    case CRMF_PROOF_RA: /* rfc9483#5.2.3 */
        return x->peer.ra || bad_proof(x, err, "raVerified is taken from registration authorities alone (trust "
                                               "anchor with the role \"ra\").");
    case CRMF_PROOF_SIGNATURE:
        return check_signature(x, message, request->template, err);
    case CRMF_PROOF_ENCIPHERMENT:
        return check_indirect(x, message->proof->value.encipherment, key, ret_encrypt, err);
    default:
        return check_indirect(x, message->proof->value.agreement, key, ret_encrypt, err);
    }
}
