#include "table.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64

/* Most selective first: a search uses the first of these that its template has. */
static const CK_ATTRIBUTE_TYPE indexed[INDEXED_ATTRIBUTES] = {
    CKA_UNIQUE_ID, CKA_PUBLIC_KEY_INFO, CKA_MODULUS, CKA_ID, CKA_SUBJECT, CKA_LABEL,
};

static _Atomic CK_OBJECT_HANDLE next_handle = 1;

void handle_list_drop(struct handle_list *list) {
    free(list->at);
    *list = (struct handle_list){0};
}

static CK_RV handle_list_add(struct handle_list *list, CK_OBJECT_HANDLE handle) {
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        CK_OBJECT_HANDLE *grown = realloc(list->at, cap * sizeof *grown);
        if (grown == NULL)
            return CKR_HOST_MEMORY;
        list->at = grown;
        list->cap = cap;
    }
    list->at[list->count++] = handle;
    return CKR_OK;
}

static int compare_handles(const void *one, const void *other) {
    CK_OBJECT_HANDLE a = *(const CK_OBJECT_HANDLE *)one, b = *(const CK_OBJECT_HANDLE *)other;
    return a < b ? -1 : a > b;
}

static void handle_list_sort(struct handle_list *list) {
    if (list->count > 1)
        qsort(list->at, list->count, sizeof *list->at, compare_handles);
}

/* FNV-1a with a last mixing step, because the buckets are chosen by the low bits. */
static uint64_t hash_value(CK_ATTRIBUTE_TYPE type, const uint8_t *at, size_t len) {
    uint64_t hash = 0xcbf29ce484222325u ^ type;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    return hash * 0x9e3779b97f4a7c15u >> 16;
}

static struct object **object_bucket(const struct table *table, CK_OBJECT_HANDLE handle) {
    return &table->objects[handle & (table->buckets - 1)];
}

static struct index_link **index_bucket(const struct table *table, uint64_t hash) {
    return &table->index[hash & (table->buckets - 1)];
}

static void index_add(struct table *table, struct object *object) {
    for (int i = 0; i < INDEXED_ATTRIBUTES; i++) {
        struct index_link *link = &object->links[i];
        const struct attribute *attr = attributes_find(&object->attrs, indexed[i]);
        link->object = NULL;
        if (attr == NULL || attr->len == 0)
            continue;
        link->object = object;
        link->hash = hash_value(indexed[i], attribute_at(attr), attr->len);
        struct index_link **bucket = index_bucket(table, link->hash);
        link->next = *bucket;
        *bucket = link;
    }
}

static void index_remove(struct table *table, struct object *object) {
    for (int i = 0; i < INDEXED_ATTRIBUTES; i++) {
        struct index_link *link = &object->links[i];
        if (link->object == NULL)
            continue;
        struct index_link **at = index_bucket(table, link->hash);
        while (*at != link)
            at = &(*at)->next;
        *at = link->next;
        link->object = NULL;
    }
}

static void link_object(struct table *table, struct object *object) {
    struct object **bucket = object_bucket(table, object->handle);
    object->next = *bucket;
    *bucket = object;
    index_add(table, object);
    table->count++;
}

static struct object *unlink_object(struct table *table, CK_OBJECT_HANDLE handle) {
    struct object **at = object_bucket(table, handle);
    while (*at != NULL && (*at)->handle != handle)
        at = &(*at)->next;
    struct object *object = *at;
    if (object == NULL)
        return NULL;
    *at = object->next;
    index_remove(table, object);
    table->count--;
    atomic_store(&object->dead, true);
    return object;
}

CK_RV table_init(struct table *table) {
    *table = (struct table){.buckets = BUCKETS_FIRST};
    table->objects = calloc(BUCKETS_FIRST, sizeof *table->objects);
    table->index = calloc(BUCKETS_FIRST, sizeof *table->index);
    if (table->objects == NULL || table->index == NULL ||
        pthread_rwlock_init(&table->lock, NULL) != 0) {
        free(table->objects);
        free(table->index);
        return CKR_HOST_MEMORY;
    }
    return CKR_OK;
}

void table_destroy(struct table *table) {
    table_remove_if(table, NULL, NULL);
    free(table->objects);
    free(table->index);
    (void)pthread_rwlock_destroy(&table->lock);
}

static CK_RV grow(struct table *table) {
    struct table bigger = {.buckets = table->buckets * 4};
    bigger.objects = calloc(bigger.buckets, sizeof *bigger.objects);
    bigger.index = calloc(bigger.buckets, sizeof *bigger.index);
    if (bigger.objects == NULL || bigger.index == NULL) {
        free(bigger.objects);
        free(bigger.index);
        return CKR_HOST_MEMORY;
    }
    for (size_t i = 0; i < table->buckets; i++) {
        for (struct object *object = table->objects[i], *next; object != NULL; object = next) {
            next = object->next;
            link_object(&bigger, object);
        }
    }
    free(table->objects);
    free(table->index);
    table->objects = bigger.objects;
    table->index = bigger.index;
    table->buckets = bigger.buckets;
    return CKR_OK;
}

