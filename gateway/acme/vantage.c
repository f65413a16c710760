/* Vantage points: the same look at a challenge from elsewhere in the network, by another resolver or through a proxy
 * there. Who fools the gateway's own network must fool theirs, too. */
#include "acme/internal.h"

#include "net/caa.h"

#include <pthread.h>
#include <string.h>

static const struct text_list nobody_else = {(const char *[]){NULL}, 0};

struct look {
    check_challenge *how;
    struct check check;
    struct acme_policy policy;
    const char *name;
    bool agrees;
    struct error err;
};

/* The policy as it is from there. */
static struct acme_policy seen_from(const struct acme_policy *policy, const struct acme_vantage *vantage) {
    struct acme_policy there = *policy;
    if (vantage->resolvers.count > 0) {
        there.resolvers = vantage->resolvers;
        there.roots = nobody_else;
    }
    if (*vantage->proxy != '\0')
        there.proxy = vantage->proxy;
    there.vantage_count = 0;
    return there;
}

static void *run(void *context) {
    struct look *look = context;
    SCOPED_ARENA struct arena *arena = arena_new();
    look->check.arena = arena;
    look->agrees = look->how(&look->check, &look->err);
    return NULL;
}

bool check_from_vantages(check_challenge *how, const struct check *check, struct error *err) {
    const struct acme_policy *policy = check->policy;
    size_t count = policy->vantage_count, agreed = 0;
    size_t quorum = policy->quorum == 0 ? count : (size_t)policy->quorum;
    struct look looks[ACME_MAX_VANTAGES];
    pthread_t threads[ACME_MAX_VANTAGES];
    bool running[ACME_MAX_VANTAGES];
    const struct look *against = NULL;
    memset(looks, 0, sizeof looks);
    for (size_t i = 0; i < count; i++) {
        looks[i].how = how;
        looks[i].policy = seen_from(policy, &policy->vantages[i]);
        looks[i].name = policy->vantages[i].name;
        looks[i].check = *check;
        looks[i].check.policy = &looks[i].policy;
        running[i] = pthread_create(&threads[i], NULL, run, &looks[i]) == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (running[i])
            pthread_join(threads[i], NULL);
        else
            run(&looks[i]);
        agreed += looks[i].agrees;
        if (!looks[i].agrees && against == NULL)
            against = &looks[i];
    }
    if (against == NULL || agreed >= quorum)
        return true;
    return fail(err, against->err.kind, against->err.type,
                "From the vantage point \"%.60s\": %.350s (%zu of %zu agree, %zu must)", against->name,
                against->err.message, agreed, count, quorum);
}

bool caa_from_vantages(struct arena *arena, const struct acme_policy *policy, const struct caa_name *name,
                       const struct caa_issuer *issuer, struct error *err) {
    struct dns_config views[ACME_MAX_VANTAGES];
    for (size_t i = 0; i < policy->vantage_count; i++) {
        struct acme_policy there = seen_from(policy, &policy->vantages[i]);
        views[i] = acme_policy_dns(&there);
    }
    struct caa_question question = {.views = views,
                                    .view_count = policy->vantage_count,
                                    .quorum = (size_t)policy->quorum,
                                    .names = name,
                                    .name_count = 1,
                                    .issuer = *issuer};
    return policy->vantage_count == 0 || caa_ask(arena, &question, err);
}
