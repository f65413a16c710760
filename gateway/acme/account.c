/* Accounts: rfc8555#7.3, external account binding #7.3.4, key change #7.3.5, deactivation #7.3.6.
 */
#include "acme/post.h"

#include "base/clock.h"
#include "ca/secret.h"

#include <string.h>

#define MAX_CONTACTS 10

static const char *state_name(enum acme_account_state state) {
    return state == ACME_ACCOUNT_VALID         ? "valid"
           : state == ACME_ACCOUNT_DEACTIVATED ? "deactivated"
                                               : "revoked";
}

static void reply_account(struct post *post, int status, const struct acme_account *account) {
    struct json_writer w = json_writer_on(post->arena);
    const struct json *contacts = NULL, *binding = NULL;
    const char *url = post_url(post, "acct", account->id);
    json_open_object(&w);
    json_put_string(&w, "status", state_name(account->state));
    json_name(&w, "contact");
    if (json_parse(post->arena, view_text(account->contacts), &contacts, NULL))
        json_add_value(&w, contacts);
    else
        json_add_null(&w);
    json_put_bool(&w, "termsOfServiceAgreed", *account->terms != '\0');
    json_put_string(&w, "orders", arena_printf(post->arena, "%s/orders", url));
    if (*account->eab_jws != '\0' &&
        json_parse(post->arena, view_text(account->eab_jws), &binding, NULL)) {
        json_name(&w, "externalAccountBinding");
        json_add_value(&w, binding);
    }
    json_close_object(&w);
    http_add_header(post->response, "Location", url);
    post_reply(post, status, &w);
}

/* rfc8555#7.3: only mailto, without header fields and with one address. */
static bool check_contact(const char *contact, struct error *err) {
    if (strncmp(contact, "mailto:", 7) != 0)
        return acme_refuse(err, "unsupportedContact", ERROR_MALFORMED,
                           "The contact \"%.100s\" is of an unknown kind: contacts are mailto: URLs with one "
                           "address.",
                           contact);
    const char *address = contact + 7, *at = strchr(address, '@');
    if (strlen(address) > MAX_EMAIL || at == NULL || at == address || at[1] == '\0' ||
        strpbrk(address, "?, \t\r\n<>") != NULL || strchr(at + 1, '@') != NULL)
        return acme_refuse(err, "invalidContact", ERROR_MALFORMED,
                           "The contact \"%.100s\" is not one plain mail address.", contact);
    return true;
}

/* *ret stays when there are none. */
static bool read_contacts(struct post *post, const char **ret, struct error *err) {
    const struct json *array = NULL;
    struct json_writer w = json_writer_on(post->arena);
    TRY(json_array(post->payload, "contact", &array, err));
    if (array == NULL)
        return true;
    if (array->count > MAX_CONTACTS)
        return acme_refuse(err, "invalidContact", ERROR_MALFORMED,
                           "There are more than %d contacts.", MAX_CONTACTS);
    json_open_array(&w);
    JSON_EACH (item, array) {
        if (item->type != JSON_STRING)
            return acme_refuse(err, "malformed", ERROR_MALFORMED, "A contact is no text.");
        TRY(check_contact(item->text, err));
        json_add_string(&w, item->text);
    }
    json_close_array(&w);
    *ret = json_written(&w);
    return true;
}

static bool terms(struct post *post, const char **ret, struct error *err) {
    bool agreed = false;
    TRY(json_bool(post->payload, "termsOfServiceAgreed", &agreed, err));
    if (agreed)
        *ret = *post->settings.terms == '\0' ? "agreed" : post->settings.terms;
    if (agreed || *post->settings.terms == '\0')
        return true;
    post->terms_link = post->settings.terms;
    return acme_refuse(err, "userActionRequired", ERROR_FORBIDDEN,
                       "The terms of service must be agreed to: %.300s", post->settings.terms);
}

