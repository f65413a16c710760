/* Which certificates: the query parameters of the list, the count, the export, and of saved views.
 */
#include "rest/certificate_filter.h"

#include "base/clock.h"
#include "base/encode.h"
#include "ca/templates.h"
#include "rest/ask.h"
#include "rest/organisation.h"
#include "x509/name.h"

#include <stdlib.h>
#include <string.h>

const char *const certificate_list_names[] = {
    "sort",
    "q",           "state",      "expiresBefore", "expiresAfter", "expiresWithin",
    "name",        "namePrefix", "nameSuffix",    "email",        "serial",
    "fingerprint", "template",   "keyType",       "door",         "requester",
    "owner",       "tag",        "use",           "archived",     "ca",
    "subject",     "organisation", NULL};
const char *const *const certificate_filter_names = certificate_list_names + 1;

struct word {
    const char *name;
    int value;
};

static const struct word states[] = {{"valid", CERTIFICATE_VALID},
                                     {"expired", CERTIFICATE_EXPIRED},
                                     {"revoked", CERTIFICATE_REVOKED},
                                     {"held", CERTIFICATE_HELD},
                                     {NULL, 0}};
static const struct word uses[] = {{"end-entity", CERTIFICATE_END_ENTITY},
                                   {"ca", CERTIFICATE_CA},
                                   {"ocsp", CERTIFICATE_OCSP},
                                   {"tsa", CERTIFICATE_TSA},
                                   {"scep", CERTIFICATE_SCEP},
                                   {"tls", CERTIFICATE_TLS},
                                   {"cmp", CERTIFICATE_CMP},
                                   {NULL, 0}};
static const struct word sorts[] = {{"createdAt", CERTIFICATE_OLDEST},
                                    {"-createdAt", CERTIFICATE_NEWEST},
                                    {"notAfter", CERTIFICATE_ENDS_FIRST},
                                    {"-notAfter", CERTIFICATE_ENDS_LAST},
                                    {NULL, 0}};
static const struct word archives[] = {
    {"hidden", ARCHIVED_HIDDEN}, {"only", ARCHIVED_ONLY}, {"shown", ARCHIVED_SHOWN}, {NULL, 0}};

static bool read_word(const struct http_request *request, const char *name,
                      const struct word *words, int *ret_value, struct error *err) {
    const char *text = http_query(request, name);
    struct buffer known = buffer_on(request->arena);
    if (text == NULL)
        return true;
    for (const struct word *word = words; word->name != NULL; word++) {
        buffer_printf(&known, "%s%s", word == words ? "" : ", ", word->name);
        if (strcmp(text, word->name) == 0) {
            *ret_value = word->value;
            return true;
        }
    }
    return fail(err, ERROR_MALFORMED, "bad-query", "The query parameter \"%s\" is one of %s.", name,
                buffer_text(&known));
}

static bool read_time(const struct http_request *request, const char *name, int64_t *ret_us,
                      struct error *err) {
    const char *text = http_query(request, name);
    return text == NULL || time_parse(text, ret_us, err);
}

/* Expiring within so many days: valid now, over then. */
static bool read_within(const struct http_request *request, struct certificate_filter *filter,
                        struct error *err) {
    const char *text = http_query(request, "expiresWithin");
    char *end;
    if (text == NULL)
        return true;
    long days = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || days < 1 || days > 36525)
        return fail(err, ERROR_MALFORMED, "bad-query",
                    "The query parameter \"expiresWithin\" is a number of days from 1 to 36525.");
    if (http_query(request, "expiresBefore") != NULL || http_query(request, "state") != NULL)
        return fail(
            err, ERROR_MALFORMED, "bad-query",
            "The query parameter \"expiresWithin\" says state and expiresBefore, too; leave these "
            "out.");
    filter->expires_before_us = filter->now_us + days * US_PER_DAY;
    filter->state = CERTIFICATE_VALID;
    return true;
}

static bool read_name(const struct http_request *request, struct certificate_filter *filter,
                      struct error *err) {
    static const struct {
        const char *name;
        enum name_match match;
    } forms[] = {{"name", NAME_EXACT}, {"namePrefix", NAME_PREFIX}, {"nameSuffix", NAME_SUFFIX}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const char *text = http_query(request, forms[i].name);
        if (text == NULL)
            continue;
        if (filter->name != NULL || text[0] == '\0' || strlen(text) > 255)
            return fail(
                err, ERROR_MALFORMED, "bad-query",
                "Give one of the query parameters name, namePrefix and nameSuffix, of 1 to 255 "
                "octets.");
        filter->name = text;
        filter->match = forms[i].match;
    }
    return true;
}

