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
/* EvidenceRecord ::= SEQUENCE { version 1, digestAlgorithms, archiveTimeStampSequence } with one
 * ArchiveTimeStamp: reducedHashtree and the token (ContentInfo). */
struct view ers_record(struct arena *arena, const struct tsp_digest *digest, struct view leaf,
                       const struct ers_path *path, struct view token);

struct ers_verdict {
    int64_t time_us;          /* of the timestamp */
    const char *digest;       /* of the tree */
    const char *policy;       /* of the timestamp */
    struct view serial;
    X509 *signer;             /* the certificate in the token that signed; the arena drops it */
    STACK_OF(X509) *certificates; /* all in the token; the arena drops them */
};
/* Checks that `imprint` is covered by the record, that its timestamp is about the tree's root, and that the
 * timestamp's signature is right under the certificate it carries (whose chain the caller judges: see
 * ret->certificates). Records of one archive timestamp alone: what others have renewed is refused by name.
 * ERROR_MALFORMED, ERROR_POLICY "evidence". */
MUST_USE bool ers_verify(struct arena *arena, struct view record, struct view imprint,
                         struct ers_verdict *ret, struct error *err);

#endif