bool account_may_order(struct post *post, struct error *err) {
    if (!post->policy.enabled)
        return acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                           "The account's ACME policy is switched off.");
    if (*post->settings.terms == '\0' || strcmp(post->settings.terms, post->account.terms) == 0)
        return true;
    /* rfc8555#7.3.3 */
    post->terms_link = post->settings.terms;
    return acme_refuse(err, "userActionRequired", ERROR_FORBIDDEN,
                       "The terms of service have changed; agree to them: %.300s",
                       post->settings.terms);
}

static bool refuse_binding(struct error *err, const char *outcome, const char *why) {
    count_binding(outcome);
    return acme_refuse(err, "unauthorized", ERROR_FORBIDDEN, "The external account binding %s.",
                       why);
}

/* rfc8555#7.3.4: what the inner JWS must look like. */
static bool check_binding(const struct post *post, const struct jws *inner, struct error *err) {
    const struct json *key;
    struct jwk jwk;
    if (inner->kid == NULL || strncmp(inner->alg, "HS", 2) != 0 || inner->nonce != NULL)
        return acme_refuse(
            err, "malformed", ERROR_MALFORMED,
            "The external account binding needs a MAC algorithm (HS256, HS384, HS512) "
            "and a kid, and has no nonce (rfc8555#7.3.4).");
    if (strcmp(inner->url, post->jws.url) != 0)
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "The external account binding is for another URL.");
    TRY(json_parse(post->arena, inner->payload, &key, err));
    TRY(jwk_read(post->arena, key, &jwk, err));
    return view_equal(view_of(jwk.thumbprint, 32), view_of(post->jwk.thumbprint, 32)) ||
           acme_refuse(err, "malformed", ERROR_MALFORMED,
                       "The external account binding is for another account key.");
}

/* Who is not told apart: unknown, revoked, and a wrong key. Used up and expired are told to who has
 * the key. */
static bool verify_binding(const struct post *post, const struct jws *inner, struct acme_eab *eab,
                           struct error *err) {
    struct uuid id = {{0}};
    struct view key;
    bool done = false;
    int64_t now = clock_now_us();
    if (!uuid_parse(inner->kid, &id))
        return refuse_binding(err, "wrong", "has an unknown key identifier or a wrong MAC");
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_eab_by_id(tx.tx, post->arena, id, eab, err);
    if (!done && err->kind == ERROR_NOT_FOUND)
        return refuse_binding(err, "wrong", "has an unknown key identifier or a wrong MAC");
    TRY(done);
    TRY(secret_open(post->core, post->arena,
                    arena_printf(post->arena, "acme_eabs/%s/secret", uuid_text(post->arena, id)),
                    eab->secret, &key, err));
    if (!jws_verify_mac(inner, key) || eab->revoked)
        return refuse_binding(err, "wrong", "has an unknown key identifier or a wrong MAC");
    if (eab->expires_us != 0 && eab->expires_us <= now)
        return refuse_binding(err, "expired", "has expired");
    if (eab->uses != 0 && eab->used >= eab->uses)
        return refuse_binding(err, "used-up", "is used up");
    return true;
}

static bool binding(struct post *post, const struct json *document, struct acme_account *account,
                    struct error *err) {
    struct jws inner;
    struct acme_eab eab;
    struct acme_policy_record record;
    struct json_writer w = json_writer_on(post->arena);
    bool done = false;
    TRY(jws_read_json(post->arena, document, &inner, err));
    TRY(check_binding(post, &inner, err));
    TRY(verify_binding(post, &inner, &eab, err));
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_policy_by_id(tx.tx, post->arena, &scope_everything, eab.policy_id, &record, err);
    if (!done && err->kind == ERROR_NOT_FOUND)
        return refuse_binding(err, "policy-gone", "belongs to a policy that is gone");
    TRY(done);
    TRY(post_policy(post, &record, err));
    if (!uuid_is_nil(post->directory_id) &&
        !text_list_has(&post->policy.templates, post->target.record.slug))
        return refuse_binding(err, "other-directory", "is for another directory");
    json_add_value(&w, document);
    account->policy_id = eab.policy_id;
    account->eab_id = eab.id;
    account->scope = eab.scope;
    account->eab_jws = json_written(&w);
    return true;
}

