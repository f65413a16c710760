/* The door of the protocols: idempotent, honest about what became of a request, closed where a
 * template says so; and what protocols need besides: service certificates and sealed secrets. */
#include "fixture.h"

#include "base/clock.h"
#include "ca/secret.h"
#include "ca/service.h"
#include "x509/csr.h"

#include <pthread.h>
#include <stdlib.h>

static const char device_document[] = "{\"doors\":[\"scep\",\"est\",\"cmp\"],\"approval\":\"role\","
                                      "\"validity\":{\"days\":30,\"maxDays\":30}}";
static const char patient_document[] = "{\"doors\":[\"scep\"],\"approval\":\"always\"}";

static struct actor device;
static const char *open_slug, *patient_slug;

static struct enrolment enrolment_of(const char *slug, const char *transaction, struct view csr) {
    return (struct enrolment){.template_slug = slug,
                              .door = "scep",
                              .transaction = view_text(transaction),
                              .csr = csr,
                              .requester = "scep: device-1",
                              .approved = true};
}

static void a_retry_gets_the_same_certificate(void **state) {
    struct view csr = make_csr("one.example");
    struct enrolment e = enrolment_of(open_slug, "transaction-1", csr);
    struct enrolled first, second, polled;
    (void)state;
    DONE(enrol(core, arena, &device, &e, &first, &err));
    assert_int_equal(first.request.state, REQUEST_ISSUED);
    assert_string_equal(first.request.requester, "scep: device-1");
    DONE(enrol(core, arena, &device, &e, &second, &err));
    assert_true(view_equal(first.certificate.der, second.certificate.der));
    assert_true(uuid_equal(first.request.id, second.request.id));
    DONE(enrol_poll(core, arena, open_slug, "scep", e.transaction, &polled, &err));
    assert_true(view_equal(first.certificate.der, polled.certificate.der));
    DONE(enrol_poll_id(core, arena, first.request.id, &polled, &err));
    REFUSED(enrol_poll(core, arena, open_slug, "est", e.transaction, &polled, &err),
            ERROR_NOT_FOUND, "not-found");

    e.csr = make_csr("one.example"); /* the same names, another key */
    REFUSED(enrol(core, arena, &device, &e, &second, &err), ERROR_CONFLICT, "transaction-reused");
    e.transaction = view_of(NULL, 0); /* no name: always a new one */
    DONE(enrol(core, arena, &device, &e, &second, &err));
    assert_false(view_equal(first.certificate.der, second.certificate.der));
}

static void people_decide_where_the_template_wants_them(void **state) {
    struct enrolment e = enrolment_of(patient_slug, "slow", make_csr("slow.example"));
    struct enrolled answer;
    struct request_record request;
    struct certificate_record certificate;
    (void)state;
    DONE(enrol(core, arena, &device, &e, &answer, &err));
    assert_int_equal(answer.request.state, REQUEST_PENDING);
    assert_true(uuid_is_nil(answer.certificate.id));
    DONE(request_sign(core, arena, &actor_system, answer.request.id, NULL, &request, &certificate,
                      &err));
    DONE(enrol(core, arena, &device, &e, &answer, &err));
    assert_int_equal(answer.request.state, REQUEST_ISSUED);
    assert_true(uuid_equal(answer.certificate.id, certificate.id));

    e = enrolment_of(patient_slug, "refused", make_csr("refused.example"));
    DONE(enrol(core, arena, &device, &e, &answer, &err));
    DONE(request_decline(core, arena, &actor_system, answer.request.id, "no", &request, &err));
    DONE(enrol_poll(core, arena, patient_slug, "scep", e.transaction, &answer, &err));
    assert_int_equal(answer.request.state, REQUEST_DECLINED);

    e = enrolment_of(open_slug, "unapproved", make_csr("unapproved.example"));
    e.approved = false;
    DONE(enrol(core, arena, &device, &e, &answer, &err));
    assert_int_equal(answer.request.state, REQUEST_PENDING);
}

