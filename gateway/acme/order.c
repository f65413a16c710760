/* Orders: rfc8555#7.4, profiles, and replacing certificates (rfc9773#5). */
#include "acme/post.h"

#include "base/clock.h"
#include "store/certificates.h"

#include <string.h>

#define HOUR_US (3600 * US_PER_SECOND)

const char *order_status_name(enum order_status status) {
    static const char *const names[] = {"pending", "ready", "processing", "valid", "invalid"};
    return names[status];
}

bool order_identifiers(struct arena *arena, const struct acme_order *order, struct identifier **ret,
                       size_t *ret_count, struct error *err) {
    const struct json *array;
    TRY(json_parse(arena, view_text(order->identifiers), &array, err));
    return identifiers_read(arena, array, ret, ret_count, err);
}

/* rfc8555#7.1.6: pending until every authorization is valid, invalid when one is not to be had any
 * more. */
static bool by_authorizations(struct core *core, struct arena *arena,
                              const struct acme_order *order, enum order_status *ret,
                              struct error *err) {
    struct acme_authorization *items = NULL;
    size_t wanted = order->authorizations.len / 16, count = 0;
    bool done = false, all = true, broken;
    struct uuid *ids = arena_array(arena, wanted, sizeof *ids);
    for (size_t i = 0; i < wanted; i++)
        memcpy(ids[i].bytes, order->authorizations.at + 16 * i, 16);
    if ((int)order->authorization_state != 0) {
        items = arena_alloc(arena, sizeof *items);
        items->state = order->authorization_state;
        items->expires_us = order->authorization_expires_us;
        count = 1;
    } else {
        TX(tx, core_db(core), &done, err)
        tx.ok = acme_authorization_by_ids(tx.tx, arena, ids, wanted, &items, &count, err);
        TRY(done);
    }
    broken = count < wanted;
    for (size_t i = 0; i < count; i++) {
        enum acme_authorization_state state = authorization_state(&items[i]);
        all = all && state == ACME_AUTHZ_VALID;
        broken = broken || (state != ACME_AUTHZ_VALID && state != ACME_AUTHZ_PENDING);
    }
    *ret = broken ? ORDER_INVALID : all ? ORDER_READY : ORDER_PENDING;
    return true;
}

bool order_status(struct core *core, struct arena *arena, const struct acme_order *order,
                  enum order_status *ret, struct error *err) {
    switch (order->state) {
    case ACME_ORDER_VALID:
        *ret = ORDER_VALID;
        return true;
    case ACME_ORDER_PROCESSING:
        *ret = ORDER_PROCESSING;
        return true;
    case ACME_ORDER_INVALID:
        *ret = ORDER_INVALID;
        return true;
    case ACME_ORDER_PENDING:
        break;
    }
    if (order->expires_us <= clock_now_us()) {
        *ret = ORDER_INVALID;
        return true;
    }
    return by_authorizations(core, arena, order, ret, err);
}

bool order_load(const struct post *post, struct acme_order *ret, struct error *err) {
    if (uuid_is_nil(post->order.id))
        return acme_refuse(err, "malformed", ERROR_NOT_FOUND, "There is no such order.");
    *ret = post->order;
    return uuid_equal(ret->account_id, post->account.id) ||
           acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                       "The order belongs to another account.");
}

static void put_identifiers(struct json_writer *w, const char *text, struct arena *arena) {
    const struct json *array;
    json_name(w, "identifiers");
    if (json_parse(arena, view_text(text), &array, NULL))
        json_add_value(w, array);
    else
        json_add_null(w);
}

static void put_error(struct post *post, struct json_writer *w, const struct acme_order *order) {
    const struct json *document;
    if (*order->problem == '\0' ||
        !json_parse(post->arena, view_text(order->problem), &document, NULL))
        return;
    json_name(w, "error");
    json_add_value(w, document);
}

static void put_authorizations(struct post *post, struct json_writer *w,
                               const struct acme_order *order) {
    json_name(w, "authorizations");
    json_open_array(w);
    for (size_t i = 0; i + 16 <= order->authorizations.len; i += 16) {
        struct uuid id;
        memcpy(id.bytes, order->authorizations.at + i, 16);
        json_add_string(w, post_url(post, "authz", id));
    }
    json_close_array(w);
}

