#include "ca/authority_history.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/crl.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 1000000

struct reading {
    struct arena *arena;
    EVP_PKEY *key;
    struct past *items;
    size_t count, capacity;
    struct error *err;
};

static bool add(struct reading *r, const struct past *past) {
    if (r->count == MAX_ENTRIES)
        return fail(r->err, ERROR_TOO_LARGE, "too-large",
                    "The history has more than %d entries; send it in parts.", MAX_ENTRIES);
    if (r->count == r->capacity) {
        size_t capacity = r->capacity == 0 ? 256 : r->capacity * 2;
        struct past *items = arena_array(r->arena, capacity, sizeof *items);
        if (r->count > 0)
            memcpy(items, r->items, r->count * sizeof *items);
        r->items = items;
        r->capacity = capacity;
    }
    r->items[r->count] = *past;
    r->items[r->count].order = r->count;
    r->count++;
    return true;
}

/* Content octets of an INTEGER that a certificate may have (rfc5280#4.1.2.2). Zero is taken, for it has been issued. */
static bool serial_fits(struct view serial) {
    return serial.len >= 1 && serial.len <= MAX_SERIAL && serial.at[0] < 0x80;
}

/* --- certificates ------------------------------------------------------------------------------------ */

static bool add_certificate(struct reading *r, struct view pem, size_t number) {
    X509 *certificate = NULL;
    struct certificate_facts facts;
    struct past past = {.subject = ""};
    if (!certificate_decode(r->arena, pem, &certificate, r->err)) {
        error_prefix(r->err, "Issued certificate %zu: ", number);
        return false;
    }
    past.certificate = keep_X509(r->arena, certificate);
    TRY(certificate_read(r->arena, certificate, &facts, r->err));
    if (X509_verify(certificate, r->key) != 1) {
        ERR_clear_error();
        return fail(r->err, ERROR_POLICY, "not-from-ca",
                    "Issued certificate %zu (serial %.40s, %.100s) is not signed by this CA's key.", number,
                    facts.serial, facts.subject);
    }
    if (!serial_fits(facts.serial_bytes))
        return fail(r->err, ERROR_MALFORMED, "malformed-certificate",
                    "Issued certificate %zu (%.100s) has a serial number of more than 20 octets (rfc5280#4.1.2.2).", number,
                    facts.subject);
    past.serial = facts.serial_bytes;
    past.not_after_us = facts.not_after_us;
    return add(r, &past);
}

static bool read_certificates(struct reading *r, struct view bytes) {
    static const char end[] = "-----END CERTIFICATE-----";
    size_t number = 0;
    for (const uint8_t *to; (to = memmem(bytes.at, bytes.len, end, sizeof end - 1)) != NULL;) {
        size_t used = (size_t)(to - bytes.at) + sizeof end - 1;
        TRY(add_certificate(r, view_of(bytes.at, used), ++number));
        bytes = view_of(bytes.at + used, bytes.len - used);
    }
    return number > 0 || fail(r->err, ERROR_MALFORMED, "malformed-certificate",
                              "There is no PEM certificate among the issued certificates.");
}

/* --- OpenSSL's index.txt: state, end, revocation[,reason[,more]], serial, file, subject; separated by tabs. A
 * backslash keeps a tab of the subject, and "#" begins a remark. */

static bool bad_line(struct reading *r, size_t number, const char *what) {
    return fail(r->err, ERROR_MALFORMED, "malformed-index", "index.txt, line %zu: %s.", number, what);
}

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ, as ASN.1 writes times. */
static bool index_time(const char *text, int64_t *ret_us) {
    AUTO(ASN1_TIME) *time = ASN1_TIME_new();
    struct error ignored = {0};
    bool ok = time != NULL && ASN1_TIME_set_string(time, text) == 1 &&
              asn1_time_to_us(time, ret_us, &ignored);
    ERR_clear_error();
    return ok;
}

static bool index_reason(char *text, struct past *past) {
    char *more = strchr(text, ',');
    if (more != NULL)
        *more++ = '\0';
    if (strcmp(text, "CACompromise") == 0)
        past->reason = REASON_CA_COMPROMISE;
    else if (strcmp(text, "holdInstruction") == 0)
        past->reason = REASON_CERTIFICATE_HOLD;
    else if (strcmp(text, "keyTime") == 0 || strcmp(text, "CAkeyTime") == 0)
        past->reason = text[0] == 'k' ? REASON_KEY_COMPROMISE : REASON_CA_COMPROMISE;
    else
        past->reason = reason_from_name(text);
    if (more != NULL && strstr(text, "Time") != NULL)
        return index_time(more, &past->invalidity_us);
    return past->reason >= 0 && past->reason != REASON_REMOVE_FROM_CRL;
}

