/* What is there: connections, tokens, keys, certificates, and the forms that change them. */
#include "agent/page_internal.h"

#include "base/clock.h"
#include "base/encode.h"
#include "x509/certificate.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* As ykcs11 numbers them: CKA_ID 1 to 24. */
const char *const page_slots[SLOTS] = {"9a", "9c", "9d", "9e", "82", "83", "84", "85", "86", "87", "88", "89",
                                       "8a", "8b", "8c", "8d", "8e", "8f", "90", "91", "92", "93", "94", "95"};

const char *slot_name(struct view id) {
    return id.len == 1 && id.at[0] >= 1 && id.at[0] <= SLOTS ? page_slots[id.at[0] - 1] : NULL;
}

const char *token_of_key(struct arena *arena, const char *uri) {
    const char *id = strstr(uri, ";id="), *object = strstr(uri, ";object=");
    const char *end = id == NULL || (object != NULL && object < id) ? object : id;
    return end == NULL ? uri : arena_text(arena, view_of(uri, (size_t)(end - uri)));
}

static bool is_yubikey(const struct token_info *token) {
    return strstr(token->manufacturer, "Yubico") != NULL;
}

static void fact(struct buffer *out, const char *name, const char *value) {
    buffer_printf(out, "<dt>%s</dt><dd>", name);
    put_text(out, value);
    put(out, "</dd>");
}

/* ---- home ------------------------------------------------------------------------------------ */

static void write_gateways(struct buffer *out, struct gateways *gateways) {
    struct gateway_line lines[GATEWAYS_MAX];
    char since[HTTP_DATE_SIZE];
    size_t count = gateways_look(gateways, lines);
    put(out, "<h2>Gateways</h2><div class=\"cards\">");
    for (size_t i = 0; i < count; i++) {
        bool failed = !lines[i].connected && lines[i].problem[0] != '\0';
        http_date(lines[i].since_us, since);
        put(out, "<div class=\"card\"><h3>");
        put_text(out, lines[i].address);
        buffer_printf(out, "</h3><div class=\"%s\">", lines[i].connected ? "good" : failed ? "bad" : "soft");
        put_text(out, lines[i].connected ? "connected" : failed ? lines[i].problem : "connecting");
        put(out, "</div>");
        if (lines[i].since_us != 0)
            buffer_printf(out, "<div class=\"soft\">since %s</div>", since);
        put(out, "</div>");
    }
    put(out, "</div>");
}

static void write_login(struct buffer *out, const struct token_info *token) {
    put(out, "<form method=\"post\" action=\"/pin\">");
    put_hidden(out, "uri", token->uri);
    put(out, "<label>PIN <input type=\"password\" name=\"pin\" autocomplete=\"off\" required></label>"
             "<button>Log in</button></form>");
}

static void write_token(struct buffer *out, const struct token_info *token) {
    put(out, "<div class=\"card\"><h3>");
    if (token->uri[0] != '\0') {
        put(out, "<a href=\"/token");
        put_query(out, token->uri);
        put(out, "\">");
    }
    put_text(out, token->label[0] == '\0' ? "(no token)" : token->label);
    put(out, token->uri[0] != '\0' ? "</a></h3>" : "</h3>");
    buffer_printf(out, "<div class=\"%s\">", token->problem == NULL ? "good" : "bad");
    put_text(out, token->problem != NULL ? token->problem : token->logged_in ? "ready, logged in" : "ready");
    put(out, "</div><dl>");
    if (token->uri[0] != '\0') {
        fact(out, "Serial", token->serial);
        fact(out, "Model", token->model);
    }
    fact(out, "Module", token->module);
    put(out, "</dl>");
    if (token->uri[0] != '\0' && !token->logged_in)
        write_login(out, token);
    put(out, "</div>");
}

static void write_tokens(struct buffer *out, struct arena *arena, struct signer *signer) {
    struct token_info *tokens = NULL;
    size_t count = 0;
    struct error err = {0};
    bool done = signer_tokens(signer, arena, &tokens, &count, &err);
    put(out, "<h2>Tokens</h2>");
    if (!done || count == 0) {
        put(out, "<p>");
        put_text(out, done ? "There is none: name a module in agent.conf, plug one in, or make one to try out." : err.message);
        put(out, "</p>");
    }
    put(out, "<div class=\"cards\">");
    for (size_t i = 0; done && i < count; i++)
        write_token(out, &tokens[i]);
    put(out, "</div>");
}