static bool binding_required(struct error *err) {
    count_binding("required");
    return acme_refuse(
        err, "externalAccountRequired", ERROR_FORBIDDEN,
        "An account here needs an external account binding; ask the administrator for a "
        "key identifier and an HMAC key.");
}

/* Without a binding: only where the instance is open, under a policy that says so. */
static bool open_policy(struct post *post, struct acme_account *account, struct error *err) {
    struct acme_policy_record *records = NULL;
    struct page page = {.limit = 200};
    const char *next;
    size_t count = 0;
    bool done = false, shared = uuid_is_nil(post->directory_id);
    if (!post->settings.open)
        return binding_required(err);
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_policy_list(tx.tx, post->arena, &scope_everything, &page, &records, &count, &next,
                             err);
    TRY(done);
    for (size_t i = 0; i < count; i++) {
        TRY(post_policy(post, &records[i], err));
        if (!post->policy.open || !post->policy.enabled)
            continue;
        if (shared
                ? strcmp(uuid_text(post->arena, records[i].id), post->settings.default_policy) != 0
                : !text_list_has(&post->policy.templates, post->target.record.slug))
            continue;
        account->policy_id = records[i].id;
        return true;
    }
    return binding_required(err);
}

static bool find_account(struct post *post, struct acme_account *ret, bool *ret_found,
                         struct error *err) {
    bool done = false;
    TX(tx, core_db(post->core), &done, err)
    tx.ok =
        acme_account_by_key(tx.tx, post->arena, post->directory_id, post->jwk.thumbprint, ret, err);
    *ret_found = done;
    return done || err->kind == ERROR_NOT_FOUND;
}

static bool insert(struct tx *tx, struct post *post, const struct acme_account *account,
                   bool *ret_duplicate, struct error *err) {
    int64_t accounts = 0;
    bool spent = true;
    *ret_duplicate = false;
    TRY(post_spend(tx, post, err));
    if (post->policy.accounts > 0) {
        TRY(acme_account_count(tx, account->policy_id, post->policy.accounts, &accounts, err));
        if (accounts >= post->policy.accounts) {
            count_limit("accounts");
            return acme_refuse(err, "rateLimited", ERROR_TOO_MANY,
                               "The policy has its %lld accounts; deactivate one first.",
                               (long long)post->policy.accounts);
        }
    }
    if (!uuid_is_nil(account->eab_id))
        TRY(acme_eab_spend(tx, account->eab_id, account->created_us, &spent, err));
    if (!spent)
        return refuse_binding(err, "used-up", "is used up, expired or revoked");
    TRY(acme_account_insert(tx, account, ret_duplicate, err));
    if (*ret_duplicate) /* rolled back: the binding's use, too */
        return acme_refuse(err, "malformed", ERROR_CONFLICT, "The key has an account already.");
    return post_note(tx, post, "acme.account.created", "acme-account", account->id, NULL, err);
}

