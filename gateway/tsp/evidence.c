/* Evidence records over REST: many hashes in, one timestamp; a record for each of them out. */
#include "tsp/manage.h"

#include "base/encode.h"
#include "store/evidence.h"
#include "tsp/ers.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#define MAX_JSON_IMPRINTS 4096
#define MAX_JSON ((size_t)1024 * 1024)

/* --- the hashes ------------------------------------------------------------------------------------- */

struct leaves {
    const struct tsp_digest *digest;
    uint8_t *hashes;
    size_t count;
};

bool evidence_digest(const char *name, const struct tsp_digest **ret, struct error *err) {
    const struct tsp_digest *digest = name == NULL ? NULL : tsp_digest_by_name(name);
    if (digest == NULL || digest->weak)
        return fail(err, ERROR_POLICY, "evidence",
                    "digest: is the hash algorithm of the documents: SHA-256, SHA-384, SHA-512, SHA-224, "
                    "SHA3-224, SHA3-256, SHA3-384 or SHA3-512.");
    *ret = digest;
    return true;
}

/* {"digest":"SHA-256","imprints":["hex", ...]} */
static bool read_json(struct http_request *request, struct leaves *leaves, const char **ret_issuer,
                      struct error *err) {
    static const char *const members[] = {"digest", "imprints", "issuer", NULL};
    const struct json *document, *list = NULL;
    const char *name = NULL;
    size_t n = 0;
    if (request->body.len > MAX_JSON)
        return fail(err, ERROR_TOO_LARGE, "body-too-large",
                    "A JSON body has at most 1 MiB here; send the hashes as application/octet-stream.");
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "digest", &name, err));
    TRY(evidence_digest(name, &leaves->digest, err));
    TRY(json_string(document, "issuer", ret_issuer, err));
    TRY(json_array(document, "imprints", &list, err));
    if (list == NULL || list->count == 0 || list->count > MAX_JSON_IMPRINTS)
        return fail(err, ERROR_POLICY, "evidence",
                    "imprints: has 1 to %d hashes in hex; send more of them as application/octet-stream.",
                    MAX_JSON_IMPRINTS);
    leaves->hashes = arena_array(request->arena, list->count, leaves->digest->size);
    JSON_EACH (item, list) {
        struct view hash;
        if (item->type != JSON_STRING || !hex_decode(request->arena, view_text(item->text), &hash) ||
            hash.len != leaves->digest->size)
            return fail(err, ERROR_MALFORMED, "evidence", "imprints: number %zu is no %s hash in hex.", n + 1,
                        leaves->digest->name);
        memcpy(leaves->hashes + n++ * hash.len, hash.at, hash.len);
    }
    leaves->count = n;
    return true;
}

/* The hashes as they are, one after the other; digest and issuer in the query. */
static bool read_octets(struct http_request *request, struct leaves *leaves, const char **ret_issuer,
                        struct error *err) {
    static const char *const names[] = {"digest", "issuer", NULL};
    TRY(ask_query(request, names, err));
    TRY(evidence_digest(http_query(request, "digest"), &leaves->digest, err));
    const char *issuer = http_query(request, "issuer");
    if (issuer != NULL)
        *ret_issuer = issuer;
    size_t size = leaves->digest->size, len = request->body.len;
    if (len == 0 || len % size != 0 || len / size > ERS_MAX_IMPRINTS)
        return fail(err, ERROR_POLICY, "evidence",
                    "The body is 1 to %zu %s hashes of %zu octets, one after the other.", ERS_MAX_IMPRINTS,
                    leaves->digest->name, size);
    leaves->count = len / size;
    leaves->hashes = arena_array(request->arena, leaves->count, size);
    memcpy(leaves->hashes, request->body.at, len);
    return true;
}

/* --- the tree ---------------------------------------------------------------------------------------- */

/* Runs with their roots, and the root of all. */
static bool grow_tree(struct arena *arena, const struct leaves *leaves, struct evidence_run **ret_runs,
                      size_t *ret_count, uint8_t *ret_root, struct error *err) {
    size_t size = leaves->digest->size, count = (leaves->count + ERS_RUN - 1) / ERS_RUN;
    struct evidence_run *runs = arena_array(arena, count, sizeof *runs);
    uint8_t *roots = arena_array(arena, count, size), *work = arena_array(arena, ERS_RUN, size);
    for (size_t i = 0; i < count; i++) {
        size_t from = i * ERS_RUN, n = leaves->count - from < ERS_RUN ? leaves->count - from : ERS_RUN;
        memcpy(work, leaves->hashes + from * size, n * size);
        TRY(ers_root(leaves->digest, work, n, roots + i * size, err));
        runs[i].content = view_of(leaves->hashes + from * size, n * size);
        runs[i].root = arena_copy(arena, roots + i * size, size);
    }
    TRY(ers_root(leaves->digest, roots, count, ret_root, err));
    *ret_runs = runs;
    *ret_count = count;
    return true;
}

