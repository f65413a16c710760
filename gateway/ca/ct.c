#include "ca/ct.h"

#include "base/clock.h"
#include "base/encode.h"
#include "net/fetch.h"
#include "x509/sct.h"

#include <openssl/sha.h>
#include <string.h>

/* A log's clock may be ahead or behind by so much; browsers refuse timestamps of the future. */
#define MAX_BEHIND_MS 300000
#define MAX_AHEAD_MS 60000

/* One submission to some logs, and what has come so far. */
struct submission_to_logs {
    struct arena *arena;
    const struct template *t;
    const struct sct_entry *entry;
    const struct ct_log **logs;
    size_t log_count;
    struct sct *scts; /* by log */
    const char **results;
    bool *given;
    size_t count, wanted;
    int64_t begun_ms;
};

bool ct_embeds(const struct template *t) {
    return t != NULL && t->ct.log_count > 0 && t->ct.deliver != CT_OCSP;
}

bool ct_staples(const struct template *t) {
    return t != NULL && t->ct.log_count > 0 && t->ct.deliver != CT_EMBEDDED;
}

static size_t minimum_for(const struct template *t, int64_t lifetime_us) {
    for (size_t i = 0; i < t->ct.minimum_count; i++)
        if (lifetime_us <= t->ct.minimum[i].days * US_PER_DAY)
            return (size_t)t->ct.minimum[i].scts;
    return (size_t)t->ct.minimum[t->ct.minimum_count - 1].scts;
}

static bool read_sct(struct arena *arena, struct view body, struct sct *ret, struct error *err) {
    const struct json *answer;
    const char *id = NULL, *extensions = "", *signature = NULL;
    int64_t version = -1;
    struct view id_bytes;
    struct sct sct = {.timestamp_ms = -1};
    if (!json_parse(arena, body, &answer, err) ||
        !json_int(answer, "sct_version", 0, 0, &version, err) ||
        !json_string(answer, "id", &id, err) ||
        !json_int(answer, "timestamp", 0, INT64_MAX / 1000, &sct.timestamp_ms, err) ||
        !json_string(answer, "extensions", &extensions, err) ||
        !json_string(answer, "signature", &signature, err) || version != 0 || id == NULL ||
        sct.timestamp_ms < 0 || signature == NULL ||
        !base64_decode(arena, view_text(id), &id_bytes) || id_bytes.len != SCT_ID_SIZE ||
        !base64_decode(arena, view_text(extensions == NULL ? "" : extensions), &sct.extensions) ||
        !base64_decode(arena, view_text(signature), &sct.signature))
        return fail(err, ERROR_UNAVAILABLE, "ct-unavailable", "its answer is not understood");
    memcpy(sct.log_id, id_bytes.at, SCT_ID_SIZE);
    *ret = sct;
    return true;
}

/* A log is not believed: its key must have signed our entry, now (rfc6962#3.2). */
static bool believe(struct submission_to_logs *s, const struct ct_log *log,
                    const struct fetch_reply *reply, struct sct *ret, struct error *err) {
    AUTO(EVP_PKEY) *key = NULL;
    uint8_t id[SCT_ID_SIZE];
    int64_t now_ms = clock_now_us() / 1000;
    if (reply->status != 200)
        return fail(err, ERROR_UNAVAILABLE, "ct-unavailable", "status %d", reply->status);
    TRY(read_sct(s->arena, reply->body, ret, err));
    TRY(sct_log_key(log->key, &key, id, err));
    if (!sct_verify(ret, s->entry, key, id))
        return fail(err, ERROR_UNAVAILABLE, "ct-unavailable",
                    "its signature is not by its key over this");
    return (ret->timestamp_ms >= s->begun_ms - MAX_BEHIND_MS &&
            ret->timestamp_ms <= now_ms + MAX_AHEAD_MS) ||
           fail(err, ERROR_UNAVAILABLE, "ct-unavailable", "its timestamp is not of now");
}

