/* One message and its answer on their way; for the files of this room alone. */
#ifndef GATEHOUSE_CMP_EXCHANGE_H
#define GATEHOUSE_CMP_EXCHANGE_H

#include "ca/anchors.h"
#include "ca/credentials.h"
#include "ca/enrol.h"
#include "ca/person_key.h"
#include "ca/service.h"
#include "cmp/cmp.h"
#include "store/cmp.h"

struct peer {
    enum cmp_protection protection;
    bool own, device, ra;
    struct credential credential;          /* by MAC */
    struct view secret;
    struct certificate_record certificate; /* own */
    X509 *x509;                            /* by signature */
    const char *name;                      /* for people */
    uint8_t hash[32];
};

/* A certificate asked for. */
struct wanted {
    int64_t id;
    struct cmp_certificate row;
    struct enrolled enrolled;
    struct person_key new_key; /* made here; its blob is empty: none */
    const char *refused;  /* why, or NULL */
    enum cmp_fail fail;
};

struct exchange {
    const struct cmp_call *call;
    struct core *core;
    struct arena *arena;
    struct cmp_message m;
    uint8_t hash[32]; /* SHA-256 of the message */
    struct enrolment_target target;
    struct cmp_settings settings;
    struct peer peer;
    bool authenticated;
    bool by_ra; /* came inside an RA's nested message */
    struct cmp_transaction row;
    bool known; /* row is in the database */
    struct wanted wanted[CMP_REQUESTS_MAX];
    size_t wanted_count;
    /* the answer */
    int body;
    struct view content;
    bool implicit_confirm;
    int64_t confirm_until_us;
    bool store; /* row, wanted and messages go to the database */
    enum cmp_fail fail;
};

/* Sets the PKIFailureInfo and the error, returns false. */
#define REFUSED(x, why, kind, type, ...) ((x)->fail = (why), fail(err, kind, type, __VA_ARGS__))
enum cmp_fail cmp_fail_of(const struct error *err);

/* authenticate.c: fills ret from the message's protection. */
bool cmp_authenticate(struct exchange *x, const struct cmp_message *m, struct peer *ret, struct error *err);
/* certify.c: ir, cr, kur, p10cr; and the body that tells what became of x->wanted */
bool cmp_certify(struct exchange *x, struct error *err);
bool cmp_tell(struct exchange *x, struct error *err);
/* proof.c: possession of the key in a CertReqMsg. */
bool cmp_check_proof(struct exchange *x, const CRMF_MESSAGE *message, const CRMF_REQUEST *request,
                     bool *ret_encrypt, struct error *err);
/* confirm.c: certConf, pollReq */
bool cmp_confirm(struct exchange *x, struct error *err);
bool cmp_poll(struct exchange *x, struct error *err);
bool cmp_take_back(struct core *core, struct arena *arena, const struct actor *actor, struct uuid certificate_id,
                   int reason, struct error *err);
/* revoke.c: rr */
bool cmp_revoke(struct exchange *x, struct error *err);
/* info.c: genm */
bool cmp_inform(struct exchange *x, struct error *err);
/* keys.c: EnvelopedData as the EncryptedKey alternative [0] of CRMF */
bool cmp_make_key(struct exchange *x, const CRMF_TEMPLATE *template, struct person_key *ret_key,
                  EVP_PKEY **ret_public, struct error *err);
bool cmp_envelope_key(struct exchange *x, const struct person_key *key, struct view *ret, struct error *err);
bool cmp_envelope_certificate(struct exchange *x, struct view certificate, struct view *ret, struct error *err);

static inline struct actor cmp_actor(const struct exchange *x) {
    return actor_device(x->peer.name != NULL ? x->peer.name : "cmp", x->call->address, x->call->request_id);
}

#endif
