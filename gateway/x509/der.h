/* A small writer of DER, for values that OpenSSL has no type for, and a check of what others wrote.
 */
#ifndef GATEHOUSE_X509_DER_H
#define GATEHOUSE_X509_DER_H

#include "base/buffer.h"

enum { /* identifier octets */
       DER_BOOLEAN = 0x01,
       DER_INTEGER = 0x02,
       DER_BIT_STRING = 0x03,
       DER_OCTET_STRING = 0x04,
       DER_NULL = 0x05,
       DER_OID = 0x06,
       DER_ENUMERATED = 0x0a,
       DER_UTF8 = 0x0c,
       DER_NUMERIC = 0x12,
       DER_PRINTABLE = 0x13,
       DER_IA5 = 0x16,
       DER_UTC_TIME = 0x17,
       DER_GENERALIZED_TIME = 0x18,
       DER_VISIBLE = 0x1a,
       DER_BMP = 0x1e,
       DER_SEQUENCE = 0x30,
       DER_SET = 0x31,
       DER_CONTEXT = 0x80,             /* [0] IMPLICIT, primitive */
       DER_CONTEXT_CONSTRUCTED = 0xa0, /* [0] EXPLICIT, or of a constructed type */
};

/* One value: identifier, length, content. */
void der_add(struct buffer *out, unsigned tag, struct view content);
void der_add_text(struct buffer *out, unsigned tag, const char *text);
void der_add_integer(struct buffer *out, unsigned tag, int64_t value);
void der_add_boolean(struct buffer *out, bool value);
/* GeneralizedTime, cut to seconds (rfc5280#4.1.2.5.2). False for years outside 0001-9999. */
MUST_USE bool der_add_time(struct buffer *out, unsigned tag, int64_t us);
/* A dotted OID or, when `names`, a name that OpenSSL knows. False when it is none. */
MUST_USE bool der_add_oid(struct buffer *out, const char *oid, bool names);
/* UTF-8 as BMPString; false when a character is beyond the basic plane. */
MUST_USE bool der_add_bmp(struct buffer *out, const char *utf8);

/* Cuts the next value, identifier and length included, off a run of them. False at its end, or when it is cut off. */
MUST_USE bool der_next(struct view *run, struct view *ret_der);
/* What is inside a value of der_next. */
struct view der_content(struct view der);
/* True when the bytes are one value in DER's definite, shortest lengths, at most 16 levels deep,
 * and nothing after it. What it means is not judged. */
bool der_is_whole(struct view der);

#endif
