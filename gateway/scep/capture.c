/* For finding out what a device really sends: while a template's capture runs, each message and its answer is
 * kept, decoded. What is secret - the challenge password, and with it the whole CSR's attributes - is not. */
#include "scep/exchange.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "store/scep.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/san.h"

static void put_nid(struct json_writer *w, const char *name, int nid) {
    json_put_string(w, name, nid == NID_undef ? "unknown" : OBJ_nid2sn(nid));
}

static void write_csr(struct scep_exchange *x, struct json_writer *w) {
    AUTO(GENERAL_NAMES) *sans = NULL;
    char key_type[KEY_TYPE_SIZE];
    struct error ignored = {0};
    json_name(w, "csr");
    if (x->csr == NULL) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    json_put_string(w, "subject", name_text(x->arena, X509_REQ_get_subject_name(x->csr)));
    json_name(w, "sans");
    if (csr_sans(x->csr, &sans, &ignored))
        san_write_json(w, x->arena, sans);
    else
        json_add_null(w);
    json_put_string(w, "keyType",
                    key_type_of(X509_REQ_get0_pubkey(x->csr), key_type) ? key_type : "unknown");
    json_put_string(w, "challengePassword", x->challenge == NULL ? "absent" : "blanked");
    json_close_object(w);
}

static const char *describe(struct scep_exchange *x, struct view reply, const char *outcome) {
    const struct scep_message *m = &x->message;
    struct json_writer w = json_writer_on(x->arena);
    json_open_object(&w);
    json_put_string(&w, "message", scep_type_name(m->type));
    json_put_string(&w, "transaction", m->transaction);
    json_put_string(&w, "senderNonce", hex_encode(x->arena, m->sender_nonce));
    put_nid(&w, "digest", m->digest);
    put_nid(&w, "cipher", m->cipher);
    json_put_string(&w, "signer", certificate_pem(x->arena, m->signer_der));
    write_csr(x, &w);
    /* Encrypted to the CA: the challenge password in it stays unreadable. */
    json_put_string(&w, "envelope", base64_encode(x->arena, m->envelope));
    json_put_string(&w, "outcome", outcome);
    json_put_string(&w, "reply", base64_encode(x->arena, reply));
    json_close_object(&w);
    return json_written(&w);
}

void scep_capture_exchange(struct scep_exchange *x, struct view reply, const char *outcome) {
    struct scep_capture capture = {.id = uuid_new(),
                                   .template_id = x->target->enrolment.record.id,
                                   .at_us = clock_now_us(),
                                   .address = x->address};
    struct error err = {0};
    bool done = false;
    if (x->target->settings.capture_until_us <= capture.at_us || x->message.transaction == NULL)
        return;
    capture.document = describe(x, reply, outcome);
    TX(tx, core_db(x->core), &done, &err)
        tx.ok = scep_capture_insert(tx.tx, &capture, &err);
    if (!done)
        log_failure(LOG_WARN, "scep", "capture", &err);
}
