#include "acme/post.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

bool post_policy(struct post *post, const struct acme_policy_record *record, struct error *err) {
    const struct json *document;
    TRY(json_parse(post->arena, view_text(record->document), &document, err));
    TRY(acme_policy_from_json(post->arena, document, &post->policy, err));
    post->policy_record = *record;
    return true;
}

/* The directory that the path names, and the base of all URLs. */
static bool open_directory(struct post *post, struct error *err) {
    struct core_urls urls;
    const char *slug = post->request->parameters[0];
    TRY(core_public_urls(post->core, post->arena, &urls, err));
    post->base = urls.https;
    post->directory = slug == NULL ? SHARED_DIRECTORY : slug;
    if (strcmp(post->directory, SHARED_DIRECTORY) == 0)
        return true;
    TRY(enrol_target(post->core, post->arena, slug, "acme", &post->target, err));
    post->directory_id = post->target.record.id;
    return true;
}

static bool check_url(const struct post *post, struct error *err) {
    const struct http_request *request = post->request;
    const char *path = request->raw_path == NULL ? request->path : request->raw_path;
    const char *url = arena_printf(post->arena, "%s%s%s%s", post->base, path,
                                   *request->query == '\0' ? "" : "?", request->query);
    /* rfc8555#6.4 */
    return strcmp(url, post->jws.url) == 0 ||
           acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                       "The JWS is for the URL \"%.150s\", this is \"%.150s\".", post->jws.url,
                       url);
}