static size_t operators_of(const struct submission_to_logs *s) {
    size_t count = 0;
    for (size_t i = 0; i < s->log_count; i++) {
        bool again = !s->given[i];
        for (size_t j = 0; j < i && !again; j++)
            again = s->given[j] && strcmp(s->logs[i]->operator, s->logs[j]->operator) == 0;
        count += !again;
    }
    return count;
}

static bool sufficient(const struct submission_to_logs *s, size_t spare) {
    return s->count >= s->wanted + spare && operators_of(s) >= (size_t)s->t->ct.operators;
}

static bool took(void *context, size_t index, const struct fetch_reply *reply,
                 const struct error *why) {
    struct submission_to_logs *s = context;
    struct error bad = {0};
    if (reply == NULL) {
        s->results[index] = arena_strdup(s->arena, why->message);
    } else if (believe(s, s->logs[index], reply, &s->scts[index], &bad)) {
        s->results[index] = "timestamp";
        s->given[index] = true;
        s->count++;
    } else {
        s->results[index] = arena_strdup(s->arena, bad.message);
    }
    return !sufficient(s, (size_t)s->t->ct.spare);
}

static bool choose_logs(struct submission_to_logs *s, int64_t not_after_us, struct error *err) {
    const struct template *t = s->t;
    s->logs = arena_array(s->arena, t->ct.log_count, sizeof *s->logs);
    for (size_t i = 0; i < t->ct.log_count; i++) {
        const struct ct_log *log = &t->ct.logs[i];
        if ((log->from_us == 0 || not_after_us >= log->from_us) &&
            (log->to_us == 0 || not_after_us < log->to_us))
            s->logs[s->log_count++] = log;
    }
    s->scts = arena_array(s->arena, s->log_count, sizeof *s->scts);
    s->results = arena_array(s->arena, s->log_count, sizeof *s->results);
    s->given = arena_array(s->arena, s->log_count, sizeof *s->given);
    return s->log_count >= s->wanted || fail(err, ERROR_POLICY, "ct-logs",
                                             "%zu of the template's logs take certificates of this "
                                             "end, and it needs timestamps of %zu; "
                                             "add logs (ct.logs).",
                                             s->log_count, s->wanted);
}

static const char *chain_body(struct arena *arena, struct view first, const struct view *issuers,
                              size_t count) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "chain");
    json_open_array(&w);
    json_add_string(&w, base64_encode(arena, first));
    for (size_t i = 0; i < count; i++)
        json_add_string(&w, base64_encode(arena, issuers[i]));
    json_close_array(&w);
    json_close_object(&w);
    return json_written(&w);
}

static bool send_to_all(struct submission_to_logs *s, const char *body, struct error *err) {
    static const struct fetch_header headers[] = {{"Content-Type", "application/json"}};
    struct fetch_request *requests = arena_array(s->arena, s->log_count, sizeof *requests);
    int ms = (int)s->t->ct.timeout_seconds * 1000;
    for (size_t i = 0; i < s->log_count; i++) {
        const char *url = s->logs[i]->url;
        size_t len = strlen(url);
        requests[i] = (struct fetch_request){
            .method = "POST",
            .url =
                arena_printf(s->arena, "%.*s/ct/v1/%s", (int)(url[len - 1] == '/' ? len - 1 : len),
                             url, s->entry->precertificate ? "add-pre-chain" : "add-chain"),
            .body = view_text(body),
            .headers = headers,
            .header_count = 1,
            .connect_timeout_ms = ms,
            .total_timeout_ms = ms,
            .max_bytes = 65536};
    }
    struct fetch_many many = {requests, s->log_count, took, s};
    return fetch_many(s->arena, &many, err);
}

