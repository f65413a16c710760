/* The key-encryption keys of a token: AES-256 token objects with the label "gatehouse-kek". Each
 * has an id that grows with time, so that after a rotation the newest one wraps while the older
 * ones still unwrap. */
#include "signer/kek.h"

#include "base/log.h"
#include "base/uuid.h"
#include "signer/objects.h"

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

/* ---- making and removing --------------------------------------------------------------------- */

static void forget_list(struct token *token) {
    pthread_mutex_lock(&token->lock);
    token->kek_count = 0; /* looked up anew */
    pthread_mutex_unlock(&token->lock);
}

/* The attributes of every key-encryption key; a value is there when it was not made in the token. */
static CK_RV create(struct task *task, const struct kek *kek, struct view value,
                    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *ret_object) {
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static const CK_ULONG size = KEK_SIZE;
    static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    static const CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE rows[] = {
        ATTRIBUTE(CKA_TOKEN, yes),
        ATTRIBUTE(CKA_PRIVATE, yes),
        ATTRIBUTE(CKA_SENSITIVE, yes),
        ATTRIBUTE(CKA_EXTRACTABLE, no),
        ATTRIBUTE(CKA_WRAP, yes),
        ATTRIBUTE(CKA_UNWRAP, yes),
        ATTRIBUTE(CKA_ENCRYPT, no),
        ATTRIBUTE(CKA_DECRYPT, no),
        ATTRIBUTE(CKA_SIGN, no),
        ATTRIBUTE(CKA_VERIFY, no),
        ATTRIBUTE_BYTES(CKA_ID, kek->id, kek->id_len),
        ATTRIBUTE_BYTES(CKA_LABEL, KEK_LABEL, sizeof KEK_LABEL - 1),
        ATTRIBUTE(CKA_VALUE_LEN, size), /* or class, type and value */
        ATTRIBUTE(CKA_KEY_TYPE, type),
        ATTRIBUTE_BYTES(CKA_VALUE, value.at, value.len),
    };
    CK_ULONG common = 12;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    if (value.len == 0)
        return task->f->C_GenerateKey(session, &mechanism, rows, common + 1, ret_object);
    rows[common] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_CLASS, class);
    return task->f->C_CreateObject(session, rows, common + 3, ret_object);
}

bool kek_list(struct task *task, struct kek keks[static KEKS_MAX], size_t *ret_count,
              struct error *err) {
    CK_RV rv = list_keks(task->token, task->session.handle, keks, ret_count);
    return rv == CKR_OK || task_fail(task, "find the key-encryption keys", rv, err);
}

bool kek_put(struct task *task, const struct kek *kek, struct view value, struct error *err) {
    struct kek keks[KEKS_MAX];
    size_t count;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
    TRY(kek_list(task, keks, &count, err));
    if (count == KEKS_MAX)
        return fail(err, ERROR_CONFLICT, "too-many",
                    "Token \"%s\" holds %d key-encryption keys: remove one that wraps nothing.",
                    task->token->label, KEKS_MAX);
    CK_RV rv = token_open_writing(task->token, &session);
    if (rv != CKR_OK)
        return task_fail(task, "C_OpenSession", rv, err);
    rv = create(task, kek, value, session, &object);
    task->f->C_CloseSession(session);
    forget_list(task->token);
    return rv == CKR_OK ||
           task_fail(task, value.len == 0 ? "C_GenerateKey" : "C_CreateObject", rv, err);
}

bool kek_make(struct task *task, struct kek *ret_kek, struct error *err) {
    struct uuid id = uuid_new(); /* grows with time: the greatest is the newest */
    struct kek kek = {.id_len = sizeof id.bytes};
    memcpy(kek.id, id.bytes, sizeof id.bytes);
    TRY(kek_put(task, &kek, view_of(NULL, 0), err));
    log_info("signer", "token \"%s\": a key-encryption key was made", task->token->label);
    *ret_kek = kek;
    return true;
}

static bool remove_one(struct task *task, struct view id, struct error *err) {
    struct kek keks[KEKS_MAX], kek;
    CK_SESSION_HANDLE session;
    size_t count;
    TRY(kek_list(task, keks, &count, err));
    if (id.len == 0 || !pick_kek(keks, count, id, &kek))
        return fail(err, ERROR_CONFLICT, "no-kek", "Token \"%s\" holds no such key-encryption key.",
                    task->token->label);
    if (count == 1)
        return fail(err, ERROR_CONFLICT, "kek-in-use",
                    "It is the only key-encryption key of token \"%s\".", task->token->label);
    CK_RV rv = token_open_writing(task->token, &session);
    if (rv != CKR_OK)
        return task_fail(task, "C_OpenSession", rv, err);
    rv = task->f->C_DestroyObject(session, kek.object);
    task->f->C_CloseSession(session);
    forget_list(task->token);
    return rv == CKR_OK || task_fail(task, "C_DestroyObject", rv, err);
}

/* ---- requests -------------------------------------------------------------------------------- */

struct asked {
    unsigned action;
    struct view id;
    struct arena *arena;
    struct buffer out;
};

static bool answer(struct task *task, void *subject, struct error *err) {
    struct asked *asked = subject;
    struct kek keks[KEKS_MAX];
    size_t count = 0;
    asked->out = buffer_on(asked->arena);
    switch (asked->action) {
    case WIRE_KEK_MAKE:
        TRY(kek_make(task, keks, err));
        count = 1;
        break;
    case WIRE_KEK_REMOVE: return remove_one(task, asked->id, err);
    default: TRY(kek_list(task, keks, &count, err));
    }
    for (size_t i = 0; i < count; i++) {
        buffer_add_byte(&asked->out, (uint8_t)keks[i].id_len);
        buffer_add(&asked->out, keks[i].id, keks[i].id_len);
    }
    return true;
}

bool vault_keks(struct vault *vault, struct arena *arena, unsigned action, struct view id,
                struct view *ret_ids, struct error *err) {
    struct asked asked = {.action = action, .id = id, .arena = arena};
    struct token *token;
    TRY(vault_managed(vault, &token, err));
    TRY(task_run(token, answer, &asked, err));
    *ret_ids = buffer_view(&asked.out);
    return true;
}
