#include "x509/der.h"

#include "base/clock.h"
#include "x509/certificate.h"
#include "x509/internal.h"

#include <limits.h>
#include <string.h>

#define MAX_DEPTH 16

void der_add(struct buffer *out, unsigned tag, struct view content) {
    uint8_t length[9];
    size_t count = 0;
    buffer_add_byte(out, (uint8_t)tag);
    if (content.len < 0x80) {
        buffer_add_byte(out, (uint8_t)content.len);
    } else {
        for (size_t rest = content.len; rest != 0; rest >>= 8)
            length[count++] = (uint8_t)rest;
        buffer_add_byte(out, (uint8_t)(0x80 | count));
        while (count > 0)
            buffer_add_byte(out, length[--count]);
    }
    buffer_add(out, content.at, content.len);
}

void der_add_text(struct buffer *out, unsigned tag, const char *text) {
    der_add(out, tag, view_text(text));
}

void der_add_integer(struct buffer *out, unsigned tag, int64_t value) {
    uint8_t octets[8];
    size_t from = 0;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    /* X.690 8.3.2: the first nine bits are not all the same. */
    while (from < 7 && ((octets[from] == 0 && (octets[from + 1] & 0x80) == 0) ||
                        (octets[from] == 0xff && (octets[from + 1] & 0x80) != 0)))
        from++;
    der_add(out, tag, view_of(octets + from, sizeof octets - from));
}

void der_add_boolean(struct buffer *out, bool value) {
    uint8_t octet = value ? 0xff : 0; /* X.690 11.1 */
    der_add(out, DER_BOOLEAN, view_of(&octet, 1));
}

bool der_add_time(struct buffer *out, unsigned tag, int64_t us) {
    AUTO(ASN1_TIME) *time = NULL;
    ASN1_GENERALIZEDTIME *general = NULL;
    struct error ignored;
    if (!asn1_time_from_us(us, &time, &ignored) ||
        (general = ASN1_TIME_to_generalizedtime(time, NULL)) == NULL) {
        ERR_clear_error();
        return false;
    }
    der_add(out, tag, view_of(ASN1_STRING_get0_data(general), (size_t)ASN1_STRING_length(general)));
    ASN1_GENERALIZEDTIME_free(general);
    return true;
}

bool der_add_oid(struct buffer *out, const char *oid, bool names) {
    AUTO(ASN1_OBJECT) *object = oid_parse(oid, names);
    if (object == NULL || OBJ_length(object) == 0)
        return false;
    der_add(out, DER_OID, view_of(OBJ_get0_data(object), OBJ_length(object)));
    return true;
}

bool der_add_bmp(struct buffer *out, const char *utf8) {
    struct buffer content = buffer_on(out->arena);
    const unsigned char *at = (const unsigned char *)utf8;
    for (size_t left = strlen(utf8); left > 0;) {
        unsigned long c;
        int used = UTF8_getc(at, (int)left, &c);
        if (used <= 0 || c > 0xffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
        buffer_add_byte(&content, (uint8_t)(c >> 8));
        buffer_add_byte(&content, (uint8_t)c);
        at += used;
        left -= (size_t)used;
    }
    der_add(out, DER_BMP, buffer_view(&content));
    return true;
}

/* Length of identifier and length; *ret_len: of what follows. 0: neither is whole. */
static size_t header(struct view der, size_t *ret_len) {
    const uint8_t *at = der.at;
    long length = 0;
    int tag, class;
    if (der.len == 0 || der.len > LONG_MAX ||
        (ASN1_get_object(&at, &length, &tag, &class, (long)der.len) & 0x80) != 0 || length < 0)
        return 0;
    *ret_len = (size_t)length;
    return (size_t)(at - der.at);
}

bool der_next(struct view *run, struct view *ret_der) {
    size_t len = 0, before = header(*run, &len);
    if (before == 0 || len > run->len - before)
        return false;
    *ret_der = view_of(run->at, before + len);
    *run = view_of(run->at + before + len, run->len - before - len);
    return true;
}

struct view der_content(struct view der) {
    size_t len = 0, before = header(der, &len);
    return before == 0 ? view_of(der.at, 0) : view_of(der.at + before, len);
}

/* One value at the front; what follows it is left in *rest. */
static bool take_value(struct view *rest, int depth) {
    const uint8_t *at = rest->at;
    size_t left = rest->len, len, count;
    if (left < 2 || depth > MAX_DEPTH)
        return false;
    uint8_t tag = at[0];
    at++, left--;
    if ((tag & 0x1f) == 0x1f) { /* a tag of more octets */
        while (left > 0 && (at[0] & 0x80) != 0)
            at++, left--;
        if (left < 2)
            return false;
        at++, left--;
    }
    len = at[0];
    at++, left--;
    if (len >= 0x80) {
        count = len & 0x7f;
        if (count == 0 || count > 4 || count > left || at[0] == 0)
            return false;
        len = 0;
        for (size_t i = 0; i < count; i++)
            len = len << 8 | at[i];
        at += count, left -= count;
        if (len < 0x80)
            return false;
    }
    if (len > left)
        return false;
    *rest = view_of(at + len, left - len);
    struct view inside = view_of(at, len);
    while ((tag & 0x20) != 0 && inside.len > 0)
        if (!take_value(&inside, depth + 1))
            return false;
    return true;
}

bool der_is_whole(struct view der) {
    struct view rest = der;
    return der.at != NULL && take_value(&rest, 0) && rest.len == 0;
}
