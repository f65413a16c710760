/* The writer of lists. OpenSSL's own structures need 300 octets and half a dozen allocations an entry; an entry is
 * regular enough to be written down directly (each of its lengths is below 128). What stands around the entries
 * comes from OpenSSL. */
#include "base/clock.h"
#include "x509/crl.h"
#include "x509/crl_internal.h"
#include "x509/internal.h"

#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 6 /* tag, and a length of up to 32 bits */
#define ENTRY_MAX 96
#define FIRST_ROOM ((size_t)4096)
#define LIST_MAX ((size_t)2000000000) /* lengths in four octets, sizes in an int here and there */
#define SIGNATURE_MAX ((size_t)64 * 1024)

struct crl_writer {
    const EVP_MD *digest;
    EVP_PKEY *key;
    EVP_PKEY *issuer_public;
    bool delta;
    struct view head, extensions, algorithm; /* DER: version to nextUpdate; [0] extensions; of the signature */
    struct arena *arena;                     /* of the three */
    uint8_t *memory; /* room for the headers and the head, then the entries */
    size_t first, used, capacity, count;
    int64_t day, year; /* of the date below */
    uint8_t date[8];   /* "YYYYMMDD" of the last entry: they come in bunches */
};

/* --- small pieces of DER ----------------------------------------------------------------------------- */

static size_t header_size(size_t len) {
    return len < 0x80 ? 2 : len < 0x100 ? 3 : len < 0x10000 ? 4 : len < 0x1000000 ? 5 : 6;
}

/* Writes tag and length so that they end at `end`; gives where they begin. */
static uint8_t *put_header_before(uint8_t *end, uint8_t tag, size_t len) {
    size_t size = header_size(len);
    uint8_t *at = end - size;
    at[0] = tag;
    if (size == 2) {
        at[1] = (uint8_t)len;
        return at;
    }
    at[1] = (uint8_t)(0x80 | (size - 2));
    for (size_t i = size - 1; i >= 2; i--, len >>= 8)
        at[i] = (uint8_t)len;
    return at;
}

static void put_two(uint8_t *at, int64_t value) {
    at[0] = (uint8_t)('0' + value / 10 % 10);
    at[1] = (uint8_t)('0' + value % 10);
}

/* Days since 1970 as year, month, day of the proleptic Gregorian calendar (H. Hinnant's algorithm). */
static void civil(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day) {
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = yoe + era * 400 + (*ret_month <= 2);
}

/* rfc5280#5.1.2.6: UTCTime through 2049, GeneralizedTime from 2050; `general` always the latter. */
static uint8_t *put_time(struct crl_writer *writer, uint8_t *at, int64_t us, bool general) {
    int64_t seconds = us / US_PER_SECOND - (us % US_PER_SECOND < 0);
    int64_t day = seconds / 86400 - (seconds % 86400 < 0), left = seconds - day * 86400;
    if (day != writer->day) {
        int64_t month, of_month;
        civil(day, &writer->year, &month, &of_month);
        put_two(writer->date, writer->year / 100);
        put_two(writer->date + 2, writer->year);
        put_two(writer->date + 4, month);
        put_two(writer->date + 6, of_month);
        writer->day = day;
    }
    bool utc = !general && writer->year >= 1950 && writer->year < 2050;
    *at++ = utc ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME;
    *at++ = utc ? 13 : 15;
    memcpy(at, writer->date + (utc ? 2 : 0), utc ? 6 : 8);
    at += utc ? 6 : 8;
    put_two(at, left / 3600);
    put_two(at + 2, left / 60 % 60);
    put_two(at + 4, left % 60);
    at[6] = 'Z';
    return at + 7;
}

/* --- entries ------------------------------------------------------------------------------------------ */

static uint8_t *put_serial(uint8_t *at, struct view serial) {
    while (serial.len > 1 && serial.at[0] == 0)
        serial = view_of(serial.at + 1, serial.len - 1);
    size_t sign = serial.at[0] >= 0x80;
    *at++ = V_ASN1_INTEGER;
    *at++ = (uint8_t)(serial.len + sign);
    if (sign)
        *at++ = 0;
    memcpy(at, serial.at, serial.len);
    return at + serial.len;
}

static uint8_t *put_reason(uint8_t *at, int reason) {
    static const uint8_t start[] = {0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01};
    memcpy(at, start, sizeof start);
    at[sizeof start] = (uint8_t)reason;
    return at + sizeof start + 1;
}

/* rfc5280#5.3.2: always GeneralizedTime, before 2050 too. */
static uint8_t *put_invalidity(struct crl_writer *writer, uint8_t *at, int64_t us) {
    static const uint8_t start[] = {0x30, 0x18, 0x06, 0x03, 0x55, 0x1d, 0x18, 0x04, 0x11};
    memcpy(at, start, sizeof start);
    return put_time(writer, at + sizeof start, us, true);
}

