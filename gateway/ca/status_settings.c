#include "ca/status.h"

#include "net/directory.h"
#include "store/certificates.h"

#include <string.h>

#define MAX_PUBLISH 8

static bool refuse(struct error *err, const char *rule) {
    return fail(err, ERROR_POLICY, "ca-settings", "%s", rule);
}

static bool publishable(const char *url) {
    static const char *const schemes[] = {"file:///", "http://", "https://"};
    for (const char *at = url; *at != '\0'; at++)
        if (*at <= 0x20 || *at >= 0x7f)
            return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return strlen(url) <= 500;
    struct error ignored = {0};
    return strlen(url) <= 500 && directory_url_check(url, &ignored);
}

static bool read_publish(struct arena *arena, const struct json *crl, struct text_list *ret, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(crl, "publish", &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_PUBLISH)
        return refuse(err, "crl.publish has more than 8 entries.");
    struct text_list list = {.items = arena_array(arena, array->count + 1, sizeof(char *))};
    JSON_EACH(item, array) {
        if (item->type != JSON_STRING || !publishable(item->text))
            return refuse(err, "crl.publish holds URLs of at most 500 ASCII bytes: file:///directory, http://, https://, "
                               "or ldap:// and ldaps:// with an entry's name (RFC 4516).");
        list.items[list.count++] = item->text;
    }
    *ret = list;
    return true;
}

static bool read_crl(struct arena *arena, const struct json *crl, struct ca_settings *s, struct error *err) {
    static const char *const names[] = {"validityHours", "overlapHours", "refreshHours", "onRevocation",
                                        "deltaHours", "partitions", "expiredCertificates", "publish", NULL};
    struct crl_settings *c = &s->crl;
    TRY(crl == NULL || json_only(crl, names, err));
    TRY(json_int(crl, "validityHours", 1, 24 * 366, &s->crl_hours, err));
    if (s->crl_overlap_hours >= s->crl_hours)
        s->crl_overlap_hours = s->crl_hours / 7;
    TRY(json_int(crl, "overlapHours", 0, s->crl_hours - 1, &s->crl_overlap_hours, err));
    TRY(json_int(crl, "refreshHours", 0, s->crl_hours, &c->refresh_hours, err));
    TRY(json_bool(crl, "onRevocation", &c->on_revocation, err));
    TRY(json_int(crl, "deltaHours", 0, s->crl_hours, &c->delta_hours, err));
    TRY(json_int(crl, "partitions", 1, CRL_MAX_PARTITIONS, &c->partitions, err));
    TRY(json_bool(crl, "expiredCertificates", &c->expired, err));
    if ((c->partitions & (c->partitions - 1)) != 0)
        return refuse(err, "crl.partitions is 1 or a power of two up to 256.");
    if (c->partitions > 1 && c->delta_hours > 0)
        return refuse(err, "crl.deltaHours goes with one list for all: partitions are small, they need no deltas.");
    return crl == NULL || read_publish(arena, crl, &c->publish, err);
}