CK_RV table_put(struct table *table, struct object *object) {
    pthread_rwlock_wrlock(&table->lock);
    CK_RV rv = table->count < table->buckets ? CKR_OK : grow(table);
    struct object *replaced = NULL;
    if (rv == CKR_OK) {
        if (object->handle == 0)
            object->handle = atomic_fetch_add(&next_handle, 1);
        else
            replaced = unlink_object(table, object->handle);
        link_object(table, object_ref(object));
    }
    pthread_rwlock_unlock(&table->lock);
    object_unref(replaced);
    return rv;
}

struct object *table_get(struct table *table, CK_OBJECT_HANDLE handle) {
    pthread_rwlock_rdlock(&table->lock);
    struct object *object = *object_bucket(table, handle);
    while (object != NULL && object->handle != handle)
        object = object->next;
    if (object != NULL)
        object_ref(object);
    pthread_rwlock_unlock(&table->lock);
    return object;
}

struct object *table_get_id(struct table *table, const uint8_t id[OBJECT_ID_LEN]) {
    char unique[2 * OBJECT_ID_LEN + 1];
    hex_encode(unique, id, OBJECT_ID_LEN);
    uint64_t hash = hash_value(CKA_UNIQUE_ID, (const uint8_t *)unique, 2 * OBJECT_ID_LEN);
    struct object *found = NULL;
    pthread_rwlock_rdlock(&table->lock);
    for (struct index_link *link = *index_bucket(table, hash); link != NULL; link = link->next) {
        if (link->hash == hash && memcmp(link->object->id, id, OBJECT_ID_LEN) == 0) {
            found = object_ref(link->object);
            break;
        }
    }
    pthread_rwlock_unlock(&table->lock);
    return found;
}

bool table_remove(struct table *table, CK_OBJECT_HANDLE handle) {
    pthread_rwlock_wrlock(&table->lock);
    struct object *object = unlink_object(table, handle);
    pthread_rwlock_unlock(&table->lock);
    object_unref(object);
    return object != NULL;
}

void table_remove_if(struct table *table, table_pick which, const void *context) {
    struct object *removed = NULL;
    pthread_rwlock_wrlock(&table->lock);
    for (size_t i = 0; i < table->buckets; i++) {
        for (struct object *object = table->objects[i], *next; object != NULL; object = next) {
            next = object->next;
            if (which != NULL && !which(object, context))
                continue;
            unlink_object(table, object->handle);
            object->next = removed;
            removed = object;
        }
    }
    pthread_rwlock_unlock(&table->lock);
    while (removed != NULL) { /* freeing keys takes its time: not under the lock */
        struct object *next = removed->next;
        object_unref(removed);
        removed = next;
    }
}

CK_RV table_list(struct table *table, table_pick which, const void *context,
                 struct handle_list *ret_list) {
    CK_RV rv = CKR_OK;
    pthread_rwlock_rdlock(&table->lock);
    for (size_t i = 0; i < table->buckets && rv == CKR_OK; i++)
        for (struct object *object = table->objects[i]; object != NULL && rv == CKR_OK;
             object = object->next)
            if (which == NULL || which(object, context))
                rv = handle_list_add(ret_list, object->handle);
    pthread_rwlock_unlock(&table->lock);
    handle_list_sort(ret_list);
    return rv;
}

struct match {
    const CK_ATTRIBUTE *wanted;
    CK_ULONG count;
};

static bool matches(const struct object *object, const void *context) {
    const struct match *match = context;
    for (CK_ULONG i = 0; i < match->count; i++)
        if (!attributes_equal(&object->attrs, &match->wanted[i]))
            return false;
    return true;
}

static const CK_ATTRIBUTE *indexed_attribute(const CK_ATTRIBUTE *wanted, CK_ULONG count) {
    for (int i = 0; i < INDEXED_ATTRIBUTES; i++)
        for (CK_ULONG k = 0; k < count; k++)
            if (wanted[k].type == indexed[i] && wanted[k].ulValueLen > 0)
                return &wanted[k];
    return NULL;
}

CK_RV table_match(struct table *table, const CK_ATTRIBUTE *wanted, CK_ULONG count,
                  struct handle_list *ret_list) {
    struct match match = {wanted, count};
    const CK_ATTRIBUTE *key = indexed_attribute(wanted, count);
    if (key == NULL)
        return table_list(table, matches, &match, ret_list);
    uint64_t hash = hash_value(key->type, key->pValue, key->ulValueLen);
    CK_RV rv = CKR_OK;
    pthread_rwlock_rdlock(&table->lock);
    for (struct index_link *link = *index_bucket(table, hash); link != NULL && rv == CKR_OK;
         link = link->next)
        if (link->hash == hash && matches(link->object, &match))
            rv = handle_list_add(ret_list, link->object->handle);
    pthread_rwlock_unlock(&table->lock);
    handle_list_sort(ret_list);
    return rv;
}
