/* The words of the template document, shared by its reader and its writer. */
#ifndef GATEHOUSE_CA_TEMPLATE_TABLES_H
#define GATEHOUSE_CA_TEMPLATE_TABLES_H

#include "x509/name.h"
#include "x509/san.h"

extern const char *const approval_names[];       /* by enum approval */
extern const char *const subject_source_names[]; /* by enum subject_source */
extern const char *const door_names[];
extern const char *const san_type_names[];

struct key_usage_word {
    const char *name;
    unsigned bit;
};
extern const struct key_usage_word key_usage_words[]; /* ends with a NULL name */
unsigned key_usage_bit(const char *name);             /* 0 when unknown */
/* A key type, or a family: "RSA", "EC", "ML-DSA", "SLH-DSA". */
bool key_family_known(const char *name);

#endif