static void other_doors_do_not_exist(void **state) {
    struct enrolment e = enrolment_of(patient_slug, "door", make_csr("door.example"));
    struct enrolment_target target;
    struct enrolled answer;
    (void)state;
    e.door = "est";
    REFUSED(enrol(core, arena, &device, &e, &answer, &err), ERROR_NOT_FOUND, "not-found");
    e.template_slug = "test-ca-web-server"; /* its doors are rest and console */
    e.door = "scep";
    REFUSED(enrol(core, arena, &device, &e, &answer, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(enrol_target(core, arena, "no-such-template", "scep", &target, &err), ERROR_NOT_FOUND,
            "not-found");
    DONE(enrol_target(core, arena, open_slug, "est", &target, &err));
    assert_string_equal(target.ca.slug, "test-ca");
}

static void proof_is_wanted_unless_the_protocol_has_it(void **state) {
    AUTO(EVP_PKEY) *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    AUTO(X509_NAME) *subject = X509_NAME_new();
    struct enrolment e = enrolment_of(open_slug, "", view_of(NULL, 0));
    struct enrolled answer;
    X509_REQ *csr = NULL;
    struct view der;
    (void)state;
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)"crmf.example", -1, -1, 0);
    DONE(csr_unsigned(arena, subject, NULL, NULL, key, &der, &err));
    REFUSED(csr_decode(arena, der, &csr, &der, &err), ERROR_MALFORMED, "malformed-csr");
    e.csr = der;
    REFUSED(enrol(core, arena, &device, &e, &answer, &err), ERROR_MALFORMED, "malformed-csr");
    e.proven = true;
    DONE(enrol(core, arena, &device, &e, &answer, &err));
    assert_int_equal(answer.request.state, REQUEST_ISSUED);

    uint8_t *broken = arena_alloc(arena, der.len);
    memcpy(broken, der.at, der.len);
    broken[der.len - 1] ^= 1; /* the hash */
    e.csr = view_of(broken, der.len);
    REFUSED(enrol(core, arena, &device, &e, &answer, &err), ERROR_MALFORMED, "malformed-csr");
}

static bool spend(struct tx *tx, void *context, const struct request_record *request,
                  struct error *error) {
    (void)tx;
    *(struct uuid *)context = request->id;
    return (fail)(error, ERROR_UNAUTHENTICATED, "bad-challenge", "Another was quicker.");
}

static void what_is_alongside_decides_too(void **state) {
    struct enrolment e = enrolment_of(open_slug, "alongside", make_csr("alongside.example"));
    struct enrolled answer;
    struct uuid seen = {{0}};
    (void)state;
    e.alongside = spend;
    e.context = &seen;
    REFUSED(enrol(core, arena, &device, &e, &answer, &err), ERROR_UNAUTHENTICATED, "bad-challenge");
    assert_false(uuid_is_nil(seen));
    REFUSED(enrol_poll_id(core, arena, seen, &answer, &err), ERROR_NOT_FOUND, "not-found");
    REFUSED(enrol_poll(core, arena, open_slug, "scep", e.transaction, &answer, &err),
            ERROR_NOT_FOUND, "not-found");
}

static void certificates_are_known_renewed_and_revoked(void **state) {
    struct enrolment e = enrolment_of(open_slug, "first", make_csr("renewed.example"));
    struct enrolled first, second;
    struct certificate_record found;
    (void)state;
    DONE(enrol(core, arena, &device, &e, &first, &err));
    DONE(enrol_certificate(core, arena, first.certificate.der, &found, &err));
    assert_true(uuid_equal(found.id, first.certificate.id));
    REFUSED(enrol_certificate(core, arena, e.csr, &found, &err), ERROR_NOT_FOUND, "not-found");
    e = enrolment_of(open_slug, "second", make_csr("renewed.example"));
    e.renews = first.certificate.id;
    DONE(enrol(core, arena, &device, &e, &second, &err));
    assert_true(uuid_equal(second.request.renews_id, first.certificate.id));
    DONE(enrol_revoke(core, arena, &device, first.certificate.id, CRL_REASON_KEY_COMPROMISE, &err));
    REFUSED(
        enrol_revoke(core, arena, &device, first.certificate.id, CRL_REASON_KEY_COMPROMISE, &err),
        ERROR_CONFLICT, "already-revoked");
    DONE(enrol_certificate(core, arena, first.certificate.der, &found, &err));
    assert_true(found.revoked);
    e = enrolment_of(open_slug, "third", make_csr("renewed.example"));
    e.renews = first.certificate.id;
    REFUSED(enrol(core, arena, &device, &e, &second, &err), ERROR_POLICY, "renewal");
}

/* --- many at once
 * ---------------------------------------------------------------------------------------- */

#define RACERS 8

struct racer {
    pthread_t thread;
    struct view csr;
    struct uuid certificate;
    bool ok;
};

static void *race(void *context) {
    SCOPED_ARENA struct arena *own = arena_new();
    struct racer *racer = context;
    struct error error = {0};
    struct enrolled answer;
    struct enrolment e = enrolment_of(open_slug, "race", racer->csr);
    for (int i = 0; i < 20 && !racer->ok; i++)
        racer->ok = enrol(core, own, &device, &e, &answer, &error);
    if (racer->ok)
        racer->certificate = answer.certificate.id;
    return NULL;
}

static void the_same_transaction_issues_once(void **state) {
    struct racer racers[RACERS];
    struct view csr = make_csr("race.example");
    (void)state;
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.csr = csr};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        pthread_join(racers[i].thread, NULL);
    for (int i = 0; i < RACERS; i++) {
        assert_true(racers[i].ok);
        assert_false(uuid_is_nil(racers[i].certificate));
        assert_true(uuid_equal(racers[i].certificate, racers[0].certificate));
    }
}

/* --- what else protocols need
 * ------------------------------------------------------------------------------ */

