/* Reports: a list of certificates as a file, mailed on schedule. */
#include "notices/internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "mail/mail.h"
#include "store/certificates.h"
#include "store/marks.h"

#include <openssl/sha.h>
#include <string.h>
#include <time.h>

#define PAGE 500u
#define MOST_ROWS 5000

static const char *const columns[] = {"serial", "subject", "names", "ca", "template", "notBefore", "notAfter", "owner", "tags"};
#define COLUMNS (sizeof columns / sizeof columns[0])

/* rfc4180; a cell that a spreadsheet would take for a formula gets a quote in front. */
static void add_cell(struct buffer *out, const char *text, bool html) {
    if (html) {
        buffer_add_text(out, "<td>");
        buffer_add_markup(out, text);
        buffer_add_text(out, "</td>");
        return;
    }
    buffer_add_text(out, text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL ? "\"'" : "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buffer_add_byte(out, '"');
        buffer_add_byte(out, (uint8_t)*text);
    }
    buffer_add_byte(out, '"');
}

static void add_row(struct buffer *out, const char *const cells[COLUMNS], bool html) {
    buffer_add_text(out, html ? "<tr>" : "");
    for (size_t i = 0; i < COLUMNS; i++) {
        if (i > 0 && !html)
            buffer_add_byte(out, ',');
        add_cell(out, cells[i] == NULL ? "" : cells[i], html);
    }
    buffer_add_text(out, html ? "</tr>\n" : "\r\n");
}

static void add_certificate(struct buffer *out, struct arena *arena, const struct certificate_record *c, bool html) {
    char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE];
    time_format(c->not_before_us, from);
    time_format(c->not_after_us, to);
    const char *const cells[COLUMNS] = {hex_encode(arena, c->serial), c->subject, c->sans, c->ca_slug, c->template_slug,
                                        from, to, c->owner, c->tags};
    add_row(out, cells, html);
}

static bool make(struct core *core, struct arena *arena, const struct json *report, bool html, struct buffer *out,
                 size_t *ret_rows, struct error *err) {
    struct certificate_filter filter;
    struct page page = {.limit = PAGE};
    TRY(notices_filter(core, arena, report, &filter, err));
    if (html)
        buffer_add_text(out, "<!doctype html><meta charset=\"utf-8\"><title>Report</title>\n<table border=\"1\">\n");
    add_row(out, columns, html);
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
            add_certificate(out, arena, &items[i], html);
        *ret_rows += count;
        page.cursor = next;
    } while (page.cursor != NULL && *ret_rows < MOST_ROWS);
    if (page.cursor != NULL)
        return fail(err, ERROR_TOO_LARGE, "too-large", "The report has more than %d rows; narrow its filter.", MOST_ROWS);
    if (html)
        buffer_add_text(out, "</table>\n");
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

bool report_send(struct core *core, struct arena *arena, const struct json *report, struct error *err) {
    const char *format = notices_text(report, "format"), *id = notices_text(report, "id");
    bool html = format != NULL && strcmp(format, "html") == 0, skip = false;
    struct buffer out = buffer_on(arena);
    size_t rows = 0;
    TRY(make(core, arena, report, html, &out, &rows, err) && json_bool(report, "skipEmpty", &skip, err));
    if (skip && rows == 0)
        return true;
    struct mail_attachment file = {.name = arena_printf(arena, "%s.%s", id, html ? "html" : "csv"),
                                   .type = html ? "text/html" : "text/csv",
                                   .bytes = buffer_view(&out)};
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
    uint8_t once[32];
    bool known = false, done = false;
    SHA256((const unsigned char *)occasion, strlen(occasion), once);
    TX(tx, core_db(core), &done, err)
        tx.ok = mark_known(tx.tx, once, &known, err);
    TRY(done);
    if (known)
        return true;
    TRY(report_send(core, arena, report, err));
    done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = mark_add(tx.tx, once, clock_now_us(), err);
    return done;
}

bool reports_look(void *core, struct arena *arena, struct error *err) {
    struct notice_settings settings;
    bool ok = true;
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