static void write_evidence(struct json_writer *w, const struct evidence_record *record) {
    json_open_object(w);
    put_uuid(w, "id", record->id);
    json_put_string(w, "issuer", record->issuer[0] == '\0' ? "default" : record->issuer);
    json_put_string(w, "digest", record->digest);
    json_put_int(w, "imprints", record->imprints);
    json_put_time(w, "at", record->at_us);
    json_put_int(w, "renewals", record->renewals);
    put_time_or_null(w, "renewedAt", record->renewed_us);
    json_close_object(w);
}

/* MessageImprint of the root, as a request of our own. */
void evidence_ask(struct arena *arena, const struct tsp_digest *digest, const uint8_t *root,
                    struct tsp_query *query) {
    *query = (struct tsp_query){.digest = digest->name,
                                .hash = arena_copy(arena, root, digest->size),
                                .imprint = tsp_imprint(arena, digest, view_of(root, digest->size)),
                                .certificates = true};
}

HANDLER(evidence_create) {
    struct tsp_management *m = context;
    struct arena *arena = request->arena;
    struct ca_record ca;
    struct leaves leaves = {0};
    struct evidence_run *runs;
    struct tsp_query query;
    struct evidence_record record = {.id = uuid_new()};
    uint8_t root[EVP_MAX_MD_SIZE];
    size_t run_count;
    const char *issuer = "default";
    bool done = false;
    TRY(manage_ca(m, request, MAY_CREATE_REQUESTS, &ca, err));
    if (strcmp(ask_media_type(request), "application/octet-stream") == 0)
        TRY(read_octets(request, &leaves, &issuer, err));
    else
        TRY(read_json(request, &leaves, &issuer, err));
    leaves.count = ers_sort(leaves.hashes, leaves.count, leaves.digest->size);
    TRY(grow_tree(arena, &leaves, &runs, &run_count, root, err));
    evidence_ask(arena, leaves.digest, root, &query);
    record.ca_id = ca.id;
    record.issuer = manage_issuer_name(issuer);
    record.digest = leaves.digest->name;
    record.imprints = (int64_t)leaves.count;
    TRY(tsp_stamp(m->tsp, arena, ca.slug, record.issuer, &query, request->address, &record.token, &record.at_us,
                  err));
    struct event_note note = {.code = "evidence.created",
                              .organisation_id = ca.organisation_id,
                              .ca_id = ca.id,
                              .object_kind = "evidence",
                              .object = uuid_text(arena, record.id)};
    TX(tx, core_db(m->core), &done, err)
        tx.ok = evidence_insert(tx.tx, &record, runs, run_count, leaves.digest->size, err) &&
                access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    struct json_writer w = json_writer_on(arena);
    write_evidence(&w, &record);
    reply_created(response, &w, arena_printf(arena, "/cas/%s/evidence/%s", ca.slug, note.object));
    return true;
}

