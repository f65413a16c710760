/* Taking the lists of others. */
#include "ca/validation.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "ca/status_cache.h"
#include "x509/crl.h"
#include "x509/handles.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ISSUED ((size_t)5000000)
#define RESPONDER_WARN_US (14 * US_PER_DAY)
#define CLOCK_SKEW_US (300 * US_PER_SECOND)

static bool refuse(struct error *err, const struct validator_record *v, const char *rule) {
    return fail(err, ERROR_POLICY, "list-refused", "The list for %s %s", v->slug, rule);
}

/* Numbers as the content octets of INTEGERs, not negative. */
static int compare_numbers(struct view a, struct view b) {
    while (a.len > 0 && a.at[0] == 0)
        a = view_of(a.at + 1, a.len - 1);
    while (b.len > 0 && b.at[0] == 0)
        b = view_of(b.at + 1, b.len - 1);
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    for (size_t i = 0; i < a.len; i++)
        if (a.at[i] != b.at[i])
            return a.at[i] < b.at[i] ? -1 : 1;
    return 0;
}

static bool check_issuer(const struct validator_record *v, const struct crl_facts *facts, X509 *authority,
                         struct error *err) {
    unsigned char *name = NULL;
    int len = i2d_X509_NAME(X509_get_subject_name(authority), &name);
    bool same = len > 0 && view_equal(facts->issuer, view_of(name, (size_t)len));
    OPENSSL_free(name);
    if (!same)
        return refuse(err, v, "has another issuer.");
    const ASN1_OCTET_STRING *key = X509_get0_subject_key_id(authority);
    if (key != NULL && facts->authority_key.len > 0 &&
        !view_equal(facts->authority_key,
                    view_of(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key))))
        return refuse(err, v, "was signed by another key of this name (rfc5280#5.2.1).");
    if (facts->partition || facts->indirect)
        return refuse(err, v, "is about some certificates alone (rfc5280#5.2.5); a complete one is needed.");
    return true;
}

/* A list with a name may be one of several, and nobody here knows which certificate names which (rfc5280#6.3.3 (b)). */
static bool check_name(struct arena *arena, const struct validator_record *v, const struct crl_facts *facts,
                       struct error *err) {
    struct validation_settings settings;
    TRY(validation_settings_of(arena, v, &settings, err));
    return !facts->named || settings.accept_named ||
           refuse(err, v, "names a distribution point, so it may be one of several (rfc5280#5.2.5). Give the list of all "
                          "certificates, or set acceptNamedLists where there is but this one.");
}

static bool check_dates(const struct validator_record *v, const struct crl_facts *facts, struct error *err) {
    int64_t now = clock_now_us();
    if (facts->next_update_us == 0)
        return refuse(err, v, "has no nextUpdate (rfc5280#5.1.2.5), so nobody knows how long it holds.");
    if (facts->next_update_us <= now)
        return refuse(err, v, "has ended.");
    return facts->this_update_us <= now + CLOCK_SKEW_US || refuse(err, v, "is from the future.");
}

/* Newer than the present one; a delta continues a list that is here. */
static bool check_order(const struct validator_record *v, const struct crl_facts *facts, struct error *err) {
    bool delta = facts->base_number.len > 0;
    const struct validator_list *present = delta ? &v->delta : &v->complete;
    if (present->size > 0 && present->number.len > 0 &&
        (facts->number.len == 0 || compare_numbers(facts->number, present->number) <= 0))
        return refuse(err, v, "does not have a higher number than the present one (rfc5280#5.2.3).");
    if (present->size > 0 && facts->this_update_us < present->this_update_us)
        return refuse(err, v, "is older than the present one.");
    /* rfc5280#5.2.4 (c): the complete list is at least as new as the delta's base */
    if (delta && (v->complete.size == 0 || compare_numbers(v->complete.number, facts->base_number) < 0))
        return refuse(err, v, "is a delta to a list that is not here.");
    return true;
}

static bool count_entries(struct view entries, int64_t *ret_count, struct error *err) {
    struct crl_entry entry;
    struct error bad = {0};
    int64_t count = 0;
    while (crl_next(&entries, &entry, &bad))
        count++;
    if (bad.kind != ERROR_NONE) {
        *err = bad;
        return false;
    }
    *ret_count = count;
    return true;
}

