#include "wire/messages.h"

#include "wire/fields.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct wire_digest_info digests[WIRE_DIGEST_END] = {
    [WIRE_SHA1] = {"SHA1", 20},         [WIRE_SHA224] = {"SHA2-224", 28},
    [WIRE_SHA256] = {"SHA2-256", 32},   [WIRE_SHA384] = {"SHA2-384", 48},
    [WIRE_SHA512] = {"SHA2-512", 64},   [WIRE_SHA3_224] = {"SHA3-224", 28},
    [WIRE_SHA3_256] = {"SHA3-256", 32}, [WIRE_SHA3_384] = {"SHA3-384", 48},
    [WIRE_SHA3_512] = {"SHA3-512", 64},
};

/* Other spellings that OpenSSL gives to the same digests. */
static const struct {
    const char *name;
    enum wire_digest digest;
} digest_aliases[] = {
    {"SHA-1", WIRE_SHA1},     {"SHA224", WIRE_SHA224},  {"SHA-224", WIRE_SHA224},
    {"SHA256", WIRE_SHA256},  {"SHA-256", WIRE_SHA256}, {"SHA384", WIRE_SHA384},
    {"SHA-384", WIRE_SHA384}, {"SHA512", WIRE_SHA512},  {"SHA-512", WIRE_SHA512},
};

const struct wire_digest_info *wire_digest_info(unsigned digest) {
    return digest > WIRE_DIGEST_NONE && digest < WIRE_DIGEST_END ? &digests[digest] : NULL;
}

enum wire_digest wire_digest_by_name(const char *name) {
    for (unsigned i = 1; i < WIRE_DIGEST_END; i++)
        if (strcasecmp(digests[i].name, name) == 0)
            return (enum wire_digest)i;
    for (size_t i = 0; i < sizeof digest_aliases / sizeof digest_aliases[0]; i++)
        if (strcasecmp(digest_aliases[i].name, name) == 0)
            return digest_aliases[i].digest;
    return WIRE_DIGEST_NONE;
}

#define REQUEST(member) offsetof(struct wire_request, member)
#define RESPONSE(member) offsetof(struct wire_response, member)
#define KEY_TYPE_MAX 32

static const struct wire_field no_fields[] = {{0}};

static const struct wire_field hello_request[] = {
    {"version", FIELD_U16, REQUEST(hello.version), 1, UINT16_MAX}, {0}};
static const struct wire_field generate_request[] = {
    {"key type", FIELD_TEXT, REQUEST(generate.key_type), 1, KEY_TYPE_MAX},
    {"purpose", FIELD_U8, REQUEST(generate.purpose), 1, 7},
    {0}};
static const struct wire_field import_request[] = {
    {"private key", FIELD_BYTES, REQUEST(import.pkcs8), 1, WIRE_BLOB_MAX},
    {"purpose", FIELD_U8, REQUEST(import.purpose), 1, 3},
    {0}};
static const struct wire_field load_request[] = {
    {"wrapped key", FIELD_BYTES, REQUEST(load.blob), 1, WIRE_BLOB_MAX},
    {"public key", FIELD_BYTES, REQUEST(load.spki), 1, WIRE_BLOB_MAX},
    {"purpose", FIELD_U8, REQUEST(load.purpose), 1, 7},
    {0}};
static const struct wire_field find_request[] = {
    {"URI", FIELD_TEXT, REQUEST(find.uri), 1, WIRE_URI_MAX}, {0}};
static const struct wire_field sign_request[] = {
    {"handle", FIELD_U64, REQUEST(sign.handle), 1, UINT64_MAX},
    {"scheme", FIELD_U8, REQUEST(sign.scheme), 1, WIRE_SCHEME_END - 1},
    {"digest", FIELD_U8, REQUEST(sign.digest), 0, WIRE_DIGEST_END - 1},
    {"mask digest", FIELD_U8, REQUEST(sign.mgf_digest), 0, WIRE_DIGEST_END - 1},
    {"salt length", FIELD_U16, REQUEST(sign.salt_length), 0, 1024},
    {"context", FIELD_BYTES, REQUEST(sign.context), 0, 255},
    {"data", FIELD_BYTES, REQUEST(sign.data), 0, WIRE_DATA_MAX},
    {0}};
