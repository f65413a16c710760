/* The key-encryption keys of a token: AES-256 token objects with the label "gatehouse-kek". Each
 * has an id that grows with time, so that after a rotation the newest one wraps while the older
 * ones still unwrap. */
#include "signer/objects.h"
#include "signer/task.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *left, const void *right) {
    const struct kek *a = left, *b = right;
    size_t shorter = a->id_len < b->id_len ? a->id_len : b->id_len;
    int order = memcmp(a->id, b->id, shorter);
    return order != 0 ? order : (a->id_len > b->id_len) - (a->id_len < b->id_len);
}

static CK_RV read_kek(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                      struct kek *ret_kek) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct view id;
    CK_RV rv = object_attribute(f, session, object, CKA_ID, arena, &id);
    if (rv != CKR_OK)
        return rv;
    if (id.len == 0 || id.len > KEK_ID_SIZE)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    ret_kek->object = object;
    ret_kek->id_len = id.len;
    memcpy(ret_kek->id, id.at, id.len);
    return CKR_OK;
}

static CK_RV list_keks(struct token *token, CK_SESSION_HANDLE session,
                       struct kek keks[static KEKS_MAX], size_t *ret_count) {
    const CK_FUNCTION_LIST *f = token->module->f;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE match[] = {ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_KEY_TYPE, type),
                            ATTRIBUTE_BYTES(CKA_LABEL, KEK_LABEL, sizeof KEK_LABEL - 1)};
    CK_OBJECT_HANDLE objects[KEKS_MAX];
    size_t found, count = 0;
    CK_RV rv = objects_find(f, session, match, 3, objects, KEKS_MAX, &found);
    for (size_t i = 0; rv == CKR_OK && i < found; i++) {
        rv = read_kek(f, session, objects[i], &keks[count]);
        if (rv == CKR_OK)
            count++;
        else if (rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_TYPE_INVALID)
            rv = CKR_OK; /* somebody else's key under our label: not usable, not an error */
    }
    if (rv == CKR_OK) {
        qsort(keks, count, sizeof *keks, by_id);
        *ret_count = count;
    }
    return rv;
}

static bool pick_kek(const struct kek *keks, size_t count, struct view id, struct kek *ret_kek) {
    for (size_t i = count; i-- > 0;)
        if (id.len == 0 || view_equal(id, view_of(keks[i].id, keks[i].id_len))) {
            *ret_kek = keks[i];
            return true;
        }
    return false;
}

static bool cached_kek(struct token *token, uint64_t generation, struct view id,
                       struct kek *ret_kek) {
    pthread_mutex_lock(&token->lock);
    bool found =
        generation == token->generation && pick_kek(token->keks, token->kek_count, id, ret_kek);
    pthread_mutex_unlock(&token->lock);
    return found;
}

static bool no_kek(struct token *token, bool named, struct error *err) {
    if (named)
        return fail(
            err, ERROR_CONFLICT, "no-kek",
            "Token \"%s\" does not hold the key-encryption key that wrapped this key; restore "
            "the token that belongs to this database.",
            token->label);
    return fail(err, ERROR_CONFLICT, "no-kek",
                "Token \"%s\" has no key-encryption key yet: run gatehouse-signer --init.",
                token->label);
}

bool task_kek(struct task *task, struct view id, struct kek *ret_kek, struct error *err) {
    struct token *token = task->token;
    struct session session = task->session;
    struct kek keks[KEKS_MAX];
    size_t count;
    if (cached_kek(token, session.generation, id, ret_kek))
        return true;
    CK_RV rv = list_keks(token, session.handle, keks, &count);
    if (rv == CKR_OK && count == 0 && token_session_is_public(token, session.handle))
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv != CKR_OK)
        return task_fail(task, "find the key-encryption key", rv, err);
    pthread_mutex_lock(&token->lock);
    if (session.generation == token->generation) {
        memcpy(token->keks, keks, sizeof keks);
        token->kek_count = count;
    }
    pthread_mutex_unlock(&token->lock);
    return pick_kek(keks, count, id, ret_kek) ? true : no_kek(token, id.len > 0, err);
}
