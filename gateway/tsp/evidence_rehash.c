/* Hash-tree renewal (RFC 4998, 5.3): before a hash algorithm gets weak, documents are hashed anew; one timestamp covers
 * their new hashes together with all the evidence so far. Nothing is kept: records come in and go out. */
#include "tsp/manage.h"

#include "base/encode.h"
#include "tsp/ers.h"

#include <string.h>

#define MAX_DOCUMENTS 1000

struct document {
    struct view record, imprint;
    uint8_t leaf[EVP_MAX_MD_SIZE];
};

static bool wrong(struct error *err, size_t number, const char *what) {
    return fail(err, ERROR_MALFORMED, "evidence", "documents: number %zu %s.", number, what);
}

/* {"record": base64, "imprints": {"SHA-256": hex, "SHA-512": hex}}: all hashes that its verification needs, and the one
 * under the new algorithm. */
static bool read_document(struct arena *arena, const struct json *item, const struct tsp_digest *digest,
                          size_t number, struct document *ret, struct error *err) {
    static const char *const members[] = {"record", "imprints", NULL};
    const struct json *imprints = NULL;
    const char *record = NULL;
    struct ers_verdict verdict;
    size_t count = 0;
    if (item->type != JSON_OBJECT)
        return wrong(err, number, "is no object");
    TRY(json_only(item, members, err));
    TRY(json_string(item, "record", &record, err));
    TRY(json_object(item, "imprints", &imprints, err));
    if (record == NULL || imprints == NULL || !base64_decode(arena, view_text(record), &ret->record))
        return wrong(err, number, "needs a \"record\" in base64 and \"imprints\"");
    struct ers_imprint *known = arena_array(arena, imprints->count, sizeof *known);
    JSON_EACH (one, imprints) {
        known[count].digest = one->name;
        if (one->type != JSON_STRING || !hex_decode(arena, view_text(one->text), &known[count].hash))
            return wrong(err, number, "has an imprint that is no hash in hex");
        if (strcmp(one->name, digest->name) == 0)
            ret->imprint = known[count].hash;
        count++;
    }
    if (ret->imprint.len != digest->size)
        return wrong(err, number, "has no imprint under the new algorithm");
    TRY(ers_verify(arena, ret->record, known, count, &verdict, err));
    if (verdict.stamp_count + 1 > ERS_MAX_STAMPS)
        return wrong(err, number, "was renewed as often as can be");
    return ers_rehash_leaf(digest, ret->record, ret->imprint, ret->leaf, err);
}

static bool read_all(struct arena *arena, const struct json *list, const struct tsp_digest *digest,
                     struct document **ret, struct error *err) {
    size_t n = 0;
    if (list == NULL || list->count == 0 || list->count > MAX_DOCUMENTS)
        return fail(err, ERROR_POLICY, "evidence", "documents: has 1 to %d records.", MAX_DOCUMENTS);
    struct document *items = arena_array(arena, list->count, sizeof *items);
    JSON_EACH (item, list) {
        TRY(read_document(arena, item, digest, n + 1, &items[n], err));
        n++;
    }
    *ret = items;
    return true;
}

struct tree {
    uint8_t *leaves;
    size_t count;
};

static struct tree sorted(struct arena *arena, const struct document *items, size_t count, size_t size) {
    struct tree tree = {.leaves = arena_array(arena, count, size)};
    for (size_t i = 0; i < count; i++)
        memcpy(tree.leaves + i * size, items[i].leaf, size);
    tree.count = ers_sort(tree.leaves, count, size);
    return tree;
}

static bool write_record(struct arena *arena, struct json_writer *w, const struct tsp_digest *digest,
                         const struct tree *tree, const struct document *one, struct view token,
                         struct error *err) {
    size_t size = digest->size, at = 0;
    struct view leaf = view_of(one->leaf, size), record;
    struct ers_path path = {.count = 0};
    while (!view_equal(leaf, view_of(tree->leaves + at * size, size)))
        at++;
    struct view work = arena_copy(arena, tree->leaves, tree->count * size);
    TRY(ers_climb(arena, digest, (uint8_t *)work.at, tree->count, at, &path, err));
    TRY(ers_append(arena, one->record, digest, leaf, &path, token, &record, err));
    json_add_string(w, base64_encode(arena, record));
    return true;
}

HANDLER(evidence_rehash) {
    static const char *const members[] = {"digest", "issuer", "documents", NULL};
    struct tsp_management *m = context;
    struct arena *arena = request->arena;
    const struct json *document, *list = NULL;
    const char *name, *issuer = "default";
    const struct tsp_digest *digest;
    struct document *items;
    struct ca_record ca;
    struct tsp_query query;
    struct view token;
    uint8_t root[EVP_MAX_MD_SIZE];
    int64_t at;
    TRY(manage_ca(m, request, MAY_CREATE_REQUESTS, &ca, err));
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "digest", &name, err));
    TRY(json_string(document, "issuer", &issuer, err));
    TRY(json_array(document, "documents", &list, err));
    TRY(evidence_digest(name, &digest, err));
    TRY(read_all(arena, list, digest, &items, err));
    struct tree tree = sorted(arena, items, list->count, digest->size);
    struct view work = arena_copy(arena, tree.leaves, tree.count * digest->size);
    TRY(ers_root(digest, (uint8_t *)work.at, tree.count, root, err));
    evidence_ask(arena, digest, root, &query);
    TRY(tsp_stamp(m->tsp, arena, ca.slug, manage_issuer_name(issuer), &query, request->address, &token, &at, err));
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_time(&w, "at", at);
    json_name(&w, "records");
    json_open_array(&w);
    for (size_t i = 0; i < list->count; i++)
        TRY(write_record(arena, &w, digest, &tree, &items[i], token, err));
    json_close_array(&w);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
