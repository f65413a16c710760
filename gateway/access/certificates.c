/* Certificates by which a user comes in on the listener that asks for one. */
#include "access/handlers.h"

#include "base/encode.h"
#include "ca/access_roles.h"

static void write_certificate(struct json_writer *w, struct arena *arena,
                              const struct user_certificate *certificate) {
    json_open_object(w);
    put_hex(w, arena, "id", view_of(certificate->fingerprint, sizeof certificate->fingerprint));
    json_put_string(w, "label", certificate->label);
    json_put_string(w, "subject", certificate->subject);
    json_put_time(w, "notAfter", certificate->not_after_us);
    json_put_time(w, "createdAt", certificate->created_us);
    json_close_object(w);
}

HANDLER(user_certificates_list) {
    struct uuid id;
    struct user_certificate *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "user", &id, err));
    TRY(access_certificate_list(context, request->arena, actor_of(request), id, &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_certificate(&w, request->arena, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(user_certificates_add) {
    static const char *const members[] = {"label", "certificate", NULL};
    const struct json *document;
    struct uuid id;
    const char *label = "", *pem;
    struct user_certificate made;
    TRY(ask_id(request, 0, "user", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "label", &label, err));
    TRY(ask_string(document, "certificate", &pem, err));
    TRY(access_certificate_add(context, request->arena, actor_of(request), id, label, view_text(pem),
                               &made, err));
    struct json_writer w = json_writer_on(request->arena);
    write_certificate(&w, request->arena, &made);
    reply_created(response, &w,
                  arena_printf(request->arena, "/users/%s/certificates/%s",
                               uuid_text(request->arena, id),
                               hex_encode(request->arena, view_of(made.fingerprint, 32))));
    return true;
}

HANDLER(user_certificates_remove) {
    struct uuid id;
    struct view fingerprint;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "user", &id, err));
    if (!hex_decode(request->arena, view_text(request->parameters[1]), &fingerprint) ||
        fingerprint.len != 32)
        return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such certificate of this user.");
    TRY(access_certificate_remove(context, request->arena, actor_of(request), id, fingerprint.at, err));
    reply_nothing(response);
    return true;
}