static bool create(struct post *post, struct error *err) {
    struct acme_account account = {.id = uuid_new(),
                                   .directory_id = post->directory_id,
                                   .state = ACME_ACCOUNT_VALID,
                                   .jwk = post->jwk.canonical,
                                   .contacts = "[]",
                                   .scope = "[]",
                                   .terms = "",
                                   .eab_jws = "",
                                   .created_us = clock_now_us()};
    const struct json *eab = NULL;
    bool done = false, duplicate = false, found = false;
    memcpy(account.thumbprint, post->jwk.thumbprint, sizeof account.thumbprint);
    TRY(read_contacts(post, &account.contacts, err));
    TRY(terms(post, &account.terms, err));
    TRY(json_object(post->payload, "externalAccountBinding", &eab, err));
    TRY(eab != NULL ? binding(post, eab, &account, err) : open_policy(post, &account, err));
    if (!post->policy.enabled)
        return refuse_binding(err, "policy-off", "belongs to a policy that is switched off");
    TX(tx, core_db(post->core), &done, err)
    tx.ok = insert(tx.tx, post, &account, &duplicate, err);
    if (!done && duplicate && find_account(post, &account, &found, err) && found) {
        reply_account(post, 200, &account);
        return true;
    }
    TRY(done);
    post->spent = true;
    if (eab != NULL)
        count_binding("taken");
    reply_account(post, 201, &account);
    return true;
}

bool acme_new_account(struct post *post, struct error *err) {
    struct acme_account account;
    bool found = false, only_existing = false;
    TRY(post_needs_payload(post, err));
    TRY(json_bool(post->payload, "onlyReturnExisting", &only_existing, err));
    TRY(acme_settings_get(post->acme, post->arena, &post->settings, err));
    TRY(find_account(post, &account, &found, err));
    if (found) { /* rfc8555#7.3: 200 with its URL; the rest is ignored */
        if (account.state != ACME_ACCOUNT_VALID)
            return acme_refuse(err, "unauthorized", ERROR_UNAUTHENTICATED, "The account is %s.",
                               state_name(account.state));
        reply_account(post, 200, &account);
        return true;
    }
    if (only_existing)
        return acme_refuse(err, "accountDoesNotExist", ERROR_MALFORMED,
                           "There is no account with this key.");
    return create(post, err);
}

static bool own(const struct post *post, struct error *err) {
    struct uuid id = {{0}};
    TRY(ask_uuid(post, 1, "account", &id, err));
    return uuid_equal(id, post->account.id) || acme_refuse(err, "unauthorized", ERROR_FORBIDDEN,
                                                           "This account belongs to another key.");
}

bool acme_account(struct post *post, struct error *err) {
    struct acme_account account = post->account;
    const char *status = NULL;
    bool done = false;
    TRY(own(post, err));
    if (post->payload == NULL || post->payload->count == 0) {
        reply_account(post, 200, &account);
        return true;
    }
    TRY(json_string(post->payload, "status", &status, err));
    TRY(read_contacts(post, &account.contacts, err));
    /* rfc8555#7.3.2: any other status is ignored, and termsOfServiceAgreed: clients send back what they were shown. A
     * person agrees to terms that have changed (acme_accounts_agree). */
    if (status != NULL && strcmp(status, "deactivated") == 0)
        account.state = ACME_ACCOUNT_DEACTIVATED;
    account.changed_us = clock_now_us();
    const char *code =
        account.state == ACME_ACCOUNT_VALID ? "acme.account.changed" : "acme.account.deactivated";
    TX(tx, core_db(post->core), &done, err)
    tx.ok = post_spend(tx.tx, post, err) && acme_account_update(tx.tx, &account, err) &&
            post_note(tx.tx, post, code, "acme-account", account.id, NULL, err);
    TRY(done);
    post->spent = true;
    reply_account(post, 200, &account);
    return true;
}

