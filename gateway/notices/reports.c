/* Reports: a list of certificates as a file, mailed on schedule. */
#include "notices/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "mail/mail.h"
#include "store/certificates.h"
#include "rest/certificate_filter.h"
#include "rest/table.h"
#include "store/marks.h"
#include "store/reports.h"

#include <openssl/sha.h>
#include <string.h>
#include <time.h>

#define PAGE 500u
#define MOST_ROWS 5000

static const char *const columns[] = {"serial", "subject", "names", "ca", "template", "notBefore", "notAfter", "owner", "tags"};
#define COLUMNS (sizeof columns / sizeof columns[0])

/* "filter" is what the list of certificates is asked with, and what a saved view holds. */
bool report_filter(struct core *core, struct arena *arena, const struct json *report, struct certificate_filter *ret,
                   struct error *err) {
    struct http_request request = {.arena = arena, .id = "report", .actor = (void *)(uintptr_t)&actor_system};
    const char *text = notices_text(report, "filter"), *ca = NULL;
    bool done = false;
    if (text == NULL)
        return notices_filter(core, arena, report, ret, err);
    TRY(certificate_filter_parse(core, &request, text, &ca, ret, err));
    if (ca == NULL)
        return true;
    TX(tx, core_db(core), &done, err) {
        struct ca_record authority;
        tx.ok = ca_by_slug(tx.tx, arena, &scope_everything, ca, &authority, err);
        if (tx.ok)
            ret->ca_id = authority.id;
    }
    return done;
}

static enum table_format format_of(const struct json *report) {
    enum table_format format = TABLE_CSV;
    const char *name = notices_text(report, "format");
    return name != NULL && table_format_read(name, &format) ? format : TABLE_CSV;
}

static void add_certificate(struct table *table, struct arena *arena, const struct certificate_record *c) {
    const struct table_cell cells[COLUMNS] = {{hex_encode(arena, c->serial), 0},
                                              {c->subject, 0},
                                              {c->sans, 0},
                                              {c->ca_slug, 0},
                                              {c->template_slug, 0},
                                              {NULL, c->not_before_us},
                                              {NULL, c->not_after_us},
                                              {c->owner, 0},
                                              {c->tags, 0}};
    table_row(table, cells);
}

static bool make(struct core *core, struct arena *arena, const struct json *report, struct view *ret, size_t *ret_rows,
                 struct error *err) {
    struct certificate_filter filter;
    struct page page = {.limit = PAGE};
    TRY(report_filter(core, arena, report, &filter, err));
    struct table table = table_on(arena, format_of(report), notices_text(report, "id"), columns, COLUMNS);
    *ret_rows = 0;
    do {
        struct certificate_record *items = NULL;
        size_t count = 0;
        const char *next = NULL;
        bool done = false;
        TX(tx, core_db(core), &done, err)
            tx.ok = certificate_list(tx.tx, arena, &scope_everything, &filter, &page, &items, &count, &next, err);
        TRY(done);
        for (size_t i = 0; i < count; i++)
            add_certificate(&table, arena, &items[i]);
        *ret_rows += count;
        page.cursor = next;
    } while (page.cursor != NULL && *ret_rows < MOST_ROWS);
    if (page.cursor != NULL)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The report has more than %d rows; narrow its filter.", MOST_ROWS);
    *ret = table_end(&table);
    return true;
}

static bool mail_it(struct core *core, struct arena *arena, const struct json *report, const struct mail_attachment *file,
                    size_t rows, struct error *err) {
    const char *id = notices_text(report, "id");
    struct core_urls urls;
    TRY(core_public_urls(core, arena, &urls, err));
    struct mail_variable variables[] = {{"link", arena_printf(arena, "%s/console/certificates", urls.https)},
                                        {"name", id},
                                        {"count", arena_printf(arena, "%zu", rows)}};
    JSON_EACH (address, json_get(report, "to"))
        TRY(mail_send(core, arena,
                      &(struct mail){.template = "report", .to = address->text, .variables = variables,
                                     .variable_count = 3, .attachment = file},
                      err));
    return true;
}

