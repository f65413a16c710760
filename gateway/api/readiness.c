/* The report of post-quantum readiness. */
#include "ca/readiness.h"

#include "api/handlers.h"

static void write_kinds(struct json_writer *w, const struct readiness *r) {
    json_name(w, "byKeyType");
    json_open_array(w);
    for (size_t i = 0; i < r->kind_count; i++) {
        json_open_object(w);
        json_put_string(w, "keyType", r->kinds[i].key_type);
        json_put_bool(w, "postQuantum", key_type_is_quantum_safe(r->kinds[i].key_type));
        json_put_int(w, "count", r->kinds[i].count);
        json_put_time(w, "lastEnd", r->kinds[i].last_end_us);
        json_close_object(w);
    }
    json_close_array(w);
}

static void write_readiness(struct json_writer *w, const struct readiness *r) {
    json_open_object(w);
    json_put_string(w, "ca", r->ca);
    json_put_string(w, "keyType", r->key_type);
    json_put_bool(w, "postQuantum", r->post_quantum);
    json_put_bool(w, "chainPostQuantum", r->chain_post_quantum);
    put_time_or_null(w, "validTo", r->valid_to_us);
    json_name(w, "certificates");
    json_open_object(w);
    json_put_int(w, "valid", r->valid);
    json_put_int(w, "postQuantum", r->valid_post_quantum);
    write_kinds(w, r);
    json_close_object(w);
    json_name(w, "templates");
    json_open_object(w);
    json_put_int(w, "enabled", r->templates);
    json_put_int(w, "takePostQuantum", r->templates_post_quantum);
    json_close_object(w);
    json_name(w, "advice");
    json_open_array(w);
    for (size_t i = 0; i < r->advice_count; i++)
        json_add_string(w, r->advice[i]);
    json_close_array(w);
    json_close_object(w);
}

HANDLER(readiness_list) {
    static const char *const others[] = {"organisation", NULL};
    struct page page;
    struct readiness *items = NULL;
    size_t count = 0;
    const char *next = NULL;
    TRY(ask_page(request, others, &page, err));
    TRY(ask_organisation(context, request, err));
    TRY(readiness_page(context, request->arena, actor_of(request), &page, &items, &count, &next,
                       err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_readiness(&w, &items[i]);
    reply_list(request, response, &w, next);
    return true;
}
