#include "ca/issuer_fetch.h"

#include "base/clock.h"
#include "net/fetch.h"
#include "x509/certificate.h"

#include <openssl/err.h>
#include <string.h>

#define MAX_FETCHES 12 /* of a chain */
#define MAX_SECONDS 30
#define MAX_BYTES ((size_t)256 * 1024)
#define MAX_CERTIFICATES 20 /* of an answer */
#define MAX_URLS 4          /* of a certificate */

void issuer_fetches_begin(struct core *core, struct issuer_fetches *ret) {
    *ret = (struct issuer_fetches){core_issuers(core), clock_monotonic_us() + MAX_SECONDS * US_PER_SECOND, MAX_FETCHES};
}

static size_t urls_of(struct arena *arena, X509 *subject, const char *urls[MAX_URLS]) {
    AUTO(AUTHORITY_INFO_ACCESS) *list = X509_get_ext_d2i(subject, NID_info_access, NULL, NULL);
    size_t count = 0;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(list) && count < MAX_URLS; i++) {
        const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(list, i);
        if (OBJ_obj2nid(one->method) != NID_ad_ca_issuers || one->location->type != GEN_URI)
            continue;
        const ASN1_STRING *url = one->location->d.ia5;
        struct view text = view_of(ASN1_STRING_get0_data(url), (size_t)ASN1_STRING_length(url));
        /* ldap: needs a directory that somebody here has configured. */
        if (memchr(text.at, 0, text.len) == NULL && text.len > 7 && strncasecmp((const char *)text.at, "http", 4) == 0)
            urls[count++] = arena_text(arena, text);
    }
    ERR_clear_error();
    return count;
}

static X509 *choose(X509 **candidates, size_t count, X509 *subject, struct error *why) {
    for (size_t i = 0; i < count; i++)
        if (certificate_is_issued(candidates[i], subject))
            return certificate_check_ca(candidates[i], X509_get0_pubkey(candidates[i]), NULL, clock_now_us(), why)
                       ? candidates[i]
                       : NULL;
    (void)fail(why, ERROR_POLICY, "wrong-certificate", "none of the %zu certificates there has signed it.", count);
    return NULL;
}

static X509 *from_url(struct arena *arena, struct issuer_fetches *f, const char *url, X509 *subject, struct error *why) {
    X509 *candidates[MAX_CERTIFICATES];
    size_t count = 0;
    struct fetch_reply reply;
    int64_t left_us = f->until_us - clock_monotonic_us();
    if (f->left == 0 || left_us <= 0) {
        (void)fail(why, ERROR_UNAVAILABLE, "fetch-timeout", "a chain is given %d seconds and %d fetches.", MAX_SECONDS,
                   MAX_FETCHES);
        return NULL;
    }
    f->left--;
    struct fetch_request ask = {.url = url,
                                .connect_timeout_ms = 3000,
                                .total_timeout_ms = left_us < 8 * US_PER_SECOND ? (int)(left_us / 1000) + 1 : 8000,
                                .max_bytes = MAX_BYTES,
                                .redirects = 3,
                                .reach = FETCH_NOT_LOCAL,
                                .allowed = f->rule->allowed};
    if (!fetch(arena, &ask, &reply, why))
        return NULL;
    if (reply.status != 200) {
        (void)fail(why, ERROR_UNAVAILABLE, "fetch-failed", "the answer's status is %d.", reply.status);
        return NULL;
    }
    if (!certificates_read(arena, reply.body, candidates, MAX_CERTIFICATES, &count, why))
        return NULL;
    return choose(candidates, count, subject, why);
}

/* What fetch says begins with the URL, after redirects, and has no end. */
static const char *sentence(struct arena *arena, const char *url, const char *message) {
    bool named = strncmp(message, "http", 4) == 0;
    size_t len = strlen(message);
    return arena_printf(arena, "%.200s%s%s%s", named ? "" : url, named ? "" : ": ", message,
                        len > 0 && message[len - 1] == '.' ? "" : ".");
}

X509 *issuer_fetch(struct arena *arena, struct issuer_fetches *f, X509 *subject, const char **ret_why) {
    const char *urls[MAX_URLS], *whys = NULL;
    size_t count = urls_of(arena, subject, urls);
    if (f->rule->never || count == 0) {
        *ret_why = count == 0 ? "the certificate names no place to fetch it from (caIssuers, http)."
                              : "nothing is fetched (option issuers-from = none).";
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct error why = {0};
        X509 *issuer = from_url(arena, f, urls[i], subject, &why);
        if (issuer != NULL)
            return issuer;
        whys = arena_printf(arena, "%s%s%s", whys == NULL ? "" : whys, whys == NULL ? "" : " ",
                            sentence(arena, urls[i], why.message));
    }
    *ret_why = whys;
    return NULL;
}