static const struct wire_field decrypt_request[] = {
    {"handle", FIELD_U64, REQUEST(decrypt.handle), 1, UINT64_MAX},
    {"scheme", FIELD_U8, REQUEST(decrypt.scheme), 1, WIRE_SCHEME_END - 1},
    {"digest", FIELD_U8, REQUEST(decrypt.digest), 0, WIRE_DIGEST_END - 1},
    {"mask digest", FIELD_U8, REQUEST(decrypt.mgf_digest), 0, WIRE_DIGEST_END - 1},
    {"label", FIELD_BYTES, REQUEST(decrypt.label), 0, 1024},
    {"data", FIELD_BYTES, REQUEST(decrypt.data), 1, 2048},
    {0}};
static const struct wire_field rewrap_request[] = {
    {"wrapped key", FIELD_BYTES, REQUEST(rewrap.blob), 1, WIRE_BLOB_MAX},
    {"public key", FIELD_BYTES, REQUEST(rewrap.spki), 1, WIRE_BLOB_MAX},
    {"wrapping key", FIELD_BYTES, REQUEST(rewrap.kek), 0, 64},
    {0}};
static const struct wire_field store_certificate_request[] = {
    {"URI", FIELD_TEXT, REQUEST(store_certificate.uri), 1, WIRE_URI_MAX},
    {"certificate", FIELD_BYTES, REQUEST(store_certificate.certificate), 1, WIRE_CERTIFICATE_MAX},
    {0}};
static const struct wire_field token_request[] = {
    {"action", FIELD_U8, REQUEST(token.action), 1, WIRE_TOKEN_ACTION_END - 1},
    {"URI", FIELD_TEXT, REQUEST(token.uri), 1, WIRE_URI_MAX},
    {"key type", FIELD_TEXT, REQUEST(token.key_type), 0, KEY_TYPE_MAX},
    {"purpose", FIELD_U8, REQUEST(token.purpose), 0, 3},
    {"officer's PIN", FIELD_BYTES, REQUEST(token.officer_pin), 0, 255},
    {"certificate", FIELD_BYTES, REQUEST(token.certificate), 0, WIRE_CERTIFICATE_MAX},
    {"private key", FIELD_BYTES, REQUEST(token.private_key), 0, WIRE_BLOB_MAX},
    {"PIN policy", FIELD_U8, REQUEST(token.pin_policy), 0, 3},
    {"touch policy", FIELD_U8, REQUEST(token.touch_policy), 0, 3},
    {"user's PIN", FIELD_BYTES, REQUEST(token.user_pin), 0, 255},
    {0}};
static const struct wire_field login_request[] = {
    {"URI", FIELD_TEXT, REQUEST(login.uri), 1, WIRE_URI_MAX},
    {"PIN", FIELD_BYTES, REQUEST(login.pin), 0, 255}, /* none: at the token's PIN pad */
    {0}};

static const struct wire_field export_request[] = {
    {"wrapped key", FIELD_BYTES, REQUEST(export.blob), 1, WIRE_BLOB_MAX},
    {"public key", FIELD_BYTES, REQUEST(export.spki), 1, WIRE_BLOB_MAX},
    {"form", FIELD_U8, REQUEST(export.form), 1, WIRE_EXPORT_END - 1},
    {"digest", FIELD_U8, REQUEST(export.digest), 0, WIRE_DIGEST_END - 1},
    {"bare", FIELD_U8, REQUEST(export.bare), 0, 1},
    {"secret", FIELD_BYTES, REQUEST(export.secret), 0, 1024},
    {"recipient", FIELD_BYTES, REQUEST(export.recipient), 0, WIRE_CERTIFICATE_MAX},
    {"prefix", FIELD_BYTES, REQUEST(export.prefix), 0, WIRE_CERTIFICATE_MAX},
    {"suffix", FIELD_BYTES, REQUEST(export.suffix), 0, WIRE_CERTIFICATE_MAX},
    {0}};

