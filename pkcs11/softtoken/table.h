/* The objects of one slot: by handle, and by the attributes that people search for, so that finding
 * one key in a big token does not look at all of them. */
#ifndef SOFTTOKEN_TABLE_H
#define SOFTTOKEN_TABLE_H

#include "object.h"

struct table {
    pthread_rwlock_t lock;
    struct object **objects;   /* `buckets` chains by handle */
    struct index_link **index; /* `buckets` chains by attribute type and value */
    size_t buckets;            /* a power of two */
    size_t count;
};

struct handle_list {
    CK_OBJECT_HANDLE *at;
    size_t count;
    size_t cap;
};

void handle_list_drop(struct handle_list *list);

CK_RV table_init(struct table *table) MUST_USE;
/* Drops everything in it. */
void table_destroy(struct table *table);

/* Takes a reference of its own. A handle of 0 gets the next one; handles are never used twice in
 * the life of the process. An object with the same handle is replaced, and dead. */
CK_RV table_put(struct table *table, struct object *object) MUST_USE;
/* A reference for the caller, or NULL. */
struct object *table_get(struct table *table, CK_OBJECT_HANDLE handle);
struct object *table_get_id(struct table *table, const uint8_t id[OBJECT_ID_LEN]);
/* True when it was there; it is dead then. */
bool table_remove(struct table *table, CK_OBJECT_HANDLE handle);
/* Removes all that `which` picks. */
typedef bool (*table_pick)(const struct object *object, const void *context);
void table_remove_if(struct table *table, table_pick which, const void *context);
/* Handles of all that `which` picks (NULL: all), in the order of creation. */
CK_RV table_list(struct table *table, table_pick which, const void *context,
                 struct handle_list *ret_list) MUST_USE;
/* Handles of all objects that have every attribute of the template. */
CK_RV table_match(struct table *table, const CK_ATTRIBUTE *wanted, CK_ULONG count,
                  struct handle_list *ret_list) MUST_USE;

#endif
