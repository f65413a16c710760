/* From when until when. */
#include "template/policy_internal.h"

#include "base/clock.h"

#include <inttypes.h>

#define HOUR (INT64_C(3600) * US_PER_SECOND)

static int64_t step_of(enum alignment align) {
    return align == ALIGN_DAY ? US_PER_DAY : align == ALIGN_HOUR ? HOUR : US_PER_SECOND;
}

static int64_t longest(const struct template *t) {
    return t->max_days * US_PER_DAY + t->backdate_seconds * US_PER_SECOND;
}

/* More than the template's ceiling: clamped, and told, or refused. */
static bool under_ceiling(const struct policy *p, int64_t from, int64_t *to) {
    if (*to - from <= longest(p->t) || (p->t->endless && *to == NO_EXPIRATION_US))
        return true;
    if (!p->t->clamp_days)
        return fail(p->err, ERROR_POLICY, "validity",
                    "The validity is longer than the template's %" PRId64
                    " days (validity.maxDays).",
                    p->t->max_days);
    policy_note(p, "validity: shortened to the template's %" PRId64 " days", p->t->max_days);
    *to = from + p->t->max_days * US_PER_DAY - US_PER_SECOND;
    return true;
}

static bool explicit_end(const struct policy *p, int64_t from, int64_t *to) {
    const struct proposal *asked = p->in->proposal;
    if (asked->validity_days > p->t->max_days && !p->t->clamp_days)
        return fail(p->err, ERROR_POLICY, "validity",
                    "The validity of %" PRId64 " days is more than the template's %" PRId64
                    " (validity.maxDays).",
                    asked->validity_days, p->t->max_days);
    *to = asked->not_after_us != 0 ? asked->not_after_us
                                   : from + asked->validity_days * US_PER_DAY - US_PER_SECOND;
    if (*to <= from)
        return fail(p->err, ERROR_POLICY, "validity",
                    "The certificate would end before it begins.");
    if (*to <= p->in->now_us)
        return fail(p->err, ERROR_POLICY, "validity",
                    "The certificate would have expired already.");
    return under_ceiling(p, from, to);
}

static bool inside_issuer(const struct policy *p, bool explicitly, int64_t from, int64_t *to) {
    char text[TIME_TEXT_SIZE];
    int64_t issuer_from, issuer_to;
    TRY(asn1_time_to_us(X509_get0_notBefore(p->in->issuer), &issuer_from, p->err) &&
        asn1_time_to_us(X509_get0_notAfter(p->in->issuer), &issuer_to, p->err));
    bool inside = from >= issuer_from && *to <= issuer_to;
    if (inside && issuer_to > p->in->now_us)
        return true;
    time_format(issuer_to, text);
    if (issuer_to <= p->in->now_us)
        return fail(p->err, ERROR_POLICY, "issuer-expired",
                    "The authority's own certificate expired at %s.", text);
    if (from < issuer_from || from > issuer_to)
        return fail(p->err, ERROR_POLICY, "validity",
                    "The certificate would begin outside the authority's own validity.");
    if (p->t->issuer_end == ISSUER_END_REFUSE ||
        (p->t->issuer_end == ISSUER_END_AUTO && explicitly))
        return fail(p->err, ERROR_POLICY, "validity",
                    "The certificate would outlive the authority, which ends at %s; ask for less.",
                    text);
    policy_note(p, "validity: shortened to the authority's end at %s", text);
    *to = issuer_to;
    return true;
}

/* Both ends down to the hour or day; the end is the last second before it. */
static void align_dates(const struct policy *p, int64_t *from, int64_t *to) {
    int64_t step = step_of(p->t->align), issuer_from = *from;
    if (p->t->align == ALIGN_NONE)
        return;
    if (p->in->issuer != NULL &&
        !asn1_time_to_us(X509_get0_notBefore(p->in->issuer), &issuer_from, p->err))
        issuer_from = *from;
    int64_t begin = *from / step * step, end = (*to + US_PER_SECOND) / step * step - US_PER_SECOND;
    if (begin >= issuer_from || p->in->issuer == NULL)
        *from = begin;
    if (end > p->in->now_us)
        *to = end;
}

bool policy_dates(struct policy *p) {
    const struct proposal *asked = p->in->proposal;
    int64_t issuer_from, from = asked->not_before_us, to;
    if (from == 0) {
        from = p->in->now_us - p->t->backdate_seconds * US_PER_SECOND;
        if (p->in->issuer != NULL) {
            TRY(asn1_time_to_us(X509_get0_notBefore(p->in->issuer), &issuer_from, p->err));
            from = from < issuer_from ? issuer_from : from;
        }
    }
    bool explicitly = asked->validity_days != 0 || asked->not_after_us != 0;
    if (explicitly)
        TRY(explicit_end(p, from, &to));
    else
        to = p->t->endless ? NO_EXPIRATION_US : from + p->t->days * US_PER_DAY - US_PER_SECOND;
    if (p->in->issuer != NULL)
        TRY(inside_issuer(p, explicitly, from, &to));
    align_dates(p, &from, &to);
    p->plan.not_before_us = from;
    p->plan.not_after_us = to;
    return true;
}
