#include "base/clock.h"
#include "store/organisations.h"
#include "tls/internal.h"

#include <string.h>

#define SETTING "tls-acme-challenge"
#define KEPT_US (300 * US_PER_SECOND)

bool challenges_put(struct core *core, struct arena *arena, const struct challenge *items, size_t count,
                    struct error *err) {
    struct json_writer w = json_writer_on(arena);
    bool done = false;
    json_open_object(&w);
    json_put_int(&w, "untilUs", clock_now_us() + KEPT_US);
    json_name(&w, "answers");
    json_open_object(&w);
    for (size_t i = 0; i < count; i++)
        json_put_string(&w, items[i].token, items[i].answer);
    json_close_object(&w);
    json_close_object(&w);
    TX(tx, core_db(core), &done, err)
        tx.ok = setting_put(tx.tx, SETTING, json_written(&w), err);
    return done;
}

/* rfc8555#8.3. Anybody may ask; the answers are public once the order is made. */
HANDLER(tls_challenge) {
    const struct tls_management *tls = context;
    const struct json *document = NULL, *answers = NULL;
    const char *text = NULL, *answer = NULL;
    int64_t until_us = 0;
    bool done = false;
    TX(tx, core_db(tls->core), &done, err)
        tx.ok = setting_get(tx.tx, request->arena, SETTING, &text, err);
    TRY(done);
    if (text != NULL)
        TRY(json_parse(request->arena, view_text(text), &document, err) &&
            json_int(document, "untilUs", 0, INT64_MAX, &until_us, err) && json_object(document, "answers", &answers, err));
    if (until_us > clock_now_us())
        TRY(json_string(answers, request->parameters[0], &answer, err));
    if (answer == NULL)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such challenge.");
    http_reply_text(response, 200, "application/octet-stream", answer);
    return true;
}