static void note(struct core *core, const struct issue_order *order, struct submission_to_logs *s,
                 struct view serial, const char *code, bool good) {
    struct json_writer w = json_writer_on(s->arena);
    json_open_object(&w);
    json_put_string(&w, "serial", hex_encode(s->arena, serial));
    json_put_string(&w, "requester", order->requester);
    json_name(&w, "logs");
    json_open_array(&w);
    for (size_t i = 0; i < s->log_count; i++) {
        json_open_object(&w);
        json_put_string(&w, "name", s->logs[i]->name);
        json_put_string(&w, "result", s->results[i] == NULL ? "not waited for" : s->results[i]);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    struct event_note event = {.code = code,
                               .outcome = good ? "success" : "failure",
                               .organisation_id = order->ca->organisation_id,
                               .ca_id = order->ca->id,
                               .object_kind = "request",
                               .object = uuid_text(s->arena, order->request_id),
                               .details = json_written(&w)};
    access_note_alone(core, &actor_system, &event);
}

static bool too_few(const struct submission_to_logs *s, struct error *err) {
    struct buffer why = buffer_on(s->arena);
    for (size_t i = 0; i < s->log_count; i++)
        if (!s->given[i])
            buffer_printf(&why, "; %.40s: %.100s", s->logs[i]->name,
                          s->results[i] == NULL ? "no answer" : s->results[i]);
    return fail(err, ERROR_UNAVAILABLE, "ct-unavailable",
                "The logs gave %zu timestamps (operators: %zu); the template needs %zu (%zu)%.300s",
                s->count, operators_of(s), s->wanted, (size_t)s->t->ct.operators,
                buffer_text(&why));
}

/* What is submitted, and for whom. */
struct ct_work {
    struct core *core;
    struct arena *arena;
    const struct issue_order *order;
    const struct certificate_plan *plan;
    struct view der; /* the precertificate or certificate itself */
    const struct sct_entry *entry;
};

static bool ask_logs(const struct ct_work *work, struct view *ret_list, struct error *err) {
    struct arena *arena = work->arena;
    const struct certificate_plan *plan = work->plan;
    struct submission_to_logs s = {.arena = arena,
                                   .t = work->order->template,
                                   .entry = work->entry,
                                   .begun_ms = clock_now_us() / 1000};
    struct view *issuers;
    size_t count, given = 0;
    s.wanted = minimum_for(s.t, plan->not_after_us - plan->not_before_us);
    TRY(choose_logs(&s, plan->not_after_us, err));
    TRY(authority_chain(work->core, arena, work->order->ca, &issuers, &count, err));
    /* rfc6962#3.1: what is submitted binds us; so it is known before anybody has it. */
    note(work->core, work->order, &s, plan->serial,
         work->entry->precertificate ? "precertificate.signed" : "certificate.submitted", true);
    TRY(send_to_all(&s, chain_body(arena, work->der, issuers, count), err));
    bool good = sufficient(&s, 0);
    note(work->core, work->order, &s, plan->serial, "certificate.logged", good);
    if (!good)
        return too_few(&s, err);
    struct sct *scts = arena_array(arena, s.count, sizeof *scts);
    for (size_t i = 0; i < s.log_count; i++)
        if (s.given[i])
            scts[given++] = s.scts[i];
    return sct_list(arena, scts, given, ret_list, err);
}

bool ct_embed(struct core *core, struct arena *arena, const struct issue_order *order,
              const struct certificate_plan *plan, const struct ct_signer *signer,
              X509 *certificate, struct error *err) {
    AUTO(X509) *precertificate = NULL;
    struct sct_entry entry;
    struct view list;
    TRY(certificate_build(plan, &precertificate, err));
    TRY(sct_poison(precertificate, err));
    if (!certificate_sign(precertificate, signer->key, signer->digest, signer->public_key, err)) {
        signer_take_error(err);
        return false;
    }
    TRY(sct_entry_precertificate(arena, precertificate, plan->issuer, &entry, err));
    struct ct_work work = {core,  arena, order, plan, certificate_der(arena, precertificate),
                           &entry};
    return ask_logs(&work, &list, err) && sct_embed(certificate, list, err);
}

bool ct_submit_certificate(struct core *core, struct arena *arena, const struct issue_order *order,
                           const struct certificate_plan *plan, const X509 *certificate,
                           struct view *ret_list, struct error *err) {
    struct sct_entry entry;
    TRY(sct_entry_certificate(arena, certificate, &entry, err));
    struct ct_work work = {core, arena, order, plan, entry.der, &entry};
    return ask_logs(&work, ret_list, err);
}
