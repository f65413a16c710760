/* Quick signatures that are asked for at the same moment travel together: half of what a P-256
 * signature costs through the wire is the kernel's, once a message instead of once a signature.
 *
 * As many messages are under way as the machine has processors; only then do requests wait, for the
 * next message. Slow keys gain nothing and would wait for each other, so a key is asked for alone
 * until its answers have come quickly, and an RSA key always. */
#ifndef GATEHOUSE_PROVIDER_BATCH_H
#define GATEHOUSE_PROVIDER_BATCH_H

#include "provider/client.h"

#include <stdatomic.h>

struct batches;
struct batches *batches_new(void);
void batches_free(struct batches *batches);

/* How quick a key is; zeroed at first. */
struct pace {
    atomic_uint calls;
    atomic_llong best_us; /* of the present round of calls, +1; 0: none yet */
    atomic_bool quick;
    bool slow; /* for good, whatever it took */
};

enum batch_outcome {
    BATCH_DONE,   /* out and *len are filled */
    BATCH_FAILED, /* the error is filled */
    BATCH_ALONE,  /* not for a batch, or the connection ended: ask alone */
};

/* A WIRE_SIGN request with its handle. */
enum batch_outcome batch_sign(struct signer *signer, struct pace *pace,
                              struct wire_request *request, uint8_t *out, size_t *len, size_t size,
                              struct error *err);
/* A signature that was asked for alone took so long. */
void pace_note(struct pace *pace, int64_t took_us);

#endif
