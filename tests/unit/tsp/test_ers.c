/* Evidence records: every leaf of trees of many sizes proves itself, and nothing else does. */
#include "fixture.h"

#include "tsp/der.h"
#include "tsp/ers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void check_size(struct fixture *f, const char *name, size_t count) {
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct tsp_digest *digest = tsp_digest_by_name(name);
    size_t size = digest->size;
    uint8_t *leaves = arena_array(arena, count, size), *work = arena_array(arena, count, size), root[64];
    struct view token;
    struct error err = {0};
    int64_t at;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(EVP_Digest(&i, sizeof i, leaves + i * size, NULL, tsp_digest_md(name), NULL), 1);
    assert_int_equal(ers_sort(leaves, count, size), count);
    memcpy(work, leaves, count * size);
    assert_true(ers_root(digest, work, count, root, &err));
    struct tsp_query query = {.digest = name, .certificates = true};
    query.imprint = tsp_imprint(arena, digest, view_of(root, size));
    assert_true(tsp_stamp(f->tsp, arena, "demo", "", &query, "", &token, &at, &err));
    for (size_t i = 0; i < count; i++) {
        struct ers_path path = {.count = 0};
        struct ers_verdict verdict;
        struct view leaf = view_of(leaves + i * size, size);
        memcpy(work, leaves, count * size);
        assert_true(ers_climb(arena, digest, work, count, i, &path, &err));
        struct view record = ers_record(arena, digest, leaf, &path, &token, 1);
        struct ers_imprint imprint = {.hash = leaf};
        if (!ers_verify(arena, record, &imprint, 1, &verdict, &err))
            fail_msg("%s, leaf %zu of %zu: %s", name, i, count, err.message);
        assert_int_equal(verdict.time_us, at / US_PER_SECOND * US_PER_SECOND);
        uint8_t other[64];
        memcpy(other, leaf.at, size);
        other[0] ^= 1;
        struct ers_imprint wrong = {.hash = view_of(other, size)};
        assert_false(ers_verify(arena, record, &wrong, 1, &verdict, &err));
        assert_false(ers_verify(arena, view_of(record.at, record.len - 1), &imprint, 1, &verdict, &err));
    }
}

static void test_trees(void **state) {
    static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 31, 33};
    struct fixture *f = fixture_new("EC");
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        check_size(f, i % 2 == 0 ? "SHA-256" : "SHA3-512", counts[i]);
    fixture_free(f);
}

static void test_doubles(void **state) {
    uint8_t hashes[4 * 32];
    (void)state;
    for (int i = 0; i < 4; i++)
        memset(hashes + i * 32L, 3 - i / 2, 32);
    assert_int_equal(ers_sort(hashes, 4, 32), 2);
    assert_int_equal(hashes[0], 2);
    assert_int_equal(hashes[32], 3);
}

static struct view hash_of(struct arena *arena, const char *name, struct view bytes) {
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    assert_int_equal(EVP_Digest(bytes.at, bytes.len, hash, &len, tsp_digest_md(name), NULL), 1);
    return arena_copy(arena, hash, len);
}

static struct view token_about(struct fixture *f, struct arena *arena, const char *name, struct view hash) {
    struct tsp_query query = {.digest = name, .certificates = true, .hash = hash};
    struct view token;
    struct error err = {0};
    int64_t at;
    query.imprint = tsp_imprint(arena, tsp_digest_by_name(name), hash);
    assert_true(tsp_stamp(f->tsp, arena, "demo", "", &query, "", &token, &at, &err));
    return token;
}

static bool holds(struct arena *arena, struct view record, const struct ers_imprint *imprints, size_t count,
                  size_t stamps) {
    struct ers_verdict verdict;
    struct error err = {0};
    bool ok = ers_verify(arena, record, imprints, count, &verdict, &err);
    assert_true(!ok || verdict.stamp_count == stamps);
    return ok;
}

