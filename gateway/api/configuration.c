/* What the options of this node say, and where from: the effective configuration, without secrets. */
#include "api/handlers.h"

#include "api/api.h"

/* Set once, before threads start. */
static const struct options *options;
static const struct option_spec *specs;

void api_describe_configuration(const struct options *of, const struct option_spec *by) {
    options = of;
    specs = by;
}

static void write_values(struct json_writer *w, struct arena *arena, const struct option_spec *spec) {
    const char *value = option_text(options, spec->name);
    json_name(w, "values");
    json_open_array(w);
    if (spec->type == OPTION_LIST)
        for (size_t i = 0; (value = option_item(options, spec->name, i)) != NULL; i++)
            json_add_string(w, option_masked(arena, value, ":***"));
    else if (value != NULL)
        json_add_string(w, option_masked(arena, value, ":***"));
    json_close_array(w);
}

HANDLER(configuration_list) {
    static const struct uuid nobody;
    TRY(ask_no_query(request, err));
    TRY(actor_may(actor_of(request), MAY_READ_SETTINGS, nobody, nobody, err));
    (void)context;
    struct json_writer w = reply_list_begin(request->arena);
    for (const struct option_spec *s = specs; s != NULL && s->name != NULL; s++) {
        json_open_object(&w);
        json_put_string(&w, "name", s->name);
        write_values(&w, request->arena, s);
        json_put_string(&w, "source", option_source(options, s->name));
        json_put_string(&w, "initial", s->initial);
        json_put_string(&w, "help", s->help);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}