static bool inspect(struct arena *arena, const struct validator_record *v, struct view der,
                    struct validator_list *ret, bool *ret_drop, struct error *err) {
    AUTO(X509) *authority = NULL;
    struct crl_facts facts;
    TRY(certificate_decode(arena, v->certificate, &authority, err));
    TRY(crl_read(der, &facts, err));
    TRY(check_issuer(v, &facts, authority, err));
    TRY(check_name(arena, v, &facts, err));
    TRY(crl_verify(der, authority, err));
    TRY(check_dates(v, &facts, err));
    TRY(check_order(v, &facts, err));
    TRY(count_entries(facts.entries, &ret->entries, err));
    ret->kind = facts.base_number.len > 0 ? VALIDATOR_DELTA : VALIDATOR_COMPLETE;
    ret->number = facts.number;
    ret->base_number = facts.base_number;
    ret->this_update_us = facts.this_update_us;
    ret->next_update_us = facts.next_update_us;
    *ret_drop = ret->kind == VALIDATOR_COMPLETE && v->delta.size > 0 &&
                compare_numbers(facts.number, v->delta.number) >= 0;
    return true;
}

static bool fingerprint(struct view document, uint8_t ret[32], struct error *err) {
    return EVP_Digest(document.at, document.len, ret, NULL, EVP_sha256(), NULL) == 1 ||
           fail_internal(err, "SHA-256");
}

static bool to_der(struct arena *arena, struct view bytes, struct view *ret, struct error *err) {
    static const char begin[] = "-----BEGIN X509 CRL-----";
    const uint8_t *at = memmem(bytes.at, bytes.len, begin, sizeof begin - 1);
    if (at == NULL) {
        *ret = bytes;
        return true;
    }
    const uint8_t *from = at + sizeof begin - 1, *end = bytes.at + bytes.len;
    const uint8_t *to = memmem(from, (size_t)(end - from), "-----END", 8);
    struct buffer text = buffer_on(arena);
    for (; to != NULL && from < to; from++)
        if (*from > ' ')
            buffer_add_byte(&text, *from);
    return (to != NULL && base64_decode(arena, buffer_view(&text), ret)) ||
           fail(err, ERROR_MALFORMED, "crl", "CRL: its PEM is broken.");
}

static bool put(struct core *core, struct arena *arena, const struct actor *actor,
                const struct validator_record *v, struct validator_list *list, struct view document,
                bool drop_delta, struct error *err) {
    static const char *const codes[] = {[VALIDATOR_COMPLETE] = "validator.list",
                                        [VALIDATOR_DELTA] = "validator.delta",
                                        [VALIDATOR_ISSUED] = "validator.issued-list"};
    struct event_note note = {.code = codes[list->kind],
                              .organisation_id = v->organisation_id,
                              .object_kind = "validator",
                              .object = v->slug,
                              .details = arena_printf(arena, "{\"entries\":%lld,\"number\":\"%s\"}",
                                                      (long long)list->entries,
                                                      hex_encode(arena, list->number))};
    bool done = false;
    list->id = uuid_new();
    list->validator_id = v->id;
    list->size = (int64_t)document.len;
    list->created_us = clock_now_us();
    TX(tx, core_db(core), &done, err)
        tx.ok = validator_list_put(tx.tx, list, document, drop_delta, err) &&
                access_note(tx.tx, actor, &note, err);
    status_cache_forget(core);
    return done;
}

bool validation_take_crl(struct core *core, struct arena *arena, const struct actor *actor,
                         const struct validator_record *v, struct view bytes, bool *ret_news,
                         struct error *err) {
    struct validator_list list = {.entries = 0};
    struct view der;
    bool drop = false;
    TRY(actor_may(actor, MAY_MANAGE_CAS, v->organisation_id, (struct uuid){{0}}, err));
    TRY(to_der(arena, bytes, &der, err));
    TRY(fingerprint(der, list.fingerprint, err));
    struct view mine = view_of(list.fingerprint, 32);
    *ret_news = !(v->complete.size > 0 && view_equal(mine, view_of(v->complete.fingerprint, 32))) &&
                !(v->delta.size > 0 && view_equal(mine, view_of(v->delta.fingerprint, 32)));
    if (!*ret_news)
        return true;
    TRY(inspect(arena, v, der, &list, &drop, err));
    return put(core, arena, actor, v, &list, der, drop, err);
}

/* --- serial numbers that were issued ---------------------------------------------------------------------- */

static bool next_line(struct view *text, struct view *ret_line) {
    if (text->len == 0)
        return false;
    const uint8_t *end = memchr(text->at, '\n', text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->at);
    *ret_line = view_of(text->at, len);
    *text = view_of(text->at + len + (end != NULL), text->len - len - (end != NULL));
    while (ret_line->len > 0 && ret_line->at[ret_line->len - 1] <= ' ')
        ret_line->len--;
    return true;
}

/* Length and octets of each, without leading zeros. */
static bool add_serial(struct arena *arena, struct view line, struct buffer *out, struct error *err) {
    struct view serial;
    const char *odd = arena_printf(arena, "%s%.*s", line.len % 2 == 1 ? "0" : "", (int)line.len,
                                   (const char *)line.at);
    if (line.len > 42 || !hex_decode(arena, view_text(odd), &serial))
        return fail(err, ERROR_MALFORMED, "crl",
                    "The list of issued serial numbers has a line that is no hexadecimal number of at most 20 "
                    "octets.");
    while (serial.len > 1 && serial.at[0] == 0)
        serial = view_of(serial.at + 1, serial.len - 1);
    buffer_add_byte(out, (uint8_t)serial.len);
    buffer_add(out, serial.at, serial.len);
    return true;
}

