#include "api/zip.h"

#include <string.h>

static void add16(struct buffer *out, unsigned value) {
    buffer_add_byte(out, (uint8_t)value);
    buffer_add_byte(out, (uint8_t)(value >> 8));
}

static void add32(struct buffer *out, uint32_t value) {
    add16(out, value & 0xffff);
    add16(out, value >> 16);
}

static uint32_t crc32_of(struct view bytes) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= bytes.at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* 1980-01-01: archives of the same certificates are the same. */
#define DOS_TIME 0
#define DOS_DATE 0x21

static void add_common(struct buffer *out, const char *name, struct view content, uint32_t crc) {
    add16(out, 20); /* version that is needed */
    add16(out, 0);
    add16(out, 0); /* stored */
    add16(out, DOS_TIME);
    add16(out, DOS_DATE);
    add32(out, crc);
    add32(out, (uint32_t)content.len);
    add32(out, (uint32_t)content.len);
    add16(out, (unsigned)strlen(name));
    add16(out, 0);
}

struct zip zip_on(struct arena *arena) {
    return (struct zip){.out = buffer_on(arena), .directory = buffer_on(arena)};
}

void zip_add(struct zip *zip, const char *name, struct view content) {
    uint32_t crc = crc32_of(content), at = (uint32_t)zip->out.len;
    add32(&zip->out, 0x04034b50);
    add_common(&zip->out, name, content, crc);
    buffer_add_text(&zip->out, name);
    buffer_add(&zip->out, content.at, content.len);
    add32(&zip->directory, 0x02014b50);
    add16(&zip->directory, 20);
    add_common(&zip->directory, name, content, crc);
    add16(&zip->directory, 0); /* comment */
    add16(&zip->directory, 0); /* disk */
    add16(&zip->directory, 0);
    add32(&zip->directory, 0);
    add32(&zip->directory, at);
    buffer_add_text(&zip->directory, name);
    zip->count++;
}

struct view zip_end(struct zip *zip) {
    uint32_t at = (uint32_t)zip->out.len;
    buffer_add(&zip->out, zip->directory.at, zip->directory.len);
    add32(&zip->out, 0x06054b50);
    add16(&zip->out, 0);
    add16(&zip->out, 0);
    add16(&zip->out, zip->count);
    add16(&zip->out, zip->count);
    add32(&zip->out, (uint32_t)zip->directory.len);
    add32(&zip->out, at);
    add16(&zip->out, 0);
    return buffer_view(&zip->out);
}
