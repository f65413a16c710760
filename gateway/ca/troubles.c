#include "ca/troubles.h"

#include "base/json.h"
#include "store/troubles.h"

#include <stdio.h>

#define OBJECT_ROOM 192
#define REASON_ROOM 256

/* Somebody else's text, and half a character at its cut end, are no UTF-8 for sure. */
static const char *cut(char *to, size_t room, const char *text) {
    snprintf(to, room, "%s", text);
    if (!utf8_valid(view_text(to)))
        for (char *at = to; *at != '\0'; at++)
            *at = ((unsigned char)*at & 0x80) != 0 ? '?' : *at;
    return to;
}

static bool ails(struct tx *tx, struct core *core, const char *kind, const struct trouble *t, int64_t now_us, struct error *err) {
    char object[OBJECT_ROOM], reason[REASON_ROOM];
    const struct trouble_record record = {.node = core_node(core), .kind = kind, .object = cut(object, sizeof object, t->object),
                                          .reason = cut(reason, sizeof reason, t->reason)};
    return trouble_ails(tx, &record, now_us, err);
}

bool troubles_are(struct core *core, const char *kind, const struct trouble *troubles, size_t count, struct error *err) {
    int64_t now_us = clock_now_us();
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        tx.ok = true;
        for (size_t i = 0; tx.ok && i < count; i++)
            tx.ok = ails(tx.tx, core, kind, &troubles[i], now_us, err);
        tx.ok = tx.ok && trouble_ends(tx.tx, core_node(core), kind, NULL, now_us, err);
    }
    return done;
}

bool trouble_is(struct core *core, const char *kind, const char *object, const char *reason, struct error *err) {
    int64_t now_us = clock_now_us();
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = reason == NULL ? trouble_ends(tx.tx, core_node(core), kind, object, now_us, err)
                               : ails(tx.tx, core, kind, &(struct trouble){object, reason}, now_us, err);
    return done;
}
