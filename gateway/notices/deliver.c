#include "notices/internal.h"

#include "base/clock.h"
#include "mail/mail.h"
#include "store/marks.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static void mark_of(struct arena *arena, const char *rule, const char *occasion, const struct notice_target *target,
                    uint8_t ret[static 32]) {
    const char *text = arena_printf(arena, "%s\n%s\n%s", rule, occasion,
                                    target->mail != NULL ? target->mail : notices_text(target->webhook, "id"));
    SHA256((const unsigned char *)text, strlen(text), ret);
}

/* Those that this target does not know, each with its mark. */
struct fresh {
    const struct notice **notices;
    struct notice_mark *marks;
    size_t count;
};

static bool find_new(struct core *core, struct arena *arena, const char *rule, const struct notice *notices, size_t count,
                     const struct notice_target *target, struct fresh *ret, struct error *err) {
    struct notice_mark *marks = arena_array(arena, count + 1, sizeof *marks);
    struct notice_mark *earlier = arena_array(arena, count + 1, sizeof *earlier);
    bool done = false;
    size_t following = 0;
    *ret = (struct fresh){.notices = arena_array(arena, count + 1, sizeof(struct notice *)), .marks = marks};
    for (size_t i = 0; i < count; i++) {
        mark_of(arena, rule, notices[i].occasion, target, marks[i].once);
        if (notices[i].follows != NULL)
            mark_of(arena, rule, notices[i].follows, target, earlier[following++].once);
    }
    TX(tx, core_db(core), &done, err)
        tx.ok = marks_known(tx.tx, arena, marks, count, err) && marks_known(tx.tx, arena, earlier, following, err);
    TRY(done);
    following = 0;
    for (size_t i = 0; i < count; i++)
        if ((notices[i].follows == NULL || earlier[following++].known) && !marks[i].known) {
            marks[ret->count] = marks[i];
            ret->notices[ret->count++] = &notices[i];
        }
    return true;
}

static bool compose(struct core *core, struct arena *arena, const char *to, const struct notice *const *fresh, size_t count,
                    struct mail_ready *ret, struct error *err) {
    struct buffer items = buffer_on(arena);
    struct core_urls urls;
    TRY(core_public_urls(core, arena, &urls, err));
    for (size_t i = 0; i < count; i++)
        buffer_printf(&items, "%s* %s", i == 0 ? "" : "\n", fresh[i]->text);
    struct mail_variable variables[] = {{"link", arena_printf(arena, "%s/console/", urls.https)},
                                        {"count", arena_printf(arena, "%zu", count)},
                                        {"items", buffer_text(&items)}};
    return mail_prepare(core, arena, &(struct mail){.template = "digest", .to = to, .variables = variables, .variable_count = 3},
                        ret, err);
}

/* A mail is queued together with the marks; a call that was answered and whose marks are lost comes again. */
static bool tell_some(struct core *core, struct arena *arena, const char *rule, const struct fresh *some,
                      const struct notice_target *target, struct error *err) {
    struct mail_ready ready = {.nothing = true};
    bool done = false;
    if (target->webhook != NULL)
        TRY(webhook_post(core, arena, target->webhook, rule, some->notices, some->count, err));
    else
        TRY(compose(core, arena, target->mail, some->notices, some->count, &ready, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_enqueue(tx.tx, &ready, err) &&
                marks_add(tx.tx, arena, some->marks, some->count, clock_now_us(), err);
    return done;
}

bool notices_tell(struct core *core, struct arena *arena, const char *rule, const struct notice *notices, size_t count,
                  const struct notice_target *target, struct error *err) {
    struct fresh fresh;
    if (count == 0)
        return true;
    TRY(find_new(core, arena, rule, notices, count, target, &fresh, err));
    for (size_t from = 0; from < fresh.count;) {
        struct fresh some = {fresh.notices + from, fresh.marks + from, fresh.count - from};
        if (target->webhook != NULL)
            some.count = webhook_most(target->webhook, some.notices, some.count);
        TRY(tell_some(core, arena, rule, &some, target, err));
        from += some.count;
    }
    return true;
}

bool notices_tell_mails(struct core *core, struct arena *arena, const struct json *rule, const struct notice *notices,
                        size_t count, struct error *err) {
    bool ok = true;
    struct error why = {0};
    JSON_EACH (address, json_get(rule, "to"))
        if (!notices_tell(core, arena, notices_text(rule, "id"), notices, count,
                          &(struct notice_target){.mail = address->text}, &why) &&
            ok) {
            ok = false;
            *err = why;
        }
    return ok;
}
