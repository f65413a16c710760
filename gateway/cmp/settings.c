#include "cmp/settings.h"

#include "store/protocols.h"

#include <string.h>

static const char *const own_names[] = {"sameNames", "any", "none"};

static bool read_protection(const struct json *document, struct cmp_algorithms *ret, struct error *err) {
    const struct json *array = NULL;
    TRY(json_array(document, "protection", &array, err));
    if (array == NULL)
        return true;
    ret->pbm = ret->pbmac1 = ret->signature = false;
    JSON_EACH(item, array) {
        bool *which = item->type != JSON_STRING                  ? NULL
                      : strcmp(item->text, "signature") == 0 ? &ret->signature
                      : strcmp(item->text, "pbm") == 0       ? &ret->pbm
                      : strcmp(item->text, "pbmac1") == 0    ? &ret->pbmac1
                                                             : NULL;
        if (which == NULL)
            return fail(err, ERROR_POLICY, "cmp-settings",
                        "\"protection\" lists \"signature\", \"pbm\" and \"pbmac1\".");
        *which = true;
    }
    return array->count > 0 || fail(err, ERROR_POLICY, "cmp-settings",
                                    "\"protection\" is empty, so that nobody could ask for anything.");
}

static bool read_choices(const struct json *document, struct cmp_settings *s, struct error *err) {
    const char *own = own_names[s->own], *package = "rfc5958";
    size_t i = 0;
    TRY(json_string(document, "ownCertificates", &own, err));
    TRY(json_string(document, "keyPackage", &package, err));
    while (i < 3 && strcmp(own, own_names[i]) != 0)
        i++;
    if (i == 3)
        return fail(err, ERROR_POLICY, "cmp-settings",
                    "\"ownCertificates\" is \"sameNames\", \"any\" or \"none\".");
    s->own = (enum cmp_own)i;
    s->bare_key = strcmp(package, "bare") == 0;
    return s->bare_key || strcmp(package, "rfc5958") == 0 ||
           fail(err, ERROR_POLICY, "cmp-settings", "\"keyPackage\" is \"rfc5958\" or \"bare\".");
}

bool cmp_settings_read(const struct json *document, struct cmp_settings *ret, struct error *err) {
    static const char *const members[] = {
        "protection",  "sha1",       "maxIterations",         "implicitConfirm", "confirmSeconds",
        "waitDays",    "pollSeconds", "clockToleranceSeconds", "ownCertificates", "approveDevices",
        "centralKeyGeneration", "keyPackage", "leastKeyStrength", "leastDigestBits",
        NULL};
    struct cmp_settings s = {.algorithms = {true, true, true, false, 100000, minima_default},
                             .implicit_confirm = true,
                             .approve_devices = true,
                             .confirm_s = 600,
                             .wait_days = 30,
                             .poll_s = 60};
    TRY(json_only(document, members, err));
    TRY(read_protection(document, &s.algorithms, err));
    TRY(read_choices(document, &s, err));
    TRY(json_bool(document, "sha1", &s.algorithms.sha1, err));
    TRY(json_int(document, "maxIterations", 100, 10000000, &s.algorithms.max_iterations, err));
    TRY(json_bool(document, "implicitConfirm", &s.implicit_confirm, err));
    TRY(json_int(document, "confirmSeconds", 5, 2592000, &s.confirm_s, err));
    TRY(json_int(document, "waitDays", 1, 365, &s.wait_days, err));
    TRY(json_int(document, "pollSeconds", 1, 86400, &s.poll_s, err));
    TRY(json_int(document, "clockToleranceSeconds", 0, 31536000, &s.tolerance_s, err));
    TRY(json_bool(document, "approveDevices", &s.approve_devices, err));
    TRY(json_bool(document, "centralKeyGeneration", &s.central_key_generation, err));
    TRY(minima_read(document, &s.algorithms.least, err));
    if (s.algorithms.sha1 && s.algorithms.least.digest_bits > minima_default.digest_bits)
        return fail(err, ERROR_POLICY, "cmp-settings", "\"sha1\" and \"leastDigestBits\" contradict each other.");
    *ret = s;
    return true;
}

const char *cmp_settings_write(struct arena *arena, const struct cmp_settings *s) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_name(&w, "protection");
    json_open_array(&w);
    if (s->algorithms.signature)
        json_add_string(&w, "signature");
    if (s->algorithms.pbm)
        json_add_string(&w, "pbm");
    if (s->algorithms.pbmac1)
        json_add_string(&w, "pbmac1");
    json_close_array(&w);
    json_put_bool(&w, "sha1", s->algorithms.sha1);
    json_put_int(&w, "maxIterations", s->algorithms.max_iterations);
    json_put_bool(&w, "implicitConfirm", s->implicit_confirm);
    json_put_int(&w, "confirmSeconds", s->confirm_s);
    json_put_int(&w, "waitDays", s->wait_days);
    json_put_int(&w, "pollSeconds", s->poll_s);
    json_put_int(&w, "clockToleranceSeconds", s->tolerance_s);
    json_put_string(&w, "ownCertificates", own_names[s->own]);
    json_put_bool(&w, "approveDevices", s->approve_devices);
    json_put_bool(&w, "centralKeyGeneration", s->central_key_generation);
    json_put_string(&w, "keyPackage", s->bare_key ? "bare" : "rfc5958");
    minima_write(&w, &s->algorithms.least);
    json_close_object(&w);
    return json_written(&w);
}

bool cmp_settings_of(struct core *core, struct arena *arena, struct uuid template_id,
                     struct cmp_settings *ret, int64_t *ret_version, struct error *err) {
    struct protocol_record record = {0};
    const struct json *document;
    bool done = false;
    TX(tx, core_db(core), &done, err)
        tx.ok = protocol_get(tx.tx, arena, template_id, CMP_PROTOCOL, &record, err);
    TRY(done);
    TRY(json_parse(arena, view_text(record.document), &document, err));
    if (ret_version != NULL)
        *ret_version = record.version;
    return cmp_settings_read(document, ret, err);
}
