#include "cmp/exchange.h"

#include "base/clock.h"
#include "base/log.h"
#include "x509/certificate.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#define DEADLINE_NONE INT64_MAX

enum cmp_fail cmp_fail_of(const struct error *err) {
    static const struct {
        const char *type;
        enum cmp_fail fail;
    } types[] = {{"bad-signature", CMP_BAD_POP},
                 {"cmp-algorithm", CMP_BAD_ALG},
                 {"malformed-csr", CMP_BAD_DATA_FORMAT},
                 {"malformed-cmp", CMP_BAD_DATA_FORMAT},
                 {"already-revoked", CMP_CERT_REVOKED},
                 {"transaction-reused", CMP_TRANSACTION_IN_USE},
                 {"renewal", CMP_NOT_AUTHORIZED}};
    static const enum cmp_fail kinds[] = {
        [ERROR_NONE] = CMP_SYSTEM_FAILURE,          [ERROR_MALFORMED] = CMP_BAD_DATA_FORMAT,
        [ERROR_UNAUTHENTICATED] = CMP_NOT_AUTHORIZED, [ERROR_FORBIDDEN] = CMP_NOT_AUTHORIZED,
        [ERROR_NOT_FOUND] = CMP_BAD_CERT_ID,        [ERROR_CONFLICT] = CMP_BAD_REQUEST,
        [ERROR_TOO_LARGE] = CMP_BAD_DATA_FORMAT,    [ERROR_POLICY] = CMP_BAD_CERT_TEMPLATE,
        [ERROR_TOO_MANY] = CMP_SYSTEM_UNAVAIL,      [ERROR_INTERNAL] = CMP_SYSTEM_FAILURE,
        [ERROR_UNAVAILABLE] = CMP_SYSTEM_UNAVAIL};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(err->type, types[i].type) == 0)
            return types[i].fail;
    return kinds[err->kind];
}

/* --- the answer --------------------------------------------------------------------------------------- */

static struct view chain_der(struct exchange *x, const struct service_identity *service, bool with_service,
                             struct view *ret_root, struct error *err) {
    struct view *chain, parts[2] = {{0}};
    size_t count;
    if (with_service)
        parts[0] = certificate_der(x->arena, service->certificate);
    if (!authority_chain(x->core, x->arena, &x->target.ca, &chain, &count, err))
        return parts[0];
    parts[1] = wire_join(x->arena, chain, count);
    *ret_root = count > 0 ? chain[count - 1] : view_of(NULL, 0);
    return wire_join(x->arena, parts, 2);
}

static bool seal(struct exchange *x, const struct cmp_answer *a, const struct service_identity *service,
                 struct view *ret, struct error *err) {
    if (x->authenticated && x->peer.protection == CMP_BY_MAC)
        return cmp_seal_mac(x->arena, a, x->m.header->protection_alg, x->peer.secret, ret, err);
    return cmp_seal_signature(x->arena, a, service->key, service->certificate, service->digest, ret, err);
}

/* Under a MAC the client learns its root from caPubs of ip (rfc9483#4.1.1). */
static bool by_secret(const struct exchange *x) {
    return x->authenticated && x->peer.protection == CMP_BY_MAC;
}