static bool open_issued(struct arena *arena, const struct validator_record *v, struct view *text,
                        struct validator_list *list, struct error *err) {
    struct validation_settings settings;
    TRY(validation_settings_of(arena, v, &settings, err));
    if (settings.issued_signer == NULL)
        return true;
    TRY(validation_open_signed(arena, settings.issued_signer, *text, text, &list->this_update_us, err));
    return v->issued.size == 0 || list->this_update_us >= v->issued.this_update_us ||
           refuse(err, v, "of issued serial numbers is older than the present one.");
}

bool validation_take_issued(struct core *core, struct arena *arena, const struct actor *actor,
                            const char *slug, struct view text, struct validator_record *ret,
                            struct error *err) {
    struct validator_list list = {.kind = VALIDATOR_ISSUED, .this_update_us = clock_now_us()};
    struct buffer out = buffer_on(arena);
    struct view line;
    TRY(validation_get(core, arena, actor, slug, ret, err));
    TRY(actor_may(actor, MAY_MANAGE_CAS, ret->organisation_id, (struct uuid){{0}}, err));
    TRY(open_issued(arena, ret, &text, &list, err));
    while (next_line(&text, &line)) {
        SCOPED_ARENA struct arena *scratch = arena_new();
        if (line.len == 0)
            continue;
        TRY(add_serial(scratch, line, &out, err));
        if ((size_t)++list.entries > MAX_ISSUED)
            return fail(err, ERROR_TOO_LARGE, "crl-size", "At most 5,000,000 serial numbers are taken.");
    }
    if (list.entries == 0)
        return fail(err, ERROR_MALFORMED, "crl", "The list of issued serial numbers is empty.");
    TRY(fingerprint(buffer_view(&out), list.fingerprint, err));
    if (ret->issued.size > 0 && view_equal(view_of(list.fingerprint, 32), view_of(ret->issued.fingerprint, 32)))
        return true;
    TRY(put(core, arena, actor, ret, &list, buffer_view(&out), false, err));
    return validation_get(core, arena, actor, slug, ret, err);
}

/* --- what a look came to ----------------------------------------------------------------------------------- */

/* Its renewal is the other authority's to sign, so there must be time for that. */
static bool responder_ends(struct arena *arena, const struct validator_record *v) {
    AUTO(X509) *certificate = NULL;
    struct certificate_facts facts;
    struct error ignored = {0};
    if (v->responder.len == 0 || !certificate_decode(arena, v->responder, &certificate, &ignored) ||
        !certificate_read(arena, certificate, &facts, &ignored))
        return false;
    int64_t quarter = (facts.not_after_us - facts.not_before_us) / 4;
    return facts.not_after_us - clock_now_us() < (quarter < RESPONDER_WARN_US ? quarter : RESPONDER_WARN_US);
}

static const char *state_of(struct arena *arena, const struct validator_record *v, const struct validation_settings *s,
                            const char *problem) {
    int64_t left = v->complete.size == 0 ? 0 : v->complete.next_update_us - clock_now_us();
    if (left <= 0)
        return "validator.stale";
    if (left < s->warn_s * US_PER_SECOND)
        return "validator.ending";
    if (responder_ends(arena, v))
        return "validator.responder-ends";
    return problem[0] != '\0' ? "validator.source-failed" : NULL;
}

/* Each trouble is an event when it begins, not at each look. */
bool validation_checked(struct core *core, struct arena *arena, const struct validator_record *v,
                        const char *problem, struct error *err) {
    struct validation_settings settings;
    TRY(validation_settings_of(arena, v, &settings, err));
    const char *code = state_of(arena, v, &settings, problem);
    const char *said = code == NULL ? "" : arena_printf(arena, "%s: %.900s", code, problem);
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "problem", problem);
    json_put_time(&w, "nextUpdate", v->complete.next_update_us);
    json_close_object(&w);
    struct event_note note = {.code = code,
                              .outcome = "failure",
                              .organisation_id = v->organisation_id,
                              .object_kind = "validator",
                              .object = v->slug,
                              .details = json_written(&w)};
    size_t same = code == NULL ? 0 : strlen(code);
    bool news = code != NULL && strncmp(v->problem, said, same) != 0, done = false;
    if (news)
        log_warn("ca", "validator %s: %s %s", v->slug, code, problem);
    TX(tx, core_db(core), &done, err)
        tx.ok = validator_checked(tx.tx, v->id, clock_now_us(), said, err) &&
                (!news || access_note(tx.tx, &actor_system, &note, err));
    return done;
}
