#include "notices/internal.h"

#include "base/clock.h"
#include "mail/mail.h"
#include "store/marks.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static void mark_of(struct arena *arena, const char *rule, const struct notice *notice, const struct notice_target *target,
                    uint8_t ret[static 32]) {
    const char *text = arena_printf(arena, "%s\n%s\n%s", rule, notice->occasion,
                                    target->mail != NULL ? target->mail : notices_text(target->webhook, "id"));
    SHA256((const unsigned char *)text, strlen(text), ret);
}

static bool find_new(struct core *core, struct arena *arena, const char *rule, const struct notice *notices, size_t count,
                     const struct notice_target *target, const struct notice **ret, size_t *ret_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        *ret_count = 0;
        tx.ok = true;
        for (size_t i = 0; tx.ok && i < count; i++) {
            uint8_t once[32];
            bool known = false;
            mark_of(arena, rule, &notices[i], target, once);
            tx.ok = mark_known(tx.tx, once, &known, err);
            if (!known)
                ret[(*ret_count)++] = &notices[i];
        }
    }
    return done;
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

static bool keep_marks(struct tx *tx, struct arena *arena, const char *rule, const struct notice *const *fresh, size_t count,
                       const struct notice_target *target, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        uint8_t once[32];
        mark_of(arena, rule, fresh[i], target, once);
        TRY(mark_add(tx, once, clock_now_us(), err));
    }
    return true;
}

bool notices_tell(struct core *core, struct arena *arena, const char *rule, const struct notice *notices, size_t count,
                  const struct notice_target *target, struct error *err) {
    const struct notice **fresh = arena_array(arena, count + 1, sizeof *fresh);
    struct mail_ready ready = {.nothing = true};
    size_t fresh_count = 0;
    bool done = false;
    TRY(find_new(core, arena, rule, notices, count, target, fresh, &fresh_count, err));
    if (fresh_count == 0)
        return true;
    /* A mail is queued together with the marks; a call that was answered and whose marks are lost comes again. */
    if (target->webhook != NULL)
        TRY(webhook_post(core, arena, target->webhook, rule, fresh, fresh_count, err));
    else
        TRY(compose(core, arena, target->mail, fresh, fresh_count, &ready, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = mail_enqueue(tx.tx, &ready, err) && keep_marks(tx.tx, arena, rule, fresh, fresh_count, target, err);
    return done;
}

bool notices_tell_all(struct core *core, struct arena *arena, const struct notice_settings *settings,
                      const struct json *rule, const struct notice *notices, size_t count, struct error *err) {
    const char *id = notices_text(rule, "id"), *hook = notices_text(rule, "webhook");
    bool ok = true;
    struct error why = {0};
    JSON_EACH (address, json_get(rule, "to"))
        if (!notices_tell(core, arena, id, notices, count, &(struct notice_target){.mail = address->text}, &why) && ok) {
            ok = false;
            *err = why;
        }
    const struct json *webhook = hook == NULL ? NULL : notices_find(settings->webhooks, hook);
    if (webhook != NULL &&
        !notices_tell(core, arena, id, notices, count, &(struct notice_target){.webhook = webhook}, &why) && ok) {
        ok = false;
        *err = why;
    }
    return ok;
}
