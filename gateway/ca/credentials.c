#include "ca/credentials.h"

#include "ca/credential_rules.h"
#include "ca/secret.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "store/cas.h"
#include "store/credentials.h"
#include "store/templates.h"

#include <openssl/evp.h>
#include <string.h>

#define DEFAULT_OCTETS 16

enum credential_state credential_state_at(const struct credential *credential, int64_t now_us) {
    if (credential->revoked)
        return CREDENTIAL_REVOKED;
    if (credential->uses != 0 && credential->used >= credential->uses)
        return CREDENTIAL_CONSUMED;
    if (credential->expires_us != 0 && credential->expires_us <= now_us)
        return CREDENTIAL_EXPIRED;
    return CREDENTIAL_AVAILABLE;
}

void credential_from_record(const struct credential_record *record, struct credential *ret) {
    *ret = (struct credential){.id = record->id,
                               .template_id = record->template_id,
                               .kind = (enum credential_kind)record->kind,
                               .name = record->name,
                               .label = record->label,
                               .uses = record->uses,
                               .used = record->used,
                               .created_us = record->created_us,
                               .expires_us = record->expires_us,
                               .last_used_us = record->last_used_us,
                               .maker_id = record->maker_id,
                               .maker = record->maker,
                               .bound = record->bound,
                               .revoked = record->revoked};
}

bool credential_note(struct tx *tx, const struct actor *actor, const struct credential_owner *owner,
                     const char *code, struct uuid id, const char *details, struct error *err) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = owner->ca.organisation_id,
                                            .ca_id = owner->ca.id,
                                            .object_kind = "credential",
                                            .object = text,
                                            .details = details},
                       err);
}

bool credential_owner(struct tx *tx, struct arena *arena, const struct actor *actor,
                      struct uuid template_id, const char *slug, struct credential_owner *ret,
                      struct error *err) {
    struct scope scope;
    struct template_record found;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    if (slug == NULL) { /* a deleted template is found by its id, but not by its slug */
        TRY(template_version(tx, arena, template_id, 0, &found, err));
        slug = found.slug;
    }
    TRY(template_by_slug(tx, arena, &scope, slug, &ret->template, err));
    TRY(ca_by_id(tx, arena, &scope, ret->template.ca_id, &ret->ca, err));
    ret->manages =
        actor_can(actor, MAY_MANAGE_TEMPLATES, ret->ca.organisation_id, ret->ca.id);
    return true;
}

/* --- making ----------------------------------------------------------------------------------------- */

/* May the actor make it, and for whom? */
static bool check_maker(struct tx *tx, struct arena *arena, const struct actor *actor,
                        const struct credential_owner *owner, const struct credential_order *order,
                        struct credential_record *record, struct error *err) {
    bool for_other = !uuid_is_nil(order->on_behalf_of) &&
                     !uuid_equal(order->on_behalf_of, actor->user_id);
    struct user user;
    record->maker_id = actor->user_id;
    record->maker = actor->name;
    if (!owner->manages) {
        if (for_other || order->kind != CREDENTIAL_CHALLENGE || order->uses != 1)
            return actor_may(actor, MAY_MANAGE_TEMPLATES, owner->ca.organisation_id, owner->ca.id,
                             err);
        TRY(actor_may(actor, MAY_CREATE_REQUESTS, owner->ca.organisation_id, owner->ca.id, err));
    }
    if (!for_other)
        return true;
    TRY(user_by_id(tx, arena, &scope_everything, order->on_behalf_of, &user, err));
    record->maker_id = user.id;
    record->maker = user.username;
    return true;
}

static bool room_for_chosen(struct tx *tx, struct arena *arena,
                            const struct credential_record *record, struct error *err) {
    struct credential_record *others;
    size_t count;
    if (record->password_hash[0] == '\0')
        return true;
    TRY(credential_chosen(tx, arena, record->template_id, record->kind, record->created_us, &others,
                          &count, err));
    return count < MAX_CHOSEN_CREDENTIALS ||
           fail(err, ERROR_CONFLICT, "too-many-credentials",
                "The template has %d chosen secrets of this kind already; revoke one, or let the "
                "secret be made.",
                MAX_CHOSEN_CREDENTIALS);
}

static const char *made_secret(struct arena *arena, size_t octets) {
    uint8_t bytes[64];
    if (octets == 0)
        octets = DEFAULT_OCTETS;
    random_bytes(bytes, octets);
    char *text = hex_encode(arena, view_of(bytes, octets));
    for (char *at = text; *at != '\0'; at++)
        *at = (char)(*at >= 'a' ? *at - 'a' + 'A' : *at);
    return text;
}

