/* Times between microseconds of ours and UTCTime or GeneralizedTime of certificates and CRLs. */
#include "x509/certificate.h"

#include "base/clock.h"
#include "x509/internal.h"

#include <time.h>

#define YEAR_0000 INT64_C(-62167219200)
#define YEAR_9999_END INT64_C(253402300799)

bool asn1_time_from_us(int64_t us, ASN1_TIME **ret_time, struct error *err) {
    int64_t seconds = us / US_PER_SECOND - (us % US_PER_SECOND < 0);
    if (seconds < YEAR_0000 || seconds > YEAR_9999_END)
        return fail(err, ERROR_POLICY, "date-range",
                    "A date lies outside the years 0 to 9999, which certificates cannot express "
                    "(rfc5280#4.1.2.5).");
    /* rfc5280#4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050; ASN1_TIME_set does just
     * that. */
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)seconds);
    if (time == NULL)
        return fail_internal(err, "ASN1_TIME_set");
    *ret_time = time;
    return true;
}

bool asn1_time_to_us(const ASN1_TIME *time, int64_t *ret_us, struct error *err) {
    struct tm tm = {0};
    /* A NULL time would be "now" to OpenSSL. */
    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return REFUSE(err, ERROR_MALFORMED, "malformed-time",
                      "A date is no valid UTCTime or GeneralizedTime (rfc5280#4.1.2.5).");
    *ret_us = (int64_t)timegm(&tm) * US_PER_SECOND;
    return true;
}
