#include "cmp/message.h"

#include "base/clock.h"
#include "x509/certificate.h"

#include <openssl/err.h>
#include <string.h>

#define TRANSACTION_MIN 8
#define NONCE_MIN 8

const char *cmp_body_name(int body) {
    static const char *const names[CMP_BODY_COUNT] = {
        [CMP_IR] = "ir",           [CMP_IP] = "ip",           [CMP_CR] = "cr",
        [CMP_CP] = "cp",           [CMP_P10CR] = "p10cr",     [5] = "popdecc",
        [6] = "popdecr",           [CMP_KUR] = "kur",         [CMP_KUP] = "kup",
        [9] = "krr",               [10] = "krp",              [CMP_RR] = "rr",
        [CMP_RP] = "rp",           [13] = "ccr",              [14] = "ccp",
        [15] = "ckuann",           [16] = "cann",             [17] = "rann",
        [18] = "crlann",           [CMP_PKICONF] = "pkiconf", [CMP_NESTED] = "nested",
        [CMP_GENM] = "genm",       [CMP_GENP] = "genp",       [CMP_ERROR_BODY] = "error",
        [CMP_CERTCONF] = "certConf", [CMP_POLLREQ] = "pollReq", [CMP_POLLREP] = "pollRep"};
    return body >= 0 && body < CMP_BODY_COUNT ? names[body] : "unknown";
}

const char *cmp_fail_name(int fail) {
    static const char *const names[] = {
        "badAlg",           "badMessageCheck",  "badRequest",        "badTime",
        "badCertId",        "badDataFormat",    "wrongAuthority",    "incorrectData",
        "missingTimeStamp", "badPOP",           "certRevoked",       "certConfirmed",
        "wrongIntegrity",   "badRecipientNonce", "timeNotAvailable", "unacceptedPolicy",
        "unacceptedExtension", "addInfoNotAvailable", "badSenderNonce", "badCertTemplate",
        "signerNotTrusted", "transactionIdInUse", "unsupportedVersion", "notAuthorized",
        "systemUnavail",    "systemFailure",    "duplicateCertReq"};
    return fail >= 0 && fail < (int)(sizeof names / sizeof names[0]) ? names[fail] : "";
}

static bool broken(struct error *err, const char *part) {
    ERR_clear_error();
    return fail(err, ERROR_MALFORMED, "malformed-cmp",
                "The message is no PKIMessage (RFC 9810, DER): its %s cannot be read.", part);
}

