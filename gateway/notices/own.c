/* Certificates of the instance itself. Those of its services are renewed by themselves when a third of their life is left:
 * one that was followed by another, or is not late yet, needs nobody's attention. */
#include "notices/internal.h"

#include "base/clock.h"
#include "ca/own_tls.h"
#include "store/cas.h"
#include "store/certificates.h"
#include "x509/certificate.h"

#include <string.h>

#define LATE_PART 6 /* of its life */

static bool is_late(int64_t not_before_us, int64_t not_after_us, int64_t now_us) {
    return not_after_us - now_us < (not_after_us - not_before_us) / LATE_PART;
}

static enum service_use service_of_use(enum certificate_use use) {
    switch (use) {
    case CERTIFICATE_OCSP: return SERVICE_OCSP;
    case CERTIFICATE_TSA: return SERVICE_TSA;
    case CERTIFICATE_SCEP: return SERVICE_SCEP;
    case CERTIFICATE_CMP: return SERVICE_CMP;
    default: return SERVICE_TLS;
    }
}

/* Records come with the one that ends last first. */
static bool is_current(const struct service_record *records, size_t count, const struct certificate_record *c) {
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (!uuid_equal(records[first].issuer_key_id, records[i].issuer_key_id))
            first++;
        if (first == i && records[i].not_before_us == c->not_before_us && records[i].not_after_us == c->not_after_us)
            return true;
    }
    return false;
}

bool notices_own_concerns(struct tx *tx, struct arena *arena, const struct certificate_record *c, int64_t now_us, bool *ret,
                          struct error *err) {
    struct service_record *records = NULL;
    struct uuid ca_id = c->ca_id;
    size_t count = 0;
    *ret = c->use == CERTIFICATE_CA;
    if (*ret || !is_late(c->not_before_us, c->not_after_us, now_us))
        return true;
    if (c->use == CERTIFICATE_TLS)
        ca_id = (struct uuid){{0}};
    TRY(service_list(tx, arena, ca_id, service_of_use(c->use), now_us, &records, &count, err));
    *ret = is_current(records, count, c);
    return true;
}

bool notices_find_own_tls(struct core *core, struct arena *arena, const struct json *rule, int64_t now_us,
                          struct notice *ret, bool *ret_found, struct error *err) {
    struct own_tls_settings settings;
    struct service_record record = {0};
    struct certificate_facts facts;
    X509 *certificate;
    char end[TIME_TEXT_SIZE];
    bool done = false, found = false;
    *ret_found = false;
    TRY(own_tls_settings(core, arena, &settings, err));
    if (settings.source == OWN_TLS_AUTHORITY) /* among the authority's */
        return true;
    TX(tx, core_db(core), &done, err) {
        struct error missing = {0};
        found = service_current(tx.tx, arena, (struct uuid){{0}}, SERVICE_TLS, &record, &missing);
        tx.ok = found || missing.kind == ERROR_NOT_FOUND;
        if (!tx.ok)
            *err = missing;
    }
    TRY(done);
    int64_t left_us = record.not_after_us - now_us, stage = found ? notices_stage(json_get(rule, "days"), left_us) : 0;
    bool renews = settings.source != OWN_TLS_GIVEN;
    if (stage == 0 || left_us < 0 || (renews && !is_late(record.not_before_us, record.not_after_us, now_us)))
        return true;
    TRY(certificate_decode(arena, record.certificate, &certificate, err));
    keep_X509(arena, certificate);
    TRY(certificate_read(arena, certificate, &facts, err));
    time_format(record.not_after_us, end);
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "kind", "tls.expiring");
    json_put_string(&w, "serial", facts.serial);
    json_put_string(&w, "subject", facts.subject);
    json_put_time(&w, "notAfter", record.not_after_us);
    json_close_object(&w);
    long long days = (long long)((left_us + US_PER_DAY - 1) / US_PER_DAY);
    *ret = (struct notice){
        .occasion = arena_printf(arena, "tls/%s/%lld", uuid_text(arena, record.id), (long long)stage),
        .text = arena_printf(arena, "The instance's TLS certificate (%.200s, serial number %s) ends in %lld day%s and %s: %s",
                             facts.subject, facts.serial, days, days == 1 ? "" : "s",
                             renews ? "was not renewed" : "was imported", end),
        .data = json_written(&w)};
    *ret_found = true;
    return true;
}
