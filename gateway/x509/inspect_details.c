/* The same as JSON. */
#include "base/encode.h"
#include "x509/certificate.h"
#include "x509/crl.h"
#include "x509/csr.h"
#include "x509/inspect_items.h"
#include "x509/internal.h"
#include "x509/name.h"
#include "x509/pkcs12.h"
#include "x509/san.h"

#include <string.h>

#define MAX_ENTRIES 1000

static const char *hex_of(struct arena *arena, const ASN1_STRING *string) {
    return hex_encode(arena,
                      view_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string)));
}

static const char *serial_of(struct arena *arena, const ASN1_INTEGER *serial) {
    const char *digits = hex_of(arena, serial);
    bool negative = (ASN1_STRING_type(serial) & V_ASN1_NEG) != 0;
    return negative ? arena_printf(arena, "-%s", digits) : digits;
}

static void put_date(struct json_writer *w, const char *name, const ASN1_TIME *time) {
    int64_t us;
    if (time != NULL && asn1_time_to_us(time, &us, NULL))
        json_put_time(w, name, us);
    else
        json_put_null(w, name);
}

static void put_object(struct json_writer *w, struct arena *arena, const char *name,
                       const ASN1_OBJECT *object) {
    int nid = OBJ_obj2nid(object);
    json_put_string(w, name, nid == NID_undef ? oid_text(arena, object) : OBJ_nid2ln(nid));
}