/* Whoever comes later finds it, until its time is over. */
static bool keep(struct core *core, const struct json *report, struct view content, size_t rows, int64_t days,
                 struct error *err) {
    int64_t now = clock_now_us();
    struct kept_report kept = {.id = uuid_new(),
                               .report = notices_text(report, "id"),
                               .format = table_format_name(format_of(report)),
                               .rows = (int64_t)rows,
                               .made_us = now,
                               .until_us = now + days * US_PER_DAY,
                               .content = content};
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = kept_report_insert(tx.tx, &kept, err);
    return done;
}

bool report_send(struct core *core, struct arena *arena, const struct json *report, struct error *err) {
    enum table_format format = format_of(report);
    struct view bytes;
    bool skip = false;
    int64_t days = 0;
    size_t rows = 0;
    TRY(make(core, arena, report, &bytes, &rows, err) && json_bool(report, "skipEmpty", &skip, err) &&
        json_int(report, "keepDays", 0, REPORT_KEEP_MOST, &days, err));
    if (skip && rows == 0)
        return true;
    if (days > 0)
        TRY(keep(core, report, bytes, rows, days, err));
    const char *id = notices_text(report, "id"), *type = table_media_type(format);
    struct mail_attachment file = {.name = arena_printf(arena, "%s.%s", id, table_format_name(format)),
                                   .type = arena_text(arena, view_of(type, strcspn(type, ";"))),
                                   .bytes = bytes};
    return mail_it(core, arena, report, &file, rows, err);
}

/* The moment that is due, of this day, week or month: it names the occasion. 0: not yet. */
static int64_t due_at(const struct json *report, int64_t now_us) {
    const char *every = notices_text(report, "every");
    int64_t hour = 6, day = now_us / US_PER_DAY;
    struct error ignored = {0};
    struct tm date;
    time_t seconds = (time_t)(now_us / US_PER_SECOND);
    gmtime_r(&seconds, &date);
    if (!json_int(report, "hour", 0, 23, &hour, &ignored))
        hour = 6;
    if (strcmp(every, "week") == 0)
        day -= (date.tm_wday + 6) % 7;
    else if (strcmp(every, "month") == 0)
        day -= date.tm_mday - 1;
    int64_t at_us = day * US_PER_DAY + hour * 3600 * US_PER_SECOND;
    return at_us <= now_us && now_us - at_us < US_PER_DAY ? at_us : 0; /* what was missed for a day is not sent late */
}

static bool one(struct core *core, struct arena *arena, const struct json *report, int64_t at_us, struct error *err) {
    const char *occasion = arena_printf(arena, "report/%s/%lld", notices_text(report, "id"), (long long)at_us);
    struct notice_mark mark = {.known = false};
    bool done = false;
    SHA256((const unsigned char *)occasion, strlen(occasion), mark.once);
    TX(tx, core_db(core), &done, err)
        tx.ok = marks_known(tx.tx, arena, &mark, 1, err);
    TRY(done);
    if (mark.known)
        return true;
    TRY(report_send(core, arena, report, err));
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = marks_add(tx.tx, arena, &mark, 1, clock_now_us(), err);
    return done;
}

bool reports_look(void *core, struct arena *arena, struct error *err) {
    struct notice_settings settings;
    bool ok = true, done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = kept_report_purge(tx.tx, clock_now_us(), err);
    TRY(done);
    TRY(notices_read(core, arena, &settings, err));
    JSON_EACH (report, settings.reports) {
        SCOPED_ARENA struct arena *own = arena_new();
        int64_t at_us = due_at(report, clock_now_us());
        struct error why = {0};
        if (at_us == 0 || one(core, own, report, at_us, &why))
            continue;
        log_failure(LOG_WARN, "notices", notices_text(report, "id"), &why);
        *err = why;
        ok = false;
    }
    return ok;
}
