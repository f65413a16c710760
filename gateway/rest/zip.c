#include "rest/zip.h"

#include <errno.h>
#include <stdio.h>
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

static void add64(struct buffer *out, uint64_t value) {
    add32(out, (uint32_t)value);
    add32(out, (uint32_t)(value >> 32));
}

static void add_common(struct buffer *out, const char *name, struct view content, uint32_t crc, unsigned extra) {
    add16(out, 20); /* version that is needed */
    add16(out, 0);
    add16(out, 0); /* stored */
    add16(out, DOS_TIME);
    add16(out, DOS_DATE);
    add32(out, crc);
    add32(out, (uint32_t)content.len);
    add32(out, (uint32_t)content.len);
    add16(out, (unsigned)strlen(name));
    add16(out, extra);
}

static void add_file(struct buffer *out, const char *name, struct view content, uint32_t crc) {
    add32(out, 0x04034b50);
    add_common(out, name, content, crc, 0);
    buffer_add_text(out, name);
    buffer_add(out, content.at, content.len);
}

#define FIELD_MAX 0xffffffffu /* in its place: the field is in the ZIP64 record */

static void add_entry(struct buffer *out, const char *name, struct view content, uint32_t crc, uint64_t at) {
    bool far = at >= FIELD_MAX;
    add32(out, 0x02014b50);
    add16(out, 20);
    add_common(out, name, content, crc, far ? 12 : 0);
    add16(out, 0); /* comment */
    add16(out, 0); /* disk */
    add16(out, 0);
    add32(out, 0);
    add32(out, far ? FIELD_MAX : (uint32_t)at);
    buffer_add_text(out, name);
    if (far) {
        add16(out, 1); /* APPNOTE 4.5.3 */
        add16(out, 8);
        add64(out, at);
    }
}

struct zip zip_on(struct arena *arena) {
    return (struct zip){.out = buffer_on(arena), .directory = buffer_on(arena)};
}

void zip_add(struct zip *zip, const char *name, struct view content) {
    uint32_t crc = crc32_of(content);
    add_entry(&zip->directory, name, content, crc, zip->out.len);
    add_file(&zip->out, name, content, crc);
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

/* --- as a stream ------------------------------------------------------------------------------------ */

#define PIECE 65536

struct zip_stream {
    FILE *directory;
    uint64_t at, directory_at, count;
    bool ended; /* the directory is being sent */
};

static void drop(void *zip) {
    fclose(((struct zip_stream *)zip)->directory);
}

static bool no_file(struct error *err) {
    return fail_internal(err, "temporary file of an archive: %s", strerror(errno));
}

bool zip_stream_on(struct arena *arena, struct zip_stream **ret, struct error *err) {
    struct zip_stream *zip = arena_alloc(arena, sizeof *zip);
    zip->directory = tmpfile();
    if (zip->directory == NULL)
        return no_file(err);
    arena_defer(arena, drop, zip);
    *ret = zip;
    return true;
}

bool zip_stream_add(struct zip_stream *zip, struct buffer *out, const char *name, struct view content, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer entry = buffer_on(arena);
    uint32_t crc = crc32_of(content);
    size_t before = out->len;
    add_entry(&entry, name, content, crc, zip->at);
    if (fwrite(buffer_view(&entry).at, 1, entry.len, zip->directory) != entry.len)
        return no_file(err);
    add_file(out, name, content, crc);
    zip->at += out->len - before;
    zip->count++;
    return true;
}

/* ZIP64's end, where to find it, and the old end, which has what fits into it. */
static void add_ends(struct buffer *out, const struct zip_stream *zip) {
    uint64_t size = zip->at - zip->directory_at;
    add32(out, 0x06064b50);
    add64(out, 44);
    add16(out, 45);
    add16(out, 45);
    add32(out, 0);
    add32(out, 0);
    add64(out, zip->count);
    add64(out, zip->count);
    add64(out, size);
    add64(out, zip->directory_at);
    add32(out, 0x07064b50);
    add32(out, 0);
    add64(out, zip->at);
    add32(out, 1);
    unsigned count = zip->count < 0xffff ? (unsigned)zip->count : 0xffff;
    add32(out, 0x06054b50);
    add16(out, 0);
    add16(out, 0);
    add16(out, count);
    add16(out, count);
    add32(out, size < FIELD_MAX ? (uint32_t)size : FIELD_MAX);
    add32(out, zip->directory_at < FIELD_MAX ? (uint32_t)zip->directory_at : FIELD_MAX);
    add16(out, 0);
}

bool zip_stream_end(struct zip_stream *zip, struct buffer *out, bool *ret_over, struct error *err) {
    char piece[PIECE];
    if (!zip->ended) {
        if (fflush(zip->directory) != 0 || fseek(zip->directory, 0, SEEK_SET) != 0)
            return no_file(err);
        zip->directory_at = zip->at;
        zip->ended = true;
    }
    size_t len = fread(piece, 1, sizeof piece, zip->directory);
    if (ferror(zip->directory))
        return no_file(err);
    buffer_add(out, piece, len);
    zip->at += len;
    *ret_over = len == 0;
    if (*ret_over)
        add_ends(out, zip);
    return true;
}
