/* The responder: what it answers, with which keys, and what it keeps ready. */
#include "fixture.h"

#include "base/encode.h"
#include "ocsp/cache.h"
#include "ocsp/response.h"
#include "x509/certificate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t now_us;

static int64_t test_clock(void) {
    return now_us;
}

static int setup(void **state) {
    clock_set(NULL);
    now_us = clock_now_us();
    clock_set(test_clock);
    *state = fixture_new("EC");
    return 0;
}

static int teardown(void **state) {
    fixture_free(*state);
    clock_set(NULL);
    return 0;
}

/* OCSPResponseStatus of a reply that must be an OCSP response over HTTP. */
static int response_status(const struct http_response *reply) {
    assert_int_equal(reply->status, 200);
    assert_string_equal(reply->content_type, "application/ocsp-response");
    const unsigned char *at = reply->body.at;
    AUTO(OCSP_RESPONSE) *response = d2i_OCSP_RESPONSE(NULL, &at, (long)reply->body.len);
    assert_non_null(response);
    assert_ptr_equal(at, reply->body.at + reply->body.len);
    return OCSP_response_status(response);
}

/* Verifies the reply as a client that has the CA alone does, or the signature alone
 * (OCSP_NOVERIFY). The caller frees. */
static OCSP_BASICRESP *checked(const struct fixture *f, const struct http_response *reply,
                               unsigned long flags) {
    assert_int_equal(response_status(reply), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    const unsigned char *at = reply->body.at;
    AUTO(OCSP_RESPONSE) *response = d2i_OCSP_RESPONSE(NULL, &at, (long)reply->body.len);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    assert_non_null(basic);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, f->ca_certificate);
    assert_int_equal(OCSP_basic_verify(basic, NULL, store, flags), 1);
    X509_STORE_free(store);
    return basic;
}

static OCSP_BASICRESP *verified(const struct fixture *f, const struct http_response *reply) {
    return checked(f, reply, 0);
}

static int status_in(OCSP_BASICRESP *basic, int index, int *ret_reason) {
    ASN1_GENERALIZEDTIME *revoked, *this_update, *next_update;
    int status = OCSP_single_get0_status(OCSP_resp_get0(basic, index), ret_reason, &revoked,
                                         &this_update, &next_update);
    int64_t this_us, next_us;
    struct tm tm;
    assert_int_equal(ASN1_TIME_to_tm(this_update, &tm), 1);
    this_us = timegm(&tm) * US_PER_SECOND;
    assert_int_equal(ASN1_TIME_to_tm(next_update, &tm), 1);
    next_us = timegm(&tm) * US_PER_SECOND;
    assert_true(this_us <= now_us && now_us < next_us);
    return status;
}

static int single_status(const struct fixture *f, const struct http_response *reply, int index,
                         int *ret_reason) {
    AUTO(OCSP_BASICRESP) *basic = verified(f, reply);
    return status_in(basic, index, ret_reason);
}

static struct view request_for(struct fixture *f, struct arena *arena, long serial, size_t nonce) {
    return fixture_request_der(arena, fixture_request(f, EVP_sha1(), &serial, 1, nonce));
}

static const char *header(const struct http_response *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return NULL;
}