static void write_new_token(struct buffer *out, const struct page *page) {
    if (page->config.modules[0] == NULL)
        return;
    put(out, "<details><summary>Make a token to try out</summary><form method=\"post\" action=\"/tokens\">"
             "<p>A virtual token in the files of SoftHSM2 or softtoken: for tests, not for a CA that matters.</p>"
             "<div class=\"row\"><label>Module <select name=\"module\">");
    for (size_t i = 0; page->config.modules[i] != NULL; i++) {
        struct buffer name = buffer_on(out->arena);
        buffer_add(&name, page->config.modules[i], strcspn(page->config.modules[i], "="));
        put(out, "<option>");
        put_text(out, buffer_text(&name));
        put(out, "</option>");
    }
    put(out, "</select></label><label>Label <input name=\"label\" maxlength=\"32\" required></label></div>"
             "<p class=\"soft\">Its PIN is made here and kept in the agent's state directory, so that it is logged in after a "
             "restart, too.</p><button>Make token</button></form></details>");
}

void view_home(struct page *page, struct http_request *request, struct http_response *response,
               const struct answer *answer) {
    struct buffer out = buffer_on(request->arena);
    page_begin(&out, answer);
    put(&out, "<h1>Status</h1>");
    write_gateways(&out, page->config.gateways);
    write_tokens(&out, request->arena, page->config.signer);
    write_new_token(&out, page);
    page_end(page, response, answer, &out);
}

/* ---- token ----------------------------------------------------------------------------------- */

static void write_certificate_line(struct buffer *out, struct view der) {
    const uint8_t *at = der.at;
    struct certificate_facts facts;
    struct error err = {0};
    AUTO(X509) *x = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (x == NULL || !certificate_read(out->arena, x, &facts, &err)) {
        put(out, "cannot be read");
        return;
    }
    char until[HTTP_DATE_SIZE];
    http_date(facts.not_after_us, until);
    put_text(out, facts.subject);
    buffer_printf(out, "<div class=\"soft\">until %s</div>", until);
}

/* YubiKey's attestations stand beside the certificate: the last one that is of another maker's name. */
static void write_certificate_of(struct buffer *out, const struct token_key *key, const struct token_certificate *items,
                                 size_t count) {
    for (size_t i = 0; i < count; i++)
        if (view_equal(items[i].id, key->id)) {
            write_certificate_line(out, items[i].der);
            return;
        }
    put(out, "<span class=\"soft\">none yet</span>");
}

/* CKA_ID of slot f9, whose key attests the others: it is nobody's to provision. */
static bool attests(const struct token_info *token, const struct token_key *key) {
    return is_yubikey(token) && key->id.len == 1 && key->id.at[0] == 0x19;
}

static void write_key_row(struct buffer *out, const struct token_info *token, const struct token_key *key,
                          const struct token_certificate *items, size_t count) {
    const char *slot = is_yubikey(token) ? slot_name(key->id) : NULL;
    put(out, "<tr><td><a href=\"/key");
    put_query(out, key->uri);
    put(out, "\">");
    if (slot != NULL)
        buffer_printf(out, "slot %s", slot);
    else
        put_text(out, attests(token, key) ? "slot f9 (attestation)" : key->label[0] == '\0' ? "(no name)" : key->label);
    put(out, "</a></td><td>");
    put_text(out, key->key_type == NULL ? (key->problem == NULL ? "unknown" : key->problem) : key->key_type);
    put(out, "</td><td>");
    put(out, key->made_here ? "made here" : "imported");
    put(out, "</td><td>");
    write_certificate_of(out, key, items, count);
    put(out, "</td></tr>");
}

static bool write_keys(struct buffer *out, struct page *page, const struct token_info *token, struct error *err) {
    struct token_key *keys;
    struct token_certificate *items;
    size_t count, item_count;
    TRY(signer_token_keys(page->config.signer, out->arena, token->uri, &keys, &count, err));
    TRY(signer_token_certificates(page->config.signer, out->arena, token->uri, &items, &item_count, err));
    put(out, "<h2>Keys</h2>");
    if (count == 0) {
        put(out, "<p>There is none yet.</p>");
        return true;
    }
    put(out, "<div class=\"scroll\"><table><thead><tr><th>Key</th><th>Type</th><th>Origin</th>"
             "<th>Certificate</th></tr></thead><tbody>");
    for (size_t i = 0; i < count; i++)
        write_key_row(out, token, &keys[i], items, item_count);
    put(out, "</tbody></table></div>");
    return true;
}

static void write_place(struct buffer *out, const struct token_info *token) {
    if (!is_yubikey(token)) {
        put(out, "<label>Name <input name=\"name\" maxlength=\"64\" required></label>");
        return;
    }
    put(out, "<label>Slot <select name=\"slot\">");
    for (size_t i = 0; i < SLOTS; i++)
        buffer_printf(out, "<option value=\"%zu\">%s</option>", i + 1, page_slots[i]);
    put(out, "</select></label>");
}

