#include "est/settings.h"

#include "store/protocols.h"

#include <string.h>

static const char *const own_names[] = {"sameNames", "any", "none", NULL};
static const char *const digest_names[] = {"none", "sha-256", "md5", NULL};
static const char *const binding_names[] = {"required", "ifPresent", "ignore", NULL};
static const char *const scope_names[] = {"any", "caller", NULL};

static bool choice(const struct json *document, const char *name, const char *const words[],
                   int *ret_index, struct error *err) {
    const char *text = words[*ret_index];
    TRY(json_string(document, name, &text, err));
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0) {
            *ret_index = i;
            return true;
        }
    return fail(err, ERROR_POLICY, "est-settings", "\"%s\" is \"%s\", \"%s\"%s%s%s, not \"%.40s\".",
                name, words[0], words[1], words[2] == NULL ? "" : " or \"",
                words[2] == NULL ? "" : words[2], words[2] == NULL ? "" : "\"", text);
}

bool est_settings_read(const struct json *document, struct est_settings *ret, struct error *err) {
    static const char *const members[] = {"basic", "challenge",      "ownCertificates",   "digest",
                                          "names", "approveDevices", "channelBinding",
                                          "retryAfterSeconds", "serverKeyGeneration",
                                          "leastKeyStrength", "leastDigestBits", NULL};
    struct est_settings s = {
        .basic = true, .challenge = true, .approve_devices = true, .retry_s = 60, .least = minima_default};
    int own = EST_OWN_SAME_NAMES, binding = EST_BINDING_IF_PRESENT, scope = 0, digest = EST_DIGEST_NONE;
    TRY(json_only(document, members, err));
    TRY(json_bool(document, "basic", &s.basic, err));
    TRY(json_bool(document, "challenge", &s.challenge, err));
    TRY(json_bool(document, "approveDevices", &s.approve_devices, err));
    TRY(json_bool(document, "serverKeyGeneration", &s.key_generation, err));
    TRY(json_int(document, "retryAfterSeconds", 1, 86400, &s.retry_s, err));
    TRY(choice(document, "ownCertificates", own_names, &own, err));
    TRY(choice(document, "channelBinding", binding_names, &binding, err));
    TRY(choice(document, "names", scope_names, &scope, err));
    TRY(choice(document, "digest", digest_names, &digest, err));
    TRY(minima_read(document, &s.least, err));
    s.own = (enum est_own)own;
    s.binding = (enum est_binding)binding;
    s.digest = (enum est_digests)digest;
    s.names_of_caller = scope == 1;
    *ret = s;
    return true;
}

const char *est_settings_write(struct arena *arena, const struct est_settings *settings) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_bool(&w, "basic", settings->basic);
    json_put_bool(&w, "challenge", settings->challenge);
    json_put_string(&w, "digest", digest_names[settings->digest]);
    json_put_string(&w, "ownCertificates", own_names[settings->own]);
    json_put_bool(&w, "approveDevices", settings->approve_devices);
    json_put_string(&w, "names", scope_names[settings->names_of_caller]);
    json_put_string(&w, "channelBinding", binding_names[settings->binding]);
    json_put_int(&w, "retryAfterSeconds", settings->retry_s);
    json_put_bool(&w, "serverKeyGeneration", settings->key_generation);
    minima_write(&w, &settings->least);
    json_close_object(&w);
    return json_written(&w);
}

bool est_settings_of(struct core *core, struct arena *arena, struct uuid template_id,
                     struct est_settings *ret, int64_t *ret_version, struct error *err) {
    struct protocol_record record = {0};
    const struct json *document;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = protocol_get(tx.tx, arena, template_id, EST_PROTOCOL, &record, err);
    TRY(done);
    TRY(json_parse(arena, view_text(record.document), &document, err));
    if (ret_version != NULL)
        *ret_version = record.version;
    return est_settings_read(document, ret, err);
}
