/* A message as lines of text, for people who look for what went wrong. Names, numbers, algorithms; never a key, a
 * signature, a MAC or an attribute that may be a password. */
#include "cmp/describe.h"

#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/name.h"

#include <openssl/err.h>

#define LINES_MAX 400

struct text {
    struct arena *arena;
    struct buffer out;
    int lines;
};

static void put(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(struct text *t, const char *format, ...) {
    char line[1024];
    va_list arguments;
    if (t->lines++ >= LINES_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buffer_printf(&t->out, "%s\n", line);
}

static const char *algorithm_name(struct text *t, const X509_ALGOR *algorithm) {
    char name[128] = "none";
    if (algorithm != NULL)
        OBJ_obj2txt(name, sizeof name, algorithm->algorithm, 0);
    return arena_strdup(t->arena, name);
}

static const char *general_name(struct text *t, const GENERAL_NAME *name) {
    if (name->type == GEN_DIRNAME)
        return name_text(t->arena, name->d.directoryName);
    return "(not a directory name)";
}

static void put_header(struct text *t, const struct cmp_message *m) {
    put(t, "pvno: %d", m->version);
    put(t, "sender: %s", general_name(t, m->header->sender));
    put(t, "recipient: %s", general_name(t, m->header->recipient));
    if (m->header->message_time != NULL)
        put(t, "messageTime: %.*s", ASN1_STRING_length(m->header->message_time),
            (const char *)ASN1_STRING_get0_data(m->header->message_time));
    put(t, "protectionAlg: %s", algorithm_name(t, m->header->protection_alg));
    put(t, "senderKID: %s", hex_encode(t->arena, m->sender_kid));
    put(t, "transactionID: %s", hex_encode(t->arena, m->transaction_id));
    put(t, "senderNonce: %s", hex_encode(t->arena, m->sender_nonce));
    put(t, "recipNonce: %s", hex_encode(t->arena, m->recip_nonce));
    for (int i = 0; i < sk_CMP_INFO_num(m->header->general_info); i++) {
        char name[128];
        OBJ_obj2txt(name, sizeof name, sk_CMP_INFO_value(m->header->general_info, i)->type, 0);
        put(t, "generalInfo: %s", name);
    }
    for (int i = 0; i < sk_X509_num(m->whole->extra_certs); i++)
        put(t, "extraCerts: %s",
            name_text(t->arena, X509_get_subject_name(sk_X509_value(m->whole->extra_certs, i))));
}

static void put_template(struct text *t, const CRMF_TEMPLATE *c) {
    if (c->issuer != NULL)
        put(t, "  issuer: %s", name_text(t->arena, c->issuer));
    if (c->serial != NULL) {
        struct view serial = view_of(ASN1_STRING_get0_data(c->serial), (size_t)ASN1_STRING_length(c->serial));
        put(t, "  serialNumber: %s", hex_encode(t->arena, serial));
    }
    if (c->subject != NULL)
        put(t, "  subject: %s", name_text(t->arena, c->subject));
    if (c->public_key != NULL) {
        ASN1_OBJECT *type = NULL;
        char name[128] = "";
        if (X509_PUBKEY_get0_param(&type, NULL, NULL, NULL, c->public_key) == 1)
            OBJ_obj2txt(name, sizeof name, type, 0);
        put(t, "  publicKey: %s", name);
    }
    for (int i = 0; i < sk_X509_EXTENSION_num(c->extensions); i++) {
        char name[128];
        OBJ_obj2txt(name, sizeof name, X509_EXTENSION_get_object(sk_X509_EXTENSION_value(c->extensions, i)), 0);
        put(t, "  extension: %s", name);
    }
}

static void put_requests(struct text *t, const struct cmp_message *m) {
    static const char *const proofs[] = {"raVerified", "signature", "keyEncipherment", "keyAgreement"};
    const CRMF_MESSAGES *list = asn1_read(t->arena, m->content, ASN1_ITEM_rptr(CRMF_MESSAGES));
    for (int i = 0; i < sk_CRMF_MESSAGE_num(list); i++) {
        const CRMF_MESSAGE *message = sk_CRMF_MESSAGE_value(list, i);
        const CRMF_REQUEST *request =
            asn1_read(t->arena, asn1_any(t->arena, message->request), ASN1_ITEM_rptr(CRMF_REQUEST));
        if (request == NULL) {
            put(t, "certReq: cannot be read");
            continue;
        }
        put(t, "certReqId: %ld", ASN1_INTEGER_get(request->id));
        put_template(t, request->template);
        put(t, "  popo: %s", message->proof == NULL ? "none" : proofs[message->proof->type]);
        for (int j = 0; j < sk_CMP_INFO_num(request->controls); j++) {
            char name[128];
            OBJ_obj2txt(name, sizeof name, sk_CMP_INFO_value(request->controls, j)->type, 0);
            put(t, "  control: %s", name);
        }
    }
}

static void put_status(struct text *t, const char *indent, const CMP_STATUS *status) {
    static const char *const names[] = {"accepted", "grantedWithMods", "rejection", "waiting"};
    long value = ASN1_INTEGER_get(status->status);
    put(t, "%sstatus: %s", indent, value >= 0 && value < 4 ? names[value] : "other");
    for (int i = 0; i < sk_ASN1_UTF8STRING_num(status->texts); i++) {
        const ASN1_UTF8STRING *text = sk_ASN1_UTF8STRING_value(status->texts, i);
        put(t, "%sstatusString: %.*s", indent, ASN1_STRING_length(text), (const char *)ASN1_STRING_get0_data(text));
    }
    for (int bit = 0; status->fail_info != NULL && bit <= CMP_DUPLICATE_CERT_REQ; bit++)
        if (ASN1_BIT_STRING_get_bit(status->fail_info, bit))
            put(t, "%sfailInfo: %s", indent, cmp_fail_name(bit));
}

/* CertResponses: id, status, and what the certificate is when it goes out in the clear. */
static void put_responses(struct text *t, struct view content) {
    unsigned tag;
    struct view rest, part, list = {0};
    if (!wire_unwrap(content, &tag, &rest))
        return;
    while (wire_next(&rest, &part))
        if (part.at[0] == WIRE_SEQUENCE)
            list = part;
    if (!wire_unwrap(list, &tag, &rest))
        return;
    while (wire_next(&rest, &part)) {
        struct view members, id, status, pair, inner;
        if (!wire_unwrap(part, &tag, &members) || !wire_next(&members, &id) || !wire_next(&members, &status))
            return;
        const ASN1_INTEGER *number = asn1_read(t->arena, id, ASN1_ITEM_rptr(ASN1_INTEGER));
        const CMP_STATUS *info = asn1_read(t->arena, status, ASN1_ITEM_rptr(CMP_STATUS));
        put(t, "certReqId: %ld", number == NULL ? -2 : ASN1_INTEGER_get(number));
        if (info != NULL)
            put_status(t, "  ", info);
        if (!wire_next(&members, &pair) || !wire_unwrap(pair, &tag, &inner) || !wire_next(&inner, &part))
            continue;
        X509 *certificate = NULL;
        struct view der;
        if (wire_unwrap(part, &tag, &der) && tag == WIRE_EXPLICIT(0) &&
            certificate_decode(t->arena, der, &certificate, NULL)) {
            keep_X509(t->arena, certificate);
            put(t, "  certificate: %s", name_text(t->arena, X509_get_subject_name(certificate)));
        } else {
            put(t, "  certificate: encrypted to its own key");
        }
        if (inner.len > 0)
            put(t, "  privateKey: encrypted");
    }
}

static void put_infos(struct text *t, struct view content) {
    const CMP_INFOS *list = asn1_read(t->arena, content, ASN1_ITEM_rptr(CMP_INFOS));
    for (int i = 0; i < sk_CMP_INFO_num(list); i++) {
        char name[128];
        OBJ_obj2txt(name, sizeof name, sk_CMP_INFO_value(list, i)->type, 0);
        put(t, "infoType: %s", name);
    }
}

static void put_confirmations(struct text *t, struct view content) {
    const CMP_CONFIRMATIONS *list = asn1_read(t->arena, content, ASN1_ITEM_rptr(CMP_CONFIRMATIONS));
    for (int i = 0; i < sk_CMP_CONFIRMATION_num(list); i++) {
        const CMP_CONFIRMATION *c = sk_CMP_CONFIRMATION_value(list, i);
        put(t, "certReqId: %ld", ASN1_INTEGER_get(c->id));
        if (c->status != NULL)
            put_status(t, "  ", c->status);
    }
}

static void put_revocations(struct text *t, struct view content) {
    const CMP_REVOCATIONS *list = asn1_read(t->arena, content, ASN1_ITEM_rptr(CMP_REVOCATIONS));
    for (int i = 0; i < sk_CMP_REVOCATION_num(list); i++) {
        put(t, "revDetails:");
        put_template(t, sk_CMP_REVOCATION_value(list, i)->template);
    }
}

static void put_error(struct text *t, struct view content) {
    const CMP_ERROR *error = asn1_read(t->arena, content, ASN1_ITEM_rptr(CMP_ERROR));
    if (error != NULL)
        put_status(t, "", error->status);
}

static void put_body(struct text *t, const struct cmp_message *m) {
    switch (m->body) {
    case CMP_IR:
    case CMP_CR:
    case CMP_KUR:
        put_requests(t, m);
        return;
    case CMP_IP:
    case CMP_CP:
    case CMP_KUP:
        put_responses(t, m->content);
        return;
    case CMP_GENM:
    case CMP_GENP:
        put_infos(t, m->content);
        return;
    case CMP_CERTCONF:
        put_confirmations(t, m->content);
        return;
    case CMP_RR:
        put_revocations(t, m->content);
        return;
    case CMP_ERROR_BODY:
        put_error(t, m->content);
        return;
    case CMP_P10CR: {
        const X509_REQ *csr = asn1_read(t->arena, m->content, ASN1_ITEM_rptr(X509_REQ));
        if (csr != NULL)
            put(t, "subject: %s", name_text(t->arena, X509_REQ_get_subject_name(csr)));
        return;
    }
    default:
        return;
    }
}

const char *cmp_describe(struct arena *arena, struct view der) {
    struct cmp_message m;
    struct text t = {.arena = arena, .out = buffer_on(arena)};
    struct error err = {0};
    if (!cmp_decode(arena, der, &m, &err))
        return arena_strdup(arena, err.message);
    put_header(&t, &m);
    put(&t, "body: %s", cmp_body_name(m.body));
    put_body(&t, &m);
    ERR_clear_error();
    return buffer_text(&t.out);
}
