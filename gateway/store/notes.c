#include "store/notes.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/query.h"
#include "store/text.h"

static const char sql_add[] = "INSERT INTO certificate_notes (certificate_id, owner, owner_folded, "
                              "tags, fields, archived_us, "
                              "revision, changed_us) VALUES (?, ?, ?, ?, ?, ?, 1, ?)";
static const char sql_change[] =
    "UPDATE certificate_notes SET owner = ?, owner_folded = ?, tags = ?, fields = ?, archived_us = "
    "?, "
    "revision = revision + 1, changed_us = ? WHERE certificate_id = ? AND revision = ?";
static const char sql_untag[] = "DELETE FROM certificate_tags WHERE certificate_id = ?";
static const char sql_tag[] = "INSERT INTO certificate_tags (tag, certificate_id) VALUES (?, ?)";
static const char sql_fields[] =
    "SELECT f.document, f.version FROM certificate_fields f WHERE f.organisation_id = ?";
static const char sql_add_fields[] = "INSERT INTO certificate_fields (organisation_id, document, "
                                     "version, changed_us) VALUES (?, ?, 1, ?)";
static const char sql_change_fields[] =
    "UPDATE certificate_fields SET document = ?, version = version + 1, changed_us = ? "
    "WHERE organisation_id = ? AND version = ?";

static const char *tags_json(struct arena *arena, const struct note_record *note) {
    struct json_writer w = json_writer_on(arena);
    json_open_array(&w);
    for (size_t i = 0; i < note->tag_count; i++)
        json_add_string(&w, note->tags[i]);
    json_close_array(&w);
    return json_written(&w);
}

static bool changed(const char *what, struct error *err) {
    return fail(err, ERROR_CONFLICT, "changed-meanwhile",
                "%s changed by somebody else meanwhile; read it again and repeat.", what);
}

static bool put_row(struct tx *tx, struct arena *arena, const struct note_record *n,
                    struct error *err) {
    const char *folded = text_fold(arena, n->owner), *tags = tags_json(arena, n);
    int64_t now = clock_now_us(), matched = 0;
    bool duplicate = false;
    if (n->revision == 0)
        TRY(tx_insert(tx, sql_add,
                      PARAMS(p_uuid(&n->certificate_id), p_text(n->owner), p_text(folded),
                             p_text(tags), p_text(n->fields), p_int(n->archived_us), p_int(now)),
                      &duplicate, err));
    else
        TRY(tx_execute(tx, sql_change,
                       PARAMS(p_text(n->owner), p_text(folded), p_text(tags), p_text(n->fields),
                              p_int(n->archived_us), p_int(now), p_uuid(&n->certificate_id),
                              p_int(n->revision)),
                       &matched, err));
    return (n->revision == 0 ? !duplicate : matched == 1) ||
           changed("The certificate's owner, tags or fields were", err);
}

bool note_put(struct tx *tx, struct arena *arena, const struct note_record *note,
              struct error *err) {
    bool duplicate;
    TRY(put_row(tx, arena, note, err));
    TRY(tx_execute(tx, sql_untag, PARAMS(p_uuid(&note->certificate_id)), NULL, err));
    for (size_t i = 0; i < note->tag_count; i++)
        TRY(tx_insert(tx, sql_tag, PARAMS(p_text(note->tags[i]), p_uuid(&note->certificate_id)),
                      &duplicate, err));
    return true;
}

bool field_document_get(struct tx *tx, struct arena *arena, struct uuid organisation_id,
                        struct field_document *ret, struct error *err) {
    struct field_document document = {.document = "[]"};
    struct rows rows;
    bool found;
    TRY(rows_first(tx, arena, sql_fields, PARAMS(p_uuid(&organisation_id)), &rows, &found, err));
    if (found) {
        document.document = rows_text(&rows);
        document.version = rows_int(&rows);
        TRY(rows_close(&rows, err));
    }
    *ret = document;
    return true;
}

bool field_document_put(struct tx *tx, struct uuid organisation_id,
                        const struct field_document *document, struct error *err) {
    int64_t now = clock_now_us(), matched = 0;
    bool duplicate = false;
    if (document->version == 0)
        TRY(tx_insert(tx, sql_add_fields,
                      PARAMS(p_uuid(&organisation_id), p_text(document->document), p_int(now)),
                      &duplicate, err));
    else
        TRY(tx_execute(tx, sql_change_fields,
                       PARAMS(p_text(document->document), p_int(now), p_uuid(&organisation_id),
                              p_int(document->version)),
                       &matched, err));
    return (document->version == 0 ? !duplicate : matched == 1) || changed("The fields were", err);
}