static void put_entry(struct crl_writer *writer, const struct crl_entry *entry) {
    uint8_t *begin = writer->memory + writer->used, *at = put_serial(begin + 2, entry->serial);
    at = put_time(writer, at, entry->revoked_us, false);
    if (entry->reason != REASON_UNSPECIFIED || entry->invalidity_us != 0) {
        uint8_t *list = at;
        at += 2;
        if (entry->reason != REASON_UNSPECIFIED)
            at = put_reason(at, entry->reason);
        if (entry->invalidity_us != 0)
            at = put_invalidity(writer, at, entry->invalidity_us);
        list[0] = 0x30;
        list[1] = (uint8_t)(at - list - 2);
    }
    begin[0] = 0x30;
    begin[1] = (uint8_t)(at - begin - 2);
    writer->used += (size_t)(at - begin);
    writer->count++;
}

/* Room for `more` octets. Pages that nobody has written to cost nothing, so it doubles. */
static void reserve(struct crl_writer *writer, size_t more) {
    if (writer->capacity - writer->used >= more)
        return;
    size_t capacity = writer->capacity * 2;
    while (capacity - writer->used < more)
        capacity *= 2;
    uint8_t *memory = realloc(writer->memory, capacity);
    if (memory == NULL)
        abort(); /* as must_alloc does */
    writer->memory = memory;
    writer->capacity = capacity;
}

static bool date_fits(int64_t us) {
    /* 0000-01-01 to 9999-12-31 */
    return us >= INT64_C(-62167219200) * US_PER_SECOND && us < INT64_C(253402300800) * US_PER_SECOND;
}

bool crl_writer_add(struct crl_writer *writer, const struct crl_entry *entry, struct error *err) {
    if (entry->serial.len == 0 || entry->serial.len > 20)
        return crl_bad_plan(err, "a serial number must have 1 to 20 octets (rfc5280#4.1.2.2).");
    if (reason_name(entry->reason) == NULL || (entry->reason == REASON_REMOVE_FROM_CRL && !writer->delta))
        return crl_bad_plan(err, "an entry's reason is unknown, or removeFromCRL, which only delta "
                                 "CRLs may have (rfc5280#5.3.1).");
    if (!date_fits(entry->revoked_us) || !date_fits(entry->invalidity_us))
        return crl_bad_plan(err, "an entry's date lies outside the years 0 to 9999.");
    if (writer->used > LIST_MAX)
        return fail(err, ERROR_TOO_LARGE, "crl-size",
                    "The list has grown over 2 GB; divide it into partitions.");
    reserve(writer, ENTRY_MAX);
    put_entry(writer, entry);
    return true;
}

size_t crl_writer_count(const struct crl_writer *writer) {
    return writer->count;
}

void crl_writer_reset(struct crl_writer *writer) {
    writer->used = writer->first;
    writer->count = 0;
}

/* --- what stands around them -------------------------------------------------------------------------- */

/* The AlgorithmIdentifier as the key's provider writes it: parameters of PSS, their absence with EdDSA. */
static bool take_algorithm(struct crl_writer *writer, struct error *err) {
    uint8_t der[CRL_ALGORITHM_SIZE];
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, der, sizeof der),
        OSSL_PARAM_construct_end()};
    const char *digest = writer->digest == NULL ? NULL : EVP_MD_get0_name(writer->digest);
    if (context == NULL ||
        EVP_DigestSignInit_ex(context, &inner, digest, NULL, NULL, writer->key, NULL) != 1 ||
        EVP_PKEY_CTX_get_params(inner, params) != 1 || params[0].return_size == 0 ||
        params[0].return_size > sizeof der)
        return signing_failed(err, "CRL");
    writer->algorithm = arena_copy(writer->arena, der, params[0].return_size);
    return true;
}

/* version to nextUpdate, rfc5280#5.1.2 */
static bool make_head(struct crl_writer *writer, const struct crl_plan *plan, struct error *err) {
    static const uint8_t version_2[] = {0x02, 0x01, 0x01};
    unsigned char *name = NULL;
    uint8_t dates[2 * 17];
    int len = i2d_X509_NAME(X509_get_subject_name(plan->issuer), &name);
    if (len <= 0)
        return fail_internal(err, "CRL issuer name");
    uint8_t *at = put_time(writer, dates, plan->this_update_us, false);
    at = put_time(writer, at, plan->next_update_us, false);
    size_t date_len = (size_t)(at - dates), algorithm = writer->algorithm.len;
    size_t total = sizeof version_2 + algorithm + (size_t)len + date_len;
    uint8_t *head = arena_alloc(writer->arena, total);
    memcpy(head, version_2, sizeof version_2);
    memcpy(head + sizeof version_2, writer->algorithm.at, algorithm);
    memcpy(head + sizeof version_2 + algorithm, name, (size_t)len);
    memcpy(head + sizeof version_2 + algorithm + (size_t)len, dates, date_len);
    OPENSSL_free(name);
    writer->head = view_of(head, total);
    return true;
}