static const struct wire_field kek_request[] = {
    {"action", FIELD_U8, REQUEST(kek.action), 1, WIRE_KEK_ACTION_END - 1},
    {"wrapping key", FIELD_BYTES, REQUEST(kek.id), 0, 64},
    {0}};

static const struct wire_field hello_response[] = {
    {"version", FIELD_U16, RESPONSE(hello.version), 1, UINT16_MAX},
    {"instance", FIELD_BYTES, RESPONSE(hello.instance), 16, 16},
    {"program", FIELD_TEXT, RESPONSE(hello.program), 1, 64},
    {0}};
static const struct wire_field tokens_response[] = {
    {"count", FIELD_U16, RESPONSE(tokens.count), 0, WIRE_TOKENS_MAX},
    {"list", FIELD_BYTES, RESPONSE(tokens.list), 0, WIRE_TOKENS_MAX * 4096},
    {0}};
static const struct wire_field made_response[] = {
    {"wrapped key", FIELD_BYTES, RESPONSE(made.blob), 1, WIRE_BLOB_MAX},
    {"public key", FIELD_BYTES, RESPONSE(made.spki), 0, WIRE_BLOB_MAX},
    {0}};
static const struct wire_field loaded_response[] = {
    {"handle", FIELD_U64, RESPONSE(loaded.handle), 1, UINT64_MAX}, {0}};
static const struct wire_field found_response[] = {
    {"handle", FIELD_U64, RESPONSE(found.handle), 1, UINT64_MAX},
    {"public key", FIELD_BYTES, RESPONSE(found.spki), 1, WIRE_BLOB_MAX},
    {"key type", FIELD_TEXT, RESPONSE(found.key_type), 1, KEY_TYPE_MAX},
    {0}};
static const struct wire_field result_response[] = {
    {"data", FIELD_BYTES, RESPONSE(result.data), 0, WIRE_RESULT_MAX}, {0}};

static const struct {
    const struct wire_field *request, *response;
} operations[WIRE_OP_END] = {
    [WIRE_HELLO] = {hello_request, hello_response},
    [WIRE_PING] = {no_fields, no_fields},
    [WIRE_TOKENS] = {no_fields, tokens_response},
    [WIRE_GENERATE] = {generate_request, made_response},
    [WIRE_IMPORT] = {import_request, made_response},
    [WIRE_LOAD] = {load_request, loaded_response},
    [WIRE_FIND] = {find_request, found_response},
    [WIRE_SIGN] = {sign_request, result_response},
    [WIRE_DECRYPT] = {decrypt_request, result_response},
    [WIRE_REWRAP] = {rewrap_request, made_response},
    [WIRE_STORE_CERTIFICATE] = {store_certificate_request, no_fields},
    [WIRE_LOGIN] = {login_request, no_fields},
    [WIRE_EXPORT] = {export_request, result_response},
    [WIRE_KEK] = {kek_request, result_response},
    [WIRE_TOKEN] = {token_request, result_response},
};

static bool known_op(unsigned op) {
    return op < WIRE_OP_END && operations[op].request != NULL;
}

/* Every message begins with: number of the operation, id, and in an answer 0 (done) or 1 (failed).
 */
struct header {
    uint8_t op, failed;
    uint16_t id_high, id_low;
};

static const struct wire_field request_header[] = {
    {"operation", FIELD_U8, offsetof(struct header, op), 1, WIRE_OP_END - 1},
    {"id", FIELD_U16, offsetof(struct header, id_high), 0, UINT16_MAX},
    {"id", FIELD_U16, offsetof(struct header, id_low), 0, UINT16_MAX},
    {0}};
static const struct wire_field response_header[] = {
    {"operation", FIELD_U8, offsetof(struct header, op), 1, WIRE_OP_END - 1},
    {"id", FIELD_U16, offsetof(struct header, id_high), 0, UINT16_MAX},
    {"id", FIELD_U16, offsetof(struct header, id_low), 0, UINT16_MAX},
    {"status", FIELD_U8, offsetof(struct header, failed), 0, 1},
    {0}};

