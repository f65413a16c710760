/* Access to the servers that lists go to and come from, by REST. */
#include "validation/internal.h"

#include "ca/authority.h"
#include "ca/servers.h"

static void put_servers(struct json_writer *w, const struct servers *servers) {
    json_open_object(w);
    json_name(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < servers->count; i++) {
        const struct server *s = &servers->items[i];
        json_open_object(w);
        json_put_string(w, "server", s->address);
        put_text_or_null(w, "username", s->username);
        json_put_bool(w, "hasPassword", s->sealed[0] != '\0');
        put_text_or_null(w, "caCertificates", s->ca_pem);
        json_close_object(w);
    }
    json_close_array(w);
    json_put_int(w, "version", servers->version);
    json_close_object(w);
}

static bool reply_servers(struct http_request *request, struct http_response *response, const struct servers *servers) {
    struct json_writer w = json_writer_on(request->arena);
    put_servers(&w, servers);
    reply_json(response, 200, &w);
    return true;
}

static bool read_servers(struct core *core, struct http_request *request, struct http_response *response,
                         const struct server_owner *owner, struct error *err) {
    struct servers servers;
    TRY(ask_no_query(request, err));
    TRY(servers_get(core, request->arena, actor_of(request), owner, &servers, err));
    return reply_servers(request, response, &servers);
}

static bool write_servers(struct core *core, struct http_request *request, struct http_response *response,
                          const struct server_owner *owner, struct error *err) {
    static const char *const members[] = {"items", "version", NULL};
    const struct json *document;
    struct servers servers;
    TRY(ask_document(request, members, &document, err));
    TRY(servers_put(core, request->arena, actor_of(request), owner, document, &servers, err));
    return reply_servers(request, response, &servers);
}

static bool owner_ca(struct core *core, const struct http_request *request, struct server_owner *ret, struct error *err) {
    struct ca_record ca;
    TRY(authority_get(core, request->arena, actor_of(request), request->parameters[0], &ca, err));
    *ret = (struct server_owner){"ca", ca.slug, ca.organisation_id, ca.id};
    return true;
}

static bool owner_validator(struct core *core, const struct http_request *request, struct server_owner *ret,
                            struct error *err) {
    struct validator_record v;
    TRY(validation_get(core, request->arena, actor_of(request), request->parameters[0], &v, err));
    *ret = (struct server_owner){.kind = "validator", .slug = v.slug, .organisation_id = v.organisation_id};
    return true;
}

HANDLER(ca_servers_get) {
    struct server_owner owner;
    return owner_ca(context, request, &owner, err) && read_servers(context, request, response, &owner, err);
}

HANDLER(ca_servers_put) {
    struct server_owner owner;
    return owner_ca(context, request, &owner, err) && write_servers(context, request, response, &owner, err);
}

HANDLER(validator_servers_get) {
    struct server_owner owner;
    return owner_validator(context, request, &owner, err) && read_servers(context, request, response, &owner, err);
}

HANDLER(validator_servers_put) {
    struct server_owner owner;
    return owner_validator(context, request, &owner, err) && write_servers(context, request, response, &owner, err);
}
