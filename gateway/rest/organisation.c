#include "rest/organisation.h"

#include "ca/organisations.h"
#include "rest/handler.h"

bool ask_organisation(struct core *core, struct http_request *request, struct error *err) {
    const char *slug = http_query(request, "organisation");
    if (slug == NULL)
        return true;
    struct actor *narrowed = arena_alloc(request->arena, sizeof *narrowed);
    TRY(actor_narrow(core, request->arena, actor_of(request), slug, narrowed, err));
    request->actor = narrowed;
    return true;
}
