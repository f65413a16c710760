/* Who connects: the handshake, held against the agents of the database. */
#include "agents/internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "x509/certificate.h"
#include "x509/handles.h"

#include <stdio.h>
#include <string.h>

#define HANDSHAKE_MS 10000
#define ANSWER_MAX (WIRE_RESULT_MAX + WIRE_BLOB_MAX)

bool note_agent(struct core *core, const struct actor *actor, const char *code, const char *outcome,
                const char *name, const char *address, const char *reason, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct json_writer w = json_writer_on(arena);
    struct actor from = *actor;
    bool done = false;
    if (address != NULL)
        from.address = address;
    json_open_object(&w);
    if (reason != NULL)
        json_put_string(&w, "reason", reason);
    json_close_object(&w);
    TX(tx, core_db(core), &done, err)
        tx.ok = access_note(tx.tx, &from,
                            &(struct event_note){.code = code,
                                                 .outcome = outcome,
                                                 .object_kind = "agent",
                                                 .object = name,
                                                 .details = json_written(&w)},
                            err);
    return done;
}

static bool fingerprint_of(struct view der, uint8_t fingerprint[static 32], struct error *err) {
    return EVP_Digest(der.at, der.len, fingerprint, NULL, EVP_sha256(), NULL) == 1 ||
           fail_internal(err, "digest");
}

/* ---- enrolment ------------------------------------------------------------------------------- */

static bool read_by_code(struct core *core, struct arena *arena, struct view code, uint8_t hash[static 32],
                         struct agent_record *ret, struct error *err) {
    bool done = false;
    TRY(fingerprint_of(code, hash, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = agent_by_code(tx.tx, arena, hash, clock_now_us(), ret, err);
    return done;
}

static bool enrol(struct agents *agents, struct arena *arena, const struct party *gateway,
                  struct handshake *h, const struct hello *hello, const char *address,
                  struct admitted *ret, struct view *ret_certificate, struct error *err) {
    struct core *core = agents->config.core;
    struct agent_record agent;
    uint8_t hash[32];
    struct actor from = actor_system;
    bool done = false;
    from.name = "agent";
    from.address = address;
    TRY(read_by_code(core, arena, hello->code, hash, &agent, err));
    TRY(identity_certify(gateway, arena, agent.name, X509_get0_pubkey(h->peer), ret_certificate, err));
    TRY(fingerprint_of(*ret_certificate, ret->fingerprint, err));
    TX(tx, core_db(core), &done, err)
        tx.ok = agent_enrolled(tx.tx, agent.id, hash, *ret_certificate, ret->fingerprint,
                               clock_now_us(), err) &&
                access_note(tx.tx, &from,
                            &(struct event_note){.code = "agent.enrolled",
                                                 .object_kind = "agent",
                                                 .object = agent.name},
                            err);
    ret->id = agent.id;
    ret->name = agent.name;
    return done;
}

static bool recognise(struct agents *agents, struct arena *arena, const struct handshake *h,
                      struct admitted *ret, struct error *err) {
    struct agent_record agent;
    struct error cause = {0};
    bool done = false;
    struct view der = certificate_der(arena, h->peer);
    TRY(fingerprint_of(der, ret->fingerprint, err));
    TX(tx, core_db(agents->config.core), &done, &cause)
        tx.ok = agent_by_fingerprint(tx.tx, arena, ret->fingerprint, &agent, &cause);
    if (!done && cause.kind == ERROR_NOT_FOUND)
        return fail(err, ERROR_FORBIDDEN, "unknown-agent",
                    "The agent is not known here any more: enrol it again with a new code.");
    if (!done) {
        *err = cause;
        return false;
    }
    ret->id = agent.id;
    ret->name = agent.name;
    return true;
}

/* ---- handshake ------------------------------------------------------------------------------- */

static bool shake(struct agents *agents, struct arena *arena, struct link *link, const char *address,
                  struct handshake *h, struct admitted *ret, struct session_keys *ret_keys,
                  struct wire_buffer *out, struct error *err) {
    struct party gateway;
    struct hello hello;
    struct view message, certificate = {NULL, 0};
    TRY(identity_get(agents->config.core, arena, &gateway, err));
    TRY(handshake_greet(h, gateway.certificate, out, err));
    TRY(link_send(link, view_of(out->at, out->len), err));
    TRY(link_receive(link, HANDSHAKE_MS, &message, err));
    TRY(handshake_read_hello(h, &gateway, message, &hello, err));
    ret->program = arena_text(arena, hello.program);
    TRY(hello.enrols ? enrol(agents, arena, &gateway, h, &hello, address, ret, &certificate, err)
                     : recognise(agents, arena, h, ret, err));
    out->len = 0;
    TRY(handshake_welcome(h, &gateway, certificate, out, ret_keys, err));
    return link_send(link, view_of(out->at, out->len), err);
}

/* 4000 to 4999 are for the application (rfc6455#7.4.2). A stranger learns no more than its mistake. */
static void refuse(struct link *link, const struct error *err) {
    struct error ignored = {0};
    struct view message;
    bool ours = err->kind == ERROR_FORBIDDEN || err->kind == ERROR_MALFORMED ||
                err->kind == ERROR_CONFLICT;
    link_close(link, ours ? 4003 : 4000, ours ? err->type : "try-later");
    (void)!link_receive(link, 0, &message, &ignored); /* sends it */
}

bool admit(struct agents *agents, struct arena *arena, struct link *link, const char *address,
           struct admitted *ret, struct session **ret_session, struct error *err) {
    struct handshake h = {0};
    struct session_keys keys;
    struct wire_buffer out = {0};
    bool done = shake(agents, arena, link, address, &h, ret, &keys, &out, err);
    if (done)
        *ret_session = session_new(link, &keys, true, ANSWER_MAX);
    else
        refuse(link, err);
    OPENSSL_cleanse(&keys, sizeof keys);
    handshake_end(&h);
    wire_buffer_free(&out);
    return done && admit_again(agents, ret, address, err);
}

bool admit_again(struct agents *agents, const struct admitted *agent, const char *address,
                 struct error *err) {
    bool done = false, is = false;
    TX(tx, core_db(agents->config.core), &done, err)
        tx.ok = agent_seen(tx.tx, agent->id, agent->fingerprint, address, agent->program,
                           clock_now_us(), &is, err);
    TRY(done);
    return is || fail(err, ERROR_FORBIDDEN, "unknown-agent",
                      "Agent \"%s\" was removed, or enrolled again elsewhere.", agent->name);
}
