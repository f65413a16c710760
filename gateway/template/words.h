/* The words of the template document, shared by its reader and its writer. */
#ifndef GATEHOUSE_TEMPLATE_WORDS_H
#define GATEHOUSE_TEMPLATE_WORDS_H

#include "template/template.h"
#include "x509/name.h"
#include "x509/san.h"

/* Each ends with NULL; by the enum of the same name where there is one. */
extern const char *const approval_names[],
    *const subject_source_names[],
        *const proof_names[], *const related_names[],
            *const purpose_source_names[],
                *const issuer_end_names[],
                    *const alignment_names[],
                        *const over_names[],
                            *const keys_level_names[],
                                *const lint_level_names[],
                                    *const padding_names[],
                                        *const critical_rule_names[],
                                            *const subject_key_id_names[],
                                                *const authority_key_id_names[],
                                                    *const digest_names[],
                                                        *const door_names[],
                                                            *const san_type_names[],
                                                                *const san_source_names[],
                                                                    *const other_extension_names[];
extern const char *const ct_delivery_names[], *const ct_failure_names[];

#define SAN_TYPE_COUNT 10 /* of san_type_names */

struct key_usage_word {
    const char *name;
    unsigned bit;
};
extern const struct key_usage_word key_usage_words[]; /* ends with a NULL name */
unsigned key_usage_bit(const char *name);             /* 0 when unknown */
/* A key type, or a family: "RSA", "EC", "ML-DSA", "SLH-DSA", "ML-KEM". */
bool key_family_known(const char *name);

/* Finds "{name}" in a text: the first one at or after `at` (NULL when there is none) and its name.
 * "{{" is a brace and no name. False for a brace that is not closed, or an empty or too long name.
 */
#define VARIABLE_NAME_SIZE 61
bool variable_next(const char **at, char name[static VARIABLE_NAME_SIZE], const char **ret_end);
/* True for csr.TYPE, san.TYPE, requester, door, key. */
bool variable_built_in(const char *name);

#endif
