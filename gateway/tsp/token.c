#include "tsp/token.h"

#include "base/clock.h"
#include "tsp/der.h"

#include <string.h>

/* Whole TLVs of object identifiers. */
#define OID_SIGNED_DATA VIEW_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
#define OID_DATA VIEW_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_TST_INFO VIEW_LITERAL("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04")
#define OID_CONTENT_TYPE VIEW_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03")
#define OID_MESSAGE_DIGEST VIEW_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04")
#define OID_SIGNING_TIME VIEW_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05")
/* Extensions [1]: qcStatements with esi4-qtstStatement-1, 0.4.0.19422.1.1 (ETSI EN 319 422, 9.1). */
#define QUALIFIED                                                                                  \
    VIEW_LITERAL("\xa1\x1b\x30\x19\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x03\x04\x0d\x30\x0b\x30\x09" \
                 "\x06\x07\x04\x00\x81\x97\x5e\x01\x01")

enum { TOKEN_ROOM = 512 }; /* beside certificates, content, attributes and signature */

/* --- TSTInfo ------------------------------------------------------------------------------------------ */

enum { SECOND_DIGITS = 14 };

/* YYYYMMDDHHMMSS, the same for all tokens of a second in a thread. */
static const char *digits_of_second(int64_t second) {
    static _Thread_local int64_t known = INT64_MIN;
    static _Thread_local char digits[SECOND_DIGITS];
    char text[TIME_TEXT_SIZE];
    size_t n = 0;
    if (second == known)
        return digits;
    time_format(second * US_PER_SECOND, text); /* 2026-11-21T05:12:57Z */
    for (const char *at = text; *at != '\0' && n < SECOND_DIGITS; at++)
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
    known = second;
    return digits;
}

/* rfc3161#2.4.2: GeneralizedTime with Z, no trailing zeros in the fraction. */
static void put_time(struct der *d, int64_t us, int digits) {
    char out[SECOND_DIGITS + 10];
    int64_t second = us / US_PER_SECOND, fraction = us - second * US_PER_SECOND;
    size_t n = SECOND_DIGITS;
    memcpy(out, digits_of_second(second), SECOND_DIGITS);
    if (digits > 0 && fraction > 0) {
        size_t point = n, last = n;
        out[n++] = '.';
        for (int64_t i = 0, unit = 100000; i < digits; i++, unit /= 10) {
            out[n++] = (char)('0' + fraction / unit % 10);
            if (out[n - 1] != '0')
                last = n;
        }
        n = last > point ? last : point;
    }
    out[n++] = 'Z';
    der_put(d, DER_TIME, view_of(out, n));
}

static void put_accuracy(struct der *d, int64_t us) {
    size_t mark = der_mark(d);
    int64_t parts[3] = {us / US_PER_SECOND, us / 1000 % 1000, us % 1000};
    for (int i = 2; i >= 0; i--) {
        if (parts[i] == 0)
            continue;
        der_int(d, parts[i]);
        if (i > 0) /* [0] and [1] IMPLICIT INTEGER: the tag alone differs */
            *d->at = (uint8_t)(0x80 + i - 1);
    }
    der_wrap(d, DER_SEQUENCE, mark);
}

static void put_serial(struct der *d, struct view serial) {
    size_t mark = der_mark(d);
    der_raw(d, serial);
    if ((*serial.at & 0x80) != 0)
        der_raw(d, VIEW_LITERAL("\0"));
    der_wrap(d, DER_INTEGER, mark);
}

