#include "ca/authority.h"

#include "base/clock.h"
#include "x509/der.h"
#include "x509/key_type.h"

#include <openssl/err.h>

/* The ends of 2030 and 2035, UTC. */
#define END_2030 (INT64_C(1924992000) * US_PER_SECOND)
#define END_2035 (INT64_C(2082758400) * US_PER_SECOND)
#define SOON_DAYS 90

const char *authority_state(const struct ca_record *ca) {
    bool over = ca->not_after_us != 0 && ca->not_after_us < clock_now_us();
    switch (ca->state) {
    case CA_ACTIVE:
        return over ? "expired" : "active";
    case CA_WAITING:
        return "waiting";
    case CA_DISABLED:
        return "disabled";
    case CA_CERTIFICATE_ONLY:
        return over ? "expired" : "certificate-only";
    }
    return "unknown";
}

static void add(struct ca_warnings *warnings, const char *type, const char *text) {
    if (warnings->count < CA_WARNINGS_MAX)
        warnings->items[warnings->count++] = (struct ca_warning){type, text};
}

/* NIST SP 800-131A and NIST IR 8547: 112 bits are deprecated after 2030; what a quantum computer breaks is
 * disallowed after 2035. */
static void check_key(struct arena *arena, const struct ca_record *ca, struct ca_warnings *ret) {
    int strength = key_type_strength(ca->key_type);
    if (strength != 0 && strength < 128 && ca->not_after_us > END_2030)
        add(ret, "key-2030",
            arena_printf(arena,
                         "The key %s has %d bits of security, which NIST deprecates after 2030 "
                         "(SP 800-131A), and the certificate ends later; re-key before then.",
                         ca->key_type, strength));
    if (!key_type_is_quantum_safe(ca->key_type) && ca->not_after_us > END_2035)
        add(ret, "key-2035",
            arena_printf(arena,
                         "Keys of type %s are disallowed by NIST after 2035 (IR 8547), and the "
                         "certificate ends later; re-key to ML-DSA or SLH-DSA before then.",
                         ca->key_type));
}

static void check_hash(struct arena *arena, const struct ca_record *ca, struct ca_warnings *ret) {
    AUTO(X509) *certificate = NULL;
    int digest = NID_undef;
    if (!certificate_decode(arena, ca->certificate, &certificate, NULL) ||
        X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) != 1) {
        ERR_clear_error();
        return;
    }
    if ((digest == NID_sha1 || digest == NID_sha224 || digest == NID_md5) &&
        ca->not_after_us > END_2030)
        add(ret, "hash-2030",
            arena_printf(arena,
                         "The certificate is signed with %s, which NIST disallows after 2030 "
                         "(SP 800-131A), and it ends later; renew it.",
                         OBJ_nid2sn(digest)));
}

static void check_end(struct arena *arena, const struct ca_record *ca, struct ca_warnings *ret) {
    char text[TIME_TEXT_SIZE];
    int64_t now = clock_now_us();
    time_format(ca->not_after_us, text);
    if (ca->not_after_us <= now)
        add(ret, "expired", arena_printf(arena, "The CA's certificate expired at %s.", text));
    else if (ca->not_after_us - now < SOON_DAYS * US_PER_DAY)
        add(ret, "expires-soon",
            arena_printf(arena, "The CA's certificate ends at %s; renew or re-key the CA.", text));
}

/* What is given out as the chain ends before a root. */
static void check_chain(struct arena *arena, const struct ca_record *ca, struct ca_warnings *ret) {
    AUTO(X509) *last = NULL;
    struct certificate_facts facts;
    struct error err;
    struct view run = ca->chain, der = ca->certificate;
    while (run.len > 0 && der_next(&run, &der))
        ;
    if (!certificate_decode(arena, der, &last, &err) || !certificate_read(arena, last, &facts, &err) ||
        X509_NAME_cmp(X509_get_issuer_name(last), X509_get_subject_name(last)) == 0)
        return;
    const char *missing = ca->missing_issuer;
    if (missing == NULL)
        missing = arena_printf(arena, "The issuer \"%.150s\" of \"%.150s\" is not known.", facts.issuer, facts.subject);
    add(ret, "chain-incomplete",
        arena_printf(arena, "%s Import the CA's certificate again together with its issuers.", missing));
}

void authority_warnings(struct arena *arena, const struct ca_record *ca, struct ca_warnings *ret) {
    *ret = (struct ca_warnings){.count = 0};
    if (ca->certificate.len == 0)
        return;
    check_end(arena, ca, ret);
    check_chain(arena, ca, ret);
    check_key(arena, ca, ret);
    check_hash(arena, ca, ret);
}

/* The smallest threshold that has been reached; 0: none. The last one stands for "over". */
static int64_t threshold(int64_t left_us) {
    static const int64_t days[] = {1, 3, 7, 14, 30, 90, 180, 365};
    if (left_us <= 0)
        return -1;
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++)
        if (left_us <= days[i] * US_PER_DAY)
            return days[i];
    return 0;
}

bool authority_warn_expiry(struct core *core, struct arena *arena, const struct ca_record *ca,
                           struct error *err) {
    int64_t reached = threshold(ca->not_after_us - clock_now_us());
    struct json_writer w = json_writer_on(arena);
    bool done = false, taken = false;
    if (ca->certificate.len == 0 || reached == 0 || reached == ca->expiry_warned)
        return true;
    json_open_object(&w);
    json_put_time(&w, "notAfter", ca->not_after_us);
    json_put_int(&w, "daysLeft", reached < 0 ? 0 : reached);
    json_close_object(&w);
    struct event_note note = {.code = reached < 0 ? "ca.expired" : "ca.expires-soon",
                              .organisation_id = ca->organisation_id,
                              .ca_id = ca->id,
                              .object_kind = "ca",
                              .object = ca->slug,
                              .details = json_written(&w)};
    TX(tx, core_db(core), &done, err)
        tx.ok = ca_set_warned(tx.tx, ca->id, ca->expiry_warned, reached, &taken, err) &&
                (!taken || access_note(tx.tx, &actor_system, &note, err));
    return done;
}