/* RFC 4514 however it is spaced. Its common name leads to it, or else its text: both are what searches are made for. */
static bool read_subject(const struct http_request *request, struct certificate_filter *filter, struct error *err) {
    const char *text = http_query(request, "subject");
    AUTO(X509_NAME) *name = NULL;
    if (text == NULL)
        return true;
    TRY(name_from_text(text, &name, err));
    filter->subject = name_text(request->arena, name);
    const char *common = name_common_name(request->arena, name);
    if (common != NULL && strlen(common) <= 255 && filter->name == NULL)
        filter->name = common; /* NAME_EXACT */
    else if (common == NULL && filter->text == NULL && strlen(filter->subject) <= 200)
        filter->text = filter->subject;
    return true;
}

/* Hexadecimal as people copy it: colons, dashes and spaces do not count. */
static const char *digits_of(const struct http_request *request, const char *text) {
    char *digits = arena_alloc(request->arena, strlen(text) + 1);
    size_t count = 0;
    for (; *text != '\0'; text++)
        if (strchr(": -", *text) == NULL)
            digits[count++] = *text;
    digits[count] = '\0';
    return digits;
}

/* A number: leading zeros do not count, either. */
static bool read_serial(const struct http_request *request, struct view *ret_serial, struct error *err) {
    const char *text = http_query(request, "serial");
    return text == NULL ||
           (der_number_of_hex(request->arena, digits_of(request, text), ret_serial) && ret_serial->len <= MAX_SERIAL) ||
           fail(err, ERROR_MALFORMED, "bad-query",
                "The query parameter \"serial\" is a hexadecimal number of at most %d octets (rfc5280#4.1.2.2).", MAX_SERIAL);
}

static bool read_hex(const struct http_request *request, const char *name, size_t least,
                     size_t most, struct view *ret_bytes, struct error *err) {
    const char *text = http_query(request, name);
    if (text == NULL)
        return true;
    if (hex_decode(request->arena, view_text(digits_of(request, text)), ret_bytes) && ret_bytes->len >= least &&
        ret_bytes->len <= most)
        return true;
    return fail(err, ERROR_MALFORMED, "bad-query",
                "The query parameter \"%s\" is hex of %zu to %zu octets.", name, least, most);
}

/* A text that cannot be in the column finds nothing, and is no error. */
static const char *read_text(const struct http_request *request, const char *name) {
    const char *text = http_query(request, name);
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool read_template(struct core *core, const struct http_request *request,
                          struct certificate_filter *filter, struct error *err) {
    const char *slug = http_query(request, "template");
    struct template_record template;
    if (slug == NULL)
        return true;
    TRY(template_get(core, request->arena, request->actor, slug, &template, err));
    filter->template_id = template.id;
    return true;
}

bool certificate_filter_read(struct core *core, struct http_request *request,
                             const char **ret_ca, struct certificate_filter *ret,
                             struct error *err) {
    struct certificate_filter filter = {.now_us = clock_now_us()};
    int state = 0, use = 0, archived = ARCHIVED_HIDDEN, sort = CERTIFICATE_NEWEST;
    TRY(ask_organisation(core, request, err));
    TRY(read_word(request, "state", states, &state, err) &&
        read_word(request, "use", uses, &use, err) &&
        read_word(request, "archived", archives, &archived, err) &&
        read_word(request, "sort", sorts, &sort, err));
    filter.sort = (enum certificate_sort)sort;
    filter.state = (enum certificate_state)state;
    filter.use = (enum certificate_use)use;
    filter.archived = (enum archive_filter)archived;
    TRY(read_time(request, "expiresBefore", &filter.expires_before_us, err) &&
        read_time(request, "expiresAfter", &filter.expires_after_us, err));
    TRY(read_within(request, &filter, err));
    TRY(read_name(request, &filter, err));
    TRY(read_serial(request, &filter.serial, err) &&
        read_hex(request, "fingerprint", 32, 32, &filter.fingerprint_sha256, err));
    TRY(read_template(core, request, &filter, err));
    filter.text = read_text(request, "q");
    TRY(read_subject(request, &filter, err));
    filter.email = read_text(request, "email");
    filter.key_type = read_text(request, "keyType");
    filter.door = read_text(request, "door");
    filter.requester = read_text(request, "requester");
    filter.owner = read_text(request, "owner");
    filter.tag = read_text(request, "tag");
    if (*ret_ca == NULL)
        *ret_ca = read_text(request, "ca");
    else if (http_query(request, "ca") != NULL)
        return fail(err, ERROR_MALFORMED, "bad-query", "The path names the CA already.");
    *ret = filter;
    return true;
}

bool certificate_filter_parse(struct core *core, struct http_request *request,
                              const char *text, const char **ret_ca, struct certificate_filter *ret,
                              struct error *err) {
    struct http_request as_query = {
        .arena = request->arena, .id = request->id, .query = text, .actor = request->actor};
    TRY(ask_query(&as_query, certificate_list_names, err));
    TRY(certificate_filter_read(core, &as_query, ret_ca, ret, err));
    request->actor = as_query.actor;
    return true;
}