/* What is kept of the secret. No transaction is open: sealing may ask the signer. */
static bool keep_secret(struct core *core, struct arena *arena, const struct credential_order *order,
                        const char *secret, struct credential_record *record, struct error *err) {
    uint8_t *hash;
    record->password_hash = record->sealed = "";
    if (order->kind == CREDENTIAL_MAC || order->kind == CREDENTIAL_KEY)
        return secret_seal(core, arena, credential_place(arena, record->id), view_text(secret),
                           &record->sealed, err);
    if (order->secret != NULL)
        return password_hash(arena, secret, &record->password_hash, err);
    hash = arena_alloc(arena, 32);
    EVP_Digest(secret, strlen(secret), hash, NULL, EVP_sha256(), NULL);
    record->hash = view_of(hash, 32);
    return true;
}

static const char *describe(struct arena *arena, const struct credential_owner *owner,
                            const struct credential_record *record) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "template", owner->template.slug);
    json_put_string(&w, "kind", credential_kind_name((enum credential_kind)record->kind));
    json_put_string(&w, "name", record->name);
    json_put_string(&w, "label", record->label);
    json_put_string(&w, "maker", record->maker);
    json_put_int(&w, "uses", record->uses);
    if (record->expires_us != 0)
        json_put_time(&w, "expiresAt", record->expires_us);
    json_close_object(&w);
    return json_written(&w);
}

struct making {
    const struct credential_order *order;
    bool rotate;
    int64_t overlap_us;
};

static bool make(struct core *core, struct arena *arena, const struct actor *actor,
                 const struct making *making, struct credential *ret, const char **ret_secret,
                 struct error *err) {
    const struct credential_order *order = making->order;
    struct credential_record record = {.id = uuid_new(),
                                       .template_id = order->template_id,
                                       .kind = order->kind,
                                       .name = order->name == NULL ? "" : order->name,
                                       .label = order->label == NULL ? "" : order->label,
                                       .uses = order->uses,
                                       .created_us = clock_now_us(),
                                       .expires_us = order->expires_us,
                                       .bound = order->bound == NULL ? "{}" : order->bound};
    bool done = false;
    TRY(credential_order_check(arena, order, record.created_us, err));
    const char *secret =
        order->secret != NULL ? order->secret : made_secret(arena, order->secret_octets);
    TRY(keep_secret(core, arena, order, secret, &record, err));
    TX(tx, core_db(core), &done, err) {
        struct credential_owner owner;
        tx.ok = credential_owner(tx.tx, arena, actor, order->template_id, NULL, &owner, err) &&
                check_maker(tx.tx, arena, actor, &owner, order, &record, err) &&
                room_for_chosen(tx.tx, arena, &record, err) &&
                (!making->rotate ||
                 credential_end_static(tx.tx, record.template_id, record.kind,
                                       record.created_us + making->overlap_us, err)) &&
                credential_insert(tx.tx, &record, err) &&
                credential_note(tx.tx, actor, &owner, "credential.created", record.id,
                                describe(arena, &owner, &record), err);
    }
    TRY(done);
    credential_from_record(&record, ret);
    *ret_secret = secret;
    return true;
}

bool credential_create(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct credential_order *order, struct credential *ret,
                       const char **ret_secret, struct error *err) {
    return make(core, arena, actor, &(struct making){.order = order}, ret, ret_secret, err);
}

bool credential_rotate(struct core *core, struct arena *arena, const struct actor *actor,
                       const struct credential_order *order, int64_t overlap_us,
                       struct credential *ret, const char **ret_secret, struct error *err) {
    struct making making = {.order = order, .rotate = true, .overlap_us = overlap_us};
    if (order->uses != 0)
        return fail_internal(err, "a credential with a number of uses is not rotated");
    if (overlap_us < 0 || overlap_us > 366 * US_PER_DAY)
        return fail(err, ERROR_POLICY, "bad-time",
                    "The old passphrase may go on for at most 366 days.");
    return make(core, arena, actor, &making, ret, ret_secret, err);
}

/* --- looking after ---------------------------------------------------------------------------------- */

bool credential_get(struct core *core, struct arena *arena, const struct actor *actor,
                    struct uuid id, struct credential *ret, struct error *err) {
    struct credential_record record;
    struct credential_owner owner;
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        tx.ok = credential_by_id(tx.tx, arena, &scope_everything, id, &record, err) &&
                credential_owner(tx.tx, arena, actor, record.template_id, NULL, &owner, err) &&
                credential_visible(actor, &owner, &record, err);
    }
    TRY(done);
    credential_from_record(&record, ret);
    return true;
}