void order_reply(struct post *post, int status, const struct acme_order *order,
                 enum order_status now) {
    struct json_writer w = json_writer_on(post->arena);
    json_open_object(&w);
    json_put_string(&w, "status", order_status_name(now));
    json_put_time(&w, "expires", order->expires_us / US_PER_SECOND * US_PER_SECOND);
    put_identifiers(&w, order->identifiers, post->arena);
    if (order->not_before_us > 0)
        json_put_time(&w, "notBefore", order->not_before_us);
    if (order->not_after_us > 0)
        json_put_time(&w, "notAfter", order->not_after_us);
    if (*order->profile != '\0')
        json_put_string(&w, "profile", order->profile);
    if (order->replaces != NULL) /* rfc9773#5 */
        json_put_string(&w, "replaces", order->replaces);
    put_error(post, &w, order);
    put_authorizations(post, &w, order);
    json_put_string(&w, "finalize", post_url(post, "finalize", order->id));
    if (now == ORDER_VALID)
        json_put_string(&w, "certificate", post_url(post, "cert", order->id));
    json_close_object(&w);
    if (now == ORDER_PROCESSING)
        post->retry_after_s = 5;
    http_add_header(post->response, "Location", post_url(post, "order", order->id));
    post_reply(post, status, &w);
}

static bool name_replaced(struct post *post, struct acme_order *order, struct error *err) {
    struct certificate_record record;
    bool done = false;
    if (uuid_is_nil(order->replaces_id))
        return true;
    TX(tx, core_db(post->core), &done, err)
    tx.ok =
        certificate_by_id(tx.tx, post->arena, &scope_everything, order->replaces_id, &record, err);
    TRY(done);
    order->replaces = ari_name(post->arena, record.der);
    return true;
}

bool order_show(struct post *post, const struct acme_order *order, struct error *err) {
    enum order_status now;
    struct acme_order named = *order;
    TRY(order_status(post->core, post->arena, order, &now, err));
    TRY(name_replaced(post, &named, err));
    order_reply(post, 200, &named, now);
    return true;
}

/* --- a new one
 * ------------------------------------------------------------------------------------------- */

struct wish {
    struct post *post;
    struct identifier *identifiers;
    struct acme_authorization *authorizations; /* of each identifier; id nil: none can be used again */
    struct acme_authorization used; /* the last of them */
    size_t count;
    struct acme_order order;
    struct certificate_record replaced;
    bool ready; /* all is authorized already */
};

static const char *profile_template(const struct post *post, const char *profile) {
    for (size_t i = 0; i < post->policy.profile_names.count; i++)
        if (strcmp(post->policy.profile_names.items[i], profile) == 0)
            return post->policy.profile_templates.items[i];
    return text_list_has(&post->policy.templates, profile) ? profile : NULL;
}

static bool choose_template(struct post *post, struct wish *wish, struct error *err) {
    const char *slug = post->policy.templates.items[0], *profile = wish->order.profile;
    struct enrolment_target target;
    if (!uuid_is_nil(post->directory_id)) {
        slug = post->target.record.slug;
        if (*profile != '\0' && strcmp(profile, slug) != 0)
            return acme_refuse(err, "invalidProfile", ERROR_MALFORMED,
                               "This directory has no profile \"%.60s\".", profile);
    } else if (*profile != '\0') {
        slug = profile_template(post, profile);
        if (slug == NULL)
            return acme_refuse(err, "invalidProfile", ERROR_MALFORMED,
                               "The account's policy has no profile \"%.60s\".", profile);
    }
    if (!enrol_target(post->core, post->arena, slug, "acme", &target, err)) {
        if (err->kind == ERROR_NOT_FOUND)
            return acme_refuse(
                err, "unauthorized", ERROR_FORBIDDEN,
                "The template %.60s of the account's policy does not take ACME requests; "
                "the administrator has to add \"acme\" to its doors.",
                slug);
        return false;
    }
    wish->order.template_id = target.record.id;
    wish->order.template_slug = slug;
    int64_t most = target.template.max_days * US_PER_DAY;
    if (wish->order.not_after_us != 0 &&
        wish->order.not_after_us -
                (wish->order.not_before_us != 0 ? wish->order.not_before_us : clock_now_us()) >
            most)
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "The certificate would live longer than the %lld days of the template.",
                           (long long)target.template.max_days);
    return true;
}

static bool read_time(const struct post *post, const char *name, int64_t *ret, struct error *err) {
    const char *text = NULL;
    TRY(json_string(post->payload, name, &text, err));
    return text == NULL || time_parse(text, ret, err);
}

static bool shares_name(const struct wish *wish, const struct identifier *others, size_t count) {
    for (size_t i = 0; i < wish->count; i++)
        for (size_t j = 0; j < count; j++)
            if (identifiers_same(&wish->identifiers[i], 1, &others[j], 1))
                return true;
    return false;
}

/* An order that has failed replaces nothing; only one that may still succeed, or has, is in the way. */
static bool check_not_replaced(struct post *post, struct uuid certificate, struct error *err) {
    struct acme_order other;
    enum order_status status;
    bool done = false;
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_order_by_replaced(tx.tx, post->arena, certificate, &other, err);
    if (!done)
        return err->kind == ERROR_NOT_FOUND;
    TRY(order_status(post->core, post->arena, &other, &status, err));
    if (status != ORDER_INVALID)
        return acme_refuse(err, "alreadyReplaced", ERROR_CONFLICT,
                           "The certificate has been replaced by another order.");
    enum acme_order_state before = other.state;
    other.state = ACME_ORDER_INVALID;
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_order_move(tx.tx, &other, before, clock_now_us(), err);
    return done || err->kind == ERROR_CONFLICT; /* another request has done the same */
}