bool crl_writer_new(const struct crl_plan *plan, EVP_PKEY *issuer_key, const EVP_MD *digest,
                    struct crl_writer **ret_writer, struct error *err) {
    TRY(crl_plan_check(plan, err));
    struct crl_writer *writer = must_alloc(sizeof *writer);
    memset(writer, 0, sizeof *writer);
    writer->arena = arena_new();
    writer->digest = digest;
    writer->key = issuer_key;
    writer->delta = plan->delta;
    writer->day = INT64_MIN;
    EVP_PKEY_up_ref(issuer_key);
    writer->issuer_public = X509_get_pubkey((X509 *)(uintptr_t)plan->issuer);
    if (!take_algorithm(writer, err) || !make_head(writer, plan, err) ||
        !crl_plan_extensions(writer->arena, plan, &writer->extensions, err)) {
        crl_writer_free(writer);
        return false;
    }
    writer->first = 3 * HEADER_MAX + writer->head.len;
    writer->used = writer->first;
    writer->capacity = writer->first + FIRST_ROOM;
    writer->memory = must_alloc(writer->capacity);
    *ret_writer = writer;
    return true;
}

void crl_writer_free(struct crl_writer *writer) {
    if (writer == NULL)
        return;
    EVP_PKEY_free(writer->key);
    EVP_PKEY_free(writer->issuer_public);
    arena_free(writer->arena);
    free(writer->memory);
    free(writer);
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void append(struct crl_writer *writer, struct view bytes) {
    memcpy(writer->memory + writer->used, bytes.at, bytes.len);
    writer->used += bytes.len;
}

/* Closes the tbsCertList around the entries; it begins at the offset that is returned. */
static size_t close_tbs(struct crl_writer *writer) {
    reserve(writer, writer->extensions.len + writer->algorithm.len + SIGNATURE_MAX);
    uint8_t *at = writer->memory + writer->first;
    /* rfc5280#5.1.2.6: absent when nothing is revoked */
    if (writer->count > 0)
        at = put_header_before(at, 0x30, writer->used - writer->first);
    append(writer, writer->extensions);
    at -= writer->head.len;
    memcpy(at, writer->head.at, writer->head.len);
    at = put_header_before(at, 0x30, (size_t)(writer->memory + writer->used - at));
    return (size_t)(at - writer->memory);
}

static bool sign_tbs(struct crl_writer *writer, struct view tbs, uint8_t *signature, size_t *len,
                     struct error *err) {
    AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
    const char *digest = writer->digest == NULL ? NULL : EVP_MD_get0_name(writer->digest);
    *len = SIGNATURE_MAX;
    if (context == NULL ||
        EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, writer->key, NULL) != 1 ||
        EVP_DigestSign(context, signature, len, tbs.at, tbs.len) != 1)
        return signing_failed(err, "CRL");
    return true;
}

bool crl_writer_sign(struct crl_writer *writer, void **ret_memory, struct view *ret_der, struct error *err) {
    size_t begin = close_tbs(writer), len;
    struct view tbs = view_of(writer->memory + begin, writer->used - begin);
    uint8_t *signature = must_alloc(SIGNATURE_MAX);
    if (!sign_tbs(writer, tbs, signature, &len, err)) {
        free(signature);
        return false;
    }
    append(writer, writer->algorithm);
    uint8_t header[HEADER_MAX], *start = put_header_before(header + HEADER_MAX, V_ASN1_BIT_STRING, len + 1);
    append(writer, view_of(start, (size_t)(header + HEADER_MAX - start)));
    append(writer, VIEW_LITERAL("\0")); /* no unused bits */
    append(writer, view_of(signature, len));
    free(signature);
    uint8_t *outer = put_header_before(writer->memory + begin, 0x30, writer->used - begin);
    struct view der = view_of(outer, (size_t)(writer->memory + writer->used - outer));
    struct error bad = {0};
    if (!crl_verify_with(der, writer->issuer_public, &bad))
        return fail_internal(err, "the signature of the new CRL does not verify");
    *ret_memory = TAKE(writer->memory);
    *ret_der = der;
    return true;
}

bool crl_build(struct arena *arena, const struct crl_plan *plan, EVP_PKEY *issuer_key,
               const EVP_MD *digest, struct view *ret_der, struct error *err) {
    struct crl_writer *writer;
    struct view der;
    void *memory;
    TRY(crl_writer_new(plan, issuer_key, digest, &writer, err));
    bool ok = true;
    for (size_t i = 0; ok && i < plan->entry_count; i++)
        ok = crl_writer_add(writer, &plan->entries[i], err);
    ok = ok && crl_writer_sign(writer, &memory, &der, err);
    crl_writer_free(writer);
    TRY(ok);
    arena_defer(arena, free, memory);
    *ret_der = der;
    return true;
}
