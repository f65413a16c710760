#include "ca/inventory.h"

#include "base/clock.h"
#include "base/json.h"
#include "ca/certificate_steps.h"
#include "ca/issue.h"

#include <string.h>

static bool bad_tag(struct error *err, const char *tag) {
    return fail(
        err, ERROR_POLICY, "bad-tag",
        "The tag \"%.64s\" is empty, longer than %d octets, or holds a comma, a space at an end or "
        "a control character; at most %d tags are possible.",
        tag, MAX_TAG, MAX_TAGS);
}

static bool good_tag(const char *tag) {
    size_t len = strlen(tag);
    if (len == 0 || len > MAX_TAG || tag[0] == ' ' || tag[len - 1] == ' ')
        return false;
    for (const char *c = tag; *c != '\0'; c++)
        if (*c == ',' || (unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

struct tags {
    const char *items[MAX_TAGS];
    size_t count;
};

static bool add_tag(struct tags *tags, const struct json *tag, struct error *err) {
    if (tag->type != JSON_STRING || !good_tag(tag->text))
        return bad_tag(err, tag->type == JSON_STRING ? tag->text : "");
    for (size_t i = 0; i < tags->count; i++)
        if (strcmp(tags->items[i], tag->text) == 0)
            return true;
    if (tags->count == MAX_TAGS)
        return bad_tag(err, tag->text);
    tags->items[tags->count++] = tag->text;
    return true;
}

static void remove_tag(struct tags *tags, const char *tag) {
    for (size_t i = 0; i < tags->count; i++)
        if (strcmp(tags->items[i], tag) == 0)
            tags->items[i--] = tags->items[--tags->count];
}

static bool new_tags(struct arena *arena, const struct certificate_record *old,
                     const struct certificate_edit *edit, struct tags *tags, struct error *err) {
    const struct json *before = edit->tags;
    if (before == NULL)
        TRY(json_parse(arena, view_text(old->tags), &before, err));
    JSON_EACH (tag, before)
        TRY(add_tag(tags, tag, err));
    JSON_EACH (tag, edit->add_tags)
        TRY(add_tag(tags, tag, err));
    JSON_EACH (tag, edit->remove_tags)
        if (tag->type == JSON_STRING)
            remove_tag(tags, tag->text);
    return true;
}

static bool check_owner(const char *owner, struct error *err) {
    bool ok = strlen(owner) <= MAX_OWNER && utf8_valid(view_text(owner));
    for (const char *c = owner; *c != '\0'; c++)
        ok = ok && (unsigned char)*c >= 0x20 && *c != 0x7f;
    return ok ||
           fail(err, ERROR_POLICY, "bad-owner",
                "The owner is longer than %d octets or holds a control character.", MAX_OWNER);
}

/* The old fields with the edit's over them. */
static bool new_fields(struct tx *tx, struct arena *arena, const struct certificate_record *old,
                       const struct certificate_edit *edit, const char **ret_fields,
                       struct error *err) {
    const struct json *before, *definitions, *after;
    struct field_document document;
    struct json_writer w = json_writer_on(arena);
    if (edit->fields == NULL) {
        *ret_fields = old->fields;
        return true;
    }
    TRY(json_parse(arena, view_text(old->fields), &before, err));
    json_open_object(&w);
    JSON_EACH (field, before)
        if (json_get(edit->fields, field->name) == NULL) {
            json_name(&w, field->name);
            json_add_value(&w, field);
        }
    JSON_EACH (field, edit->fields)
        if (field->type != JSON_NULL) {
            json_name(&w, field->name);
            json_add_value(&w, field);
        }
    json_close_object(&w);
    TRY(json_parse(arena, view_text(json_written(&w)), &after, err));
    TRY(field_document_get(tx, arena, old->organisation_id, &document, err));
    TRY(json_parse(arena, view_text(document.document), &definitions, err));
    TRY(fields_check_values(definitions, after, err));
    *ret_fields = json_written(&w);
    return true;
}

static bool note_edit(struct tx *tx, struct arena *arena, const struct actor *actor,
                      const struct certificate_record *certificate, const struct note_record *after,
                      struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "owner", after->owner);
    json_name(&w, "tags");
    json_open_array(&w);
    for (size_t i = 0; i < after->tag_count; i++)
        json_add_string(&w, after->tags[i]);
    json_close_array(&w);
    json_put_bool(&w, "archived", after->archived_us != 0);
    json_close_object(&w);
    struct event_note note = {.code = "certificate.edited",
                              .organisation_id = certificate->organisation_id,
                              .ca_id = certificate->ca_id,
                              .object_kind = "certificate",
                              .object = uuid_text(arena, certificate->id),
                              .details = json_written(&w)};
    return access_note(tx, actor, &note, err);
}

static bool write_edit(struct tx *tx, struct arena *arena, const struct actor *actor,
                       const struct certificate_record *old, const struct certificate_edit *edit,
                       struct error *err) {
    struct tags *tags = arena_alloc(arena, sizeof *tags);
    struct note_record note = {.certificate_id = old->id,
                               .owner = edit->owner == NULL ? old->owner : edit->owner,
                               .archived_us = old->archived_us,
                               .revision = old->note_revision};
    TRY(actor_may(actor, MAY_EDIT_CERTIFICATES, old->organisation_id, old->ca_id, err));
    if (edit->revision >= 0 && edit->revision != old->note_revision)
        return fail(
            err, ERROR_CONFLICT, "changed-meanwhile",
            "The certificate's owner, tags or fields were changed by somebody else meanwhile; read "
            "it again and repeat.");
    TRY(check_owner(note.owner, err));
    TRY(new_tags(arena, old, edit, tags, err));
    TRY(new_fields(tx, arena, old, edit, &note.fields, err));
    if (edit->archived != NULL && *edit->archived != (old->archived_us != 0))
        note.archived_us = *edit->archived ? clock_now_us() : 0;
    note.tags = tags->items;
    note.tag_count = tags->count;
    return note_put(tx, arena, &note, err) && note_edit(tx, arena, actor, old, &note, err);
}

bool edit_in(struct tx *tx, struct arena *arena, const struct actor *actor, struct uuid id,
             const struct certificate_edit *edit, struct error *err) {
    struct scope scope;
    struct certificate_record old;
    actor_scope(arena, actor, MAY_READ_CERTIFICATES, &scope);
    return certificate_by_id(tx, arena, &scope, id, &old, err) && write_edit(tx, arena, actor, &old, edit, err);
}

bool certificate_edit(struct core *core, struct arena *arena, const struct actor *actor,
                      struct uuid id, const struct certificate_edit *edit,
                      struct certificate_record *ret, struct error *err) {
    struct scope scope;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CERTIFICATES, &scope);
    TX(tx, core_db(core), &done, err)
    tx.ok = edit_in(tx.tx, arena, actor, id, edit, err) &&
            certificate_by_id(tx.tx, arena, &scope, id, ret, err);
    return done;
}

bool certificate_count_all(struct core *core, struct arena *arena, const struct actor *actor,
                           const char *ca_slug, struct certificate_filter *filter, int64_t most,
                           int64_t *ret_count, struct error *err) {
    struct scope scope, cas;
    bool done = false;
    actor_scope(arena, actor, MAY_READ_CERTIFICATES, &scope);
    actor_scope(arena, actor, MAY_READ_CAS, &cas);
    TX(tx, core_db(core), &done, err) {
        struct ca_record ca;
        tx.ok = ca_slug == NULL || ca_by_slug(tx.tx, arena, &cas, ca_slug, &ca, err);
        if (tx.ok && ca_slug != NULL)
            filter->ca_id = ca.id;
        tx.ok = tx.ok && certificate_count(tx.tx, arena, &scope, filter, most, ret_count, err);
    }
    return done;
}

bool certificate_lineage(struct core *core, struct arena *arena, struct uuid id,
                         struct certificate_lineage *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = certificate_line(tx.tx, arena, id, &ret->predecessor, &ret->successors,
                             &ret->successor_count, err);
    return done;
}

bool view_create(struct core *core, struct arena *arena, const struct actor *actor,
                 const char *name, const char *filter, struct view_record *ret, struct error *err) {
    bool done = false;
    struct view_record view = {.id = uuid_new(),
                               .user_id = actor->user_id,
                               .name = name,
                               .filter = filter,
                               .created_us = clock_now_us()};
    if (name[0] == '\0' || strlen(name) > MAX_NAME || strlen(filter) > MAX_FILTER)
        return fail(err, ERROR_POLICY, "bad-name",
                    "A view has a name of 1 to %d octets and a filter of at most %d.", MAX_NAME,
                    MAX_FILTER);
    TX(tx, core_db(core), &done, err)
    tx.ok = view_insert(tx.tx, &view, err) &&
            access_note(tx.tx, actor,
                        &(struct event_note){.code = "view.created",
                                             .object_kind = "view",
                                             .object = uuid_text(arena, view.id)},
                        err);
    TRY(done);
    *ret = view;
    return true;
}

bool view_all(struct core *core, struct arena *arena, const struct actor *actor,
              struct view_record **ret_items, size_t *ret_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = view_list(tx.tx, arena, actor->user_id, ret_items, ret_count, err);
    return done;
}

bool view_remove(struct core *core, const struct actor *actor, struct uuid id, struct error *err) {
    SCOPED_ARENA struct arena *arena = arena_new();
    bool done = false;
    TX(tx, core_db(core), &done, err)
    tx.ok = view_delete(tx.tx, actor->user_id, id, err) &&
            access_note(tx.tx, actor,
                        &(struct event_note){.code = "view.deleted",
                                             .object_kind = "view",
                                             .object = uuid_text(arena, id)},
                        err);
    return done;
}
