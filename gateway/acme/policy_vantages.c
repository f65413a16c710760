#include "acme/policy.h"

#include <string.h>

static bool bad(struct error *err, const char *what) {
    return fail(err, ERROR_POLICY, "bad-acme-policy", "The member \"vantages\" of the ACME policy %s.", what);
}

static bool read_one(struct arena *arena, const struct json *item, struct acme_policy *p, struct error *err) {
    static const char *const members[] = {"name", "resolvers", "proxy", NULL};
    static const char *none[] = {NULL};
    struct acme_vantage *one = &p->vantages[p->vantage_count];
    *one = (struct acme_vantage){.name = "", .resolvers = {none, 0}, .proxy = ""};
    if (item->type != JSON_OBJECT)
        return bad(err, "must be a list of objects");
    TRY(json_only(item, members, err));
    TRY(json_string(item, "name", &one->name, err));
    TRY(acme_policy_texts(arena, item, "resolvers", &one->resolvers, err));
    TRY(acme_policy_servers(arena, &one->resolvers, err));
    TRY(json_string(item, "proxy", &one->proxy, err));
    if (*one->name == '\0' || strlen(one->name) > 60)
        return bad(err, "must give each a name of 1 to 60 characters");
    for (size_t i = 0; i < p->vantage_count; i++)
        if (strcmp(p->vantages[i].name, one->name) == 0)
            return bad(err, "has one name twice");
    if (one->resolvers.count == 0 && *one->proxy == '\0')
        return bad(err, "must give each resolvers or a proxy of its own");
    p->vantage_count++;
    return true;
}

bool acme_policy_read_vantages(struct arena *arena, const struct json *validation, struct acme_policy *p,
                               struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(validation, "vantages", &array, err));
    if (array != NULL && array->count > ACME_MAX_VANTAGES)
        return bad(err, "has more than 8 items");
    p->vantages = arena_array(arena, ACME_MAX_VANTAGES, sizeof *p->vantages);
    JSON_EACH (item, array)
        TRY(read_one(arena, item, p, err));
    TRY(json_int(validation, "quorum", 0, ACME_MAX_VANTAGES, &p->quorum, err));
    return p->quorum <= (int64_t)p->vantage_count || bad(err, "has fewer than the \"quorum\" wants");
}

void acme_policy_write_vantages(struct json_writer *w, const struct acme_policy *p) {
    json_name(w, "vantages");
    json_open_array(w);
    for (size_t i = 0; i < p->vantage_count; i++) {
        const struct acme_vantage *one = &p->vantages[i];
        json_open_object(w);
        json_put_string(w, "name", one->name);
        json_name(w, "resolvers");
        json_open_array(w);
        for (size_t k = 0; k < one->resolvers.count; k++)
            json_add_string(w, one->resolvers.items[k]);
        json_close_array(w);
        json_put_string(w, "proxy", one->proxy);
        json_close_object(w);
    }
    json_close_array(w);
    json_put_int(w, "quorum", p->quorum);
}