static struct view write_info(struct arena *arena, const struct tsp_order *order) {
    struct der d = der_on(arena, 512);
    if (order->qualified)
        der_raw(&d, QUALIFIED);
    if (order->tsa_name) { /* [0] EXPLICIT: GeneralName is a CHOICE */
        size_t mark = der_mark(&d);
        der_raw(&d, order->signer->name);
        der_wrap(&d, DER_TAG_0, mark);
    }
    der_raw(&d, order->query->nonce);
    if (order->ordering) /* DEFAULT FALSE */
        der_raw(&d, VIEW_LITERAL("\x01\x01\xff"));
    if (order->accuracy_us > 0)
        put_accuracy(&d, order->accuracy_us);
    put_time(&d, order->time_us, order->digits);
    put_serial(&d, order->serial);
    der_raw(&d, order->query->imprint);
    der_raw(&d, order->policy);
    der_int(&d, 1);
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

/* --- signed attributes and signature ------------------------------------------------------------------- */

/* SEQUENCE { OID, SET { value } } */
static struct view attribute(struct arena *arena, struct view oid, uint8_t tag, struct view value) {
    struct der d = der_on(arena, oid.len + value.len + 24);
    if (tag == 0)
        der_raw(&d, value); /* a whole TLV */
    else
        der_put(&d, tag, value);
    der_wrap(&d, DER_SET, 0);
    der_raw(&d, oid);
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

/* DER sorts a SET OF by its encodings (X.690 11.6). These are SEQUENCEs of different lengths, so the shorter
 * one comes first: its length octets are the smaller ones. */
static void sort_by_length(struct view *items, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && items[j].len < items[j - 1].len; j--) {
            struct view swap = items[j];
            items[j] = items[j - 1];
            items[j - 1] = swap;
        }
}

/* The attributes as the SET OF that is signed (rfc5652#5.4); in the SignerInfo its tag is [0]. */
static struct view attribute_set(struct arena *arena, struct view *attributes, size_t count) {
    struct der d = der_on(arena, 512);
    sort_by_length(attributes, count);
    for (size_t i = count; i > 0; i--)
        der_raw(&d, attributes[i - 1]);
    der_wrap(&d, DER_SET, 0);
    return der_view(&d);
}

struct signed_parts {
    struct view content_type, content; /* OID TLV; content is in an OCTET STRING */
    struct view attributes, signature;
    int version;       /* of the SignedData, rfc5652#5.1 */
    bool certificates;
};

static struct view write_signed_data(struct arena *arena, const struct tsp_signer *signer,
                                     const struct signed_parts *parts) {
    size_t certificates = parts->certificates ? signer->certificates.len : 0;
    struct der d = der_on(arena, TOKEN_ROOM + certificates + parts->content.len +
                                     parts->attributes.len + parts->signature.len);
    size_t mark;
    /* signerInfos */
    der_put(&d, DER_OCTETS, parts->signature);
    der_raw(&d, signer->signature_algorithm);
    der_raw(&d, parts->attributes);
    *d.at = DER_TAG_0; /* IMPLICIT: instead of the SET's tag */
    der_raw(&d, signer->digest_algorithm);
    der_raw(&d, signer->issuer_and_serial);
    der_int(&d, 1);
    der_wrap(&d, DER_SEQUENCE, 0);
    der_wrap(&d, DER_SET, 0);
    if (parts->certificates)
        der_put(&d, DER_TAG_0, signer->certificates);
    /* encapContentInfo */
    mark = der_mark(&d);
    der_put(&d, DER_OCTETS, parts->content);
    der_wrap(&d, DER_TAG_0, mark);
    der_raw(&d, parts->content_type);
    der_wrap(&d, DER_SEQUENCE, mark);
    der_put(&d, DER_SET, signer->digest_algorithm);
    der_int(&d, parts->version);
    der_wrap(&d, DER_SEQUENCE, 0);
    der_wrap(&d, DER_TAG_0, 0);
    der_raw(&d, OID_SIGNED_DATA);
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

static bool hash(const struct tsp_signer *signer, struct view bytes, uint8_t *octets, unsigned *ret_len,
                 struct error *err) {
    return EVP_Digest(bytes.at, bytes.len, octets, ret_len, signer->digest, NULL) == 1 ||
           fail_internal(err, "digest of a timestamp");
}

bool tsp_token_build(struct arena *arena, const struct tsp_order *order, struct view *ret_token,
                     struct error *err) {
    const struct tsp_signer *signer = order->signer;
    uint8_t octets[EVP_MAX_MD_SIZE];
    unsigned len;
    struct signed_parts parts = {.content_type = OID_TST_INFO,
                                 .content = write_info(arena, order),
                                 .version = 3, /* the content is not data */
                                 .certificates = order->query->certificates};
    TRY(hash(signer, parts.content, octets, &len, err));
    struct view attributes[] = {
        attribute(arena, OID_CONTENT_TYPE, 0, OID_TST_INFO),
        attribute(arena, OID_MESSAGE_DIGEST, DER_OCTETS, view_of(octets, len)),
        signer->ess,
    };
    parts.attributes = attribute_set(arena, attributes, 3);
    TRY(tsp_signer_sign(arena, signer, parts.attributes, &parts.signature, err));
    *ret_token = write_signed_data(arena, signer, &parts);
    return true;
}

bool tsp_authenticode_build(struct arena *arena, const struct tsp_signer *signer, struct view content,
                            int64_t time_us, struct view *ret_der, struct error *err) {
    uint8_t octets[EVP_MAX_MD_SIZE];
    char text[TIME_TEXT_SIZE], utc[16];
    unsigned len;
    size_t n = 0;
    struct signed_parts parts = {
        .content_type = OID_DATA, .content = content, .version = 1, .certificates = true};
    TRY(hash(signer, content, octets, &len, err));
    time_format(time_us / US_PER_SECOND * US_PER_SECOND, text);
    for (const char *at = text + 2; *at != '\0'; at++) /* YYMMDDHHMMSSZ, until 2049 (rfc5652#11.3) */
        if ((*at >= '0' && *at <= '9') || *at == 'Z')
            utc[n++] = *at;
    struct view attributes[] = {
        attribute(arena, OID_CONTENT_TYPE, 0, OID_DATA),
        attribute(arena, OID_SIGNING_TIME, DER_UTC_TIME, view_of(utc, n)),
        attribute(arena, OID_MESSAGE_DIGEST, DER_OCTETS, view_of(octets, len)),
    };
    parts.attributes = attribute_set(arena, attributes, 3);
    TRY(tsp_signer_sign(arena, signer, parts.attributes, &parts.signature, err));
    *ret_der = write_signed_data(arena, signer, &parts);
    return true;
}

/* --- TimeStampResp --------------------------------------------------------------------------------------- */

struct view tsp_response_granted(struct arena *arena, struct view token) {
    struct der d = der_on(arena, token.len + 16);
    der_raw(&d, token);
    der_raw(&d, VIEW_LITERAL("\x30\x03\x02\x01\x00")); /* PKIStatusInfo: granted */
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

struct view tsp_response_refused(struct arena *arena, enum tsp_failure failure, const char *text) {
    struct der d = der_on(arena, 1024);
    uint8_t bits[5] = {(uint8_t)(7 - failure % 8)}; /* unused bits, then the bits */
    size_t mark;
    bits[1 + failure / 8] = (uint8_t)(0x80 >> failure % 8);
    der_put(&d, DER_BITS, view_of(bits, 2 + (size_t)failure / 8));
    mark = der_mark(&d);
    der_put(&d, DER_UTF8, view_text(text));
    der_wrap(&d, DER_SEQUENCE, mark);
    der_int(&d, 2); /* rejection */
    der_wrap(&d, DER_SEQUENCE, 0);
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}