static bool answer(struct exchange *x, struct view *ret_nonce, struct view *ret, struct error *err) {
    struct service_identity service;
    struct view root = {0};
    uint8_t *nonce = arena_alloc(x->arena, 16);
    random_bytes(nonce, 16);
    TRY(service_of(x->core, x->arena, &x->target.ca, SERVICE_CMP, &service, err));
    struct cmp_answer a = {.version = x->m.version == 3 ? 3 : 2,
                           .body = x->body,
                           .content = x->content,
                           .sender = cmp_directory_name(x->arena, X509_get_subject_name(service.certificate)),
                           .recipient = asn1_der(x->arena, x->m.header->sender, ASN1_ITEM_rptr(GENERAL_NAME)),
                           .transaction_id = x->m.transaction_id,
                           .sender_nonce = view_of(nonce, 16),
                           .recip_nonce = x->m.sender_nonce,
                           .implicit_confirm = x->implicit_confirm,
                           .confirm_until_us = x->confirm_until_us,
                           .now_us = x->call->now_us};
    const ASN1_OCTET_STRING *kid = X509_get0_subject_key_id(service.certificate);
    if (by_secret(x))
        a.sender_kid = x->m.sender_kid;
    else if (kid != NULL)
        a.sender_kid = view_of(ASN1_STRING_get0_data(kid), (size_t)ASN1_STRING_length(kid));
    a.extra_certs = chain_der(x, &service, !by_secret(x), &root, err);
    if (x->body == CMP_ERROR_BODY && by_secret(x))
        a.extra_certs = view_of(NULL, 0);
    *ret_nonce = a.sender_nonce;
    return seal(x, &a, &service, ret, err);
}

/* What a person learns of an error; what is ours stays in the log. */
static const char *words(struct exchange *x, const struct error *err) {
    if (err->kind == ERROR_INTERNAL || err->message[0] == '\0')
        return arena_printf(x->arena, "Internal error; the log has more under %s.", x->call->request_id);
    return arena_strdup(x->arena, err->message);
}

static void become_error(struct exchange *x, const struct error *err) {
    enum cmp_fail why = x->fail != CMP_NO_FAIL ? x->fail : cmp_fail_of(err);
    log_failure(err->kind >= ERROR_INTERNAL ? LOG_ERROR : LOG_INFO, "cmp",
                arena_printf(x->arena, "%s, %s: %s", x->target.record.slug, cmp_body_name(x->m.body),
                             cmp_fail_name(why)),
                err);
    if (err->kind == ERROR_INTERNAL)
        why = CMP_SYSTEM_FAILURE;
    if (err->kind == ERROR_UNAVAILABLE)
        why = CMP_SYSTEM_UNAVAIL;
    x->body = CMP_ERROR_BODY;
    x->content = cmp_error_body(x->arena, why, words(x, err));
    x->implicit_confirm = false;
    x->confirm_until_us = 0;
}

/* --- the database ------------------------------------------------------------------------------------- */

static bool note_transaction(struct tx *tx, struct exchange *x, struct error *err) {
    struct actor actor = cmp_actor(x);
    struct json_writer w = json_writer_on(x->arena);
    json_open_object(&w);
    json_put_string(&w, "body", cmp_body_name(x->m.body));
    json_put_string(&w, "answer", cmp_body_name(x->body));
    json_put_string(&w, "state", cmp_state_name(x->row.state));
    if (x->row.reason[0] != '\0')
        json_put_string(&w, "reason", x->row.reason);
    json_close_object(&w);
    return access_note(tx, &actor,
                       &(struct event_note){.code = "cmp.message",
                                            .outcome = x->body == CMP_ERROR_BODY ? "failure" : NULL,
                                            .organisation_id = x->target.ca.organisation_id,
                                            .ca_id = x->target.ca.id,
                                            .object_kind = "template",
                                            .object = x->target.record.slug,
                                            .details = json_written(&w)},
                       err);
}

static bool store_messages(struct tx *tx, struct exchange *x, struct view out, struct error *err) {
    struct cmp_message_record in_record = {uuid_new(), x->row.id, CMP_RECEIVED, x->m.body, x->call->now_us,
                                           x->m.der};
    struct cmp_message_record out_record = {uuid_new(), x->row.id, CMP_SENT, x->body, x->call->now_us, out};
    return cmp_message_insert(tx, &in_record, err) && cmp_message_insert(tx, &out_record, err);
}