static struct header header_of(uint8_t op, uint32_t id, bool failed) {
    return (struct header){op, failed, (uint16_t)(id >> 16), (uint16_t)id};
}

static bool check_op(unsigned op, struct error *err) {
    return known_op(op) ||
           fail(err, ERROR_MALFORMED, "bad-message", "Signer message: there is no operation %u.", op);
}

static uint32_t header_id(const struct header *header) {
    return (uint32_t)header->id_high << 16 | header->id_low;
}

static bool refuse_trailing(struct view rest, struct error *err) {
    if (rest.len == 0)
        return true;
    return fail(err, ERROR_MALFORMED, "bad-message",
                "Signer message: %zu bytes are left over after the last field.", rest.len);
}

static bool encode_message(const struct wire_field *head, const struct header *header,
                           const struct wire_field *fields, const void *record,
                           struct wire_buffer *out, struct error *err) {
    size_t before = out->len;
    if (wire_encode_fields(head, header, out, err) && wire_encode_fields(fields, record, out, err))
        return true;
    out->len = before;
    return false;
}

bool wire_encode_request(const struct wire_request *request, struct wire_buffer *out,
                         struct error *err) {
    if (!known_op(request->op))
        return fail_internal(err, "wire: no operation %u", request->op);
    struct header header = header_of(request->op, request->id, false);
    return encode_message(request_header, &header, operations[request->op].request, request, out,
                          err);
}

bool wire_decode_request(struct view message, struct wire_request *ret_request, struct error *err) {
    struct header header;
    struct wire_request request = {0};
    TRY(wire_decode_fields(request_header, &header, &message, err) && check_op(header.op, err));
    request.op = header.op;
    request.id = header_id(&header);
    TRY(wire_decode_fields(operations[header.op].request, &request, &message, err));
    TRY(refuse_trailing(message, err));
    *ret_request = request;
    return true;
}

/* An error as it travels: kind, stable type, text for the person, text for the log. */
struct wire_error {
    uint8_t kind;
    struct view type, message, detail;
};

static const struct wire_field error_fields[] = {
    {"error kind", FIELD_U8, offsetof(struct wire_error, kind), ERROR_MALFORMED, ERROR_UNAVAILABLE},
    {"error type", FIELD_TEXT, offsetof(struct wire_error, type), 1,
     sizeof((struct error *)0)->type - 1},
    {"error message", FIELD_TEXT, offsetof(struct wire_error, message), 0,
     sizeof((struct error *)0)->message - 1},
    {"error detail", FIELD_TEXT, offsetof(struct wire_error, detail), 0,
     sizeof((struct error *)0)->detail - 1},
    {0}};

/* Names of tokens and files may hold anything; in an error they are only shown. */
static struct view clean_text(char *text) {
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return view_text(text);
}

static bool encode_error(const struct wire_response *response, struct wire_buffer *out,
                         struct error *err) {
    struct header header = header_of(response->op, response->id, true);
    struct error copy = response->error;
    if (copy.kind == ERROR_NONE || copy.type[0] == '\0')
        fail_internal(&copy, "the signer gave no reason");
    struct wire_error fields = {(uint8_t)copy.kind, clean_text(copy.type), clean_text(copy.message),
                                clean_text(copy.detail)};
    return encode_message(response_header, &header, error_fields, &fields, out, err);
}

static bool decode_error(struct view *message, struct error *ret_error, struct error *err) {
    struct wire_error fields;
    TRY(wire_decode_fields(error_fields, &fields, message, err));
    *ret_error = (struct error){.kind = (enum error_kind)fields.kind};
    memcpy(ret_error->type, fields.type.at, fields.type.len);
    memcpy(ret_error->message, fields.message.at, fields.message.len);
    memcpy(ret_error->detail, fields.detail.at, fields.detail.len);
    return true;
}

bool wire_encode_response(const struct wire_response *response, struct wire_buffer *out,
                          struct error *err) {
    if (!known_op(response->op))
        return fail_internal(err, "wire: no operation %u", response->op);
    if (response->failed)
        return encode_error(response, out, err);
    struct header header = header_of(response->op, response->id, false);
    return encode_message(response_header, &header, operations[response->op].response, response,
                          out, err);
}

