#include "cmp/wire.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <openssl/err.h>
#include <string.h>
#include <time.h>

struct view wire_wrap(struct arena *arena, unsigned tag, struct view content) {
    uint8_t length[sizeof(size_t)];
    size_t octets = 0;
    struct buffer out = buffer_on(arena);
    buffer_add_byte(&out, (uint8_t)tag);
    if (content.len < 0x80) {
        buffer_add_byte(&out, (uint8_t)content.len);
    } else {
        for (size_t rest = content.len; rest > 0; rest >>= 8)
            length[octets++] = (uint8_t)rest;
        buffer_add_byte(&out, (uint8_t)(0x80 | octets));
        while (octets > 0)
            buffer_add_byte(&out, length[--octets]);
    }
    buffer_add(&out, content.at, content.len);
    return buffer_view(&out);
}

struct view wire_join(struct arena *arena, const struct view *parts, size_t count) {
    struct buffer out = buffer_on(arena);
    for (size_t i = 0; i < count; i++)
        if (parts[i].len > 0)
            buffer_add(&out, parts[i].at, parts[i].len);
    return buffer_view(&out);
}

struct view wire_tagged(struct arena *arena, unsigned number, struct view content) {
    return content.len == 0 ? content : wire_wrap(arena, WIRE_EXPLICIT(number), content);
}

struct view wire_int(struct arena *arena, int64_t value) {
    uint8_t octets[8];
    size_t first = 0;
    for (int i = 0; i < 8; i++)
        octets[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    while (first < 7 && ((octets[first] == 0 && octets[first + 1] < 0x80) ||
                         (octets[first] == 0xff && octets[first + 1] >= 0x80)))
        first++;
    return wire_wrap(arena, V_ASN1_INTEGER, view_of(octets + first, 8 - first));
}

struct view wire_octets(struct arena *arena, struct view octets) {
    return wire_wrap(arena, WIRE_OCTETS, octets);
}

struct view wire_utf8(struct arena *arena, const char *text) {
    return wire_wrap(arena, WIRE_UTF8, view_text(text));
}

struct view wire_time(struct arena *arena, int64_t us) {
    time_t seconds = (time_t)(us / US_PER_SECOND);
    char text[32];
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
    return wire_wrap(arena, V_ASN1_GENERALIZEDTIME, view_text(text));
}

struct view wire_oid(struct arena *arena, int nid) {
    unsigned char *der = NULL;
    const ASN1_OBJECT *object = OBJ_nid2obj(nid);
    int len = object == NULL ? 0 : i2d_ASN1_OBJECT(object, &der);
    struct view copy = len > 0 ? arena_copy(arena, der, (size_t)len) : view_of(NULL, 0);
    OPENSSL_free(der);
    return copy;
}

struct view wire_null(void) {
    static const uint8_t null[] = {5, 0};
    return view_of(null, sizeof null);
}

struct view wire_bit(struct arena *arena, unsigned bit) {
    uint8_t octets[5] = {(uint8_t)(7 - bit % 8)};
    octets[1 + bit / 8] = (uint8_t)(0x80u >> (bit % 8));
    return wire_wrap(arena, V_ASN1_BIT_STRING, view_of(octets, 2 + bit / 8));
}

struct view wire_bits(struct arena *arena, struct view octets) {
    static const uint8_t none = 0;
    const struct view parts[] = {view_of(&none, 1), octets};
    return wire_wrap(arena, V_ASN1_BIT_STRING, wire_join(arena, parts, 2));
}

bool wire_next(struct view *rest, struct view *ret_tlv) {
    const unsigned char *at = rest->at;
    long len;
    int tag, tag_class;
    if (rest->len == 0)
        return false;
    int flags = ASN1_get_object(&at, &len, &tag, &tag_class, (long)rest->len);
    if ((flags & 0x80) != 0 || (flags & 1) != 0 || len < 0 ||
        (size_t)len > rest->len - (size_t)(at - rest->at)) {
        ERR_clear_error();
        return false;
    }
    size_t all = (size_t)(at - rest->at) + (size_t)len;
    *ret_tlv = view_of(rest->at, all);
    *rest = view_of(rest->at + all, rest->len - all);
    return true;
}

bool wire_unwrap(struct view der, unsigned *ret_tag, struct view *ret_content) {
    struct view rest = der, tlv;
    if (!wire_next(&rest, &tlv) || rest.len != 0)
        return false;
    const unsigned char *at = der.at;
    long len;
    int tag, tag_class;
    ASN1_get_object(&at, &len, &tag, &tag_class, (long)der.len);
    *ret_tag = der.at[0];
    *ret_content = view_of(at, (size_t)len);
    return true;
}