static bool store(struct exchange *x, struct view nonce, struct view out, bool *ret_duplicate, struct error *err) {
    bool done = false;
    x->row.nonce = nonce;
    x->row.changed_us = x->call->now_us;
    memcpy(x->row.last_request, x->hash, sizeof x->hash);
    TX(tx, core_db(x->core), &done, err) {
        *ret_duplicate = false;
        tx.ok = x->known ? cmp_transaction_update(tx.tx, &x->row, err)
                         : cmp_transaction_insert(tx.tx, &x->row, ret_duplicate, err);
        for (size_t i = 0; tx.ok && !*ret_duplicate && i < x->wanted_count; i++)
            tx.ok = cmp_certificate_put(tx.tx, &x->wanted[i].row, err);
        if (tx.ok && !*ret_duplicate)
            tx.ok = store_messages(tx.tx, x, out, err) && note_transaction(tx.tx, x, err);
    }
    return done;
}

static bool find_row(struct exchange *x, struct error *err) {
    bool done = false;
    TX(tx, core_db(x->core), &done, err)
        tx.ok = cmp_transaction_find(tx.tx, x->arena, x->target.record.id, x->m.transaction_id, &x->row, &x->known,
                                     err);
    return done;
}

/* The same message again: the answer was lost, or two nodes were asked. */
static bool answered_before(struct exchange *x, struct view *ret, bool *ret_found, struct error *err) {
    struct cmp_message_record *messages = NULL;
    size_t count = 0;
    bool done = false;
    *ret_found = false;
    if (!x->known || CRYPTO_memcmp(x->row.last_request, x->hash, sizeof x->hash) != 0 ||
        CRYPTO_memcmp(x->row.peer_hash, x->peer.hash, sizeof x->peer.hash) != 0)
        return true;
    TX(tx, core_db(x->core), &done, err)
        tx.ok = cmp_message_list(tx.tx, x->arena, x->row.id, &messages, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        if (messages[i].direction == CMP_SENT) {
            *ret = messages[i].der;
            *ret_found = true;
        }
    return true;
}

/* --- one message -------------------------------------------------------------------------------------- */

static bool starts(int body) {
    return body == CMP_IR || body == CMP_CR || body == CMP_KUR || body == CMP_P10CR || body == CMP_RR;
}

static bool check_place(struct exchange *x, struct error *err) {
    if (starts(x->m.body)) {
        if (x->known)
            return REFUSED(x, CMP_TRANSACTION_IN_USE, ERROR_CONFLICT, "cmp-transaction",
                           "This transactionID has been used; draw a new one for every transaction.");
        return true;
    }
    if (x->m.body == CMP_GENM || x->m.body == CMP_NESTED)
        return true;
    if (x->m.body != CMP_CERTCONF && x->m.body != CMP_POLLREQ && x->m.body != CMP_ERROR_BODY)
        return REFUSED(x, CMP_BAD_REQUEST, ERROR_POLICY, "cmp-request",
                       "Messages of type %s are not answered here.", cmp_body_name(x->m.body));
    if (!x->known)
        return REFUSED(x, CMP_BAD_REQUEST, ERROR_CONFLICT, "cmp-transaction",
                       "There is no such transaction: it was never begun with this template, or it is over.");
    if (CRYPTO_memcmp(x->row.peer_hash, x->peer.hash, sizeof x->peer.hash) != 0)
        return REFUSED(x, CMP_NOT_AUTHORIZED, ERROR_FORBIDDEN, "cmp-transaction",
                       "The transaction was begun by another client.");
    /* rfc9483#3.5 */
    if (!view_equal(x->m.recip_nonce, x->row.nonce))
        return REFUSED(x, CMP_BAD_RECIPIENT_NONCE, ERROR_CONFLICT, "cmp-transaction",
                       "recipNonce is not the senderNonce of the newest answer.");
    return true;
}

/* rfc9483#6.1: the operation in the path, when there is one, must be what the message asks for. */
static bool check_operation(struct exchange *x, struct error *err) {
    static const struct {
        const char *name;
        int body;
    } operations[] = {{"initialization", CMP_IR}, {"certification", CMP_CR},  {"keyupdate", CMP_KUR},
                      {"pkcs10", CMP_P10CR},      {"revocation", CMP_RR},     {"getcacerts", CMP_GENM},
                      {"getrootupdate", CMP_GENM}, {"getcertreqtemplate", CMP_GENM}, {"getcrls", CMP_GENM},
                      {"nested", CMP_NESTED}};
    if (x->call->operation == NULL || (!starts(x->m.body) && x->m.body != CMP_GENM && x->m.body != CMP_NESTED))
        return true;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, x->call->operation) == 0 && operations[i].body == x->m.body)
            return true;
    return REFUSED(x, CMP_BAD_REQUEST, ERROR_MALFORMED, "cmp-request",
                   "The path says \"%.40s\" and the message is of type %s; use the path without an operation, or "
                   "the right one.", x->call->operation, cmp_body_name(x->m.body));
}

