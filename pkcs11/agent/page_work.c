/* What is done: each form's handler, and what is shown after it. */
#include "agent/page_internal.h"

#include "agent/page_certify.h"
#include "agent/page_style.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "x509/certificate.h"
#include "x509/key_type.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM "agent"
#define FORM_MAX ((size_t)64 * 1024)
#define PIN_OCTETS 8

/* A form's field is written as a query's parameter is. */
static const char *field(const struct http_request *request, const char *name) {
    struct http_request form = *request;
    form.query = arena_text(request->arena, request->body);
    const char *value = http_query(&form, name);
    return value == NULL ? "" : value;
}

static struct view secret(const struct http_request *request, const char *name) {
    return view_text(field(request, name));
}

static struct answer answer_of(const struct http_request *request, bool done, const char *what,
                               const struct error *cause) {
    if (done) {
        log_info(ROOM, "%s, from %s", what, request->address);
        return (struct answer){.news = what};
    }
    log_failure(LOG_WARN, ROOM, request->path, cause);
    return (struct answer){.status = http_status_of(cause->kind), .news = cause->message, .bad = true};
}

/* The same key again by the whole URI of the signer, which has its token's serial. */
static bool one_key(struct page *page, struct arena *arena, const char *uri, struct token_key **ret, struct error *err) {
    size_t count;
    if (strstr(uri, "id=") == NULL && strstr(uri, "object=") == NULL)
        return fail(err, ERROR_MALFORMED, "bad-uri", "The PKCS#11 URI names no key.");
    TRY(signer_token_keys(page->config.signer, arena, uri, ret, &count, err));
    return count == 1 || fail(err, ERROR_NOT_FOUND, "key-not-found", "%zu keys match the PKCS#11 URI, not one.", count);
}

/* ---- looking --------------------------------------------------------------------------------- */

#define HANDLER(name)                                                                                                  \
    static bool name(void *context, struct http_request *request, struct http_response *response, struct error *err)

static const struct answer nothing = {0};

HANDLER(get_home) {
    if (page_admits(context, request, response, err))
        view_home(context, request, response, &nothing);
    return true;
}

static const char *query_uri(const struct http_request *request) {
    const char *uri = http_query(request, "uri");
    return uri == NULL ? "" : uri;
}

HANDLER(get_token) {
    if (page_admits(context, request, response, err))
        view_token(context, request, response, query_uri(request), &nothing);
    return true;
}

HANDLER(get_key) {
    if (page_admits(context, request, response, err))
        view_key(context, request, response, query_uri(request), &nothing);
    return true;
}