static bool read_ocsp(const struct json *ocsp, struct ca_settings *s, struct error *err) {
    static const char *const names[] = {"validityHours", "signerDays", "neverIssued", "signer",
                                        "archiveCutoffDays", "requireSignedRequests", "responderId", NULL};
    const char *never = NULL, *signer = NULL, *id = NULL;
    TRY(ocsp == NULL || json_only(ocsp, names, err));
    TRY(json_int(ocsp, "validityHours", 1, 24 * 31, &s->ocsp_hours, err));
    TRY(json_int(ocsp, "signerDays", 1, 3660, &s->ocsp_signer_days, err));
    TRY(json_string(ocsp, "neverIssued", &never, err) && json_string(ocsp, "signer", &signer, err));
    TRY(json_int(ocsp, "archiveCutoffDays", 0, 36525, &s->ocsp.archive_days, err));
    TRY(json_bool(ocsp, "requireSignedRequests", &s->ocsp.require_signed, err));
    TRY(json_string(ocsp, "responderId", &id, err));
    if (never != NULL && strcmp(never, "unknown") != 0 && strcmp(never, "revoked") != 0)
        return refuse(err, "ocsp.neverIssued is \"unknown\" or \"revoked\".");
    if (signer != NULL && strcmp(signer, "delegated") != 0 && strcmp(signer, "direct") != 0)
        return refuse(err, "ocsp.signer is \"delegated\" or \"direct\".");
    if (id != NULL && strcmp(id, "key") != 0 && strcmp(id, "name") != 0)
        return refuse(err, "ocsp.responderId is \"key\" or \"name\".");
    s->ocsp.by_name = id != NULL && strcmp(id, "name") == 0;
    s->ocsp.never_issued =
        never != NULL && strcmp(never, "revoked") == 0 ? NEVER_ISSUED_REVOKED : NEVER_ISSUED_UNKNOWN;
    s->ocsp.direct = signer != NULL && strcmp(signer, "direct") == 0;
    return true;
}

bool status_settings_read(struct arena *arena, const struct json *crl, const struct json *ocsp,
                          struct ca_settings *ret, struct error *err) {
    struct ca_settings s = *ret;
    s.crl_hours = 720;
    s.crl_overlap_hours = 24;
    s.ocsp_hours = 8;
    s.ocsp_signer_days = 30;
    s.crl = (struct crl_settings){.on_revocation = true, .partitions = 1};
    s.ocsp = (struct ocsp_settings){.never_issued = NEVER_ISSUED_UNKNOWN};
    TRY(read_crl(arena, crl, &s, err));
    TRY(read_ocsp(ocsp, &s, err));
    *ret = s;
    return true;
}

void status_settings_write(struct json_writer *w, const struct ca_settings *s) {
    json_name(w, "crl");
    json_open_object(w);
    json_put_int(w, "validityHours", s->crl_hours);
    json_put_int(w, "overlapHours", s->crl_overlap_hours);
    json_put_int(w, "refreshHours", s->crl.refresh_hours);
    json_put_bool(w, "onRevocation", s->crl.on_revocation);
    json_put_int(w, "deltaHours", s->crl.delta_hours);
    json_put_int(w, "partitions", s->crl.partitions);
    json_put_bool(w, "expiredCertificates", s->crl.expired);
    json_name(w, "publish");
    json_open_array(w);
    for (size_t i = 0; i < s->crl.publish.count; i++)
        json_add_string(w, s->crl.publish.items[i]);
    json_close_array(w);
    json_close_object(w);
    json_name(w, "ocsp");
    json_open_object(w);
    json_put_int(w, "validityHours", s->ocsp_hours);
    json_put_int(w, "signerDays", s->ocsp_signer_days);
    json_put_string(w, "neverIssued", s->ocsp.never_issued == NEVER_ISSUED_REVOKED ? "revoked" : "unknown");
    json_put_string(w, "signer", s->ocsp.direct ? "direct" : "delegated");
    json_put_int(w, "archiveCutoffDays", s->ocsp.archive_days);
    json_put_bool(w, "requireSignedRequests", s->ocsp.require_signed);
    if (s->ocsp.by_name) /* the release before this one knows no other */
        json_put_string(w, "responderId", "name");
    json_close_object(w);
}

bool status_settings_change(const struct ca_settings *before, const struct ca_settings *after,
                            struct error *err) {
    if (after->crl.partitions < before->crl.partitions)
        return fail(err, ERROR_POLICY, "crl-partitions",
                    "crl.partitions is %lld and can only grow: certificates name their partition.",
                    (long long)before->crl.partitions);
    if (after->crl.partitions > 1 && after->crl_urls.count > 0)
        return fail(err, ERROR_POLICY, "crl-partitions",
                    "urls.crl names one list for all; with crl.partitions certificates name their own. Leave "
                    "one of the two out.");
    return true;
}