static bool dispatch(struct exchange *x, struct error *err) {
    switch (x->m.body) {
    case CMP_RR:
        return cmp_revoke(x, err);
    case CMP_GENM:
        return cmp_inform(x, err);
    case CMP_CERTCONF:
    case CMP_ERROR_BODY:
        return cmp_confirm(x, err);
    case CMP_POLLREQ:
        return cmp_poll(x, err);
    default:
        return cmp_certify(x, err);
    }
}

static void begin_row(struct exchange *x) {
    x->row = (struct cmp_transaction){.id = uuid_new(),
                                      .template_id = x->target.record.id,
                                      .transaction_id = x->m.transaction_id,
                                      .state = CMP_STATE_DONE,
                                      .body = x->m.body,
                                      .peer = x->peer.name,
                                      .credential_id = x->peer.credential.id,
                                      .reason = "",
                                      .created_us = x->call->now_us,
                                      .deadline_us = DEADLINE_NONE};
    memcpy(x->row.peer_hash, x->peer.hash, sizeof x->peer.hash);
}

/* An error ends a transaction that it begins; one that goes on stays as it is. */
static void fail_row(struct exchange *x, const struct error *err) {
    x->wanted_count = 0;
    if (x->known)
        return;
    x->row.state = CMP_STATE_REFUSED;
    x->row.reason = words(x, err);
}

static bool work(struct exchange *x, struct error *err) {
    TRY(check_operation(x, err));
    TRY(check_place(x, err));
    if (!x->known)
        begin_row(x);
    return dispatch(x, err);
}

/* Refused before it is known who asks: nothing is stored, the answer is signed. */
static bool identify(struct exchange *x, struct error *err) {
    struct error refused = {0};
    x->fail = CMP_NO_FAIL;
    if (!cmp_check_header(&x->m, x->call->now_us, x->settings.tolerance_s, &x->fail, &refused) ||
        (find_row(x, &refused) && !cmp_authenticate(x, &x->m, &x->peer, &refused)) ||
        refused.kind != ERROR_NONE) {
        if (refused.kind == ERROR_UNAVAILABLE || refused.kind == ERROR_INTERNAL)
            x->fail = CMP_NO_FAIL;
        become_error(x, &refused);
        *err = refused;
        return false;
    }
    x->authenticated = true;
    return true;
}

static bool one_message(struct exchange *x, struct view *ret_out, struct error *err) {
    struct error refused = {0};
    struct view nonce;
    bool found, duplicate = false;
    if (!identify(x, &refused))
        return answer(x, &nonce, ret_out, err);
    TRY(answered_before(x, ret_out, &found, err));
    if (found)
        return true;
    bool keep = x->m.body != CMP_GENM;
    if (!work(x, &refused)) {
        become_error(x, &refused);
        keep = keep && !x->known && refused.kind != ERROR_UNAVAILABLE && refused.kind != ERROR_INTERNAL;
        if (keep && !uuid_is_nil(x->row.id))
            fail_row(x, &refused);
        keep = keep && !uuid_is_nil(x->row.id);
    }
    TRY(answer(x, &nonce, ret_out, err));
    if (!keep)
        return true;
    TRY(store(x, nonce, *ret_out, &duplicate, err));
    if (!duplicate)
        return true;
    TRY(find_row(x, err));
    TRY(answered_before(x, ret_out, &found, err));
    return found || fail(err, ERROR_UNAVAILABLE, "cmp-transaction", "The transaction is being worked on; try again.");
}