static bool check_tokens(const struct wire_response *response, struct error *err) {
    struct view list = response->tokens.list;
    struct wire_token token;
    unsigned count = 0;
    while (wire_next_token(&list, &token))
        count++;
    if (list.len != 0 || count != response->tokens.count)
        return fail(err, ERROR_MALFORMED, "bad-message",
                    "Signer message: the list of tokens is broken.");
    return true;
}

bool wire_decode_response(struct view message, struct wire_response *ret_response,
                          struct error *err) {
    struct header header;
    struct wire_response response = {0};
    TRY(wire_decode_fields(response_header, &header, &message, err) && check_op(header.op, err));
    response.op = header.op;
    response.id = header_id(&header);
    response.failed = header.failed == 1;
    if (response.failed)
        TRY(decode_error(&message, &response.error, err));
    else
        TRY(wire_decode_fields(operations[header.op].response, &response, &message, err));
    TRY(refuse_trailing(message, err));
    if (header.op == WIRE_TOKENS && !response.failed)
        TRY(check_tokens(&response, err));
    *ret_response = response;
    return true;
}

#define TOKEN(member) offsetof(struct wire_token, member)
#define TOKEN_TEXT_MAX 255

static const struct wire_field token_fields[] = {
    {"module", FIELD_TEXT, TOKEN(module), 0, TOKEN_TEXT_MAX},
    {"label", FIELD_TEXT, TOKEN(label), 0, TOKEN_TEXT_MAX},
    {"serial", FIELD_TEXT, TOKEN(serial), 0, TOKEN_TEXT_MAX},
    {"manufacturer", FIELD_TEXT, TOKEN(manufacturer), 0, TOKEN_TEXT_MAX},
    {"model", FIELD_TEXT, TOKEN(model), 0, TOKEN_TEXT_MAX},
    {"URI", FIELD_TEXT, TOKEN(uri), 0, WIRE_URI_MAX},
    {"problem", FIELD_TEXT, TOKEN(problem), 0, 511},
    {"managed", FIELD_U8, TOKEN(managed), 0, 1},
    {"logged in", FIELD_U8, TOKEN(logged_in), 0, 1},
    {"waits for", FIELD_TEXT, TOKEN(waits_for), 0, TOKEN_TEXT_MAX},
    {0}};

/* A module's own words are outside our control: cut and cleaned here rather than refused. */
/* `copy` has room for max + 1 bytes. */
static struct view fit(struct view text, size_t max, char *copy) {
    snprintf(copy, max + 1, "%.*s", (int)(text.len > max ? max : text.len),
             text.at == NULL ? "" : (const char *)text.at);
    return clean_text(copy);
}

void wire_add_token(struct wire_buffer *list, const struct wire_token *token) {
    char texts[6][TOKEN_TEXT_MAX + 1], uri[WIRE_URI_MAX + 1], problem[512];
    struct wire_token row = {
        .module = fit(token->module, TOKEN_TEXT_MAX, texts[0]),
        .label = fit(token->label, TOKEN_TEXT_MAX, texts[1]),
        .serial = fit(token->serial, TOKEN_TEXT_MAX, texts[2]),
        .manufacturer = fit(token->manufacturer, TOKEN_TEXT_MAX, texts[3]),
        .model = fit(token->model, TOKEN_TEXT_MAX, texts[4]),
        .uri = fit(token->uri, WIRE_URI_MAX, uri),
        .problem = fit(token->problem, 511, problem),
        .managed = token->managed != 0,
        .logged_in = token->logged_in != 0,
        .waits_for = fit(token->waits_for, TOKEN_TEXT_MAX, texts[5]),
    };
    bool done = wire_encode_fields(token_fields, &row, list, NULL);
    (void)done; /* every field was made to fit */
}

bool wire_next_token(struct view *list, struct wire_token *ret_token) {
    struct wire_token token = {0};
    struct view rest = *list;
    if (rest.len == 0 || !wire_decode_fields(token_fields, &token, &rest, NULL))
        return false;
    *list = rest;
    *ret_token = token;
    return true;
}
