/* What a template would make of a request. */
#ifndef GATEHOUSE_CA_PREVIEW_H
#define GATEHOUSE_CA_PREVIEW_H

#include "ca/core.h"
#include "template/policy.h"

/* What a template makes of a request, without storing anything: the certificate that would be, signed by a key
 * of the moment (of the authority's kind where one is quickly made, else P-256). */
struct preview_order {
    const char *template_slug;
    const struct json *document; /* instead of the template's own, or NULL */
    struct view csr;             /* empty: a sample key of the template's first type */
    const struct json *proposal; /* or NULL */
};
struct preview {
    struct view der;
    const char *text;
    struct lint_findings findings;
    struct policy_notes notes;
    const char *blocked; /* why lint would refuse it, or NULL */
};
MUST_USE bool policy_preview(struct core *core, struct arena *arena, const struct actor *actor,
                             const struct preview_order *order, struct preview *ret, struct error *err);

#endif
