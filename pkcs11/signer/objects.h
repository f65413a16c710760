/* Small helpers around Cryptoki's objects: finding them and reading attributes, each with both of
 * its calls. */
#ifndef GATEHOUSE_SIGNER_OBJECTS_H
#define GATEHOUSE_SIGNER_OBJECTS_H

#include "base/arena.h"

#include "cryptoki.h"

/* Up to `max` objects that match; more are not counted. */
CK_RV objects_find(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_ATTRIBUTE *match,
                   size_t match_count, CK_OBJECT_HANDLE *ret_objects, size_t max,
                   size_t *ret_count);
/* The value on the arena; CKR_ATTRIBUTE_TYPE_INVALID when the object has none. At most 256 KiB. */
CK_RV object_attribute(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                       CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct arena *arena,
                       struct view *ret_value);
CK_RV object_number(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                    CK_ATTRIBUTE_TYPE type, CK_ULONG *ret_value);
/* False also when the object has no such attribute. */
bool object_flag(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                 CK_ATTRIBUTE_TYPE type);

/* Rows of a template: values are addresses of variables that live as long as the row. */
#define ATTRIBUTE(type, variable)                                                                  \
    { type, (void *)&(variable), sizeof(variable) }
#define ATTRIBUTE_BYTES(type, at, len)                                                             \
    { type, (void *)(uintptr_t)(at), len }

#endif
