/* What the readers of the template document share. */
#ifndef GATEHOUSE_TEMPLATE_INTERNAL_H
#define GATEHOUSE_TEMPLATE_INTERNAL_H

#include "template/words.h"

#define TEMPLATE_MAX_ITEMS 100

/* ERROR_POLICY "template-invalid". */
bool template_invalid(struct error *err, const char *problem, ...) PRINTF_LIKE(2, 3);
/* An array of strings, each of `known` when that is not NULL; absent: untouched. */
MUST_USE bool read_list(struct arena *arena, const struct json *object, const char *name,
                        const char *const known[], struct text_list *ret_list, struct error *err);
/* One word of `choices` as its index; absent: untouched. */
MUST_USE bool read_choice(const struct json *object, const char *name, const char *const choices[],
                          unsigned *ret_choice, struct error *err);
#define READ_CHOICE(object, name, choices, member, err)                                            \
    do {                                                                                           \
        unsigned choice_ = (unsigned)(member);                                                     \
        TRY(read_choice(object, name, choices, &choice_, err));                                    \
        (member) = (__typeof__(member))choice_;                                                    \
    } while (0)

MUST_USE bool read_subject(struct arena *arena, const struct json *document, struct template *t,
                           struct error *err);
MUST_USE bool read_sans(struct arena *arena, const struct json *document, struct template *t,
                        struct error *err);
/* Before the two above: expressions name variables. */
MUST_USE bool read_variables(struct arena *arena, const struct json *document, struct template *t,
                             struct error *err);
/* Every {variable} of the texts in `value` must be known. */
MUST_USE bool check_variables(const struct template *t, const char *member,
                              const struct json *value, struct error *err);
/* What is asked of others before a certificate is signed; see template_outside.c. */
MUST_USE bool read_outside(struct arena *arena, const struct json *document, struct template *t,
                           struct error *err);
void put_outside(struct json_writer *w, const struct template *t);
MUST_USE bool read_usages(struct arena *arena, const struct json *document, struct template *t,
                          struct error *err);
MUST_USE bool read_extensions(struct arena *arena, const struct json *document, struct template *t,
                              struct error *err);

#endif