static bool index_serial(struct reading *r, const char *hex, struct view *ret_serial) {
    return der_number_of_hex(r->arena, hex, ret_serial) && serial_fits(*ret_serial);
}

/* Ends the field at its tab and returns what follows, or NULL. */
static char *end_field(char *at) {
    char *to = at;
    for (; *at != '\0' && *at != '\t'; *to++ = *at++)
        if (at[0] == '\\' && at[1] == '\t')
            at++;
    char *next = *at == '\0' ? NULL : at + 1;
    *to = '\0';
    return next;
}

static bool split_line(char *line, char *fields[static 6]) {
    for (int i = 0; i < 6; i++) {
        fields[i] = line;
        line = end_field(line);
        if ((line == NULL) != (i == 5))
            return false;
    }
    return true;
}

static bool read_line(struct reading *r, char *line, size_t number) {
    char *fields[6];
    struct past past = {0};
    if (!split_line(line, fields))
        return bad_line(r, number, "it does not have six fields with tabs between them");
    if (strlen(fields[0]) != 1 || strchr("VRE", fields[0][0]) == NULL)
        return bad_line(r, number, "the state is none of V, R and E");
    if (!index_time(fields[1], &past.not_after_us))
        return bad_line(r, number, "the end is no time such as 271231235959Z");
    past.revoked = fields[0][0] == 'R';
    if (!past.revoked && fields[2][0] != '\0')
        return bad_line(r, number, "it has a time of revocation, but the state is not R");
    char *reason = strchr(fields[2], ',');
    if (reason != NULL)
        *reason++ = '\0';
    if (past.revoked && !index_time(fields[2], &past.revoked_us))
        return bad_line(r, number, "the time of revocation is none");
    if (past.revoked && reason != NULL && !index_reason(reason, &past))
        return bad_line(r, number, "the reason of revocation is not known");
    if (!index_serial(r, fields[3], &past.serial))
        return bad_line(r, number, "the serial number is no hexadecimal of 1 to 20 octets, with a zero before a first bit "
                                   "that is set (rfc5280#4.1.2.2)");
    past.subject = utf8_valid(view_text(fields[5])) && strlen(fields[5]) < 1000 ? fields[5] : "";
    return add(r, &past);
}

static bool read_index(struct reading *r, struct view bytes) {
    char *text = arena_alloc(r->arena, bytes.len + 1);
    size_t number = 0;
    memcpy(text, bytes.at, bytes.len);
    text[bytes.len] = '\0';
    if (strlen(text) != bytes.len)
        return bad_line(r, 1, "it holds a NUL character");
    while (text != NULL && *text != '\0') {
        char *end = strchr(text, '\n'), *next = end == NULL ? NULL : end + 1;
        number++;
        if (end != NULL)
            *end = '\0';
        size_t len = strlen(text);
        if (len > 0 && text[len - 1] == '\r')
            text[len - 1] = '\0';
        if (*text != '\0' && *text != '#')
            TRY(read_line(r, text, number));
        text = next;
    }
    return true;
}

/* --- the last CRL ------------------------------------------------------------------------------------- */

static bool crl_signed_by(struct reading *r, struct view der) {
    const unsigned char *next = der.at;
    AUTO(X509_CRL) *crl = d2i_X509_CRL(NULL, &next, (long)der.len);
    bool ok = crl != NULL && X509_CRL_verify(crl, r->key) == 1;
    ERR_clear_error();
    return ok || fail(r->err, ERROR_POLICY, "not-from-ca", "The CRL is not signed by this CA's key.");
}

static bool crl_number(struct view octets, int64_t *ret, struct error *err) {
    int64_t number = 0;
    size_t skip = octets.len > 0 && octets.at[0] == 0;
    if (octets.len - skip > 7)
        return fail(err, ERROR_POLICY, "crl-number",
                    "The CRL's number is too large (more than 56 bits); it cannot be continued.");
    for (size_t i = 0; i < octets.len; i++)
        number = number << 8 | octets.at[i];
    *ret = number;
    return true;
}

/* What another of several lists revokes must not come back: the index tells all of it. */
static bool is_whole(struct reading *r, const struct crl_facts *facts, const struct ca_history *history) {
    if (facts->partition || facts->base_number.len > 0)
        return fail(r->err, ERROR_POLICY, "crl",
                    "The CRL is a delta or a partition; the complete one is needed.");
    return !facts->named || history->crl_alone || history->index.len > 0 ||
           fail(r->err, ERROR_POLICY, "crl",
                "The CRL names a distribution point, so it may be one of several (rfc5280#5.2.5); give the CA's index, "
                "which has all that was revoked, with it.");
}

