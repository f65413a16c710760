/* A user's own keys. */
#include "keys/handlers.h"

#include "base/encode.h"
#include "x509/key_type.h"

#include <string.h>

static const char *const recovery_names[] = {"", "no", "yes", "only"};

void keys_write(struct json_writer *w, struct arena *arena, const struct user_key_record *key) {
    json_open_object(w);
    put_uuid(w, "id", key->id);
    json_put_string(w, "name", key->name);
    json_put_string(w, "owner", key->owner);
    json_name(w, "key");
    key_type_write_json(w, key->key_type);
    json_put_string(w, "recovery", recovery_names[key->kind]);
    json_put_time(w, "createdAt", key->created_us);
    json_put_string(w, "publicKey", pem_encode(arena, "PUBLIC KEY", key->spki));
    put_text_or_null(w, "certificate",
                     key->certificate.len == 0 ? NULL
                                               : pem_encode(arena, "CERTIFICATE", key->certificate));
    json_close_object(w);
}

HANDLER(keys_list) {
    struct user_key_record *items = NULL;
    size_t count = 0;
    TRY(ask_no_query(request, err));
    TRY(user_key_own_list(context, request->arena, actor_of(request), &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        keys_write(&w, request->arena, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

static bool read_order(const struct json *document, struct user_key_order *ret, struct error *err) {
    bool recoverable = false;
    TRY(ask_string(document, "name", &ret->name, err));
    if (json_get(document, "key") == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"key\" is missing.");
    TRY(key_type_from_json(json_get(document, "key"), &ret->key_type, err));
    TRY(json_bool(document, "recoverable", &recoverable, err));
    ret->kind = recoverable ? USER_KEY_SHARED : USER_KEY_OWN;
    return true;
}

HANDLER(keys_create) {
    static const char *const members[] = {"name", "key", "recoverable", NULL};
    const struct json *document;
    struct user_key_order order;
    struct user_key_record key;
    TRY(ask_document(request, members, &document, err));
    TRY(read_order(document, &order, err));
    TRY(user_key_create(context, request->arena, actor_of(request), &order, &key, err));
    struct json_writer w = json_writer_on(request->arena);
    keys_write(&w, request->arena, &key);
    reply_created(response, &w,
                  arena_printf(request->arena, "/keys/%s", uuid_text(request->arena, key.id)));
    return true;
}

HANDLER(keys_show) {
    struct user_key_record key;
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "key", &id, err));
    TRY(user_key_owned(context, request->arena, actor_of(request), id, &key, err));
    struct json_writer w = json_writer_on(request->arena);
    keys_write(&w, request->arena, &key);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(keys_remove) {
    struct uuid id;
    TRY(ask_no_query(request, err));
    TRY(ask_id(request, 0, "key", &id, err));
    TRY(user_key_remove(context, request->arena, actor_of(request), id, err));
    reply_nothing(response);
    return true;
}

static void reply_pem(struct http_request *request, struct http_response *response, const char *name,
                      const char *label, struct view der) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, name, pem_encode(request->arena, label, der));
    json_close_object(&w);
    reply_json(response, 200, &w);
}

HANDLER(keys_csr) {
    static const char *const members[] = {"template", "subject", "sans", "variables", "extensions",
                                          NULL};
    static const char *const ours[] = {"template", NULL};
    const struct json *document;
    const char *template = NULL;
    struct view csr;
    struct uuid id;
    TRY(ask_id(request, 0, "key", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(json_string(document, "template", &template, err));
    TRY(user_key_csr(context, request->arena, actor_of(request), id, template,
                     ask_without(request->arena, document, ours), &csr, err));
    reply_pem(request, response, "csr", "CERTIFICATE REQUEST", csr);
    return true;
}

static bool read_list(struct arena *arena, const struct json *document, const char *name,
                      struct text_list *ret, struct error *err) {
    const char *const *items = NULL;
    size_t count = 0;
    TRY(ask_strings(arena, document, name, 20, &items, &count, err));
    ret->items = (const char **)(uintptr_t)items;
    ret->count = count;
    return true;
}

HANDLER(keys_self_sign) {
    static const char *const members[] = {"subject",  "sans",     "validityDays",     "notBefore",
                                          "notAfter", "keyUsage", "extendedKeyUsage", NULL};
    static const char *const ours[] = {"keyUsage", "extendedKeyUsage", NULL};
    struct self_signed_order order = {.proposal = NULL};
    const struct json *document;
    struct view der;
    struct uuid id;
    TRY(ask_id(request, 0, "key", &id, err));
    TRY(ask_document(request, members, &document, err));
    TRY(read_list(request->arena, document, "keyUsage", &order.key_usage, err));
    TRY(read_list(request->arena, document, "extendedKeyUsage", &order.extended_key_usage, err));
    order.proposal = ask_without(request->arena, document, ours);
    TRY(user_key_self_sign(context, request->arena, actor_of(request), id, &order, &der, err));
    reply_pem(request, response, "certificate", "CERTIFICATE", der);
    return true;
}

/* --- files --------------------------------------------------------------------------------------------- */

static bool read_form(const struct json *document, struct user_key_export *ret, struct error *err) {
    const char *format = "pkcs12", *protection = "modern";
    TRY(json_string(document, "format", &format, err));
    TRY(json_string(document, "protection", &protection, err));
    if (!pkcs12_protection_from_name(protection, &ret->protection))
        return fail(err, ERROR_POLICY, "pkcs12-protection",
                    "The field \"protection\" is modern, compatible or legacy.");
    ret->form = strcmp(format, "pkcs8") == 0 ? USER_KEY_PKCS8
                : strcmp(format, "jks") == 0 ? USER_KEY_JKS
                                             : USER_KEY_PKCS12;
    return strcmp(format, user_key_form_name(ret->form)) == 0 ||
           fail(err, ERROR_MALFORMED, "unknown-choice",
                "The field \"format\" is pkcs8, pkcs12 or jks, not \"%.40s\".", format);
}

bool keys_ask_export(const struct http_request *request, struct user_key_export *ret,
                     struct error *err) {
    static const char *const members[] = {"format", "password", "protection", "alias", "certificate",
                                          NULL};
    const struct json *document;
    const char *certificate = NULL;
    *ret = (struct user_key_export){.alias = NULL};
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "password", &ret->password, err));
    TRY(json_string(document, "alias", &ret->alias, err));
    TRY(json_string(document, "certificate", &certificate, err));
    TRY(read_form(document, ret, err));
    return certificate == NULL || uuid_parse(certificate, &ret->certificate_id) ||
           fail(err, ERROR_NOT_FOUND, "not-found", "There is no certificate with that id.");
}

void keys_reply_file(struct http_response *response, const struct user_key_export *order,
                     struct view file) {
    if (order->form == USER_KEY_PKCS8)
        reply_file(response, "application/pkcs8-encrypted", "key.p8e", file); /* rfc8351 */
    else
        reply_file(response, "application/pkcs12",
                   order->form == USER_KEY_JKS ? "keystore.p12" : "key.p12", file);
}

HANDLER(keys_export) {
    struct user_key_export order;
    struct view file;
    struct uuid id;
    TRY(ask_id(request, 0, "key", &id, err));
    TRY(keys_ask_export(request, &order, err));
    TRY(user_key_file(context, request->arena, actor_of(request), id, &order, &file, err));
    keys_reply_file(response, &order, file);
    return true;
}