static bool read_replaces(struct post *post, struct wish *wish, struct error *err) {
    const char *text = NULL;
    struct acme_order old;
    struct identifier *names;
    size_t count;
    bool done = false;
    TRY(json_string(post->payload, "replaces", &text, err));
    if (text == NULL)
        return true;
    TRY(ari_certificate(post->core, post->arena, text, &wish->replaced, err));
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_order_by_certificate(tx.tx, post->arena, wish->replaced.id, &old, err);
    /* rfc9773#5: one of the account's own */
    if ((!done && err->kind == ERROR_NOT_FOUND) ||
        (done && !uuid_equal(old.account_id, post->account.id)))
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "The certificate to be replaced is not one of this account.");
    TRY(done);
    TRY(order_identifiers(post->arena, &old, &names, &count, err));
    if (!shares_name(wish, names, count))
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "The order has no identifier of the certificate that it is to replace (rfc9773#5).");
    TRY(check_not_replaced(post, wish->replaced.id, err));
    wish->order.replaces_id = wish->replaced.id;
    wish->order.replaces = text;
    return true;
}

/* Every identifier that is refused is named (rfc8555#6.7.1). */
static bool check_identifiers(struct post *post, const struct wish *wish, struct error *err) {
    struct error one, first = {0};
    if ((int64_t)wish->count > post->policy.identifiers_per_order)
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "An order of this policy has at most %lld identifiers.",
                           (long long)post->policy.identifiers_per_order);
    post->subproblems = arena_array(post->arena, wish->count, sizeof *post->subproblems);
    for (size_t i = 0; i < wish->count; i++) {
        if (authorization_allowed(post, &wish->identifiers[i], &one))
            continue;
        if (post->subproblem_count == 0)
            first = one;
        post->subproblems[post->subproblem_count++] =
            (struct subproblem){wish->identifiers[i], one};
    }
    if (post->subproblem_count == 0)
        return true;
    if (err != NULL)
        *err = first;
    return false;
}

static bool read_wish(struct post *post, struct wish *wish, struct error *err) {
    struct json_writer w = json_writer_on(post->arena);
    const struct json *array = NULL;
    const char *profile = "";
    TRY(json_array(post->payload, "identifiers", &array, err));
    TRY(identifiers_read(post->arena, array, &wish->identifiers, &wish->count, err));
    TRY(json_string(post->payload, "profile", &profile, err));
    TRY(read_time(post, "notBefore", &wish->order.not_before_us, err));
    TRY(read_time(post, "notAfter", &wish->order.not_after_us, err));
    if (wish->order.not_after_us != 0 && (wish->order.not_after_us <= clock_now_us() ||
                                          wish->order.not_after_us <= wish->order.not_before_us))
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "notAfter is not in the future, or not "
                           "after notBefore.");
    if (strlen(profile) > 60)
        return acme_refuse(err, "invalidProfile", ERROR_MALFORMED, "There is no such profile.");
    wish->order.profile = profile;
    json_open_array(&w);
    for (size_t i = 0; i < wish->count; i++)
        identifier_write(&w, post->arena, &wish->identifiers[i], true);
    json_close_array(&w);
    wish->order.identifiers = json_written(&w);
    return true;
}

static bool limited(struct error *err, struct post *post, const char *what, int64_t most,
                    const char *span) {
    bool week = strcmp(span, "week") == 0;
    post->retry_after_s = week ? 3600 : 600;
    count_limit(week ? "orders-of-identifier" : strcmp(what, "The policy") == 0 ? "orders-of-policy" : "orders-of-account");
    return acme_refuse(err, "rateLimited", ERROR_TOO_MANY,
                       "%s has made its %lld orders of this %s.", what, (long long)most, span);
}

static bool check_limits(struct tx *tx, struct post *post, const struct wish *wish,
                         struct error *err) {
    const struct acme_policy *p = &post->policy;
    struct uuid none = {{0}}, policy = post->account.policy_id;
    int64_t now = clock_now_us(), count = 0;
    if (p->orders_per_hour > 0) {
        TRY(acme_order_count(tx, post->account.id, none, now - HOUR_US, p->orders_per_hour, &count,
                             err));
        if (count >= p->orders_per_hour)
            return limited(err, post, "The account", p->orders_per_hour, "hour");
    }
    if (p->policy_orders_per_hour > 0) {
        TRY(acme_order_count(tx, none, policy, now - HOUR_US, p->policy_orders_per_hour, &count,
                             err));
        if (count >= p->policy_orders_per_hour)
            return limited(err, post, "The policy", p->policy_orders_per_hour, "hour");
    }
    int64_t most = p->orders_per_identifier_per_week;
    for (size_t i = 0; most > 0 && i < wish->count; i++) {
        const char *name = identifier_text(post->arena, &wish->identifiers[i]);
        TRY(acme_order_name_count(tx, policy, name, now - 7 * US_PER_DAY, most, &count, err));
        if (count >= most)
            return limited(err, post, name, most, "week");
        TRY(acme_order_name_add(tx, policy, name, wish->order.id, err));
    }
    return true;
}

