#include "tsp/ers.h"

#include "tsp/der.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int ers_compare(struct view a, struct view b) {
    for (size_t i = 0; i < a.len && i < b.len; i++)
        if (a.at[i] != b.at[i])
            return a.at[i] < b.at[i] ? -1 : 1;
    return a.len < b.len ? -1 : a.len > b.len;
}


#define COMPARE_OF(size)                                                                           \
    static int compare_##size(const void *a, const void *b) {                                      \
        return ers_compare(view_of(a, size), view_of(b, size));                                        \
    }
COMPARE_OF(28)
COMPARE_OF(32)
COMPARE_OF(48)
COMPARE_OF(64)

size_t ers_sort(uint8_t *hashes, size_t count, size_t size) {
    size_t left = 0;
    qsort(hashes, count, size, size == 28   ? compare_28
                               : size == 32 ? compare_32
                               : size == 48 ? compare_48
                                            : compare_64);
    for (size_t i = 0; i < count; i++)
        if (left == 0 || ers_compare(view_of(hashes + (left - 1) * size, size), view_of(hashes + i * size, size)) != 0)
            memmove(hashes + left++ * size, hashes + i * size, size);
    return left;
}

/* rfc4998#4.2: "binary ascending order, concatenated, hashed". */
static bool join(EVP_MD_CTX *context, const EVP_MD *md, struct view a, struct view b, uint8_t *ret,
                 struct error *err) {
    bool swap = ers_compare(a, b) > 0;
    struct view first = swap ? b : a, second = swap ? a : b;
    return (EVP_DigestInit_ex(context, md, NULL) == 1 && EVP_DigestUpdate(context, first.at, first.len) == 1 &&
            EVP_DigestUpdate(context, second.at, second.len) == 1 &&
            EVP_DigestFinal_ex(context, ret, NULL) == 1) ||
           fail_internal(err, "hash tree");
}

/* One level up, in place; the number of nodes there. */
static bool level(EVP_MD_CTX *context, const EVP_MD *md, size_t size, uint8_t *nodes, size_t *count,
                  struct error *err) {
    uint8_t out[EVP_MAX_MD_SIZE];
    size_t up = 0;
    for (size_t i = 0; i < *count; i += 2, up++) {
        uint8_t *one = nodes + i * size;
        if (i + 1 < *count) {
            TRY(join(context, md, view_of(one, size), view_of(one + size, size), out, err));
            memcpy(nodes + up * size, out, size);
        } else {
            memmove(nodes + up * size, one, size);
        }
    }
    *count = up;
    return true;
}

bool ers_root(const struct tsp_digest *digest, uint8_t *work, size_t count, uint8_t *ret_root,
              struct error *err) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *md = tsp_digest_md(digest->name);
    bool ok = context != NULL || fail_internal(err, "hash tree");
    while (ok && count > 1)
        ok = level(context, md, digest->size, work, &count, err);
    EVP_MD_CTX_free(context);
    if (ok)
        memcpy(ret_root, work, digest->size);
    return ok;
}

bool ers_climb(struct arena *arena, const struct tsp_digest *digest, uint8_t *work, size_t count,
               size_t index, struct ers_path *path, struct error *err) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *md = tsp_digest_md(digest->name);
    size_t size = digest->size;
    bool ok = context != NULL || fail_internal(err, "hash tree");
    while (ok && count > 1) {
        size_t neighbour = index ^ 1;
        if (neighbour < count && path->count < sizeof path->nodes / sizeof path->nodes[0])
            path->nodes[path->count++] = arena_copy(arena, work + neighbour * size, size);
        ok = level(context, md, size, work, &count, err);
        index /= 2;
    }
    EVP_MD_CTX_free(context);
    return ok;
}

static void put_algorithm(struct der *d, const struct tsp_digest *digest) {
    unsigned char *oid = NULL;
    size_t mark = der_mark(d);
    int len = i2d_ASN1_OBJECT(OBJ_nid2obj(digest->nid), &oid);
    der_raw(d, view_of(oid, len > 0 ? (size_t)len : 0));
    OPENSSL_free(oid);
    der_wrap(d, DER_SEQUENCE, mark);
}

/* PartialHashtree ::= SEQUENCE OF OCTET STRING. The first holds the leaf and its neighbour, each further one
 * the neighbour of what was computed before it (rfc4998#4.3). */
static void put_tree(struct der *d, struct view leaf, const struct ers_path *path) {
    size_t all = der_mark(d);
    for (size_t i = path->count; i > 1; i--) {
        size_t mark = der_mark(d);
        der_put(d, DER_OCTETS, path->nodes[i - 1]);
        der_wrap(d, DER_SEQUENCE, mark);
    }
    size_t mark = der_mark(d);
    if (path->count > 0 && ers_compare(leaf, path->nodes[0]) < 0)
        der_put(d, DER_OCTETS, path->nodes[0]);
    der_put(d, DER_OCTETS, leaf);
    if (path->count > 0 && ers_compare(leaf, path->nodes[0]) >= 0)
        der_put(d, DER_OCTETS, path->nodes[0]);
    der_wrap(d, DER_SEQUENCE, mark);
    der_wrap(d, DER_TAG_2, all); /* [2] IMPLICIT SEQUENCE OF PartialHashtree */
}

