#include "mail/internal.h"

#include "base/clock.h"
#include "base/encode.h"

#include <string.h>
#include <time.h>

static bool plain(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > 126)
            return false;
    return true;
}

/* rfc2047#2: an encoded word has at most 75 characters, so 45 octets, and ends between characters. */
static void add_words(struct buffer *out, const char *text) {
    if (plain(text) && strlen(text) < 60 && strstr(text, "=?") == NULL) {
        buffer_add_text(out, text);
        return;
    }
    for (bool first = true; *text != '\0'; first = false) {
        size_t len = strnlen(text, 45);
        while (len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
        buffer_printf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\r\n ",
                      base64_encode(out->arena, view_of(text, len)));
        text += len;
    }
}

/* rfc5322#3.3, in English whatever the locale is. */
static void add_date(struct buffer *out, int64_t now_us) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(now_us / US_PER_SECOND);
    struct tm t;
    gmtime_r(&seconds, &t);
    buffer_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday,
                  months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void add_body(struct buffer *out, const char *type, const char *more, struct view bytes) {
    const char *text = base64_encode(out->arena, bytes);
    buffer_printf(out, "Content-Type: %s\r\n%sContent-Transfer-Encoding: base64\r\n\r\n", type, more);
    for (size_t len; *text != '\0'; text += len) {
        len = strnlen(text, 76);
        buffer_add(out, text, len);
        buffer_add_text(out, "\r\n");
    }
}

static void add_part(struct buffer *out, const char *boundary, const char *type, const char *more,
                     struct view bytes) {
    buffer_printf(out, "--%s\r\n", boundary);
    add_body(out, type, more, bytes);
}

static const char *boundary(struct arena *arena) {
    uint8_t octets[16];
    random_bytes(octets, sizeof octets);
    return arena_printf(arena, "=_%s", hex_encode(arena, view_of(octets, sizeof octets)));
}

static void add_headers(struct buffer *out, const struct mail_envelope *e, const char *subject) {
    const char *at = strrchr(e->from.address, '@');
    buffer_add_text(out, "From: ");
    if (e->from.name[0] != '\0') {
        if (plain(e->from.name))
            buffer_printf(out, "\"%s\"", e->from.name);
        else
            add_words(out, e->from.name);
        buffer_printf(out, " <%s>\r\n", e->from.address);
    } else {
        buffer_printf(out, "%s\r\n", e->from.address);
    }
    if (e->reply_to[0] != '\0')
        buffer_printf(out, "Reply-To: %s\r\n", e->reply_to);
    buffer_printf(out, "To: %s\r\nSubject: ", e->to);
    add_words(out, subject);
    buffer_add_text(out, "\r\n");
    add_date(out, e->now_us);
    buffer_printf(out, "Message-ID: <%s%s>\r\n", uuid_text(out->arena, e->id), at);
    /* rfc3834#5: no out-of-office answers. */
    buffer_add_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
}

struct view mail_compose(struct arena *arena, const struct mail_envelope *e, const struct mail_text *text) {
    struct buffer out = buffer_on(arena);
    const char *inner = boundary(arena), *outer = boundary(arena);
    add_headers(&out, e, text->subject);
    if (e->attachment != NULL)
        buffer_printf(&out, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n", outer, outer);
    buffer_printf(&out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n", inner);
    add_part(&out, inner, "text/plain; charset=utf-8", "", view_text(text->text));
    add_part(&out, inner, "text/html; charset=utf-8", "", view_text(text->html));
    buffer_printf(&out, "--%s--\r\n", inner);
    if (e->attachment != NULL) {
        add_part(&out, outer, e->attachment->type,
                 arena_printf(arena, "Content-Disposition: attachment; filename=\"%s\"\r\n",
                              e->attachment->name),
                 e->attachment->bytes);
        buffer_printf(&out, "--%s--\r\n", outer);
    }
    return buffer_view(&out);
}