static bool read_crl(struct reading *r, const struct ca_history *history, struct past_list *list) {
    struct view bytes = history->crl;
    struct crl_facts facts;
    struct crl_entry entry;
    struct error why = {0};
    struct view der = bytes;
    if (memmem(bytes.at, bytes.len, "-----BEGIN", 10) != NULL &&
        !pem_decode(r->arena, bytes, "X509 CRL", &der))
        return fail(r->err, ERROR_MALFORMED, "crl", "The CRL is no PEM with the label \"X509 CRL\".");
    TRY(crl_read(der, &facts, r->err));
    TRY(crl_signed_by(r, der));
    TRY(is_whole(r, &facts, history));
    TRY(crl_number(facts.number, &list->crl_number, r->err));
    list->crl = der;
    list->crl_this_update_us = facts.this_update_us;
    list->crl_next_update_us = facts.next_update_us;
    while (crl_next(&facts.entries, &entry, &why)) {
        if (!serial_fits(entry.serial))
            return fail(r->err, ERROR_POLICY, "crl",
                        "The CRL has an entry with a serial number that is negative or has more than 20 octets: %.80s "
                        "(rfc5280#4.1.2.2).", hex_encode(r->arena, entry.serial));
        struct past past = {.serial = entry.serial, .subject = "", .revoked = entry.reason != REASON_REMOVE_FROM_CRL,
                            .reason = entry.reason, .revoked_us = entry.revoked_us,
                            .invalidity_us = entry.invalidity_us};
        TRY(add(r, &past));
    }
    if (why.kind == ERROR_NONE)
        return true;
    *r->err = why;
    return false;
}

/* --- all together -------------------------------------------------------------------------------------- */

static int by_serial(const void *left, const void *right) {
    const struct past *a = left, *b = right;
    if (a->serial.len != b->serial.len)
        return a->serial.len < b->serial.len ? -1 : 1;
    for (size_t i = 0; i < a->serial.len; i++)
        if (a->serial.at[i] != b->serial.at[i])
            return a->serial.at[i] < b->serial.at[i] ? -1 : 1;
    return 0;
}

static int by_serial_in_order(const void *left, const void *right) {
    const struct past *a = left, *b = right;
    int order = by_serial(a, b);
    return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

/* A revocation before a hold, one with a reason before one without, then the earlier one. */
static bool says_more(const struct past *from, const struct past *into) {
    bool held = into->reason == REASON_CERTIFICATE_HOLD, bare = into->reason == REASON_UNSPECIFIED;
    if (!from->revoked || !into->revoked)
        return from->revoked;
    if (held != (from->reason == REASON_CERTIFICATE_HOLD))
        return held;
    if (bare != (from->reason == REASON_UNSPECIFIED))
        return bare;
    return from->revoked_us < into->revoked_us;
}

/* What one source knows and the other does not. */
static void merge(struct past *into, const struct past *from) {
    if (into->certificate == NULL)
        into->certificate = from->certificate;
    if (into->subject[0] == '\0')
        into->subject = from->subject;
    if (into->not_after_us == 0 || from->certificate != NULL)
        into->not_after_us = from->not_after_us != 0 ? from->not_after_us : into->not_after_us;
    if (says_more(from, into)) {
        into->revoked = true;
        into->reason = from->reason;
        into->revoked_us = from->revoked_us;
        into->invalidity_us = from->invalidity_us;
    }
}

static void merge_all(struct reading *r) {
    size_t kept = 0;
    if (r->count == 0)
        return;
    qsort(r->items, r->count, sizeof *r->items, by_serial_in_order);
    for (size_t i = 1; i < r->count; i++)
        if (by_serial(&r->items[kept], &r->items[i]) == 0)
            merge(&r->items[kept], &r->items[i]);
        else
            r->items[++kept] = r->items[i];
    r->count = kept + 1;
}

bool history_read(struct arena *arena, const struct ca_history *history, EVP_PKEY *key,
                  struct past_list *ret, struct error *err) {
    struct error own = {0};
    struct reading r = {.arena = arena, .key = key, .err = err != NULL ? err : &own};
    struct past_list list = {.crl_number = 0};
    if (history->certificates.len > 0)
        TRY(read_certificates(&r, history->certificates));
    if (history->index.len > 0)
        TRY(read_index(&r, history->index));
    if (history->crl.len > 0)
        TRY(read_crl(&r, history, &list));
    if (history->crl_number > list.crl_number)
        list.crl_number = history->crl_number;
    merge_all(&r);
    list.items = r.items;
    list.count = r.count;
    *ret = list;
    return true;
}
