#include "store/text.h"

#include "base/buffer.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static locale_t utf8_locale;

static void open_locale(void) {
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* One character of well-formed UTF-8 (RFC 3629); its length, or 0 when the bytes are none. */
static size_t decode_one(const uint8_t *at, uint32_t *ret) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80   ? 1
                 : at[0] < 0xc2 ? 0
                 : at[0] < 0xe0 ? 2
                 : at[0] < 0xf0 ? 3
                 : at[0] < 0xf5 ? 4
                                : 0;
    if (len <= 1) {
        *ret = at[0];
        return len;
    }
    uint32_t code = at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) { /* the NUL at the end is no continuation octet */
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    *ret = code;
    return code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : len;
}

static void encode_one(struct buffer *out, uint32_t code) {
    if (code < 0x80) {
        buffer_add_byte(out, (uint8_t)code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    buffer_add_byte(out, (uint8_t)((0xffu << (7 - more)) | (code >> (6 * more))));
    while (more-- > 0)
        buffer_add_byte(out, (uint8_t)(0x80 | ((code >> (6 * more)) & 0x3f)));
}

static uint32_t fold_one(uint32_t code) {
    if (code < 0x80)
        return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
    return utf8_locale == (locale_t)0 ? code : (uint32_t)towlower_l((wint_t)code, utf8_locale);
}

char *text_fold(struct arena *arena, const char *text) {
    struct buffer out = buffer_on(arena);
    pthread_once(&locale_once, open_locale);
    for (const uint8_t *at = (const uint8_t *)text; *at != '\0';) {
        uint32_t code;
        size_t len = decode_one(at, &code);
        if (len == 0)
            buffer_add_byte(&out, *at++);
        else
            encode_one(&out, fold_one(code));
        at += len;
    }
    buffer_add_byte(&out, '\0');
    return (char *)out.at;
}

const char *text_fit(struct arena *arena, const char *text, size_t max) {
    struct buffer out = buffer_on(arena);
    const uint8_t *at = (const uint8_t *)(text == NULL ? "" : text);
    for (size_t count = 0; *at != '\0' && count < max; count++) {
        uint32_t code;
        size_t len = decode_one(at, &code);
        encode_one(&out, len == 0 ? 0xfffd : code);
        at += len == 0 ? 1 : len;
    }
    return buffer_text(&out);
}