static void services_are_made_once(void **state) {
    static const struct {
        enum service_use use;
        const char *type, *extended;
    } rows[] = {{SERVICE_OCSP, "P-256", "OCSP Signing"},
                {SERVICE_TSA, "P-256", "Time Stamping"},
                {SERVICE_CMP, "P-256", "CMC Registration Authority"},
                {SERVICE_SCEP, "RSA-3072", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct service_identity one, again, *all;
        char type[KEY_TYPE_SIZE];
        size_t count;
        DONE(service_of(core, arena, &ca, rows[i].use, &one, &err));
        DONE(service_of(core, arena, &ca, rows[i].use, &again, &err));
        assert_int_equal(X509_cmp(one.certificate, again.certificate), 0);
        assert_true(key_type_of(X509_get0_pubkey(one.certificate), type));
        assert_string_equal(type, rows[i].type);
        const char *text = certificate_text(arena, one.certificate);
        if (rows[i].extended != NULL)
            assert_non_null(strstr(text, rows[i].extended));
        DONE(service_all(core, arena, &ca, rows[i].use, &all, &count, &err));
        assert_int_equal(count, 1);
        assert_int_equal(X509_cmp(all[0].certificate, one.certificate), 0);
        assert_int_equal(EVP_PKEY_eq(all[0].key, one.key), 1);
    }
}

static void settings_choose_key_and_digest_of_services(void **state) {
    static const char wanted[] =
        "{\"services\":{\"key\":{\"type\":\"EC\",\"curve\":\"P-384\"},\"digest\":\"SHA-512\"}}";
    struct ca_order order = {
        .name = "Chosen CA", .key_type = "P-256", .profile = {.path_length = -2}};
    struct service_identity identity;
    struct ca_record chosen;
    char type[KEY_TYPE_SIZE];
    (void)state;
    DONE(json_parse(arena, view_text(wanted), &order.settings, &err));
    DONE(authority_create(core, arena, &actor_system, &order, &chosen, &err));
    DONE(service_of(core, arena, &chosen, SERVICE_OCSP, &identity, &err));
    assert_true(key_type_of(X509_get0_pubkey(identity.certificate), type));
    assert_string_equal(type, "P-384");
    assert_true(EVP_MD_is_a(identity.digest, "SHA512"));
    DONE(service_of(core, arena, &chosen, SERVICE_SCEP, &identity, &err)); /* RSA alone decrypts */
    assert_true(key_type_of(X509_get0_pubkey(identity.certificate), type));
    assert_string_equal(type, "RSA-3072");
}

static void secrets_open_in_their_place_alone(void **state) {
    const char *sealed, *again;
    struct view opened;
    (void)state;
    DONE(secret_seal(core, arena, "acme_eab/1/key", VIEW_LITERAL("squeamish ossifrage"), &sealed,
                     &err));
    DONE(secret_seal(core, arena, "acme_eab/1/key", VIEW_LITERAL("squeamish ossifrage"), &again,
                     &err));
    assert_string_not_equal(sealed, again);
    DONE(secret_open(core, arena, "acme_eab/1/key", sealed, &opened, &err));
    assert_true(view_is(opened, "squeamish ossifrage"));
    REFUSED(secret_open(core, arena, "acme_eab/2/key", sealed, &opened, &err), ERROR_INTERNAL,
            "internal");
    char *broken = arena_strdup(arena, sealed);
    broken[strlen(broken) / 2] = broken[strlen(broken) / 2] == 'A' ? 'B' : 'A';
    REFUSED(secret_open(core, arena, "acme_eab/1/key", broken, &opened, &err), ERROR_INTERNAL,
            "internal");
    REFUSED(secret_open(core, arena, "acme_eab/1/key", "1.", &opened, &err), ERROR_INTERNAL,
            "internal");

    /* Another process of the same instance reads it. */
    struct core *other =
        core_new(&(struct core_config){.db = core_db(core), .signer = core_signer(core)});
    DONE(secret_open(other, arena, "acme_eab/1/key", sealed, &opened, &err));
    assert_true(view_is(opened, "squeamish ossifrage"));
    core_free(other);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retry_gets_the_same_certificate),
        cmocka_unit_test(people_decide_where_the_template_wants_them),
        cmocka_unit_test(other_doors_do_not_exist),
        cmocka_unit_test(proof_is_wanted_unless_the_protocol_has_it),
        cmocka_unit_test(what_is_alongside_decides_too),
        cmocka_unit_test(certificates_are_known_renewed_and_revoked),
        cmocka_unit_test(the_same_transaction_issues_once),
        cmocka_unit_test(services_are_made_once),
        cmocka_unit_test(settings_choose_key_and_digest_of_services),
        cmocka_unit_test(secrets_open_in_their_place_alone),
    };
    core_set_up(argc, argv);
    device = actor_device("device-1", "192.0.2.1", "test");
    open_slug = make_template("Devices", device_document);
    patient_slug = make_template("Patient", patient_document);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    core_tear_down();
    return failed;
}