static struct view octets_of(const ASN1_OCTET_STRING *string) {
    if (string == NULL)
        return view_of(NULL, 0);
    return view_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static bool asks_implicit_confirm(const CMP_HEADER *header) {
    for (int i = 0; i < sk_CMP_INFO_num(header->general_info); i++)
        if (OBJ_obj2nid(sk_CMP_INFO_value(header->general_info, i)->type) == NID_id_it_implicitConfirm)
            return true;
    return false;
}

static bool decode_body(struct arena *arena, struct cmp_message *m, struct error *err) {
    unsigned tag;
    struct view body = asn1_any(arena, m->whole->body);
    if (!wire_unwrap(body, &tag, &m->content) || (tag & 0xe0u) != 0xa0u || (tag & 0x1fu) >= CMP_BODY_COUNT)
        return broken(err, "body");
    m->body = (int)(tag & 0x1fu);
    return true;
}

bool cmp_decode(struct arena *arena, struct view der, struct cmp_message *ret, struct error *err) {
    struct cmp_message m = {.der = der};
    int64_t version = 0;
    if (der.len > CMP_MESSAGE_MAX)
        return fail(err, ERROR_TOO_LARGE, "malformed-cmp", "The message has %zu octets; at most %zu are read.",
                    der.len, CMP_MESSAGE_MAX);
    m.whole = asn1_read(arena, der, ASN1_ITEM_rptr(CMP_MESSAGE));
    if (m.whole == NULL)
        return broken(err, "outer structure");
    m.header = asn1_read(arena, asn1_any(arena, m.whole->header), ASN1_ITEM_rptr(CMP_HEADER));
    if (m.header == NULL || ASN1_INTEGER_get_int64(&version, m.header->pvno) != 1)
        return broken(err, "header");
    if (sk_X509_num(m.whole->extra_certs) > CMP_CERTS_MAX)
        return fail(err, ERROR_TOO_LARGE, "malformed-cmp", "The message has %d extra certificates; at most %d are "
                    "looked at.", sk_X509_num(m.whole->extra_certs), CMP_CERTS_MAX);
    TRY(decode_body(arena, &m, err));
    m.version = version > 0 && version < 100 ? (int)version : 0;
    m.transaction_id = octets_of(m.header->transaction_id);
    m.sender_nonce = octets_of(m.header->sender_nonce);
    m.recip_nonce = octets_of(m.header->recip_nonce);
    m.sender_kid = octets_of(m.header->sender_kid);
    m.implicit_confirm = asks_implicit_confirm(m.header);
    *ret = m;
    return true;
}

static bool refuse(struct error *err, enum cmp_fail *ret_fail, enum cmp_fail why, const char *message) {
    *ret_fail = why;
    return fail(err, ERROR_MALFORMED, "cmp-header", "%s", message);
}

bool cmp_check_header(const struct cmp_message *m, int64_t now_us, int64_t tolerance_s,
                      enum cmp_fail *ret_fail, struct error *err) {
    int64_t at_us;
    if (m->version != 2 && m->version != 3) /* rfc9810#7 */
        return refuse(err, ret_fail, CMP_UNSUPPORTED_VERSION, "pvno must be 2 (cmp2000) or 3 (cmp2021).");
    if (m->transaction_id.len < TRANSACTION_MIN || m->transaction_id.len > CMP_TRANSACTION_MAX)
        return refuse(err, ret_fail, CMP_BAD_DATA_FORMAT,
                      "The header needs a transactionID of 8 to 64 octets (RFC 9483 3.1: 16 random ones).");
    /* rfc9483#3.1: present in every message, fresh; it is what answers are bound to. */
    if (m->sender_nonce.len < NONCE_MIN || m->sender_nonce.len > CMP_NONCE_MAX)
        return refuse(err, ret_fail, CMP_BAD_SENDER_NONCE,
                      "The header needs a senderNonce of 8 to 64 octets (RFC 9483 3.1: 16 random ones).");
    if (tolerance_s == 0 || m->header->message_time == NULL)
        return true;
    if (!asn1_time_to_us(m->header->message_time, &at_us, err) ||
        at_us > now_us + tolerance_s * US_PER_SECOND || at_us < now_us - tolerance_s * US_PER_SECOND)
        return refuse(err, ret_fail, CMP_BAD_TIME,
                      "messageTime is too far from the server's clock; set the client's clock, or leave it out.");
    return true;
}

/* --- answers ------------------------------------------------------------------------------------------ */

struct view cmp_status_info(struct arena *arena, enum cmp_status status, const char *text, enum cmp_fail fail) {
    struct view none = view_of(NULL, 0);
    return WIRE_SEQ(arena, wire_int(arena, status),
                   text == NULL ? none : WIRE_SEQ(arena, wire_utf8(arena, text)),
                   fail == CMP_NO_FAIL ? none : wire_bit(arena, (unsigned)fail));
}

struct view cmp_error_body(struct arena *arena, enum cmp_fail fail, const char *text) {
    return WIRE_SEQ(arena, cmp_status_info(arena, CMP_REJECTED, text, fail));
}

struct view cmp_cert_response(struct arena *arena, int64_t id, struct view status, struct view key_pair) {
    return WIRE_SEQ(arena, wire_int(arena, id), status, key_pair);
}

struct view cmp_cert_rep(struct arena *arena, const struct view *ca_pubs, size_t ca_pub_count,
                         struct view responses) {
    struct view pubs = wire_join(arena, ca_pubs, ca_pub_count);
    if (pubs.len > 0)
        pubs = wire_tagged(arena, 1, wire_wrap(arena, WIRE_SEQUENCE, pubs));
    return WIRE_SEQ(arena, pubs, wire_wrap(arena, WIRE_SEQUENCE, responses));
}

struct view cmp_poll_rep(struct arena *arena, int64_t id, int64_t check_after_s, const char *reason) {
    return WIRE_SEQ(arena, wire_int(arena, id), wire_int(arena, check_after_s),
                   WIRE_SEQ(arena, wire_utf8(arena, reason)));
}

struct view cmp_info(struct arena *arena, int nid, struct view value) {
    return WIRE_SEQ(arena, wire_oid(arena, nid), value);
}

struct view cmp_directory_name(struct arena *arena, const X509_NAME *name) {
    struct view der = asn1_der(arena, name, ASN1_ITEM_rptr(X509_NAME));
    return wire_tagged(arena, 4, der);
}

static struct view general_info(struct arena *arena, const struct cmp_answer *a) {
    struct view parts[2] = {{0}};
    if (a->implicit_confirm)
        parts[0] = cmp_info(arena, NID_id_it_implicitConfirm, wire_null());
    if (a->confirm_until_us != 0)
        parts[1] = cmp_info(arena, NID_id_it_confirmWaitTime, wire_time(arena, a->confirm_until_us));
    struct view all = wire_join(arena, parts, 2);
    return all.len == 0 ? all : wire_tagged(arena, 8, wire_wrap(arena, WIRE_SEQUENCE, all));
}

static struct view tagged_octets(struct arena *arena, unsigned tag, struct view octets) {
    return octets.len == 0 ? octets : wire_tagged(arena, tag, wire_octets(arena, octets));
}

struct view cmp_header_der(struct arena *arena, const struct cmp_answer *a, struct view algorithm) {
    return WIRE_SEQ(arena, wire_int(arena, a->version), a->sender, a->recipient,
                   wire_tagged(arena, 0, wire_time(arena, a->now_us)), wire_tagged(arena, 1, algorithm),
                   tagged_octets(arena, 2, a->sender_kid), tagged_octets(arena, 4, a->transaction_id),
                   tagged_octets(arena, 5, a->sender_nonce), tagged_octets(arena, 6, a->recip_nonce),
                   general_info(arena, a));
}

struct view cmp_body_der(struct arena *arena, const struct cmp_answer *a) {
    return wire_wrap(arena, WIRE_EXPLICIT((unsigned)a->body), a->content);
}

struct view cmp_assemble(struct arena *arena, const struct cmp_answer *a, struct view header, struct view body,
                         struct view protection) {
    struct view certs = a->extra_certs;
    if (certs.len > 0)
        certs = wire_tagged(arena, 1, wire_wrap(arena, WIRE_SEQUENCE, certs));
    if (protection.len > 0)
        protection = wire_tagged(arena, 0, wire_bits(arena, protection));
    return WIRE_SEQ(arena, header, body, protection, certs);
}
