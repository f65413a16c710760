/* The certificate that a template would make, before anybody asks for it. */
#include "api/handlers.h"

#include "ca/preview.h"

HANDLER(templates_preview) {
    static const char *const members[] = {"csr",          "publicKey", "subject",  "sans",
                                          "validityDays", "notBefore", "notAfter", "variables",
                                          "extensions",   "document",  NULL};
    static const char *const ours[] = {"csr", "publicKey", "document", NULL};
    const struct json *body;
    struct preview_order order = {.template_slug = request->parameters[0]};
    struct preview preview;
    TRY(ask_document(request, members, &body, err));
    if (json_get(body, "csr") != NULL || json_get(body, "publicKey") != NULL)
        TRY(ask_csr(request->arena, body, &order.csr, err));
    TRY(json_object(body, "document", &order.document, err));
    order.proposal = ask_without(request->arena, body, ours);
    TRY(policy_preview(context, request->arena, actor_of(request), &order, &preview, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "text", preview.text);
    json_put_string(&w, "pem", certificate_pem(request->arena, preview.der));
    json_name(&w, "findings");
    lint_write_json(&w, &preview.findings);
    put_document(&w, request->arena, "notes", policy_notes_json(request->arena, &preview.notes));
    json_put_string(&w, "blocked", preview.blocked);
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}
