/* What a template asks of others before a certificate is signed: reading and writing it. */
#include "ca/template_internal.h"

#include "net/caa.h"

#include <string.h>

static void put_list(struct json_writer *w, const char *name, const struct text_list *list) {
    json_name(w, name);
    json_open_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_add_string(w, list->items[i]);
    json_close_array(w);
}

/* --- CAA
 * -----------------------------------------------------------------------------------------------
 */

static bool is_domain(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len <= 253 && text[0] != '.' && text[len - 1] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == len;
}

/* "ADDRESS" or "ADDRESS@PORT", as net/dns.h takes them. */
static bool is_resolver(struct arena *arena, const char *text) {
    struct net_address address;
    const char *at = strchr(text, '@');
    const char *host = at == NULL ? text : arena_text(arena, view_of(text, (size_t)(at - text)));
    if (at != NULL &&
        (at[1] == '\0' || strlen(at) > 6 || strspn(at + 1, "0123456789") != strlen(at + 1)))
        return false;
    return net_address_parse(host, &address);
}

static bool read_caa(struct arena *arena, const struct json *document, struct template *t,
                     struct error *err) {
    static const char *const names[] = {"check",  "identities",  "resolvers",      "quorum",
                                        "dnssec", "trustAnchor", "timeoutSeconds", NULL};
    const struct json *object = NULL;
    TRY(json_object(document, "caa", &object, err));
    if (object == NULL)
        return true;
    TRY(json_only(object, names, err));
    TRY(json_bool(object, "check", &t->caa.check, err) &&
        json_bool(object, "dnssec", &t->caa.dnssec, err));
    TRY(read_list(arena, object, "identities", NULL, &t->caa.identities, err));
    TRY(read_list(arena, object, "resolvers", NULL, &t->caa.resolvers, err));
    TRY(json_string(object, "trustAnchor", &t->caa.trust_anchor, err));
    TRY(json_int(object, "quorum", 0, CAA_MAX_VIEWS, &t->caa.quorum, err));
    TRY(json_int(object, "timeoutSeconds", 1, 60, &t->caa.timeout_seconds, err));
    for (size_t i = 0; i < t->caa.identities.count; i++)
        if (!is_domain(t->caa.identities.items[i]))
            return template_invalid(err, "caa.identities: \"%.100s\" is no domain name.",
                                    t->caa.identities.items[i]);
    for (size_t i = 0; i < t->caa.resolvers.count; i++)
        if (!is_resolver(arena, t->caa.resolvers.items[i]))
            return template_invalid(err, "caa.resolvers: \"%.100s\" is no address or address@port.",
                                    t->caa.resolvers.items[i]);
    if (t->caa.resolvers.count > CAA_MAX_VIEWS)
        return template_invalid(err, "caa.resolvers has more than %d entries.", CAA_MAX_VIEWS);
    if (t->caa.quorum > (int64_t)(t->caa.resolvers.count == 0 ? 1 : t->caa.resolvers.count))
        return template_invalid(err, "caa.quorum is more than there are resolvers.");
    return !t->caa.check || t->caa.identities.count > 0 ||
           template_invalid(err,
                            "caa.check needs caa.identities: the names that stand for this CA in "
                            "CAA records (RFC 8659 4.2).");
}

static void put_caa(struct json_writer *w, const struct template *t) {
    json_name(w, "caa");
    json_open_object(w);
    json_put_bool(w, "check", t->caa.check);
    put_list(w, "identities", &t->caa.identities);
    put_list(w, "resolvers", &t->caa.resolvers);
    json_put_int(w, "quorum", t->caa.quorum);
    json_put_bool(w, "dnssec", t->caa.dnssec);
    json_put_string(w, "trustAnchor", t->caa.trust_anchor);
    json_put_int(w, "timeoutSeconds", t->caa.timeout_seconds);
    json_close_object(w);
}

bool read_outside(struct arena *arena, const struct json *document, struct template *t,
                  struct error *err) {
    return read_caa(arena, document, t, err);
}

void put_outside(struct json_writer *w, const struct template *t) {
    put_caa(w, t);
}