/* --- nested messages ---------------------------------------------------------------------------------- */

static bool read_nested(struct exchange *outer, struct view *items, size_t *ret_count, struct error *err) {
    unsigned tag;
    struct view rest;
    size_t count = 0;
    outer->fail = CMP_BAD_DATA_FORMAT;
    if (!wire_unwrap(outer->m.content, &tag, &rest) || tag != WIRE_SEQUENCE)
        return fail(err, ERROR_MALFORMED, "malformed-cmp", "The nested messages cannot be read.");
    while (rest.len > 0) {
        if (count == CMP_NESTED_MAX || !wire_next(&rest, &items[count]))
            return fail(err, ERROR_MALFORMED, "malformed-cmp",
                        "The nested messages cannot be read, or are more than %d.", CMP_NESTED_MAX);
        count++;
    }
    *ret_count = count;
    return count > 0 || fail(err, ERROR_MALFORMED, "malformed-cmp", "The nested message is empty.");
}

static bool answer_inner(struct exchange *outer, struct view der, struct view *ret, struct error *err) {
    struct exchange *inner = arena_alloc(outer->arena, sizeof *inner);
    *inner = (struct exchange){.call = outer->call, .core = outer->core, .arena = outer->arena,
                               .target = outer->target, .settings = outer->settings, .by_ra = true,
                               .fail = CMP_NO_FAIL};
    struct cmp_call *call = arena_alloc(outer->arena, sizeof *call);
    *call = *outer->call;
    call->operation = NULL;
    inner->call = call;
    TRY(cmp_decode(outer->arena, der, &inner->m, err));
    if (inner->m.body == CMP_NESTED)
        return fail(err, ERROR_POLICY, "cmp-request", "A nested message holds no nested messages here.");
    EVP_Digest(der.at, der.len, inner->hash, NULL, EVP_sha256(), NULL);
    return one_message(inner, ret, err);
}

/* rfc9483#5.2.2: protection that an RA adds. One message is answered by its own answer, a batch by a batch. */
static bool nested(struct exchange *x, struct view *ret_out, struct error *err) {
    struct view items[CMP_NESTED_MAX], answers[CMP_NESTED_MAX], nonce;
    size_t count = 0;
    struct error refused = {0};
    bool ok = identify(x, &refused);
    if (!ok)
        return answer(x, &nonce, ret_out, err);
    ok = x->peer.ra || REFUSED(x, CMP_NOT_AUTHORIZED, ERROR_FORBIDDEN, "cmp-request",
                               "Only a registration authority (trust anchor with the role \"ra\") may add "
                               "protection to messages of others.");
    ok = ok && check_operation(x, &refused) && read_nested(x, items, &count, &refused);
    for (size_t i = 0; ok && i < count; i++)
        ok = answer_inner(x, items[i], &answers[i], &refused);
    if (ok && count == 1) {
        *ret_out = answers[0];
        return true;
    }
    if (ok) {
        x->body = CMP_NESTED;
        x->content = wire_wrap(x->arena, WIRE_SEQUENCE, wire_join(x->arena, answers, count));
    } else {
        become_error(x, refused.kind == ERROR_NONE ? err : &refused);
    }
    return answer(x, &nonce, ret_out, err);
}

bool cmp_serve(const struct cmp_call *call, struct view in, struct view *ret_out, struct error *err) {
    struct exchange *x = arena_alloc(call->arena, sizeof *x);
    *x = (struct exchange){.call = call, .core = call->core, .arena = call->arena, .fail = CMP_NO_FAIL};
    TRY(cmp_decode(call->arena, in, &x->m, err));
    TRY(enrol_target(call->core, call->arena, call->template_slug, "cmp", &x->target, err));
    TRY(cmp_settings_of(call->core, call->arena, x->target.record.id, &x->settings, NULL, err));
    EVP_Digest(in.at, in.len, x->hash, NULL, EVP_sha256(), NULL);
    return x->m.body == CMP_NESTED ? nested(x, ret_out, err) : one_message(x, ret_out, err);
}
