/* Evidence records (RFC 4998): one timestamp over a hash tree proves the time of every document whose hash is a
 * leaf. The tree is binary: each two neighbours, in the order of their octets, are hashed together; a last one
 * without a neighbour goes up as it is. */
#ifndef GATEHOUSE_TSP_ERS_H
#define GATEHOUSE_TSP_ERS_H

#include "tsp/profile.h"

#include <openssl/x509.h>

#define ERS_RUN 1024 /* leaves of a subtree that is stored together */
#define ERS_MAX_IMPRINTS ((size_t)1 << 20)
#define ERS_MAX_RECORD ((size_t)256 * 1024)


int ers_compare(struct view a, struct view b); /* by octets, then by length */
/* Sorts hashes of `size` octets and drops doubles; returns how many are left. */
size_t ers_sort(uint8_t *hashes, size_t count, size_t size);
/* The root over `count` hashes, one after the other; work is overwritten (count * size octets). */
MUST_USE bool ers_root(const struct tsp_digest *digest, uint8_t *work, size_t count, uint8_t *ret_root,
                       struct error *err);
/* The neighbours on the way from leaf `index` to the root, appended to *ret_path (at most 64, each of the
 * digest's size); work is overwritten. */
struct ers_path {
    struct view nodes[64];
    size_t count;
};
MUST_USE bool ers_climb(struct arena *arena, const struct tsp_digest *digest, uint8_t *work, size_t count,
                        size_t index, struct ers_path *path, struct error *err);
/* EvidenceRecord ::= SEQUENCE { version 1, digestAlgorithms, archiveTimeStampSequence } with one chain: an
 * ArchiveTimeStamp of reducedHashtree and the first token (ContentInfo), then one for each token that renewed the
 * one before it (rfc4998#5.2). */
struct view ers_record(struct arena *arena, const struct tsp_digest *digest, struct view leaf,
                       const struct ers_path *path, const struct view *tokens, size_t token_count);
/* What a timestamp that renews `token` is about: the hash of it (rfc4998#5.2). */
MUST_USE bool ers_token_hash(const struct tsp_digest *digest, struct view token, uint8_t *ret, struct error *err);
/* Hash-tree renewal (rfc4998#5.3): the leaf that stands for a document's new hash and all its evidence so far.
 * The record must have been verified. */
MUST_USE bool ers_rehash_leaf(const struct tsp_digest *digest, struct view record, struct view new_imprint,
                              uint8_t *ret, struct error *err);
/* The record with a further chain, whose one timestamp covers that leaf. */
MUST_USE bool ers_append(struct arena *arena, struct view record, const struct tsp_digest *digest,
                         struct view leaf, const struct ers_path *path, struct view token,
                         struct view *ret_record, struct error *err);

struct ers_stamp {
    int64_t time_us;
    X509 *signer;                 /* the certificate in the token that signed; the arena drops it */
    STACK_OF(X509) *certificates; /* all in the token; the arena drops them */
};
#define ERS_MAX_STAMPS 100
/* A document's hash under an algorithm; digest NULL: under that of the first tree. */
struct ers_imprint {
    const char *digest;
    struct view hash;
};
struct ers_verdict {
    int64_t time_us;          /* of the first timestamp: since then the document has been as it is */
    const char *digest;       /* of the first tree */
    const char *policy;       /* of the timestamp */
    struct view serial;
    X509 *signer;             /* of the first timestamp, as stamps[0].signer */
    struct ers_stamp *stamps; /* in their order; each had to hold until the next one was made */
    size_t stamp_count;
};
/* Checks that `imprint` is covered by the record, that its timestamp is about the tree's root, and that the
 * timestamp's signature is right under the certificate it carries (whose chain the caller judges: see
 * ret->stamps); of renewed records that every further timestamp covers what came before (rfc4998#5.3). A chain
 * after the first needs the document's hash under its algorithm among the imprints.
 * ERROR_MALFORMED, ERROR_POLICY "evidence". */
MUST_USE bool ers_verify(struct arena *arena, struct view record, const struct ers_imprint *imprints,
                         size_t imprint_count, struct ers_verdict *ret, struct error *err);

#endif