/* ArchiveTimeStamp */
static void put_stamp(struct der *d, struct view leaf, const struct ers_path *path, struct view token) {
    size_t mark = der_mark(d);
    der_raw(d, token);
    /* A single document needs no tree: the timestamp is about its hash (rfc4998#4.3). */
    if (path->count > 0)
        put_tree(d, leaf, path);
    der_wrap(d, DER_SEQUENCE, mark);
}

struct view ers_record(struct arena *arena, const struct tsp_digest *digest, struct view leaf,
                       const struct ers_path *path, const struct view *tokens, size_t token_count) {
    static const struct ers_path none = {.count = 0};
    struct der d = der_on(arena, tokens[0].len * token_count + 4096);
    for (size_t i = token_count; i > 1; i--)
        put_stamp(&d, leaf, &none, tokens[i - 1]);
    put_stamp(&d, leaf, path, tokens[0]);
    der_wrap(&d, DER_SEQUENCE, 0); /* ArchiveTimeStampChain */
    der_wrap(&d, DER_SEQUENCE, 0); /* ArchiveTimeStampSequence */
    size_t mark = der_mark(&d);
    put_algorithm(&d, digest);
    der_wrap(&d, DER_SEQUENCE, mark); /* digestAlgorithms */
    der_int(&d, 1);
    der_wrap(&d, DER_SEQUENCE, 0);
    return der_view(&d);
}

/* --- renewal ------------------------------------------------------------------------------------------- */

bool ers_token_hash(const struct tsp_digest *digest, struct view token, uint8_t *ret, struct error *err) {
    return EVP_Digest(token.at, token.len, ret, NULL, tsp_digest_md(digest->name), NULL) == 1 ||
           fail_internal(err, "hash of a timestamp");
}

/* The next TLV of *rest, which then begins behind it: whole, and its content. */
static bool element(struct view *rest, struct view *ret_whole, struct view *ret_content) {
    const unsigned char *at = rest->at;
    long len;
    int tag, class;
    if (rest->len == 0 || (ASN1_get_object(&at, &len, &tag, &class, (long)rest->len) & 0x81) != 0) {
        ERR_clear_error();
        return false;
    }
    size_t head = (size_t)(at - rest->at), all = head + (size_t)len;
    if (all > rest->len)
        return false;
    *ret_whole = view_of(rest->at, all);
    *ret_content = view_of(at, (size_t)len);
    *rest = view_of(rest->at + all, rest->len - all);
    return true;
}

struct parts {
    struct view digests, sequence_whole, chains; /* contents but for the second */
};

static bool take_apart(struct view record, struct parts *ret, struct error *err) {
    struct view whole, content, rest = record;
    if (element(&rest, &whole, &content) && rest.len == 0 && element(&content, &whole, &rest) &&
        element(&content, &whole, &ret->digests) &&
        element(&content, &ret->sequence_whole, &ret->chains) && content.len == 0)
        return true;
    return fail(err, ERROR_MALFORMED, "evidence", "Evidence record: it cannot be renewed: it is encrypted or "
                                                  "has cryptoInfos.");
}

bool ers_rehash_leaf(const struct tsp_digest *digest, struct view record, struct view new_imprint,
                     uint8_t *ret, struct error *err) {
    const EVP_MD *md = tsp_digest_md(digest->name);
    uint8_t both[2 * EVP_MAX_MD_SIZE];
    struct parts parts;
    TRY(take_apart(record, &parts, err));
    /* h'(i) = H(h(i) + ha(i)), ha(i) = H(atsc(i)): in this order, not by their octets */
    memcpy(both, new_imprint.at, digest->size);
    return (EVP_Digest(parts.sequence_whole.at, parts.sequence_whole.len, both + digest->size, NULL, md, NULL) ==
                1 &&
            EVP_Digest(both, 2 * digest->size, ret, NULL, md, NULL) == 1) ||
           fail_internal(err, "hash of an evidence record");
}

/* digestAlgorithms names each algorithm once. */
static bool lists(struct view digests, struct view algorithm) {
    struct view whole, content;
    while (element(&digests, &whole, &content))
        if (view_equal(whole, algorithm))
            return true;
    return false;
}

bool ers_append(struct arena *arena, struct view record, const struct tsp_digest *digest,
                struct view leaf, const struct ers_path *path, struct view token,
                struct view *ret_record, struct error *err) {
    struct der algorithm = der_on(arena, 32), d = der_on(arena, record.len + token.len + 4096);
    struct parts parts;
    TRY(take_apart(record, &parts, err));
    put_algorithm(&algorithm, digest);
    put_stamp(&d, leaf, path, token);
    der_wrap(&d, DER_SEQUENCE, 0); /* the new ArchiveTimeStampChain */
    der_raw(&d, parts.chains);
    der_wrap(&d, DER_SEQUENCE, 0);
    size_t mark = der_mark(&d);
    if (!lists(parts.digests, der_view(&algorithm)))
        der_raw(&d, der_view(&algorithm));
    der_raw(&d, parts.digests);
    der_wrap(&d, DER_SEQUENCE, mark);
    der_int(&d, 1);
    der_wrap(&d, DER_SEQUENCE, 0);
    *ret_record = der_view(&d);
    return true;
}
