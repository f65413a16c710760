#include "card.h"

static bool next_byte(struct view *rest, unsigned *ret) {
    if (rest->len == 0)
        return false;
    *ret = *rest->at++;
    rest->len--;
    return true;
}

static bool next_tag(struct view *rest, unsigned *ret_tag) {
    unsigned byte;
    if (!next_byte(rest, ret_tag))
        return false;
    if ((*ret_tag & 0x1F) != 0x1F)
        return true;
    do {
        if (*ret_tag > 0xFFFF || !next_byte(rest, &byte))
            return false;
        *ret_tag = *ret_tag << 8 | byte;
    } while ((byte & 0x80) != 0);
    return true;
}

bool tlv_next(struct view *rest, unsigned *ret_tag, struct view *ret_value) {
    unsigned len, byte;
    if (!next_tag(rest, ret_tag) || !next_byte(rest, &len))
        return false;
    if (len >= 0x80) {
        unsigned count = len & 0x7F;
        if (count == 0 || count > 2)
            return false;
        for (len = 0; count > 0; count--) {
            if (!next_byte(rest, &byte))
                return false;
            len = len << 8 | byte;
        }
    }
    if (len > rest->len)
        return false;
    *ret_value = view_of(rest->at, len);
    rest->at += len;
    rest->len -= len;
    return true;
}

bool tlv_find(struct view rest, unsigned tag, struct view *ret_value) {
    unsigned found;
    struct view value;
    while (tlv_next(&rest, &found, &value))
        if (found == tag) {
            *ret_value = value;
            return true;
        }
    return false;
}

void tlv_put(struct buffer *out, unsigned tag, struct view value) {
    for (int shift = 16; shift >= 0; shift -= 8)
        if (tag >> shift != 0)
            buffer_add_byte(out, (uint8_t)(tag >> shift));
    if (value.len >= 0x100)
        buffer_add_byte(out, 0x82);
    else if (value.len >= 0x80)
        buffer_add_byte(out, 0x81);
    if (value.len >= 0x100)
        buffer_add_byte(out, (uint8_t)(value.len >> 8));
    buffer_add_byte(out, (uint8_t)value.len);
    buffer_add(out, value.at, value.len);
}

void tlv_put_byte(struct buffer *out, unsigned tag, uint8_t value) {
    tlv_put(out, tag, view_of(&value, 1));
}
