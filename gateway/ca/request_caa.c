/* CAA at the moment of issuing (rfc8659#4.1: not earlier than that, and for every name). */
#include "ca/request_flow.h"

#include "net/caa.h"

#include <string.h>

static struct caa_name *dns_names(struct arena *arena, const GENERAL_NAMES *sans,
                                  size_t *ret_count) {
    struct caa_name *names =
        arena_array(arena, (size_t)sk_GENERAL_NAME_num(sans) + 1, sizeof *names);
    size_t count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME *san = sk_GENERAL_NAME_value(sans, i);
        if (san->type != GEN_DNS)
            continue;
        const char *name = arena_text(arena, view_of(ASN1_STRING_get0_data(san->d.dNSName),
                                                     (size_t)ASN1_STRING_length(san->d.dNSName)));
        bool wildcard = strncmp(name, "*.", 2) == 0;
        names[count++] = (struct caa_name){wildcard ? name + 2 : name, wildcard};
    }
    *ret_count = count;
    return names;
}

bool flow_check_caa(struct arena *arena, const struct request_context *c,
                    const struct certificate_plan *plan, struct error *err) {
    const struct template *t = &c->template;
    if (!t->caa.check || plan->sans == NULL)
        return true;
    struct caa_question question = {
        .quorum = (size_t)t->caa.quorum,
        .issuer = {.identities = t->caa.identities.items,
                   .account_url = c->account_url,
                   .any_method = c->account_url != NULL},
    };
    question.names = dns_names(arena, plan->sans, &question.name_count);
    if (question.name_count == 0)
        return true;
    question.view_count = t->caa.resolvers.count == 0 ? 1 : t->caa.resolvers.count;
    struct dns_config *views = arena_array(arena, question.view_count, sizeof *views);
    for (size_t i = 0; i < question.view_count; i++) {
        const char **one = arena_array(arena, 2, sizeof *one);
        if (t->caa.resolvers.count > 0)
            one[0] = t->caa.resolvers.items[i];
        views[i] = (struct dns_config){
            .resolvers = one,
            .dnssec = t->caa.dnssec,
            .trust_anchor = *t->caa.trust_anchor == '\0' ? NULL : t->caa.trust_anchor,
            .timeout_ms = (int)t->caa.timeout_seconds * 1000};
    }
    question.views = views;
    return caa_ask(arena, &question, err);
}