/* rfc8555#7.1.2.1 */
bool acme_account_orders(struct post *post, struct error *err) {
    struct acme_order *orders = NULL;
    struct page page = {.limit = 100, .cursor = http_query(post->request, "cursor")};
    struct json_writer w = json_writer_on(post->arena);
    const char *next = NULL;
    size_t count = 0;
    bool done = false;
    struct uuid none = {{0}};
    int64_t now = clock_now_us();
    TRY(own(post, err));
    TRY(post_is_get(post, err));
    TX(tx, core_db(post->core), &done, err)
    tx.ok = acme_order_list(tx.tx, post->arena, &scope_everything, post->account.id, none, &page,
                            &orders, &count, &next, err);
    TRY(done);
    json_open_object(&w);
    json_name(&w, "orders");
    json_open_array(&w);
    for (size_t i = 0; i < count; i++)
        if (orders[i].state != ACME_ORDER_INVALID &&
            (orders[i].state != ACME_ORDER_PENDING || orders[i].expires_us > now))
            json_add_string(&w, post_url(post, "order", orders[i].id));
    json_close_array(&w);
    json_close_object(&w);
    if (next != NULL)
        post_link(post,
                  arena_printf(post->arena, "%s/orders?cursor=%s",
                               post_url(post, "acct", post->account.id), next),
                  "next");
    post_reply(post, 200, &w);
    return true;
}

/* The inner JWS proves the new key (rfc8555#7.3.5). */
static bool new_key(struct post *post, struct jwk *ret, struct error *err) {
    struct jws inner;
    const struct json *payload, *old = NULL;
    const char *account = NULL;
    struct jwk old_key;
    TRY(jws_read_json(post->arena, post->payload, &inner, err));
    if (inner.jwk == NULL || inner.nonce != NULL || strcmp(inner.url, post->jws.url) != 0)
        return acme_refuse(
            err, "malformed", ERROR_MALFORMED,
            "The inner JWS of a key change has the new key as jwk, the URL of the outer "
            "one and no nonce (rfc8555#7.3.5).");
    TRY(jwk_read(post->arena, inner.jwk, ret, err));
    if (!jwk_fits(ret, inner.alg) ||
        !jwk_verify(ret, inner.alg, inner.signing_input, inner.signature))
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "The signature of the inner JWS is wrong.");
    TRY(json_parse(post->arena, inner.payload, &payload, err));
    TRY(json_string(payload, "account", &account, err));
    TRY(json_object(payload, "oldKey", &old, err));
    TRY(jwk_read(post->arena, old, &old_key, err));
    if (account == NULL || strcmp(account, post->jws.kid) != 0 ||
        !view_equal(view_of(old_key.thumbprint, 32), view_of(post->account.thumbprint, 32)))
        return acme_refuse(err, "malformed", ERROR_MALFORMED,
                           "The key change names another account or another old key.");
    return true;
}

bool acme_key_change(struct post *post, struct error *err) {
    struct acme_account account = post->account, other;
    struct jwk jwk;
    bool done = false, duplicate = false, found = false;
    TRY(post_needs_payload(post, err));
    TRY(new_key(post, &jwk, err));
    account.jwk = jwk.canonical;
    memcpy(account.thumbprint, jwk.thumbprint, sizeof account.thumbprint);
    account.changed_us = clock_now_us();
    post->jwk = jwk;
    TRY(find_account(post, &other, &found, err));
    if (!found) {
        TX(tx, core_db(post->core), &done, err)
        tx.ok = post_spend(tx.tx, post, err) &&
                acme_account_rekey(tx.tx, &account, &duplicate, err) &&
                (duplicate || post_note(tx.tx, post, "acme.account.key-changed", "acme-account",
                                        account.id, NULL, err));
        TRY(done);
        post->spent = true;
        if (duplicate)
            TRY(find_account(post, &other, &found, err));
    }
    if (found) {
        struct json_writer w = json_writer_on(post->arena);
        /* rfc8555#7.3.5: 409 with the Location of the account that has the key */
        json_open_object(&w);
        json_put_string(&w, "type", "urn:ietf:params:acme:error:malformed");
        json_put_string(&w, "detail", "The new key has an account of its own.");
        json_put_int(&w, "status", 409);
        json_close_object(&w);
        http_add_header(post->response, "Location", post_url(post, "acct", other.id));
        http_reply_text(post->response, 409, "application/problem+json", json_written(&w));
        return true;
    }
    reply_account(post, 200, &account);
    return true;
}