static void answers_by_every_digest(void **state) {
    struct fixture *f = *state;
    static const struct {
        long serial;
        int status, reason;
    } rows[] = {
        {5, V_OCSP_CERTSTATUS_GOOD, -1},
        {105, V_OCSP_CERTSTATUS_REVOKED, 1},
        {205, V_OCSP_CERTSTATUS_REVOKED, 6},
        {305, V_OCSP_CERTSTATUS_UNKNOWN, -1},
    };
    const EVP_MD *digests[] = {EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
    for (size_t d = 0; d < 4; d++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            SCOPED_ARENA struct arena *arena = arena_new();
            struct http_response reply;
            int reason = -1;
            fixture_post(
                f, arena, "demo",
                fixture_request_der(arena, fixture_request(f, digests[d], &rows[i].serial, 1, 0)),
                &reply);
            assert_int_equal(single_status(f, &reply, 0, &reason), rows[i].status);
            assert_int_equal(reason, rows[i].reason);
        }
}

static void says_nothing_for_reason_unspecified(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    int reason = 99;
    f->revoke_good = true;
    fixture_post(f, arena, "demo", request_for(f, arena, 5, 0), &reply);
    assert_int_equal(single_status(f, &reply, 0, &reason), V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(reason, OCSP_REVOKED_STATUS_NOSTATUS);
}

/* rfc6960#4.4.5: as the CRL says it; a good answer has none. */
static void says_since_when_it_was_invalid(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    int64_t seen = 0;
    int critical = -1;
    f->invalidity_us = (f->ca.created_us / US_PER_SECOND - 86400) * US_PER_SECOND;
    fixture_post(f, arena, "demo", request_for(f, arena, 105, 0), &reply);
    AUTO(OCSP_BASICRESP) *basic = verified(f, &reply);
    AUTO(ASN1_GENERALIZEDTIME) *date =
        OCSP_SINGLERESP_get1_ext_d2i(OCSP_resp_get0(basic, 0), NID_invalidity_date, &critical, NULL);
    assert_non_null(date);
    assert_int_equal(critical, 0);
    struct error err = {0};
    assert_true(asn1_time_to_us(date, &seen, &err));
    assert_int_equal(seen, f->invalidity_us);
    fixture_post(f, arena, "demo", request_for(f, arena, 5, 0), &reply);
    AUTO(OCSP_BASICRESP) *good = verified(f, &reply);
    assert_int_equal(OCSP_SINGLERESP_get_ext_by_NID(OCSP_resp_get0(good, 0), NID_invalidity_date, -1), -1);
}

static void signs_with_every_key_type(void **state) {
    (void)state;
    static const char *const types[] = {"RSA", "EC", "ED25519", "ED448", "ML-DSA-44", "ML-DSA-65"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct fixture *f = fixture_new(types[i]);
        struct http_response reply;
        int reason;
        fixture_post(f, arena, "demo", request_for(f, arena, 105, 32), &reply);
        assert_int_equal(single_status(f, &reply, 0, &reason), V_OCSP_CERTSTATUS_REVOKED);
        fixture_free(f);
    }
}

static void answers_several_and_marks_those_of_others_unknown(void **state) {
    struct fixture *f = *state;
    struct fixture *other = fixture_new("EC");
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    static const long serials[] = {5, 105};
    long foreign = 6;
    OCSP_REQUEST *request = fixture_request(f, EVP_sha256(), serials, 2, 16);
    OCSP_REQUEST *others = fixture_request(other, EVP_sha256(), &foreign, 1, 0);
    OCSP_request_add0_id(request,
                         OCSP_CERTID_dup(OCSP_onereq_get0_id(OCSP_request_onereq_get0(others, 0))));
    OCSP_REQUEST_free(others);
    fixture_post(f, arena, "demo", fixture_request_der(arena, request), &reply);
    int reason;
    /* OpenSSL takes a delegated signer for one issuer's certificates alone. */
    AUTO(OCSP_BASICRESP) *basic = checked(f, &reply, OCSP_NOVERIFY);
    assert_int_equal(status_in(basic, 0, &reason), V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(status_in(basic, 1, &reason), V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(status_in(basic, 2, &reason), V_OCSP_CERTSTATUS_UNKNOWN);
    assert_int_equal(f->look_ups, 2);
    /* Nothing of ours in it: not worth a signature. */
    fixture_post(f, arena, "demo",
                 fixture_request_der(arena, fixture_request(other, EVP_sha1(), &foreign, 1, 0)),
                 &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
    assert_int_equal(f->signatures, 1);
    fixture_free(other);
}

static void repeats_the_nonce_and_makes_such_answers_fresh(void **state) {
    struct fixture *f = *state;
    static const size_t lengths[] = {1, 16, 32, 128};
    for (size_t i = 0; i < 4; i++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response reply;
        long serial = 5;
        OCSP_REQUEST *request = fixture_request(f, EVP_sha1(), &serial, 1, lengths[i]);
        struct view der = fixture_request_der(arena, request);
        const unsigned char *at = der.at;
        AUTO(OCSP_REQUEST) *same = d2i_OCSP_REQUEST(NULL, &at, (long)der.len);
        for (int round = 0; round < 2; round++) {
            fixture_post(f, arena, "demo", der, &reply);
            AUTO(OCSP_BASICRESP) *basic = verified(f, &reply);
            assert_int_equal(OCSP_check_nonce(same, basic), 1);
            assert_string_equal(header(&reply, "Cache-Control"), "no-store");
        }
        assert_int_equal(f->signatures, 2 * (int)(i + 1));
    }
}

static void keeps_answers_until_half_of_their_life(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view der = request_for(f, arena, 5, 0);
    for (int i = 0; i < 10; i++)
        fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(f->signatures, 1);
    now_us += FIXTURE_VALIDITY_US / 2 - US_PER_SECOND;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(f->signatures, 1);
    now_us += 2 * US_PER_SECOND;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(f->signatures, 2);
}

static void follows_the_epoch(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view good = request_for(f, arena, 5, 0), revoked = request_for(f, arena, 105, 0);
    int reason;
    fixture_post(f, arena, "demo", good, &reply);
    fixture_post(f, arena, "demo", revoked, &reply);
    assert_int_equal(f->signatures, 2);
    /* Something else was revoked: looked up again, but not signed again. */
    f->ca.epoch++;
    fixture_post(f, arena, "demo", good, &reply);
    fixture_post(f, arena, "demo", good, &reply);
    assert_int_equal(f->signatures, 2);
    assert_int_equal(f->look_ups, 3);
    /* This one was revoked: the next answer says so. */
    f->ca.epoch++;
    f->revoke_good = true;
    fixture_post(f, arena, "demo", good, &reply);
    assert_int_equal(single_status(f, &reply, 0, &reason), V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(f->signatures, 3);
    /* And released. */
    f->ca.epoch++;
    f->revoke_good = false;
    fixture_post(f, arena, "demo", good, &reply);
    assert_int_equal(single_status(f, &reply, 0, &reason), V_OCSP_CERTSTATUS_GOOD);
}

static void does_not_keep_what_it_does_not_know(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view der = request_for(f, arena, 305, 0);
    fixture_get(f, arena, "demo", base64_encode(arena, der), NULL, &reply);
    assert_string_equal(header(&reply, "Cache-Control"), "no-store");
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(f->signatures, 2);
}

static void speaks_http_caching_on_get(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply, again, changed;
    const char *path = base64_encode(arena, request_for(f, arena, 5, 0));
    now_us = INT64_C(1795237977) * US_PER_SECOND; /* 2026-11-21T05:12:57Z */
    fixture_get(f, arena, "demo", path, NULL, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(header(&reply, "Last-Modified"), "Sat, 21 Nov 2026 05:12:57 GMT");
    assert_string_equal(header(&reply, "Expires"), "Sat, 21 Nov 2026 13:12:57 GMT");
    assert_string_equal(header(&reply, "Cache-Control"),
                        "max-age=3600, public, no-transform, must-revalidate");
    now_us += FIXTURE_VALIDITY_US / 2 - 600 * US_PER_SECOND;
    fixture_get(f, arena, "demo", path, header(&reply, "ETag"), &again);
    assert_int_equal(again.status, 304);
    assert_int_equal(again.body.len, 0);
    assert_string_equal(header(&again, "Cache-Control"),
                        "max-age=600, public, no-transform, must-revalidate");
    fixture_get(f, arena, "demo", path, "\"0123\"", &changed);
    assert_int_equal(changed.status, 200);
    assert_true(view_equal(changed.body, reply.body));
    fixture_post(f, arena, "demo", request_for(f, arena, 5, 0), &reply);
    assert_string_equal(header(&reply, "Cache-Control"), "no-store");
    assert_null(header(&reply, "ETag"));
}

static void cuts_next_update_at_the_signers_end(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view der = request_for(f, arena, 5, 0);
    f->signer_not_after_us = now_us + 600 * US_PER_SECOND;
    fixture_post(f, arena, "demo", der, &reply);
    AUTO(OCSP_BASICRESP) *basic = verified(f, &reply);
    ASN1_GENERALIZEDTIME *next;
    OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL, NULL, NULL, &next);
    assert_int_equal(ASN1_TIME_cmp_time_t(next, (time_t)(f->signer_not_after_us / US_PER_SECOND)),
                     0);
    now_us += 301 * US_PER_SECOND;
    f->signer_not_after_us = now_us - 1;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_TRYLATER);
}

static void turns_errors_into_response_statuses(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view der = request_for(f, arena, 5, 0);
    static const struct {
        enum error_kind kind;
        int status;
    } kinds[] = {
        {ERROR_UNAVAILABLE, OCSP_RESPONSE_STATUS_TRYLATER},
        {ERROR_TOO_MANY, OCSP_RESPONSE_STATUS_TRYLATER},
        {ERROR_INTERNAL, OCSP_RESPONSE_STATUS_INTERNALERROR},
        {ERROR_NOT_FOUND, OCSP_RESPONSE_STATUS_UNAUTHORIZED},
        {ERROR_CONFLICT, OCSP_RESPONSE_STATUS_UNAUTHORIZED},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        enum error_kind *const places[] = {&f->authority_fails, &f->status_fails,
                                           &f->identity_fails};
        for (size_t p = 0; p < 3; p++) {
            *places[p] = kinds[i].kind;
            fixture_post(f, arena, "demo", der, &reply);
            assert_int_equal(response_status(&reply), kinds[i].status);
            *places[p] = ERROR_NONE;
        }
    }
    fixture_post(f, arena, "nobody", der, &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
    fixture_post(f, arena, "demo", view_of("x", 1), &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    fixture_get(f, arena, "demo", "%", NULL, &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    f->ca.certificate.len = 0;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
}

/* When the epoch cannot be read, nothing ready is given out. */
static void does_not_serve_its_cache_blindly(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view der = request_for(f, arena, 5, 0);
    fixture_post(f, arena, "demo", der, &reply);
    f->authority_fails = ERROR_UNAVAILABLE;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_TRYLATER);
    f->authority_fails = ERROR_NONE;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    assert_int_equal(f->signatures, 1);
}

/* A signer that answers with another key's signature is not believed. */
static void verifies_what_the_signer_gives(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    EVP_PKEY *right = f->signer_key;
    f->signer_key = f->ca_key;
    fixture_post(f, arena, "demo", request_for(f, arena, 5, 0), &reply);
    assert_true(response_status(&reply) != OCSP_RESPONSE_STATUS_SUCCESSFUL);
    f->signer_key = right;
}

static void cache_stays_in_its_bounds(void **state) {
    (void)state;
    const size_t limit = (size_t)256 * 1024;
    struct ocsp_cache *cache = ocsp_cache_new(limit);
    struct uuid ca = uuid_new();
    uint8_t body[1000] = {0};
    for (uint32_t i = 0; i < 5000; i++) {
        struct ocsp_answer *made =
            ocsp_answer_new(ca, view_of(&i, sizeof i), view_of(body, i % sizeof body));
        ocsp_cache_put(cache, made);
        ocsp_answer_release(made);
        assert_true(ocsp_cache_bytes(cache) <= limit);
        struct ocsp_answer *found = ocsp_cache_find(cache, ca, view_of(&i, sizeof i));
        assert_non_null(found);
        assert_int_equal(ocsp_answer_der(found).len, i % sizeof body);
        ocsp_answer_release(found);
    }
    uint32_t first = 0;
    assert_null(ocsp_cache_find(cache, ca, view_of(&first, sizeof first)));
    uint32_t last = 4999;
    assert_null(ocsp_cache_find(cache, uuid_new(), view_of(&last, sizeof last)));
    /* What is larger than a shard is not kept, and drops nothing. */
    size_t before = ocsp_cache_bytes(cache);
    uint8_t *large = must_alloc(limit);
    memset(large, 0, limit);
    struct ocsp_answer *made = ocsp_answer_new(ca, view_of("k", 1), view_of(large, limit));
    ocsp_cache_put(cache, made);
    ocsp_answer_release(made);
    free(large);
    assert_int_equal(ocsp_cache_bytes(cache), before);
    ocsp_cache_free(cache);
}

static void cache_replaces_under_the_same_key(void **state) {
    (void)state;
    struct ocsp_cache *cache = ocsp_cache_new((size_t)64 * 1024);
    struct uuid ca = uuid_new();
    struct view key = VIEW_LITERAL("key");
    struct ocsp_answer *one = ocsp_answer_new(ca, key, VIEW_LITERAL("one"));
    ocsp_cache_put(cache, one);
    struct ocsp_answer *two = ocsp_answer_new(ca, key, VIEW_LITERAL("two"));
    ocsp_cache_put(cache, two);
    struct ocsp_answer *found = ocsp_cache_find(cache, ca, key);
    assert_ptr_equal(found, two);
    /* Whoever still serves the old one may go on. */
    assert_true(view_is(ocsp_answer_der(one), "one"));
    ocsp_answer_release(one);
    ocsp_answer_release(two);
    ocsp_cache_free(cache);
    assert_true(view_is(ocsp_answer_der(found), "two"));
    ocsp_answer_release(found);
}

static void *use_cache(void *context) {
    struct ocsp_cache *cache = context;
    static const struct uuid ca;
    uint8_t body[600] = {0};
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t name = i * 2654435761u % 97;
        struct view key = view_of(&name, sizeof name);
        struct ocsp_answer *answer = ocsp_cache_find(cache, ca, key);
        if (answer != NULL && ocsp_answer_der(answer).len != name)
            return context;
        if (answer == NULL || i % 7 == 0) {
            ocsp_answer_release(answer);
            answer = ocsp_answer_new(ca, key, view_of(body, name));
            ocsp_cache_put(cache, answer);
        }
        ocsp_answer_release(answer);
    }
    return NULL;
}

/* Small enough that threads throw out what others serve. */
static void cache_is_safe_in_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    struct ocsp_cache *cache = ocsp_cache_new((size_t)16 * 1024);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, cache), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(ocsp_cache_bytes(cache) <= (size_t)16 * 1024);
    ocsp_cache_free(cache);
}

static void answers_what_was_never_issued_as_told(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view der = request_for(f, arena, 999, 0);
    AUTO(ASN1_OBJECT) *extended = OBJ_txt2obj("1.3.6.1.5.5.7.48.1.9", 1);
    int reason = 0;
    fixture_post(f, arena, "demo", der, &reply);
    OCSP_BASICRESP *basic = verified(f, &reply);
    assert_int_equal(status_in(basic, 0, &reason), V_OCSP_CERTSTATUS_UNKNOWN);
    assert_int_equal(OCSP_BASICRESP_get_ext_by_OBJ(basic, extended, -1), -1);
    OCSP_BASICRESP_free(basic);
    f->profile.never_issued_revoked = true;
    f->profile.archive_us = 10 * US_PER_DAY;
    fixture_post(f, arena, "demo", der, &reply);
    basic = verified(f, &reply);
    assert_int_equal(status_in(basic, 0, &reason), V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(reason, OCSP_REVOKED_STATUS_CERTIFICATEHOLD);
    assert_true(OCSP_BASICRESP_get_ext_by_OBJ(basic, extended, -1) >= 0);
    assert_true(OCSP_SINGLERESP_get_ext_by_NID(OCSP_resp_get0(basic, 0),
                                               NID_id_pkix_OCSP_archiveCutoff, -1) >= 0);
    OCSP_BASICRESP_free(basic);
    /* one that was issued is answered without it */
    fixture_post(f, arena, "demo", request_for(f, arena, 5, 0), &reply);
    basic = verified(f, &reply);
    assert_int_equal(status_in(basic, 0, &reason), V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(OCSP_BASICRESP_get_ext_by_OBJ(basic, extended, -1), -1);
    OCSP_BASICRESP_free(basic);
}

static void names_its_signer_as_told(void **state) {
    struct fixture *f = *state;
    for (int by_name = 0; by_name < 2; by_name++) {
        SCOPED_ARENA struct arena *arena = arena_new();
        struct http_response reply;
        const ASN1_OCTET_STRING *key = NULL;
        const X509_NAME *name = NULL;
        f->profile.by_name = by_name;
        fixture_post(f, arena, "demo", request_for(f, arena, 5, 16), &reply);
        AUTO(OCSP_BASICRESP) *basic = verified(f, &reply);
        assert_int_equal(OCSP_resp_get0_id(basic, &key, &name), 1);
        assert_int_equal(key == NULL, by_name);
        if (by_name)
            assert_int_equal(X509_NAME_cmp(name, X509_get_subject_name(f->signer_certificate)), 0);
    }
}

static void takes_signed_requests_where_it_must(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    const long serial = 5;
    int reason;
    f->profile.require_signed = true;
    fixture_post(f, arena, "demo", request_for(f, arena, 5, 0), &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_SIGREQUIRED);
    OCSP_REQUEST *request = fixture_request(f, EVP_sha256(), &serial, 1, 0);
    assert_int_equal(OCSP_request_sign(request, f->signer_certificate, f->signer_key, EVP_sha256(), NULL, 0), 1);
    struct view der = fixture_request_der(arena, request);
    fixture_post(f, arena, "demo", der, &reply);
    OCSP_BASICRESP *basic = verified(f, &reply);
    assert_int_equal(status_in(basic, 0, &reason), V_OCSP_CERTSTATUS_GOOD);
    OCSP_BASICRESP_free(basic);
    /* its last octets are the certificate's signature: no certificate of this CA any more */
    uint8_t *broken = arena_alloc(arena, der.len);
    memcpy(broken, der.at, der.len);
    broken[der.len - 5] ^= 1;
    fixture_post(f, arena, "demo", view_of(broken, der.len), &reply);
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
}

static void finds_the_ca_by_the_certid(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view der = request_for(f, arena, 150, 0);
    struct http_room room = ocsp_room(f->responder);
    struct http_request request = {.arena = arena,
                                   .method = "POST",
                                   .path = "/ocsp",
                                   .raw_path = "/ocsp",
                                   .query = "",
                                   .body = der};
    struct http_response reply = {.arena = arena};
    struct error err = {0};
    int reason;
    assert_string_equal(room.routes[2].pattern, "/ocsp");
    assert_true(room.routes[2].handle(room.context, &request, &reply, &err));
    OCSP_BASICRESP *basic = verified(f, &reply);
    assert_int_equal(status_in(basic, 0, &reason), V_OCSP_CERTSTATUS_REVOKED);
    OCSP_BASICRESP_free(basic);
    request.method = "GET";
    request.body = view_of(NULL, 0);
    request.raw_path = request.path = arena_printf(arena, "/ocsp/%s", base64_encode(arena, der));
    reply = (struct http_response){.arena = arena};
    assert_true(room.routes[3].handle(room.context, &request, &reply, &err));
    basic = verified(f, &reply);
    OCSP_BASICRESP_free(basic);
    assert_int_equal(f->signatures, 1); /* the second was ready */
    request.method = "POST";
    request.raw_path = request.path = "/ocsp";
    request.body = view_of("\x30\x00", 2);
    reply = (struct http_response){.arena = arena};
    assert_true(room.routes[2].handle(room.context, &request, &reply, &err));
    assert_int_equal(response_status(&reply), OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
}

static void makes_busy_answers_ahead(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct error err = {0};
    struct view busy = request_for(f, arena, 5, 0), idle = request_for(f, arena, 6, 0);
    fixture_post(f, arena, "demo", idle, &reply);
    for (int i = 0; i < 10; i++)
        fixture_post(f, arena, "demo", busy, &reply);
    assert_int_equal(f->signatures, 2);
    assert_true(ocsp_make_ahead(f->responder, arena, &err));
    assert_int_equal(f->signatures, 2); /* both are young */
    now_us += FIXTURE_VALIDITY_US / 2 - OCSP_AHEAD_US;
    assert_true(ocsp_make_ahead(f->responder, arena, &err));
    assert_int_equal(f->signatures, 3);
    now_us += OCSP_AHEAD_US + US_PER_SECOND;
    fixture_post(f, arena, "demo", busy, &reply);
    assert_int_equal(f->signatures, 3); /* nobody waits for it */
    fixture_post(f, arena, "demo", idle, &reply);
    assert_int_equal(f->signatures, 4);
}

/* An edit of the settings moves the upper bits of the epoch: what was signed under others is not confirmed. */
static void forgets_answers_of_other_settings(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    struct view der = request_for(f, arena, 5, 0);
    fixture_post(f, arena, "demo", der, &reply);
    f->ca.epoch++;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(f->signatures, 1); /* its status is what it was */
    f->ca.epoch += INT64_C(1) << 40;
    fixture_post(f, arena, "demo", der, &reply);
    assert_int_equal(f->signatures, 2);
}

struct rush {
    struct fixture *fixture;
    struct view der;
};

static void *ask_once(void *context) {
    const struct rush *rush = context;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct http_response reply;
    fixture_post(rush->fixture, arena, "demo", rush->der, &reply);
    return NULL;
}

static void a_rush_costs_one_signature(void **state) {
    struct fixture *f = *state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct rush rush = {f, request_for(f, arena, 5, 0)};
    pthread_t threads[16];
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_once, &rush), 0);
    for (size_t i = 0; i < 16; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(f->signatures, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_by_every_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(says_nothing_for_reason_unspecified, setup, teardown),
        cmocka_unit_test_setup_teardown(says_since_when_it_was_invalid, setup, teardown),
        cmocka_unit_test_setup_teardown(signs_with_every_key_type, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_several_and_marks_those_of_others_unknown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(repeats_the_nonce_and_makes_such_answers_fresh, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(keeps_answers_until_half_of_their_life, setup, teardown),
        cmocka_unit_test_setup_teardown(follows_the_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_keep_what_it_does_not_know, setup, teardown),
        cmocka_unit_test_setup_teardown(speaks_http_caching_on_get, setup, teardown),
        cmocka_unit_test_setup_teardown(cuts_next_update_at_the_signers_end, setup, teardown),
        cmocka_unit_test_setup_teardown(turns_errors_into_response_statuses, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_serve_its_cache_blindly, setup, teardown),
        cmocka_unit_test_setup_teardown(verifies_what_the_signer_gives, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_what_was_never_issued_as_told, setup, teardown),
        cmocka_unit_test_setup_teardown(names_its_signer_as_told, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_signed_requests_where_it_must, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_the_ca_by_the_certid, setup, teardown),
        cmocka_unit_test_setup_teardown(makes_busy_answers_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(forgets_answers_of_other_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rush_costs_one_signature, setup, teardown),
        cmocka_unit_test(cache_stays_in_its_bounds),
        cmocka_unit_test(cache_replaces_under_the_same_key),
        cmocka_unit_test(cache_is_safe_in_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