static bool known_algorithm(struct post *post, struct error *err) {
    static const char *const known[] = {"ES256",     "ES384",     "ES512",    "RS256",
                                        "PS256",     "EdDSA",     "Ed25519",  "Ed448",
                                        "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], post->jws.alg) == 0)
            return true;
    post->algorithms = true;
    return acme_refuse(err, "badSignatureAlgorithm", ERROR_MALFORMED,
                       "The signature algorithm \"%.40s\" is not supported (rfc8555#6.2).",
                       post->jws.alg);
}

static bool no_account(struct error *err) {
    return acme_refuse(err, "accountDoesNotExist", ERROR_MALFORMED,
                       "There is no account with this URL in this directory.");
}

static bool account_of_kid(const struct post *post, struct uuid *ret, struct error *err) {
    const char *prefix = arena_printf(post->arena, "%s/acme/%s/acct/", post->base, post->directory);
    size_t len = strlen(prefix);
    if (strncmp(post->jws.kid, prefix, len) != 0 || !uuid_parse(post->jws.kid + len, ret))
        return no_account(err);
    return true;
}

/* Account, policy and settings. */
static bool load_account(struct post *post, bool fresh, struct error *err) {
    const struct account_session *session;
    struct uuid id;
    TRY(account_of_kid(post, &id, err));
    if (!session_open(post->acme, post->arena, id, fresh, &session, &post->remembered, err))
        return err->kind == ERROR_NOT_FOUND ? no_account(err) : false;
    if (!uuid_equal(session->account.directory_id, post->directory_id))
        return no_account(err);
    post->has_account = true;
    post->account = session->account;
    post->policy_record = session->policy_record;
    post->policy = session->policy;
    post->settings = session->settings;
    post->scope = session->scope;
    post->jwk = session->jwk;
    return true;
}

/* The order of the path; order.id stays nil when there is none. */
static bool load_order(struct post *post, unsigned gates, struct error *err) {
    struct recent_orders *recent = post->acme->recent;
    struct acme_opened_order opened;
    struct uuid id;
    bool done = false, known = false;
    if (!uuid_parse(post->request->parameters[1], &id))
        return true;
    if (!post->fresh && (gates & POST_FINISHED) != 0)
        known = recent_take(recent, post->arena, id, ACME_ORDER_VALID, &opened);
    if (post->remembered && (gates & POST_READY) != 0 &&
        recent_take(recent, post->arena, id, ACME_ORDER_PENDING, &opened)) {
        memcpy(post->authorization.bytes, opened.order.authorizations.at, sizeof post->authorization.bytes);
        post->recent = known = true;
    }
    if (!known) {
        TX(tx, core_db(post->core), &done, err)
        tx.ok = acme_order_open(tx.tx, post->arena, id, &opened, err);
        if (!done)
            return err->kind == ERROR_NOT_FOUND;
    }
    post->order = opened.order;
    post->certificate = opened.certificate;
    post->certificate_ca = opened.certificate_ca;
    post->certificate_key = opened.certificate_key;
    return true;
}

static bool check_account_state(const struct post *post, struct error *err) {
    if (!post->has_account || post->account.state == ACME_ACCOUNT_VALID)
        return true;
    /* rfc8555#7.3.6 */
    return acme_refuse(err, "unauthorized", ERROR_UNAUTHENTICATED, "The account is %s.",
                       post->account.state == ACME_ACCOUNT_DEACTIVATED ? "deactivated" : "revoked");
}

static bool check_signature(struct post *post, struct error *err) {
    if (!jwk_fits(&post->jwk, post->jws.alg)) {
        post->algorithms = true;
        return acme_refuse(err, "badSignatureAlgorithm", ERROR_MALFORMED,
                           "The algorithm \"%.40s\" does not fit the account's key.",
                           post->jws.alg);
    }
    return jwk_verify(&post->jwk, post->jws.alg, post->jws.signing_input, post->jws.signature) ||
           acme_refuse(err, "malformed", ERROR_MALFORMED, "The signature of the JWS is wrong.");
}

static bool read_payload(struct post *post, struct error *err) {
    if (post->jws.payload.len == 0)
        return true;
    TRY(json_parse(post->arena, post->jws.payload, &post->payload, err));
    return post->payload->type == JSON_OBJECT ||
           acme_refuse(err, "malformed", ERROR_MALFORMED, "The payload is no JSON object.");
}

/* Whose request it is. The account may have another key than the one that is remembered. */
static bool check_account(struct post *post, struct error *err) {
    TRY(load_account(post, post->fresh, err));
    if (check_signature(post, err))
        return true;
    return post->remembered && load_account(post, true, err) && check_signature(post, err);
}

/* Not again for a request that is handled a second time. */
static bool take_own_nonce(struct post *post, struct error *err) {
    if (post->nonce.own && !post->nonce_taken)
        TRY(nonce_take_own(post->acme, &post->nonce, err));
    post->nonce_taken = post->nonce.own;
    return true;
}

/* rfc8555#6.2 */
static bool refuse_media_type(struct post *post, struct error *err) {
    post->status = 415;
    return acme_refuse(err, "malformed", ERROR_MALFORMED,
                       "The Content-Type must be application/jose+json (rfc8555#6.2).");
}

/* rfc8555#6.2 to 6.5, in an order in which strangers cost little. */
static bool open_post(struct post *post, unsigned gates, struct error *err) {
    const char *type = http_header(post->request, "Content-Type");
    if (type == NULL || strcasecmp(arena_text(post->arena, view_of(type, strcspn(type, "; "))),
                                   "application/jose+json") != 0)
        return refuse_media_type(post, err);
    TRY(jws_read(post->arena, post->request->body, &post->jws, err));
    TRY(known_algorithm(post, err));
    TRY(check_url(post, err));
    if (post->jws.nonce == NULL)
        return acme_refuse(err, "badNonce", ERROR_MALFORMED, "The JWS has no nonce.");
    TRY(nonce_check(post->acme, post->arena, post->jws.nonce, &post->nonce, err));
    if ((post->jws.kid != NULL && (gates & POST_KID) == 0) ||
        (post->jws.jwk != NULL && (gates & POST_JWK) == 0))
        return acme_refuse(err, "malformed", ERROR_MALFORMED, "This request is signed with \"%s\".",
                           (gates & POST_KID) != 0 ? "kid" : "jwk");
    if (post->jws.kid != NULL)
        TRY(check_account(post, err));
    else
        TRY(jwk_read(post->arena, post->jws.jwk, &post->jwk, err) && check_signature(post, err));
    TRY(take_own_nonce(post, err));
    post->nonce_read = true; /* from here on it is spent, whatever comes */
    TRY(check_account_state(post, err));
    if ((gates & POST_ORDER) != 0)
        TRY(load_order(post, gates, err));
    return read_payload(post, err);
}

bool post_spend(struct tx *tx, const struct post *post, struct error *err) {
    return acme_nonce_use(tx, post->nonce.bytes, post->remembered ? &post->account : NULL,
                          post->policy_record.version, post->authorization, err);
}

static bool nonce_used(const struct error *err) {
    return strcmp(err->type, "acme-nonce-used") == 0;
}

static bool account_changed(const struct error *err) {
    return strcmp(err->type, "acme-account-changed") == 0;
}

bool post_not_spent(const struct error *err) {
    return err->kind == ERROR_CONFLICT && (nonce_used(err) || account_changed(err));
}

bool post_look_again(struct error *err) {
    return fail(err, ERROR_CONFLICT, "acme-account-changed", "The ACME order was changed meanwhile; ask again.");
}

static bool spend_body(struct tx *tx, void *context, struct error *err) {
    return post_spend(tx, context, err);
}

/* What a nonce's row would have asked besides. */
static bool account_unchanged(struct post *post, struct error *err) {
    bool done = false;
    if (post->remembered) {
        TX(tx, core_db(post->core), &done, err)
        tx.ok = acme_account_unchanged(tx.tx, &post->account, post->policy_record.version, err);
        TRY(done);
    }
    post->spent = true;
    return true;
}

bool post_spend_alone(struct post *post, struct error *err) {
    if (!post->nonce_read || post->spent)
        return true;
    if (post->nonce.own)
        return account_unchanged(post, err);
    TRY(tx_together(core_db(post->core), spend_body, post, err));
    post->spent = true;
    return true;
}

bool post_needs_payload(const struct post *post, struct error *err) {
    return post->payload != NULL ||
           acme_refuse(err, "malformed", ERROR_MALFORMED, "The request needs a payload.");
}

bool post_is_get(const struct post *post, struct error *err) {
    return post->payload == NULL ||
           acme_refuse(
               err, "malformed", ERROR_MALFORMED,
               "This resource is read by POST-as-GET: the payload must be empty (rfc8555#6.3).");
}

const char *post_url(const struct post *post, const char *what, struct uuid id) {
    return arena_printf(post->arena, "%s/acme/%s/%s/%s", post->base, post->directory, what,
                        uuid_text(post->arena, id));
}

void post_link(struct post *post, const char *url, const char *rel) {
    http_add_header(post->response, "Link", arena_printf(post->arena, "<%s>;rel=\"%s\"", url, rel));
}

void post_reply(struct post *post, int status, struct json_writer *w) {
    http_reply_text(post->response, status, "application/json", json_written(w));
}

bool post_note(struct tx *tx, const struct post *post, const char *code, const char *kind,
               struct uuid object, const char *details, struct error *err) {
    struct event_note note = {.code = code,
                              .organisation_id = post->policy_record.organisation_id,
                              .object_kind = kind,
                              .object = uuid_text(post->arena, object),
                              .details = details};
    return access_note(tx, &post->actor, &note, err);
}

bool ask_uuid(const struct post *post, size_t parameter, const char *what, struct uuid *ret,
              struct error *err) {
    const char *text = post->request->parameters[parameter];
    return (text != NULL && uuid_parse(text, ret)) ||
           acme_refuse(err, "malformed", ERROR_NOT_FOUND, "There is no such %s.", what);
}

static void add_common(struct post *post, bool with_nonce) {
    const char *nonce = NULL;
    struct error err = {0};
    if (with_nonce && nonce_make(post->acme, post->arena, post->nonce_read ? post->nonce.stayed : 0, &nonce, &err))
        http_add_header(post->response, "Replay-Nonce", nonce);
    http_add_header(post->response, "Cache-Control", "no-store");
    if (post->base != NULL && !post->is_directory) /* rfc8555#7.1 */
        post_link(
            post,
            strcmp(post->directory, SHARED_DIRECTORY) == 0
                ? arena_printf(post->arena, "%s/acme/directory", post->base)
                : arena_printf(post->arena, "%s/acme/%s/directory", post->base, post->directory),
            "index");
    if (post->retry_after_s > 0)
        http_add_header(post->response, "Retry-After",
                        arena_printf(post->arena, "%lld", (long long)post->retry_after_s));
}

static void put_subproblems(struct post *post, struct json_writer *w) {
    json_name(w, "subproblems");
    json_open_array(w);
    for (size_t i = 0; i < post->subproblem_count; i++)
        acme_problem_write(w, post->arena, &post->subproblems[i].error,
                           &post->subproblems[i].identifier);
    json_close_array(w);
}

static void put_algorithms(struct json_writer *w) {
    static const char *const list[] = {"ES256", "ES384",     "ES512",     "EdDSA",    "RS256",
                                       "PS256", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    json_name(w, "algorithms");
    json_open_array(w);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        json_add_string(w, list[i]);
    json_close_array(w);
}

static void problem(struct post *post, const struct error *err) {
    struct json_writer w = json_writer_on(post->arena);
    const char *name = acme_problem_name(err);
    int status = post->status != 0 ? post->status : acme_problem_status(err);
    count_problem(name);
    json_open_object(&w);
    json_put_string(&w, "type", arena_printf(post->arena, "urn:ietf:params:acme:error:%s", name));
    json_put_string(&w, "detail",
                    err->kind == ERROR_INTERNAL
                        ? "The server has a problem of its own; its log says more."
                        : err->message);
    json_put_int(&w, "status", status);
    if (post->algorithms)
        put_algorithms(&w);
    if (post->subproblem_count > 0)
        put_subproblems(post, &w);
    if (post->terms_link != NULL) {
        json_put_string(&w, "instance", post->terms_link);
        post_link(post, post->terms_link, "terms-of-service");
    }
    json_close_object(&w);
    if (err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_TOO_MANY)
        post->retry_after_s = post->retry_after_s > 0 ? post->retry_after_s : 5;
    if (err->kind == ERROR_INTERNAL || err->kind == ERROR_UNAVAILABLE)
        log_failure(err->kind == ERROR_INTERNAL ? LOG_ERROR : LOG_WARN, "acme", name, err);
    http_reply_text(post->response, status, "application/problem+json", json_written(&w));
}

static void begin(struct acme *acme, struct http_request *request, struct http_response *response,
                  struct post *post) {
    *post = (struct post){.acme = acme,
                          .core = acme->core,
                          .arena = request->arena,
                          .request = request,
                          .response = response,
                          .directory = SHARED_DIRECTORY};
    post->actor = actor_device("acme", request->address, request->id);
}

/* Events name the account. */
static void name_actor(struct post *post) {
    if (post->has_account)
        post->actor = actor_device(
            arena_printf(post->arena, "acme:%s", uuid_text(post->arena, post->account.id)),
            post->request->address, post->request->id);
}

/* A refusal is judged like an answer: by an account that is what it was, and once for each nonce. */
static bool handle(struct post *post, unsigned gates, post_handler *handler, struct error *err) {
    struct error unspent = {0};
    bool ok = open_directory(post, err) && open_post(post, gates, err);
    if (ok) {
        name_actor(post);
        ok = handler(post, err) && post_spend_alone(post, err);
    }
    if (ok || post_not_spent(err))
        return ok;
    if (!post_spend_alone(post, &unspent) && post_not_spent(&unspent))
        *err = unspent;
    return false;
}

bool post_handle(struct acme *acme, struct http_request *request, struct http_response *response,
                 unsigned gates, post_handler *handler) {
    struct post *post = arena_alloc(request->arena, sizeof *post);
    struct error err = {0};
    begin(acme, request, response, post);
    bool ok = handle(post, gates, handler, &err);
    if (!ok && account_changed(&err)) { /* nothing was done, and the nonce is as it was */
        response->header_count = 0;
        bool taken = post->nonce_taken;
        begin(acme, request, response, post);
        post->fresh = true;
        post->nonce_taken = taken;
        ok = handle(post, gates, handler, &err);
    }
    if (!ok) {
        if (nonce_used(&err))
            acme_refuse(&err, "badNonce", ERROR_MALFORMED,
                        "The nonce was used before; take a new one and try again.");
        response->header_count = 0;
        problem(post, &err);
    }
    add_common(post, true);
    return true;
}

bool acme_method_refused(const struct http_request *request, struct http_response *response,
                         const struct error *err) {
    struct json_writer w = json_writer_on(response->arena);
    if (strncmp(request->path, "/acme/", 6) != 0)
        return false;
    json_open_object(&w);
    json_put_string(&w, "type", "urn:ietf:params:acme:error:malformed");
    json_put_string(&w, "detail", err->message);
    json_put_int(&w, "status", 405);
    json_close_object(&w);
    http_reply_text(response, 405, "application/problem+json", json_written(&w));
    return true;
}

bool post_plain(struct acme *acme, struct http_request *request, struct http_response *response,
                bool with_nonce, post_handler *handler) {
    struct post *post = arena_alloc(request->arena, sizeof *post);
    struct error err = {0};
    begin(acme, request, response, post);
    if (!open_directory(post, &err) || !handler(post, &err)) {
        response->header_count = 0;
        problem(post, &err);
    }
    add_common(post, with_nonce);
    return true;
}