static void write_officer(struct buffer *out, const struct token_info *token) {
    put(out, is_yubikey(token) ? "<label>Management key (hexadecimal)"
                               : "<label>Security officer's PIN, where the token wants it");
    put(out, " <input type=\"password\" name=\"officer\" autocomplete=\"off\"></label>");
}

static void write_provision(struct buffer *out, const struct token_info *token) {
    static const char *const types[] = {"P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096", "Ed25519", "ML-DSA-65"};
    put(out, "<h2>Provision a slot</h2><form method=\"post\" action=\"/keys\">");
    put_hidden(out, "uri", token->uri);
    put(out, "<fieldset><legend>Where</legend><div class=\"row\">");
    write_place(out, token);
    write_officer(out, token);
    put(out, "</div></fieldset><fieldset><legend>Key</legend>"
             "<label class=\"one\"><input type=\"radio\" name=\"how\" value=\"generate\" checked> Generate a new key, which "
             "never leaves the token</label><label>Key type <select name=\"type\">");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        buffer_printf(out, "<option>%s</option>", types[i]);
    put(out, "</select></label>"
             "<label class=\"one\"><input type=\"radio\" name=\"how\" value=\"import\"> Import a key: a backup, or the same key "
             "for several agents</label>"
             "<label>Private key (PEM, PKCS#8) <textarea name=\"key\" autocomplete=\"off\" spellcheck=\"false\">"
             "</textarea></label><label>Its password, when it is encrypted <input type=\"password\" name=\"password\" "
             "autocomplete=\"off\"></label>"
             "</fieldset><button>Provision</button></form>");
}

static const struct token_info *token_by_uri(const struct token_info *tokens, size_t count, const char *uri) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(tokens[i].uri, uri) == 0)
            return &tokens[i];
    return NULL;
}

static bool find_token(struct page *page, struct arena *arena, const char *uri, const struct token_info **ret,
                       struct error *err) {
    struct token_info *tokens;
    size_t count;
    TRY(signer_tokens(page->config.signer, arena, &tokens, &count, err));
    *ret = token_by_uri(tokens, count, uri);
    return *ret != NULL || fail(err, ERROR_NOT_FOUND, "token-not-found", "There is no such token: it may have been taken out.");
}

static void view_failure(struct page *page, struct http_request *request, struct http_response *response,
                         const struct error *cause) {
    struct answer answer = {.status = http_status_of(cause->kind), .news = cause->message, .bad = true};
    view_home(page, request, response, &answer);
}

void view_token(struct page *page, struct http_request *request, struct http_response *response, const char *uri,
                const struct answer *answer) {
    struct buffer out = buffer_on(request->arena);
    const struct token_info *token;
    struct error cause = {0};
    if (!find_token(page, request->arena, uri, &token, &cause)) {
        view_failure(page, request, response, answer->news != NULL && answer->bad
                                                  ? &(struct error){.kind = ERROR_NOT_FOUND, .message = "The token is gone."}
                                                  : &cause);
        return;
    }
    page_begin(&out, answer);
    put(&out, "<h1>");
    put_text(&out, token->label);
    put(&out, "</h1><dl>");
    fact(&out, "State", token->problem != NULL ? token->problem : token->logged_in ? "ready, logged in" : "ready");
    fact(&out, "Serial", token->serial);
    fact(&out, "Maker", token->manufacturer);
    fact(&out, "Model", token->model);
    fact(&out, "Module", token->module);
    fact(&out, "URI", token->uri);
    put(&out, "</dl>");
    if (!token->logged_in)
        write_login(&out, token);
    if (write_keys(&out, page, token, &cause)) {
        write_provision(&out, token);
    } else {
        put(&out, "<p class=\"bad\">");
        put_text(&out, cause.message);
        put(&out, "</p>");
    }
    page_end(page, response, answer, &out);
}

/* ---- key ------------------------------------------------------------------------------------- */

static void write_certificates(struct buffer *out, const struct token_certificate *items, size_t count) {
    put(out, "<h2>Certificate</h2>");
    if (count == 0)
        put(out, "<p>There is none yet: make it here, or give a CSR to the CA above and import what it signs.</p>");
    for (size_t i = 0; i < count; i++) {
        put(out, "<details><summary>");
        write_certificate_line(out, items[i].der);
        put(out, "</summary><pre tabindex=\"0\">");
        put_text(out, pem_encode(out->arena, "CERTIFICATE", items[i].der));
        put(out, "</pre></details>");
    }
}