static void put_key(struct json_writer *w, struct arena *arena, EVP_PKEY *key) {
    char type[KEY_TYPE_SIZE];
    struct view spki;
    uint8_t digest[32];
    json_put_string(w, "keyType", key != NULL && key_type_of(key, type) ? type : "unknown");
    if (key == NULL || !key_spki(arena, key, &spki, NULL) ||
        EVP_Digest(spki.at, spki.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return;
    json_put_int(w, "keyBits", EVP_PKEY_get_bits(key));
    json_put_string(w, "spkiSha256", hex_encode(arena, view_of(digest, sizeof digest)));
}

static void put_extensions(struct json_writer *w, struct arena *arena, const char *name,
                           const EXTENSION_LIST *list) {
    json_name(w, name);
    json_open_array(w);
    for (int i = 0; i < sk_X509_EXTENSION_num(list) && i < MAX_ENTRIES; i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(list, i);
        AUTO(BIO) *bio = BIO_new(BIO_s_mem());
        json_open_object(w);
        json_put_string(w, "oid", oid_text(arena, X509_EXTENSION_get_object(extension)));
        put_object(w, arena, "name", X509_EXTENSION_get_object(extension));
        json_put_bool(w, "critical", X509_EXTENSION_get_critical(extension) != 0);
        if (bio != NULL && X509V3_EXT_print(bio, extension, X509V3_EXT_DUMP_UNKNOWN, 0) == 1)
            json_put_string(w, "text", bio_text(arena, bio));
        json_put_string(w, "value", hex_of(arena, X509_EXTENSION_get_data(extension)));
        json_close_object(w);
    }
    json_close_array(w);
    ERR_clear_error();
}

static void put_sans(struct json_writer *w, struct arena *arena, const GENERAL_NAMES *sans) {
    json_name(w, "sans");
    san_write_json(w, arena, sans);
}

static void certificate_details(struct json_writer *w, const struct inspection *in, X509 *x) {
    struct arena *arena = in->arena;
    struct certificate_facts facts;
    uint8_t sha1[20];
    AUTO(GENERAL_NAMES) *sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    json_put_int(w, "version", X509_get_version(x) + 1);
    json_put_string(w, "serial", serial_of(arena, X509_get0_serialNumber(x)));
    json_put_string(w, "subject", name_text(arena, X509_get_subject_name(x)));
    json_put_string(w, "issuer", name_text(arena, X509_get_issuer_name(x)));
    put_date(w, "notBefore", X509_get0_notBefore(x));
    put_date(w, "notAfter", X509_get0_notAfter(x));
    put_sans(w, arena, sans);
    put_key(w, arena, X509_get0_pubkey(x));
    if (X509_digest(x, EVP_sha1(), sha1, NULL) == 1)
        json_put_string(w, "sha1", hex_encode(arena, view_of(sha1, sizeof sha1)));
    if (certificate_read(arena, x, &facts, NULL)) {
        json_put_string(w, "signatureAlgorithm", facts.signature_algorithm);
        json_put_string(w, "subjectKeyId", facts.subject_key_id);
        json_put_bool(w, "ca", facts.is_ca);
        if (facts.path_length >= 0)
            json_put_int(w, "pathLength", facts.path_length);
    }
    put_extensions(w, arena, "extensions", X509_get0_extensions(x));
}

static void csr_details(struct json_writer *w, const struct inspection *in, X509_REQ *csr) {
    AUTO(EXTENSION_LIST) *extensions = NULL;
    AUTO(GENERAL_NAMES) *sans = NULL;
    struct error err;
    EVP_PKEY *key = X509_REQ_get0_pubkey(csr);
    json_put_string(w, "subject", name_text(in->arena, X509_REQ_get_subject_name(csr)));
    if (csr_sans(csr, &sans, &err))
        put_sans(w, in->arena, sans);
    put_key(w, in->arena, key);
    int nid = X509_REQ_get_signature_nid(csr);
    json_put_string(w, "signatureAlgorithm", nid == NID_undef ? "unknown" : OBJ_nid2ln(nid));
    json_put_bool(w, "signatureVerifies", key != NULL && csr_verifies(csr, key));
    /* Only whether: the password is a secret between device and CA. */
    json_put_bool(w, "challengePassword", csr_challenge_password(in->arena, csr) != NULL);
    if (csr_extensions(csr, &extensions, &err))
        put_extensions(w, in->arena, "requestedExtensions", extensions);
}

static void put_entries(struct json_writer *w, struct arena *arena,
                        const STACK_OF(X509_REVOKED) *list) {
    json_name(w, "entries");
    json_open_array(w);
    for (int i = 0; i < sk_X509_REVOKED_num(list) && i < MAX_ENTRIES; i++) {
        const X509_REVOKED *revoked = sk_X509_REVOKED_value(list, i);
        AUTO(ASN1_ENUMERATED) *reason =
            X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, NULL, NULL);
        AUTO(ASN1_GENERALIZEDTIME) *invalid = X509_REVOKED_get_ext_d2i(revoked, NID_invalidity_date, NULL, NULL);
        json_open_object(w);
        json_put_string(w, "serial", serial_of(arena, X509_REVOKED_get0_serialNumber(revoked)));
        put_date(w, "revokedAt", X509_REVOKED_get0_revocationDate(revoked));
        json_put_string(w, "reason",
                        reason_name(reason == NULL ? 0 : (int)ASN1_ENUMERATED_get(reason)));
        if (invalid != NULL)
            put_date(w, "invalidityDate", invalid);
        json_close_object(w);
    }
    json_close_array(w);
}

static void crl_details(struct json_writer *w, const struct inspection *in,
                        const struct inspect_item *item) {
    X509_CRL *crl = item->object;
    AUTO(ASN1_INTEGER) *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    const STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    json_put_string(w, "issuer", name_text(in->arena, X509_CRL_get_issuer(crl)));
    json_put_string(w, "number", number == NULL ? NULL : serial_of(in->arena, number));
    put_date(w, "thisUpdate", X509_CRL_get0_lastUpdate(crl));
    put_date(w, "nextUpdate", X509_CRL_get0_nextUpdate(crl));
    int nid = X509_CRL_get_signature_nid(crl);
    json_put_string(w, "signatureAlgorithm", nid == NID_undef ? "unknown" : OBJ_nid2ln(nid));
    json_put_bool(w, "delta", X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0);
    json_put_int(w, "count", revoked == NULL ? 0 : sk_X509_REVOKED_num(revoked));
    json_name(w, "signedBy");
    if (item->signer < 0)
        json_add_null(w);
    else
        json_add_int(w, item->signer);
    put_extensions(w, in->arena, "extensions", X509_CRL_get0_extensions(crl));
    put_entries(w, in->arena, revoked); /* the first thousand; count says how many there are */
}

static void put_imprint(struct json_writer *w, struct arena *arena, TS_MSG_IMPRINT *imprint) {
    const ASN1_OBJECT *oid;
    X509_ALGOR_get0(&oid, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    put_object(w, arena, "digest", oid);
    json_put_string(w, "imprint", hex_of(arena, TS_MSG_IMPRINT_get_msg(imprint)));
}

static void put_stamp(struct json_writer *w, struct arena *arena, TS_TST_INFO *stamp) {
    const ASN1_INTEGER *nonce = TS_TST_INFO_get_nonce(stamp);
    int64_t us;
    put_imprint(w, arena, TS_TST_INFO_get_msg_imprint(stamp));
    json_put_string(w, "serial", serial_of(arena, TS_TST_INFO_get_serial(stamp)));
    json_put_string(w, "policy", oid_text(arena, TS_TST_INFO_get_policy_id(stamp)));
    if (asn1_time_to_us(TS_TST_INFO_get_time(stamp), &us, NULL))
        json_put_time(w, "time", us);
    json_put_string(w, "nonce", nonce == NULL ? NULL : serial_of(arena, nonce));
}

static void put_signers(struct json_writer *w, struct arena *arena, CMS_ContentInfo *cms) {
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    json_name(w, "signers");
    json_open_array(w);
    for (int i = 0; i < sk_CMS_SignerInfo_num(signers) && i < MAX_ENTRIES; i++) {
        ASN1_OCTET_STRING *key_id = NULL;
        X509_NAME *issuer = NULL;
        ASN1_INTEGER *serial = NULL;
        if (CMS_SignerInfo_get0_signer_id(sk_CMS_SignerInfo_value(signers, i), &key_id, &issuer,
                                          &serial) != 1)
            continue;
        json_open_object(w);
        json_put_string(w, "issuer", issuer == NULL ? NULL : name_text(arena, issuer));
        json_put_string(w, "serial", serial == NULL ? NULL : serial_of(arena, serial));
        json_put_string(w, "keyId", key_id == NULL ? NULL : hex_of(arena, key_id));
        json_close_object(w);
    }
    json_close_array(w);
}

static void cms_details(struct json_writer *w, const struct inspection *in, CMS_ContentInfo *cms) {
    ASN1_OCTET_STRING **content = CMS_get0_content(cms);
    const ASN1_OBJECT *type = CMS_get0_eContentType(cms);
    put_object(w, in->arena, "contentType", CMS_get0_type(cms));
    if (type != NULL)
        put_object(w, in->arena, "encapsulated", type);
    put_signers(w, in->arena, cms);
    if (type == NULL || OBJ_obj2nid(type) != NID_id_smime_ct_TSTInfo || content == NULL ||
        *content == NULL)
        return;
    const unsigned char *at = ASN1_STRING_get0_data(*content);
    TS_TST_INFO *stamp = d2i_TS_TST_INFO(NULL, &at, ASN1_STRING_length(*content));
    if (stamp == NULL)
        return;
    json_name(w, "timestamp");
    json_open_object(w);
    put_stamp(w, in->arena, stamp);
    json_close_object(w);
    TS_TST_INFO_free(stamp);
}

static void put_certificate_id(struct json_writer *w, struct arena *arena, const OCSP_CERTID *id) {
    ASN1_OCTET_STRING *name = NULL, *key = NULL;
    ASN1_OBJECT *digest = NULL;
    ASN1_INTEGER *serial = NULL;
    OCSP_id_get0_info(&name, &digest, &key, &serial, (OCSP_CERTID *)(uintptr_t)id);
    put_object(w, arena, "digest", digest);
    json_put_string(w, "issuerNameHash", hex_of(arena, name));
    json_put_string(w, "issuerKeyHash", hex_of(arena, key));
    json_put_string(w, "serial", serial_of(arena, serial));
}

static void ocsp_request_details(struct json_writer *w, struct arena *arena,
                                 OCSP_REQUEST *request) {
    json_put_bool(w, "signed", OCSP_request_is_signed(request) == 1);
    json_put_bool(w, "nonce",
                  OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1) >= 0);
    json_name(w, "requests");
    json_open_array(w);
    for (int i = 0; i < OCSP_request_onereq_count(request) && i < MAX_ENTRIES; i++) {
        json_open_object(w);
        put_certificate_id(w, arena, OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i)));
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_answer(struct json_writer *w, struct arena *arena, OCSP_SINGLERESP *single) {
    ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *to = NULL;
    int reason = -1, status = OCSP_single_get0_status(single, &reason, &revoked, &from, &to);
    json_open_object(w);
    put_certificate_id(w, arena, OCSP_SINGLERESP_get0_id(single));
    json_put_string(w, "status", OCSP_cert_status_str(status));
    put_date(w, "thisUpdate", from);
    put_date(w, "nextUpdate", to);
    if (revoked != NULL) {
        AUTO(ASN1_GENERALIZEDTIME) *invalid = OCSP_SINGLERESP_get1_ext_d2i(single, NID_invalidity_date, NULL, NULL);
        put_date(w, "revokedAt", revoked);
        json_put_string(w, "reason", reason_name(reason));
        if (invalid != NULL)
            put_date(w, "invalidityDate", invalid);
    }
    json_close_object(w);
}

static void ocsp_response_details(struct json_writer *w, struct arena *arena,
                                  OCSP_RESPONSE *response) {
    json_put_string(w, "status", OCSP_response_status_str(OCSP_response_status(response)));
    AUTO(OCSP_BASICRESP) *basic = OCSP_response_get1_basic(response);
    if (basic == NULL)
        return;
    const ASN1_OCTET_STRING *key_id = NULL;
    const X509_NAME *name = NULL;
    OCSP_resp_get0_id(basic, &key_id, &name);
    json_put_string(w, "responder", name == NULL ? NULL : name_text(arena, name));
    json_put_string(w, "responderKeyHash", key_id == NULL ? NULL : hex_of(arena, key_id));
    put_date(w, "producedAt", OCSP_resp_get0_produced_at(basic));
    json_put_bool(w, "nonce",
                  OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1) >= 0);
    json_name(w, "answers");
    json_open_array(w);
    for (int i = 0; i < OCSP_resp_count(basic) && i < MAX_ENTRIES; i++)
        put_answer(w, arena, OCSP_resp_get0(basic, i));
    json_close_array(w);
}