/* The record with [0] cryptoInfos or, with that tag, something else behind digestAlgorithms. */
static struct view with_crypto_infos(struct arena *arena, struct view record, uint8_t tag) {
    static const uint8_t info[] = {0x30, 0x09, 0x06, 0x03, 0x2a, 0x03, 0x04, 0x31, 0x02, 0x05, 0x00};
    const unsigned char *at = record.at, *digests;
    long len, digests_len;
    int kind, class;
    assert_int_equal(ASN1_get_object(&at, &len, &kind, &class, (long)record.len) & 0x80, 0);
    digests = at + 3; /* behind the version */
    const unsigned char *inside = digests;
    assert_int_equal(ASN1_get_object(&inside, &digests_len, &kind, &class, len - 3) & 0x80, 0);
    const unsigned char *end = inside + digests_len;
    struct der d = der_on(arena, record.len + 64);
    der_raw(&d, view_of(end, (size_t)(record.at + record.len - end)));
    der_put(&d, tag, view_of(info, sizeof info));
    der_raw(&d, view_of(at, (size_t)(end - at)));
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

/* A record of one document: stamped, renewed by two further timestamps (rfc4998#5.2), and once more under another hash
 * algorithm (#5.3). What does not follow from the one before is refused. */
static void test_renewals(void **state) {
    static const struct ers_path alone = {.count = 0};
    const struct tsp_digest *strong = tsp_digest_by_name("SHA-512");
    struct fixture *f = fixture_new("EC");
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view document = VIEW_LITERAL("a document"), old = hash_of(arena, "SHA-256", document);
    struct ers_imprint imprints[] = {{NULL, old}, {"SHA-512", hash_of(arena, "SHA-512", document)}};
    struct view tokens[3], swapped[3];
    tokens[0] = token_about(f, arena, "SHA-256", old);
    for (int i = 1; i < 3; i++)
        tokens[i] = token_about(f, arena, "SHA-256", hash_of(arena, "SHA-256", tokens[i - 1]));
    const struct tsp_digest *digest = tsp_digest_by_name("SHA-256");
    struct view record = ers_record(arena, digest, old, &alone, tokens, 3);
    assert_true(holds(arena, record, imprints, 1, 3));
    assert_false(holds(arena, record, &imprints[1], 1, 3));
    memcpy(swapped, tokens, sizeof swapped);
    swapped[1] = tokens[2], swapped[2] = tokens[1];
    assert_false(holds(arena, ers_record(arena, digest, old, &alone, swapped, 3), imprints, 1, 3));
    swapped[1] = tokens[2]; /* the one between is missing */
    assert_false(holds(arena, ers_record(arena, digest, old, &alone, swapped, 2), imprints, 1, 2));

    uint8_t leaf[EVP_MAX_MD_SIZE];
    struct view again, view = view_of(leaf, strong->size);
    struct error err = {0};
    assert_true(ers_rehash_leaf(strong, record, imprints[1].hash, leaf, &err));
    assert_true(ers_append(arena, record, strong, view, &alone, token_about(f, arena, "SHA-512", view), &again, &err));
    assert_true(holds(arena, again, imprints, 2, 4));
    assert_false(holds(arena, again, imprints, 1, 4)); /* the new hash is needed, too */
    struct view noted = with_crypto_infos(arena, record, 0xa0);
    assert_true(holds(arena, noted, imprints, 1, 3));
    assert_false(ers_rehash_leaf(strong, noted, imprints[1].hash, leaf, &err)); /* others' records are not rewritten */
    assert_false(holds(arena, with_crypto_infos(arena, record, 0xa1), imprints, 1, 3)); /* encryptionInfo */
    struct ers_imprint wrong[] = {imprints[0], {"SHA-512", hash_of(arena, "SHA-512", old)}};
    assert_false(holds(arena, again, wrong, 2, 4));
    assert_true(ers_append(arena, record, strong, view, &alone, token_about(f, arena, "SHA-512", wrong[1].hash), &again, &err));
    assert_false(holds(arena, again, imprints, 2, 4)); /* about something else */
    fixture_free(f);
}

/* Whatever octet is another: refused, or it says the same as before. */
static void test_damage(void **state) {
    struct fixture *f = fixture_new("EC");
    (void)state;
    SCOPED_ARENA struct arena *arena = arena_new();
    const struct tsp_digest *digest = tsp_digest_by_name("SHA-256");
    struct view leaf = hash_of(arena, "SHA-256", VIEW_LITERAL("a"));
    uint8_t work[64], root[32];
    memcpy(work, leaf.at, 32);
    memcpy(work + 32, hash_of(arena, "SHA-256", VIEW_LITERAL("b")).at, 32);
    size_t place = ers_compare(leaf, view_of(work + 32, 32)) < 0 ? 0 : 1;
    assert_int_equal(ers_sort(work, 2, 32), 2);
    struct ers_path path = {.count = 0};
    struct error err = {0};
    uint8_t again[64];
    memcpy(again, work, sizeof again);
    assert_true(ers_climb(arena, digest, work, 2, place, &path, &err));
    assert_true(ers_root(digest, again, 2, root, &err));
    struct view token = token_about(f, arena, "SHA-256", view_of(root, 32));
    struct view record = ers_record(arena, digest, leaf, &path, &token, 1);
    const struct ers_imprint imprint = {.hash = leaf};
    struct ers_verdict good;
    assert_true(ers_verify(arena, record, &imprint, 1, &good, &err));
    uint8_t *octets = (uint8_t *)(uintptr_t)record.at;
    size_t refused = 0;
    for (size_t i = 0; i < record.len; i++) {
        SCOPED_ARENA struct arena *own = arena_new();
        struct ers_verdict verdict;
        octets[i] ^= 0x55;
        if (!ers_verify(own, record, &imprint, 1, &verdict, &err)) {
            refused++;
        } else if (verdict.time_us != good.time_us || strcmp(verdict.policy, good.policy) != 0 ||
                   !view_equal(verdict.serial, good.serial) || verdict.stamp_count != 1) {
            fail_msg("octet %zu: it says something else", i);
        }
        octets[i] ^= 0x55;
    }
    /* digestAlgorithms, a NULL of the signature's algorithm: nothing is proved by them. */
    if (record.len - refused > 24)
        fail_msg("%zu of %zu octets can be anything", record.len - refused, record.len);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trees), cmocka_unit_test(test_doubles),
                                       cmocka_unit_test(test_renewals), cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests_name("evidence records", tests, NULL, NULL);
}
