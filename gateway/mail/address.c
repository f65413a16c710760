#include "mail/internal.h"

#include <string.h>

/* rfc5321#4.1.2 without quoted strings, literals and UTF-8, which few servers take. */
static bool local_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

static bool good_local(const char *text, size_t len) {
    if (len == 0 || len > 64 || text[0] == '.' || text[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!local_character(text[i]) || (text[i] == '.' && text[i + 1] == '.'))
            return false;
    return true;
}

static bool good_domain(const char *text) {
    size_t label = 0;
    for (const char *c = text;; c++) {
        if (*c == '.' || *c == '\0') {
            if (label == 0 || label > 63 || c[-1] == '-')
                return false;
            label = 0;
            if (*c == '\0')
                return true;
            continue;
        }
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!letter && (*c != '-' || label == 0))
            return false;
        label++;
    }
}

bool mail_address_check(const char *address, struct error *err) {
    const char *at = strrchr(address, '@');
    if (at != NULL && strlen(address) <= MAX_EMAIL && good_local(address, (size_t)(at - address)) &&
        good_domain(at + 1))
        return true;
    return fail(err, ERROR_POLICY, "bad-email",
                "That is no e-mail address we can write to; it looks like name@example.org.");
}

bool mail_sender_parse(struct arena *arena, const char *text, struct mail_sender *ret, struct error *err) {
    const char *open = strrchr(text, '<');
    size_t len = strlen(text);
    struct mail_sender sender = {"", text};
    if (open != NULL && len > 0 && text[len - 1] == '>') {
        size_t name = (size_t)(open - text);
        while (name > 0 && text[name - 1] == ' ')
            name--;
        sender.name = arena_text(arena, view_of(text, name));
        sender.address = arena_text(arena, view_of(open + 1, (size_t)(text + len - 1 - (open + 1))));
    }
    for (const char *c = sender.name; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127 || *c == '"' || *c == '\\')
            return fail(err, ERROR_POLICY, "bad-email",
                        "A sender's name has no quotes, backslashes or control characters.");
    TRY(mail_address_check(sender.address, err));
    *ret = sender;
    return true;
}
