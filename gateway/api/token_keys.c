/* Keys that live in PKCS#11 tokens, and the token of an authority's key. */
#include "api/handlers.h"

#include "ca/token_attestation.h"
#include "ca/token_keys.h"
#include "base/encode.h"
#include "x509/key_type.h"

#include <openssl/crypto.h>
#include <string.h>

static void write_attestation(struct json_writer *w, struct arena *arena, const struct token_key_record *record) {
    struct token_attested told;
    json_name(w, "attestation");
    if (!token_attested_read(arena, record->attestation, &told)) {
        json_add_null(w);
        return;
    }
    json_open_object(w);
    json_put_bool(w, "verified", record->attested);
    json_put_string(w, "serial", told.serial);
    json_put_string(w, "firmware", told.firmware);
    json_put_string(w, "pinPolicy", told.pin_policy);
    json_put_string(w, "touchPolicy", told.touch_policy);
    json_put_string(w, "certificates", token_attestation_pem(arena, record->attestation));
    json_close_object(w);
}

static void write_key(struct json_writer *w, struct arena *arena, const struct token_key_view *view) {
    static const struct token_key_record none = {.attestation = {NULL, 0}};
    const struct token_key_record *record = view->made_by_us ? &view->record : &none;
    json_open_object(w);
    json_put_string(w, "uri", view->key.uri);
    json_put_string(w, "label", view->key.label);
    json_name(w, "key");
    if (view->key.key_type == NULL)
        json_add_null(w);
    else
        key_type_write_json(w, view->key.key_type);
    put_text_or_null(w, "publicKey",
                     view->key.spki.len == 0 ? NULL : pem_encode(arena, "PUBLIC KEY", view->key.spki));
    put_text_or_null(w, "problem", view->key.problem);
    json_put_bool(w, "alwaysAuthenticate", view->key.always_authenticate);
    json_put_bool(w, "madeInToken", view->key.made_here);
    json_put_bool(w, "extractable", view->key.extractable);
    put_text_or_null(w, "createdBy", view->made_by_us ? record->created_by : NULL);
    put_time_or_null(w, "createdAt", view->made_by_us ? record->created_us : 0);
    write_attestation(w, arena, record);
    json_name(w, "usedBy");
    json_open_array(w);
    for (size_t i = 0; i < view->user_count; i++)
        json_add_string(w, view->users[i]);
    json_close_array(w);
    json_close_object(w);
}