static const char *details(struct arena *arena, const struct acme_order *order) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    put_identifiers(&w, order->identifiers, arena);
    json_close_object(&w);
    return json_written(&w);
}

/* Those that are there already, before anything is written. */
static bool find_authorizations(struct post *post, struct wish *wish, struct error *err) {
    bool done = false;
    wish->authorizations = arena_array(post->arena, wish->count, sizeof *wish->authorizations);
    if (wish->count == 1 && authorization_remembered(post, &wish->identifiers[0], &wish->authorizations[0])) {
        post->authorization = wish->authorizations[0].id;
        return true;
    }
    TX(tx, core_db(post->core), &done, err) {
        tx.ok = true;
        for (size_t i = 0; tx.ok && i < wish->count; i++)
            tx.ok = authorization_find(tx.tx, post, &wish->identifiers[i], &wish->authorizations[i], err);
    }
    return done;
}

static bool store(struct tx *tx, void *context, struct error *err) {
    struct wish *wish = context;
    struct post *post = wish->post;
    const struct acme_policy *p = &post->policy;
    struct buffer ids = buffer_on(post->arena);
    TRY(post_spend(tx, post, err));
    TRY(check_limits(tx, post, wish, err));
    wish->ready = true;
    for (size_t i = 0; i < wish->count; i++) {
        struct acme_authorization authorization = wish->authorizations[i];
        if (uuid_is_nil(authorization.id))
            TRY(authorization_make(tx, post, &wish->identifiers[i], &authorization, err));
        wish->used = authorization;
        buffer_add(&ids, authorization.id.bytes, 16);
        wish->ready = wish->ready && authorization.state == ACME_AUTHZ_VALID;
    }
    wish->order.authorizations = buffer_view(&ids);
    TRY(acme_order_insert(tx, &wish->order, p->orders_per_hour > 0 || p->policy_orders_per_hour > 0,
                          err));
    return post_note(tx, post, "acme.order.created", "acme-order", wish->order.id,
                     details(post->arena, &wish->order), err);
}

/* The account is likely to finalize it here, and to order the same name again. */
static void remember(struct post *post, struct wish *wish) {
    if (wish->count != 1 || !wish->ready)
        return;
    reuse_keep(post->acme->reuse, &wish->used);
    wish->order.authorization_state = wish->used.state;
    wish->order.authorization_expires_us = wish->used.expires_us;
    recent_keep(post->acme->recent, &wish->order, NULL);
}

static bool make_order(struct post *post, struct error *err) {
    struct wish wish = {.post = post,
                        .order = {.id = uuid_new(),
                                  .account_id = post->account.id,
                                  .policy_id = post->account.policy_id,
                                  .state = ACME_ORDER_PENDING,
                                  .problem = "",
                                  .created_us = clock_now_us()}};
    TRY(post_needs_payload(post, err));
    TRY(account_may_order(post, err));
    TRY(read_wish(post, &wish, err));
    TRY(check_identifiers(post, &wish, err));
    TRY(choose_template(post, &wish, err));
    TRY(read_replaces(post, &wish, err));
    wish.order.expires_us = wish.order.created_us + post->policy.order_hours * HOUR_US;
    TRY(find_authorizations(post, &wish, err));
    if (!tx_together(core_db(post->core), store, &wish, err))
        return strcmp(err->type, "acme-replaced") == 0 /* rfc9773#5 */
                   ? acme_refuse(err, "alreadyReplaced", ERROR_CONFLICT,
                                 "The certificate has been replaced by another order.")
                   : false;
    post->spent = true;
    remember(post, &wish);
    order_reply(post, 201, &wish.order, wish.ready ? ORDER_READY : ORDER_PENDING);
    return true;
}

bool acme_new_order(struct post *post, struct error *err) {
    bool made = make_order(post, err);
    if (made || !post_not_spent(err))
        count_order(made ? "created" : "refused");
    return made;
}

bool acme_order(struct post *post, struct error *err) {
    struct acme_order order;
    TRY(post_is_get(post, err));
    TRY(order_load(post, &order, err));
    TRY(order_refresh(post->core, post->arena, &order, err));
    return order_show(post, &order, err);
}