static void write_certify(struct buffer *out, const struct token_info *token, const char *uri, bool again) {
    buffer_printf(out, "<details%s><summary>Make a certificate or a CSR</summary><form method=\"post\" action=\"/certify\">",
                  again ? "" : " open");
    put_hidden(out, "uri", uri);
    put(out, "<label class=\"one\"><input type=\"radio\" name=\"what\" value=\"root\" checked> Self-signed: a root</label>"
             "<label class=\"one\"><input type=\"radio\" name=\"what\" value=\"csr\"> CSR: an intermediate that another CA "
             "signs</label>"
             "<label>Provisioning certificate of the gateway: names, dates and extensions are taken from it "
             "<textarea name=\"pattern\" spellcheck=\"false\" placeholder=\"-----BEGIN CERTIFICATE-----\"></textarea></label>"
             "<p class=\"soft\">Without one:</p><div class=\"row\">"
             "<label>Common name <input name=\"cn\" maxlength=\"64\"></label>"
             "<label>Organisation <input name=\"o\" maxlength=\"64\"></label>"
             "<label>Country <input name=\"c\" maxlength=\"2\"></label>"
             "<label>Years (root) <input name=\"years\" inputmode=\"numeric\" value=\"10\"></label></div>");
    write_officer(out, token);
    put(out, "<button>Make</button></form></details>");
}

static void write_import(struct buffer *out, const struct token_info *token, const char *uri) {
    put(out, "<details><summary>Import the signed certificate (complete provisioning)</summary>"
             "<form method=\"post\" action=\"/certificate\">");
    put_hidden(out, "uri", uri);
    put(out, "<label>Certificate (PEM) <textarea name=\"certificate\" spellcheck=\"false\" required></textarea></label>");
    write_officer(out, token);
    put(out, "<button>Import</button></form></details>");
}

static void write_delete(struct buffer *out, const struct token_info *token, const struct token_key *key) {
    put(out, "<details><summary>Delete the key</summary><form method=\"post\" action=\"/delete\"><p>It is gone for good, with "
             "its certificate. Whatever it has signed is verified as before; nothing more is signed by it.</p>");
    put_hidden(out, "uri", key->uri);
    put(out, "<label>Type its name to confirm: <strong>");
    put_text(out, is_yubikey(token) && slot_name(key->id) != NULL ? slot_name(key->id) : key->label);
    put(out, "</strong> <input name=\"confirm\" autocomplete=\"off\" required></label>");
    write_officer(out, token);
    put(out, "<button class=\"danger\">Delete</button></form></details>");
}

static void write_key(struct buffer *out, const struct token_info *token, const struct token_key *key,
                      const struct token_certificate *items, size_t count) {
    const char *slot = is_yubikey(token) ? slot_name(key->id) : NULL;
    put(out, "<p><a href=\"/token");
    put_query(out, token->uri);
    put(out, "\">");
    put_text(out, token->label);
    put(out, "</a></p><h1>");
    put_text(out, slot != NULL ? arena_printf(out->arena, "Slot %s", slot) : key->label);
    put(out, "</h1><dl>");
    fact(out, "Type", key->key_type == NULL ? "unknown" : key->key_type);
    fact(out, "Origin", key->made_here ? "made in the token" : "imported");
    if (key->always_authenticate)
        fact(out, "PIN", "asked for at every use");
    fact(out, "URI", key->uri);
    put(out, "</dl>");
    write_certificates(out, items, count);
    if (attests(token, key))
        return;
    write_certify(out, token, key->uri, count > 0);
    write_import(out, token, key->uri);
    if (key->spki.len > 0) {
        put(out, "<details><summary>Public key</summary><pre tabindex=\"0\">");
        put_text(out, pem_encode(out->arena, "PUBLIC KEY", key->spki));
        put(out, "</pre></details>");
    }
    write_delete(out, token, key);
}

static bool look_up(struct page *page, struct arena *arena, const char *uri, const struct token_info **ret_token,
                    struct token_key **ret_key, struct token_certificate **ret_items, size_t *ret_count,
                    struct error *err) {
    size_t count;
    TRY(find_token(page, arena, token_of_key(arena, uri), ret_token, err));
    TRY(signer_token_keys(page->config.signer, arena, uri, ret_key, &count, err));
    if (count != 1)
        return fail(err, ERROR_NOT_FOUND, "key-not-found", "There is no such key in the token.");
    return signer_token_certificates(page->config.signer, arena, (*ret_key)->uri, ret_items, ret_count, err);
}

void view_key(struct page *page, struct http_request *request, struct http_response *response, const char *uri,
              const struct answer *answer) {
    struct buffer out = buffer_on(request->arena);
    const struct token_info *token;
    struct token_key *key;
    struct token_certificate *items;
    struct error cause = {0};
    size_t count;
    if (!look_up(page, request->arena, uri, &token, &key, &items, &count, &cause)) {
        view_failure(page, request, response, &cause);
        return;
    }
    page_begin(&out, answer);
    write_key(&out, token, key, items, count);
    page_end(page, response, answer, &out);
}