bool credential_revoke(struct core *core, struct arena *arena, const struct actor *actor,
                       struct uuid id, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct credential_record record;
        struct credential_owner owner;
        tx.ok = credential_by_id(tx.tx, arena, &scope_everything, id, &record, err) &&
                credential_owner(tx.tx, arena, actor, record.template_id, NULL, &owner, err) &&
                credential_visible(actor, &owner, &record, err) &&
                (uuid_equal(record.maker_id, actor->user_id) ||
                 actor_may(actor, MAY_MANAGE_TEMPLATES, owner.ca.organisation_id, owner.ca.id,
                           err)) &&
                credential_mark_revoked(tx.tx, id, err) &&
                credential_note(tx.tx, actor, &owner, "credential.revoked", id,
                                describe(arena, &owner, &record), err);
    }
    return done;
}

static struct credential_filter filter_of(const struct actor *actor,
                                          const struct credential_owner *owner,
                                          const struct credential_query *query, bool all) {
    static const enum credential_filter_state states[] = {
        [CREDENTIAL_AVAILABLE] = CREDENTIALS_AVAILABLE,
        [CREDENTIAL_CONSUMED] = CREDENTIALS_CONSUMED,
        [CREDENTIAL_EXPIRED] = CREDENTIALS_EXPIRED,
        [CREDENTIAL_REVOKED] = CREDENTIALS_REVOKED};
    return (struct credential_filter){
        .template_id = owner->template.id,
        .kind = query->kind,
        .state = query->any_state ? CREDENTIALS_ALL : states[query->state],
        .maker_id = all ? query->maker_id : actor->user_id,
        .now_us = clock_now_us()};
}

bool credential_search(struct core *core, struct arena *arena, const struct actor *actor,
                       const char *template_slug, const struct credential_query *query,
                       const struct page *page, struct credential **ret_items, size_t *ret_count,
                       const char **ret_next, struct error *err) {
    struct credential_record *records = NULL;
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct credential_owner owner;
        tx.ok = credential_owner(tx.tx, arena, actor, (struct uuid){{0}}, template_slug, &owner, err);
        if (tx.ok) {
            bool all = owner.manages || actor_can(actor, MAY_READ_EVENTS, owner.ca.organisation_id,
                                                  owner.ca.id);
            struct credential_filter filter = filter_of(actor, &owner, query, all);
            tx.ok = (all || !uuid_is_nil(actor->user_id) ||
                     actor_may(actor, MAY_MANAGE_TEMPLATES, owner.ca.organisation_id, owner.ca.id,
                               err)) &&
                    credential_list(tx.tx, arena, &filter, page, &records, ret_count, ret_next, err);
        }
    }
    TRY(done);
    struct credential *items = arena_array(arena, *ret_count, sizeof *items);
    for (size_t i = 0; i < *ret_count; i++)
        credential_from_record(&records[i], &items[i]);
    *ret_items = items;
    return true;
}

bool credential_page(struct core *core, struct arena *arena, const struct actor *actor,
                     const char *template_slug, enum credential_kind kind, const struct page *page,
                     struct credential **ret_items, size_t *ret_count, const char **ret_next,
                     struct error *err) {
    return credential_search(core, arena, actor, template_slug,
                             &(struct credential_query){.kind = kind, .any_state = true}, page,
                             ret_items, ret_count, ret_next, err);
}

bool credential_remove(struct core *core, struct arena *arena, const struct actor *actor,
                       const char *template_slug, const struct credential_query *query,
                       int64_t *ret_removed, struct error *err) {
    int64_t removed = 0;
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct credential_owner owner;
        tx.ok = credential_owner(tx.tx, arena, actor, (struct uuid){{0}}, template_slug, &owner, err);
        if (tx.ok) {
            struct credential_filter filter = filter_of(actor, &owner, query, owner.manages);
            tx.ok = (owner.manages || !uuid_is_nil(actor->user_id) ||
                     actor_may(actor, MAY_MANAGE_TEMPLATES, owner.ca.organisation_id, owner.ca.id,
                               err)) &&
                    credential_delete(tx.tx, &filter, &removed, err) &&
                    credential_note(tx.tx, actor, &owner, "credential.removed", owner.template.id,
                                    arena_printf(arena, "{\"template\":\"%s\",\"count\":%lld}",
                                                 owner.template.slug, (long long)removed),
                                    err);
        }
    }
    TRY(done);
    *ret_removed = removed;
    return true;
}

bool credential_housekeeping(struct core *core, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = guess_purge(tx.tx, clock_now_us() - US_PER_DAY, err);
    return done;
}