static void ts_request_details(struct json_writer *w, struct arena *arena, TS_REQ *request) {
    const ASN1_INTEGER *nonce = TS_REQ_get_nonce(request);
    ASN1_OBJECT *policy = TS_REQ_get_policy_id(request);
    put_imprint(w, arena, TS_REQ_get_msg_imprint(request));
    json_put_string(w, "policy", policy == NULL ? NULL : oid_text(arena, policy));
    json_put_string(w, "nonce", nonce == NULL ? NULL : serial_of(arena, nonce));
    json_put_bool(w, "certificateWanted", TS_REQ_get_cert_req(request) != 0);
}

static void ts_response_details(struct json_writer *w, struct arena *arena, TS_RESP *response) {
    const ASN1_INTEGER *status = TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(response));
    TS_TST_INFO *stamp = TS_RESP_get_tst_info(response);
    json_put_int(w, "status", status == NULL ? -1 : ASN1_INTEGER_get(status));
    if (stamp == NULL)
        return;
    json_name(w, "timestamp");
    json_open_object(w);
    put_stamp(w, arena, stamp);
    json_close_object(w);
}

static void sct_details(struct json_writer *w, struct arena *arena, const STACK_OF(SCT) *list) {
    json_name(w, "scts");
    json_open_array(w);
    for (int i = 0; i < sk_SCT_num(list) && i < MAX_ENTRIES; i++) {
        const SCT *sct = sk_SCT_value(list, i);
        unsigned char *log = NULL;
        size_t len = SCT_get0_log_id(sct, &log);
        uint64_t at = SCT_get_timestamp(sct);
        json_open_object(w);
        json_put_int(w, "version", SCT_get_version(sct) + 1);
        json_put_string(w, "logId", hex_encode(arena, view_of(log, len)));
        if (at < (uint64_t)INT64_C(253402300800000)) /* the year 10000 */
            json_put_time(w, "time", (int64_t)at * 1000);
        json_close_object(w);
    }
    json_close_array(w);
}