HANDLER(evidence_list) {
    struct tsp_management *m = context;
    struct ca_record ca;
    struct page page;
    struct evidence_record *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    bool done = false;
    TRY(ask_page(request, NULL, &page, err));
    TRY(manage_ca(m, request, MAY_READ_CERTIFICATES, &ca, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = evidence_page(tx.tx, request->arena, ca.id, &page, &items, &count, &next, err);
    TRY(done);
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_evidence(&w, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}

HANDLER(evidence_get) {
    struct tsp_management *m = context;
    struct ca_record ca;
    struct evidence_record record;
    struct uuid id;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 1, "evidence", &id, err));
    TRY(manage_ca(m, request, MAY_READ_CERTIFICATES, &ca, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = evidence_find(tx.tx, request->arena, ca.id, id, &record, err);
    TRY(done);
    struct json_writer w = json_writer_on(request->arena);
    write_evidence(&w, &record);
    reply_json(response, 200, &w);
    return true;
}

/* The leaf's place in its run. */
static bool place_of(const struct evidence_run *run, struct view hash, size_t *ret) {
    size_t low = 0, high = run->content.len / hash.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = ers_compare(view_of(run->content.at + middle * hash.len, hash.len), hash);
        if (order == 0) {
            *ret = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool path_of(struct arena *arena, const struct tsp_digest *digest, const struct evidence_run *run,
                    int64_t ordinal, struct view roots, size_t place, struct ers_path *path,
                    struct error *err) {
    struct view work = arena_copy(arena, run->content.at, run->content.len);
    struct view tops = arena_copy(arena, roots.at, roots.len);
    TRY(ers_climb(arena, digest, (uint8_t *)work.at, work.len / digest->size, place, path, err));
    return ers_climb(arena, digest, (uint8_t *)tops.at, tops.len / digest->size, (size_t)ordinal, path, err);
}

HANDLER(evidence_record) {
    struct tsp_management *m = context;
    struct arena *arena = request->arena;
    struct ca_record ca;
    struct evidence_record record = {0};
    struct evidence_run run = {0};
    struct ers_path path = {.count = 0};
    struct uuid id;
    struct view hash, roots = {NULL, 0}, *tokens = NULL;
    int64_t ordinal = 0;
    size_t place, count = 0;
    bool done = false;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 1, "evidence", &id, err));
    TRY(manage_ca(m, request, MAY_READ_CERTIFICATES, &ca, err));
    if (!hex_decode(arena, view_text(request->parameters[2]), &hash) || hash.len == 0 ||
        hash.len > EVP_MAX_MD_SIZE)
        return fail(err, ERROR_NOT_FOUND, "evidence", "The last part of the address is a hash in hex.");
    TX(tx, core_db(m->core), &done, err)
        tx.ok = evidence_find(tx.tx, arena, ca.id, id, &record, err) &&
                evidence_tokens(tx.tx, arena, id, &tokens, &count, err) &&
                evidence_run_of(tx.tx, arena, id, hash, &run, &ordinal, err) &&
                evidence_roots(tx.tx, arena, id, &roots, err);
    TRY(done);
    const struct tsp_digest *digest = tsp_digest_by_name(record.digest);
    if (digest == NULL || hash.len != digest->size || !place_of(&run, hash, &place))
        return fail(err, ERROR_NOT_FOUND, "evidence", "This hash is not among those of the evidence.");
    TRY(path_of(arena, digest, &run, ordinal, roots, place, &path, err));
    struct view *all = arena_array(arena, count + 1, sizeof *all);
    all[0] = record.token;
    for (size_t i = 0; i < count; i++)
        all[i + 1] = tokens[i];
    reply_file(response, "application/octet-stream",
               arena_printf(arena, "%.16s.ers", hex_encode(arena, hash)),
               ers_record(arena, digest, hash, &path, all, count + 1));
    return true;
}

/* A further timestamp, over the last one: one signature for all records of the evidence (rfc4998#5.2). */
HANDLER(evidence_renewal) {
    static const char *const members[] = {"issuer", NULL};
    struct tsp_management *m = context;
    struct arena *arena = request->arena;
    const struct json *document;
    struct ca_record ca;
    struct evidence_record record = {0};
    struct tsp_query query;
    struct uuid id;
    struct view *tokens = NULL, token;
    size_t count = 0;
    uint8_t hash[EVP_MAX_MD_SIZE];
    const char *issuer = NULL;
    int64_t at;
    bool done = false;
    TRY(ask_id(request, 1, "evidence", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "issuer", &issuer, err));
    TRY(manage_ca(m, request, MAY_CREATE_REQUESTS, &ca, err));
    TX(tx, core_db(m->core), &done, err)
        tx.ok = evidence_find(tx.tx, arena, ca.id, id, &record, err) &&
                evidence_tokens(tx.tx, arena, id, &tokens, &count, err);
    TRY(done);
    const struct tsp_digest *digest = tsp_digest_by_name(record.digest);
    if (digest == NULL || count + 2 > ERS_MAX_STAMPS)
        return fail(err, ERROR_POLICY, "evidence", "The evidence was renewed as often as can be (%d timestamps).",
                    ERS_MAX_STAMPS);
    TRY(ers_token_hash(digest, count == 0 ? record.token : tokens[count - 1], hash, err));
    evidence_ask(arena, digest, hash, &query);
    TRY(tsp_stamp(m->tsp, arena, ca.slug, issuer == NULL ? record.issuer : manage_issuer_name(issuer), &query,
                  request->address, &token, &at, err));
    struct event_note note = {.code = "evidence.renewed",
                              .organisation_id = ca.organisation_id,
                              .ca_id = ca.id,
                              .object_kind = "evidence",
                              .object = uuid_text(arena, id)};
    done = false;
    TX(tx, core_db(m->core), &done, err)
        tx.ok = evidence_renew(tx.tx, id, (int64_t)count + 1, at, token, err) &&
                access_note(tx.tx, manage_actor(request), &note, err);
    TRY(done);
    record.renewals = (int64_t)count + 1;
    record.renewed_us = at;
    struct json_writer w = json_writer_on(arena);
    write_evidence(&w, &record);
    reply_json(response, 200, &w);
    return true;
}

/* --- verifying ----------------------------------------------------------------------------------------- */

DEFINE_AUTO(X509_STORE, X509_STORE_free)
DEFINE_AUTO(X509_STORE_CTX, X509_STORE_CTX_free)

/* Does the signer's chain lead to one of these CAs at that time? */
static bool leads_to(X509_STORE *trusted, const struct ers_stamp *stamp, int64_t time_us, bool *ret,
                     struct error *err) {
    AUTO(X509_STORE_CTX) *check = X509_STORE_CTX_new();
    if (check == NULL || X509_STORE_CTX_init(check, trusted, stamp->signer, stamp->certificates) != 1)
        return fail_internal(err, "verification of a timestamp's signer");
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(check);
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(rules, (time_t)(time_us / US_PER_SECOND));
    X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_TIMESTAMP_SIGN);
    *ret = X509_verify_cert(check) == 1;
    ERR_clear_error();
    return true;
}

/* Do all signers lead to CAs of this instance: each when its timestamp was renewed (rfc4998#5.3), the last at its own
 * time? */
static bool is_trusted(struct tsp_management *m, struct arena *arena, const struct ers_verdict *verdict,
                       bool *ret, struct error *err) {
    AUTO(X509_STORE) *trusted = X509_STORE_new();
    struct ca_record *cas;
    size_t count, last = verdict->stamp_count - 1;
    TRY(authority_public_list(m->core, arena, &cas, &count, err));
    for (size_t i = 0; trusted != NULL && i < count; i++) {
        AUTO(X509) *ca = NULL;
        TRY(certificate_decode(arena, cas[i].certificate, &ca, err));
        X509_STORE_add_cert(trusted, ca);
    }
    if (trusted == NULL)
        return fail_internal(err, "verification of a timestamp's signer");
    *ret = true;
    for (size_t i = 0; *ret && i <= last; i++)
        TRY(leads_to(trusted, &verdict->stamps[i], verdict->stamps[i < last ? i + 1 : i].time_us, ret, err));
    return true;
}

/* The document's hash, and its hashes under the algorithms of later chains. */
static bool read_imprints(struct arena *arena, const struct json *document, struct ers_imprint **ret,
                          size_t *ret_count, struct error *err) {
    const struct json *more = NULL;
    const char *text;
    size_t count = 0;
    TRY(ask_string(document, "imprint", &text, err));
    TRY(json_object(document, "imprints", &more, err));
    struct ers_imprint *items = arena_array(arena, 1 + (more == NULL ? 0 : more->count), sizeof *items);
    bool ok = hex_decode(arena, view_text(text), &items[count++].hash);
    if (more != NULL)
        JSON_EACH (item, more) {
            items[count].digest = item->name;
            ok = ok && item->type == JSON_STRING && tsp_digest_by_name(item->name) != NULL &&
                 hex_decode(arena, view_text(item->text), &items[count].hash);
            count++;
        }
    if (!ok || items[0].hash.len == 0)
        return fail(err, ERROR_MALFORMED, "evidence",
                    "imprint: is a hash in hex, imprints: such hashes by the names of their algorithms.");
    *ret = items;
    *ret_count = count;
    return true;
}

HANDLER(evidence_verify) {
    static const char *const members[] = {"record", "imprint", "imprints", NULL};
    struct tsp_management *m = context;
    struct arena *arena = request->arena;
    const struct json *document;
    const char *record;
    struct view der;
    struct ers_imprint *imprints;
    struct ers_verdict verdict;
    size_t count;
    bool trusted = false;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "record", &record, err));
    TRY(read_imprints(arena, document, &imprints, &count, err));
    if (!base64_decode(arena, view_text(record), &der))
        return fail(err, ERROR_MALFORMED, "evidence", "record: is base64.");
    TRY(ers_verify(arena, der, imprints, count, &verdict, err));
    TRY(is_trusted(m, arena, &verdict, &trusted, err));
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_time(&w, "at", verdict.time_us);
    json_put_string(&w, "digest", verdict.digest);
    json_put_string(&w, "policy", verdict.policy);
    put_hex(&w, arena, "serial", verdict.serial);
    json_put_string(&w, "signer", certificate_pem(arena, certificate_der(arena, verdict.signer)));
    json_put_bool(&w, "trusted", trusted);
    json_put_int(&w, "timestamps", (int64_t)verdict.stamp_count);
    json_put_time(&w, "renewedAt", verdict.stamps[verdict.stamp_count - 1].time_us);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
