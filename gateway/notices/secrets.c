/* Secrets that end: API tokens, challenges and codes of devices, external account bindings. */
#include "notices/internal.h"

#include "base/clock.h"
#include "store/secrets.h"

#include <string.h>

static const char *called(const char *kind) {
    static const struct {
        const char *kind, *text;
    } known[] = {{"token", "the API token"},
                 {"challenge", "the challenge password"},
                 {"mac", "the shared secret"},
                 {"code", "the enrolment code"},
                 {"key", "the AES key"},
                 {"binding", "the external account binding"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].kind, kind) == 0)
            return known[i].text;
    return "the secret";
}

static struct notice ending(struct arena *arena, const struct ending_secret *s, int64_t stage, int64_t left_us) {
    char end[TIME_TEXT_SIZE];
    struct json_writer w = json_writer_on(arena);
    time_format(s->expires_us / US_PER_SECOND * US_PER_SECOND, end);
    json_open_object(&w);
    json_put_string(&w, "kind", "secret.expiring");
    json_put_string(&w, "secret", s->kind);
    put_uuid(&w, "id", s->id);
    json_put_string(&w, "label", s->label);
    json_put_string(&w, "place", s->place);
    json_put_string(&w, "owner", s->owner);
    json_put_time(&w, "expiresAt", s->expires_us);
    json_close_object(&w);
    long long days = (long long)((left_us + US_PER_DAY - 1) / US_PER_DAY);
    return (struct notice){
        .occasion = arena_printf(arena, "secret/%s/%lld", uuid_text(arena, s->id), (long long)stage),
        .text = arena_printf(arena, "%s \"%.100s\" of %.100s%s%.100s ends in %lld day%s: %s", called(s->kind),
                             s->label[0] == '\0' ? uuid_text(arena, s->id) : s->label, s->owner,
                             s->place[0] == '\0' ? "" : " for ", s->place, days, days == 1 ? "" : "s", end),
        .data = json_written(&w)};
}

/* What was made for a shorter time than that is not told of: a password of an hour ends as it should. */
bool notices_find_secrets(struct core *core, struct arena *arena, const struct json *rule, struct found *ret, struct error *err) {
    const struct json *days = json_get(rule, "days");
    struct ending_secret *items = NULL;
    int64_t now_us = clock_now_us(), last_us = now_us + notices_longest(days) * US_PER_DAY;
    size_t count = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = secrets_ending(tx.tx, arena, now_us, last_us, &items, &count, err);
    TRY(done);
    *ret = (struct found){.notices = arena_array(arena, count + 1, sizeof *ret->notices),
                          .owners = arena_array(arena, count + 1, sizeof *ret->owners)};
    for (size_t i = 0; i < count; i++) {
        int64_t left_us = items[i].expires_us - now_us, stage = notices_stage(days, left_us);
        if (stage == 0 || items[i].expires_us - items[i].created_us <= stage * US_PER_DAY)
            continue;
        ret->owners[ret->count] = items[i].email;
        ret->notices[ret->count++] = ending(arena, &items[i], stage, left_us);
    }
    return true;
}