HANDLER(get_style) {
    (void)context, (void)request, (void)err;
    http_add_header(response, "Cache-Control", "max-age=300");
    http_reply_text(response, 200, "text/css; charset=utf-8", page_style);
    return true;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

HANDLER(post_pin) {
    struct page *page = context;
    struct error cause = {0};
    if (!page_admits(page, request, response, err))
        return true;
    bool done = signer_login(page->config.signer, field(request, "uri"), secret(request, "pin"), &cause);
    struct answer answer = answer_of(request, done, "Logged in to the token", &cause);
    view_home(page, request, response, &answer);
    return true;
}

/* It becomes part of a file's name and of a URI. */
static bool is_plain(const char *text) {
    return text[0] != '\0' && strlen(text) <= 32 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(text);
}

static void new_pin(char text[static 2 * PIN_OCTETS + 1]) {
    uint8_t random[PIN_OCTETS];
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
}

static bool keep_pin(struct page *page, struct arena *arena, const char *label, const char *kind, const char *pin,
                     struct error *err) {
    return state_write(page->config.directory, arena_printf(arena, PAGE_PIN_PREFIX "%s%s", label, kind),
                       view_text(arena_printf(arena, "%s\n", pin)), err);
}

static bool make_token(struct page *page, struct arena *arena, const char *module, const char *label, struct error *err) {
    char pin[2 * PIN_OCTETS + 1], officer_pin[2 * PIN_OCTETS + 1];
    const char *uri;
    struct view there;
    struct error none = {0};
    if (!is_plain(label) || !is_plain(module))
        return fail(err, ERROR_POLICY, "bad-field", "A label has 1 to 32 letters, digits, - and _.");
    const char *file = arena_printf(arena, PAGE_PIN_PREFIX "%s" PAGE_PIN_SUFFIX, label);
    if (state_read(arena, page->config.directory, file, &there, &none))
        return fail(err, ERROR_CONFLICT, "exists", "There was a token \"%s\" already; take another label.", label);
    new_pin(pin);
    new_pin(officer_pin);
    TRY(signer_token_init(page->config.signer, arena, arena_printf(arena, "pkcs11:token=%s?module-name=%s", label, module),
                          view_text(officer_pin), view_text(pin), &uri, err));
    TRY(keep_pin(page, arena, label, ".so-pin", officer_pin, err));
    TRY(keep_pin(page, arena, label, PAGE_PIN_SUFFIX, pin, err));
    return signer_login(page->config.signer, uri, view_text(pin), err);
}

HANDLER(post_tokens) {
    struct page *page = context;
    struct error cause = {0};
    if (!page_admits(page, request, response, err))
        return true;
    bool done = make_token(page, request->arena, field(request, "module"), field(request, "label"), &cause);
    struct answer answer = answer_of(request, done, "The token was made", &cause);
    view_home(page, request, response, &answer);
    return true;
}

HANDLER(post_reload) {
    struct page *page = context;
    if (!page_admits(page, request, response, err))
        return true;
    struct answer answer = answer_of(request, true, "The agent begins anew: it reads agent.conf, starts its modules and "
                                                    "connects. Typed PINs are asked for again.", NULL);
    view_home(page, request, response, &answer);
    page->config.reload(page->config.reload_context);
    return true;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int give_password(char *buffer, int size, int writing, void *password) {
    size_t len = strlen(password);
    (void)writing;
    if (len > (size_t)size)
        return -1;
    memcpy(buffer, password, len);
    return (int)len;
}

/* PKCS#8, encrypted or not, or the older forms, as PKCS#8 in the clear. */
static bool read_private_key(struct http_request *request, struct view *ret, struct error *err) {
    struct view pem = view_text(field(request, "key"));
    char *password = (char *)(uintptr_t)field(request, "password");
    AUTO(BIO) *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    AUTO(EVP_PKEY) *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, give_password, password);
    PKCS8_PRIV_KEY_INFO *info = key == NULL ? NULL : EVP_PKEY2PKCS8(key);
    uint8_t *der = NULL;
    int len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    if (len <= 0)
        return fail(err, ERROR_MALFORMED, "bad-private-key", "That is no private key in PEM, or its password is another.");
    *ret = arena_copy(request->arena, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    return true;
}

static const char *place_of(struct http_request *request) {
    const char *slot = field(request, "slot"), *name = field(request, "name"), *token = field(request, "uri");
    struct buffer out = buffer_on(request->arena);
    put(&out, token);
    if (slot[0] != '\0') {
        buffer_printf(&out, ";id=%%%02lX", strtoul(slot, NULL, 10) & 0xff);
        return buffer_text(&out);
    }
    put(&out, ";object=");
    for (; *name != '\0'; name++)
        buffer_printf(&out, "%%%02X", (unsigned char)*name);
    return buffer_text(&out);
}

static bool provision(struct page *page, struct http_request *request, struct token_key *ret, struct error *err) {
    struct signer *signer = page->config.signer;
    struct view pkcs8;
    if (field(request, "slot")[0] == '\0' && field(request, "name")[0] == '\0')
        return fail(err, ERROR_POLICY, "bad-field", "The key needs a name.");
    if (strcmp(field(request, "how"), "import") != 0)
        return signer_token_key_make(signer, request->arena, place_of(request), field(request, "type"), KEY_SIGN,
                                     secret(request, "officer"), ret, err);
    TRY(read_private_key(request, &pkcs8, err));
    struct token_key_terms terms = {
        .uri = place_of(request), .pkcs8 = pkcs8, .purpose = KEY_SIGN, .officer_pin = secret(request, "officer")};
    bool done = signer_token_key_put(signer, request->arena, &terms, ret, err);
    OPENSSL_cleanse((void *)(uintptr_t)pkcs8.at, pkcs8.len);
    return done;
}

HANDLER(post_keys) {
    struct page *page = context;
    struct token_key key;
    struct error cause = {0};
    if (!page_admits(page, request, response, err))
        return true;
    bool done = provision(page, request, &key, &cause);
    struct answer answer = answer_of(request, done, "The key is in its slot; now its certificate", &cause);
    if (done)
        view_key(page, request, response, key.uri, &answer);
    else
        view_token(page, request, response, field(request, "uri"), &answer);
    return true;
}

static bool remove_key(struct page *page, struct http_request *request, struct error *err) {
    struct token_key *key;
    TRY(one_key(page, request->arena, field(request, "uri"), &key, err));
    const char *typed = field(request, "confirm"), *slot = slot_name(key->id);
    if (strcmp(typed, key->label) != 0 && (slot == NULL || strcmp(typed, slot) != 0))
        return fail(err, ERROR_CONFLICT, "confirmation", "The key was not deleted: its name was not typed as it is.");
    return signer_token_key_remove(page->config.signer, key->uri, secret(request, "officer"), err);
}

HANDLER(post_delete) {
    struct page *page = context;
    const char *uri;
    struct error cause = {0};
    if (!page_admits(page, request, response, err))
        return true;
    uri = field(request, "uri");
    bool done = remove_key(page, request, &cause);
    struct answer answer = answer_of(request, done, "The key was deleted", &cause);
    if (done)
        view_token(page, request, response, token_of_key(request->arena, uri), &answer);
    else
        view_key(page, request, response, uri, &answer);
    return true;
}

/* ---- certificates ---------------------------------------------------------------------------- */

static bool store(struct page *page, struct http_request *request, const struct token_key *key, X509 *certificate,
                  struct error *err) {
    uint8_t *der = NULL;
    int len = i2d_X509(certificate, &der);
    bool done = len > 0 && signer_token_store(page->config.signer, key->uri, view_of(der, (size_t)len),
                                              secret(request, "officer"), err);
    OPENSSL_free(der);
    return done;
}

static bool is_of(X509 *certificate, const struct token_key *key, struct error *err) {
    const uint8_t *at = key->spki.at;
    AUTO(EVP_PKEY) *public = d2i_PUBKEY(NULL, &at, (long)key->spki.len);
    bool same = public != NULL && EVP_PKEY_eq(public, X509_get0_pubkey(certificate)) == 1;
    ERR_clear_error();
    return same || fail(err, ERROR_POLICY, "key-mismatch", "The certificate is of another key than the one in this slot.");
}

static bool import_certificate(struct page *page, struct http_request *request, struct error *err) {
    struct token_key *key;
    X509 *certificate;
    TRY(certificate_decode(request->arena, view_text(field(request, "certificate")), &certificate, err));
    keep_X509(request->arena, certificate);
    TRY(one_key(page, request->arena, field(request, "uri"), &key, err));
    return is_of(certificate, key, err) && store(page, request, key, certificate, err);
}

HANDLER(post_certificate) {
    struct page *page = context;
    struct error cause = {0};
    if (!page_admits(page, request, response, err))
        return true;
    bool done = import_certificate(page, request, &cause);
    struct answer answer = answer_of(request, done, "The certificate was stored in the token", &cause);
    view_key(page, request, response, field(request, "uri"), &answer);
    return true;
}

static bool certify(struct page *page, struct http_request *request, bool root, struct answer *ret, struct error *err) {
    struct certify_order order = {.pattern = field(request, "pattern"),
                                  .common_name = field(request, "cn"),
                                  .organisation = field(request, "o"),
                                  .country = field(request, "c"),
                                  .years = field(request, "years")};
    AUTO(EVP_PKEY) *key = NULL;
    AUTO(X509) *certificate = NULL;
    struct token_key *place;
    struct view der;
    TRY(one_key(page, request->arena, field(request, "uri"), &place, err));
    TRY(signer_token_key(page->config.signer, request->arena, place->uri, &key, NULL, err));
    if (!root) {
        TRY(certify_request(request->arena, key, &order, &der, err));
        ret->what = "CSR: have it signed by the CA above, then import the certificate";
        ret->pem = pem_encode(request->arena, "CERTIFICATE REQUEST", der);
        return true;
    }
    TRY(certify_self(request->arena, key, &order, &certificate, err) && store(page, request, place, certificate, err));
    ret->what = "Certificate: import it at the gateway";
    ret->pem = pem_encode(request->arena, "CERTIFICATE", certificate_der(request->arena, certificate));
    return true;
}

HANDLER(post_certify) {
    struct page *page = context;
    struct error cause = {0};
    struct answer made = {0};
    if (!page_admits(page, request, response, err))
        return true;
    bool root = strcmp(field(request, "what"), "csr") != 0;
    bool done = certify(page, request, root, &made, &cause);
    const char *what = root ? "The certificate was made and stored in the token" : "The CSR was made";
    struct answer answer = answer_of(request, done, what, &cause);
    answer.what = made.what;
    answer.pem = made.pem;
    view_key(page, request, response, field(request, "uri"), &answer);
    return true;
}

#define HTTPS (1u << LISTENER_HTTPS)
const struct http_route page_routes[] = {
    {"GET", "/", GATE_OPEN, HTTPS, 0, get_home, NULL},
    {"GET", "/token", GATE_OPEN, HTTPS, 0, get_token, NULL},
    {"GET", "/key", GATE_OPEN, HTTPS, 0, get_key, NULL},
    {"GET", "/agent.css", GATE_OPEN, HTTPS, 0, get_style, NULL},
    {"POST", "/pin", GATE_OPEN, HTTPS, FORM_MAX, post_pin, NULL},
    {"POST", "/tokens", GATE_OPEN, HTTPS, FORM_MAX, post_tokens, NULL},
    {"POST", "/reload", GATE_OPEN, HTTPS, FORM_MAX, post_reload, NULL},
    {"POST", "/keys", GATE_OPEN, HTTPS, FORM_MAX, post_keys, NULL},
    {"POST", "/delete", GATE_OPEN, HTTPS, FORM_MAX, post_delete, NULL},
    {"POST", "/certify", GATE_OPEN, HTTPS, FORM_MAX, post_certify, NULL},
    {"POST", "/certificate", GATE_OPEN, HTTPS, FORM_MAX, post_certificate, NULL},
};
const size_t page_route_count = sizeof page_routes / sizeof page_routes[0];