void inspect_details(struct json_writer *w, const struct inspection *in,
                     const struct inspect_item *item) {
    struct arena *arena = in->arena;
    if (item->object == NULL)
        return;
    switch (item->kind) {
    case KIND_CERTIFICATE:
        certificate_details(w, in, item->object);
        break;
    case KIND_CSR:
        csr_details(w, in, item->object);
        break;
    case KIND_CRL:
        crl_details(w, in, item);
        break;
    case KIND_CMS:
        cms_details(w, in, item->object);
        break;
    case KIND_PKCS12:
        json_put_string(w, "protection", ((struct pkcs12_contents *)item->object)->protection);
        break;
    case KIND_OCSP_REQUEST:
        ocsp_request_details(w, arena, item->object);
        break;
    case KIND_OCSP_RESPONSE:
        ocsp_response_details(w, arena, item->object);
        break;
    case KIND_TS_REQUEST:
        ts_request_details(w, arena, item->object);
        break;
    case KIND_TS_RESPONSE:
        ts_response_details(w, arena, item->object);
        break;
    case KIND_PRIVATE_KEY:
    case KIND_PUBLIC_KEY:
        put_key(w, arena, item->object);
        break;
    case KIND_SCT_LIST:
        sct_details(w, arena, item->object);
        break;
    case KIND_COUNT:
        break;
    }
}