HANDLER(token_keys_list) {
    static const char *const names[] = {"uri", NULL};
    struct token_key_view *items;
    size_t count;
    TRY(ask_query(request, names, err));
    TRY(token_key_list(context, request->arena, actor_of(request), http_query(request, "uri"), &items, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++)
        write_key(&w, request->arena, &items[i]);
    reply_list(request, response, &w, NULL);
    return true;
}

/* The names of the CSR are what is left. */
static const struct json *names_of(struct http_request *request, const struct json *document) {
    static const char *const ours[] = {"uri",        "key",      "decrypts",    "officerPin", "attestationRoot",
                                       "privateKey", "password", "pinPolicy",   "touchPolicy", NULL};
    return ask_without(request->arena, document, ours);
}

static bool read_policy(const struct json *document, const char *name, const char *const names[static 4],
                        uint8_t *ret_policy, struct error *err) {
    const char *text = NULL;
    TRY(json_string(document, name, &text, err));
    for (uint8_t i = 0; i < 4; i++)
        if (strcmp(text == NULL ? "default" : text, names[i]) == 0) {
            *ret_policy = i;
            return true;
        }
    return fail(err, ERROR_POLICY, "bad-field", "The field \"%s\" is \"%s\", \"%s\", \"%s\" or \"%s\".", name,
                names[0], names[1], names[2], names[3]);
}

/* What making and importing have in common. */
static bool read_order(struct http_request *request, const struct json *document, struct token_key_order *order,
                       struct error *err) {
    static const char *const pin[] = {"default", "never", "once", "always"};
    static const char *const touch[] = {"default", "never", "always", "cached"};
    TRY(ask_string(document, "uri", &order->uri, err));
    TRY(json_bool(document, "decrypts", &order->decrypts, err));
    TRY(json_string(document, "officerPin", &order->officer_pin, err));
    TRY(read_policy(document, "pinPolicy", pin, &order->pin_policy, err));
    TRY(read_policy(document, "touchPolicy", touch, &order->touch_policy, err));
    order->names = names_of(request, document);
    return true;
}

static void reply_made(struct http_request *request, struct http_response *response,
                       const struct token_key_view *view, struct view csr) {
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_name(&w, "key");
    write_key(&w, request->arena, view);
    json_put_string(&w, "csr", pem_encode(request->arena, "CERTIFICATE REQUEST", csr));
    json_close_object(&w);
    reply_json(response, 201, &w);
}

HANDLER(token_keys_create) {
    static const char *const members[] = {"uri",       "key",         "decrypts", "officerPin", "attestationRoot",
                                          "pinPolicy", "touchPolicy", "subject",  "sans",       NULL};
    struct token_key_order order = {.uri = NULL};
    const struct json *document;
    struct token_key_view view;
    struct view csr;
    TRY(ask_document(request, members, &document, err));
    TRY(read_order(request, document, &order, err));
    if (json_get(document, "key") == NULL)
        return fail(err, ERROR_MALFORMED, "missing-field", "The field \"key\" is missing.");
    TRY(key_type_from_json(json_get(document, "key"), &order.key_type, err));
    TRY(json_string(document, "attestationRoot", &order.attestation_root, err));
    TRY(token_key_create(context, request->arena, actor_of(request), &order, &view, &csr, err));
    reply_made(request, response, &view, csr);
    return true;
}

/* The key and its password came in the body, which is overwritten. */
HANDLER(token_keys_import) {
    static const char *const members[] = {"uri",         "privateKey", "password", "decrypts", "officerPin", "pinPolicy",
                                          "touchPolicy", "subject",    "sans",     NULL};
    struct token_key_order order = {.uri = NULL};
    const struct json *document;
    struct token_key_view view;
    struct view csr;
    bool done = ask_document(request, members, &document, err) && read_order(request, document, &order, err) &&
                ask_bytes(request->arena, document, "privateKey", &order.private_key, err) &&
                json_string(document, "password", &order.password, err);
    if (done && order.private_key.len == 0)
        done = fail(err, ERROR_MALFORMED, "missing-field", "The field \"privateKey\" is missing.");
    done = done && token_key_import(context, request->arena, actor_of(request), &order, &view, &csr, err);
    OPENSSL_cleanse((void *)(uintptr_t)request->body.at, request->body.len);
    if (done)
        reply_made(request, response, &view, csr);
    return done;
}

HANDLER(token_keys_csr) {
    static const char *const members[] = {"uri", "subject", "sans", NULL};
    const struct json *document;
    const char *uri;
    struct view csr;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "uri", &uri, err));
    TRY(token_key_csr(context, request->arena, actor_of(request), uri, names_of(request, document), &csr, err));
    struct json_writer w = json_writer_on(request->arena);
    json_open_object(&w);
    json_put_string(&w, "csr", pem_encode(request->arena, "CERTIFICATE REQUEST", csr));
    json_close_object(&w);
    reply_json(response, 200, &w);
    return true;
}

HANDLER(token_keys_remove) {
    static const char *const members[] = {"uri", "confirm", "officerPin", NULL};
    const struct json *document;
    const char *uri, *confirm, *pin = NULL;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "uri", &uri, err));
    TRY(ask_string(document, "confirm", &confirm, err));
    TRY(json_string(document, "officerPin", &pin, err));
    TRY(token_key_remove(context, request->arena, actor_of(request), uri, confirm, pin, err));
    reply_nothing(response);
    return true;
}

HANDLER(token_keys_certificate) {
    static const char *const members[] = {"uri", "certificate", "officerPin", NULL};
    const struct json *document;
    const char *uri, *certificate, *pin = NULL;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "uri", &uri, err));
    TRY(ask_string(document, "certificate", &certificate, err));
    TRY(json_string(document, "officerPin", &pin, err));
    TRY(token_certificate_store(context, request->arena, actor_of(request), uri, view_text(certificate), pin, err));
    reply_nothing(response);
    return true;
}

HANDLER(tokens_check) {
    static const char *const members[] = {"uri", NULL};
    const struct json *document;
    struct token_step *steps;
    const char *uri;
    size_t count;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "uri", &uri, err));
    TRY(token_checked(context, request->arena, actor_of(request), uri, &steps, &count, err));
    struct json_writer w = reply_list_begin(request->arena);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&w);
        json_put_string(&w, "step", steps[i].name);
        json_put_string(&w, "outcome",
                        steps[i].done ? "done" : steps[i].left_out ? "left-out" : steps[i].waits ? "waits" : "failed");
        json_put_string(&w, "text", steps[i].text);
        json_close_object(&w);
    }
    reply_list(request, response, &w, NULL);
    return true;
}

HANDLER(cas_set_key) {
    static const char *const members[] = {"uri", NULL};
    const struct json *document;
    struct ca_record ca;
    const char *uri;
    TRY(ask_document(request, members, &document, err));
    TRY(ask_string(document, "uri", &uri, err));
    TRY(authority_set_key(context, request->arena, actor_of(request), request->parameters[0], uri, &ca, err));
    return ca_reply(context, request, response, 200, &ca, err);
}
