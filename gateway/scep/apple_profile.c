/* The property list of a profile: the CA's certificates, the payload that gets a certificate, and what uses it. */
#include "scep/apple.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <string.h>

/* --- property lists ----------------------------------------------------------------------------------- */

static void put_string(struct buffer *out, const char *key, const char *value) {
    if (key != NULL)
        buffer_printf(out, "<key>%s</key>", key);
    buffer_add_text(out, "<string>");
    buffer_add_markup(out, value);
    buffer_add_text(out, "</string>\n");
}

static void put_number(struct buffer *out, const char *key, long long value) {
    buffer_printf(out, "<key>%s</key><integer>%lld</integer>\n", key, value);
}

static void put_data(struct buffer *out, struct arena *arena, const char *key, struct view bytes) {
    buffer_printf(out, "<key>%s</key><data>%s</data>\n", key, base64_encode(arena, bytes));
}

static void put_bool(struct buffer *out, const char *key, bool value) {
    buffer_printf(out, "<key>%s</key><%s/>\n", key, value ? "true" : "false");
}

static void put_strings(struct buffer *out, const char *key, const struct json *items) {
    buffer_printf(out, "<key>%s</key><array>", key);
    JSON_EACH(item, items)
        put_string(out, NULL, item->text == NULL ? "" : item->text);
    buffer_add_text(out, "</array>\n");
}

static const char *new_uuid(struct arena *arena) {
    char *uuid = uuid_text(arena, uuid_new());
    for (char *at = uuid; *at != '\0'; at++)
        *at = (char)(*at >= 'a' && *at <= 'f' ? *at - 'a' + 'A' : *at);
    return uuid;
}

/* uuid: one that other payloads refer to. */
static void put_head_as(struct buffer *out, const char *uuid, const char *type, const char *name,
                        const char *identifier) {
    put_string(out, "PayloadType", type);
    put_string(out, "PayloadIdentifier", identifier);
    put_string(out, "PayloadUUID", uuid);
    put_string(out, "PayloadDisplayName", name);
    put_number(out, "PayloadVersion", 1);
}

static void put_head(struct buffer *out, struct arena *arena, const char *type, const char *name,
                     const char *identifier) {
    put_head_as(out, new_uuid(arena), type, name, identifier);
}

/* --- payloads ----------------------------------------------------------------------------------------- */

/* Each RDN is an array of one pair: [[["CN","x"]],[["O","y"]]]. */
static void put_subject(struct buffer *out, const struct json *subject) {
    buffer_add_text(out, "<key>Subject</key><array>\n");
    JSON_EACH(member, subject) {
        const struct json *value = member->type == JSON_ARRAY ? member->first : member;
        for (; value != NULL; value = member->type == JSON_ARRAY ? value->next : NULL) {
            buffer_add_text(out, "<array><array>");
            put_string(out, NULL, member->name);
            put_string(out, NULL, value->text == NULL ? "" : value->text);
            buffer_add_text(out, "</array></array>\n");
        }
    }
    buffer_add_text(out, "</array>\n");
}

static void put_sans(struct buffer *out, const struct json *sans) {
    static const struct {
        const char *prefix, *key;
    } kinds[] = {{"DNS:", "dNSName"},
                 {"email:", "rfc822Name"},
                 {"URI:", "uniformResourceIdentifier"},
                 {"UPN:", "ntPrincipalName"}};
    buffer_add_text(out, "<key>SubjectAltName</key><dict>\n");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t len = strlen(kinds[i].prefix);
        bool open = false;
        JSON_EACH(item, sans) {
            if (item->text == NULL || strncmp(item->text, kinds[i].prefix, len) != 0)
                continue;
            if (!open)
                buffer_printf(out, "<key>%s</key><array>", kinds[i].key);
            open = true;
            put_string(out, NULL, item->text + len);
        }
        if (open)
            buffer_add_text(out, "</array>\n");
    }
    buffer_add_text(out, "</dict>\n");
}

static void put_scep(struct buffer *out, struct arena *arena, const struct apple_plan *plan) {
    uint8_t digest[32];
    struct view ca = plan->ca->certificate;
    EVP_Digest(ca.at, ca.len, digest, NULL, EVP_sha256(), NULL);
    buffer_add_text(out, "<dict>\n");
    put_head_as(out, plan->identity_uuid, "com.apple.security.scep", plan->name,
                arena_printf(arena, "%s.scep", plan->identifier));
    buffer_add_text(out, "<key>PayloadContent</key><dict>\n");
    put_string(out, "URL", plan->url);
    put_string(out, "Name", plan->ca->slug);
    put_string(out, "Challenge", plan->challenge);
    put_string(out, "Key Type", "RSA");
    put_number(out, "Keysize", plan->key_bits);
    put_number(out, "Key Usage", 5); /* signing and encryption */
    put_number(out, "Retries", 3);
    put_number(out, "RetryDelay", 10);
    put_data(out, arena, "CAFingerprint", view_of(digest, sizeof digest));
    put_subject(out, plan->subject);
    if (plan->sans != NULL && plan->sans->count > 0)
        put_sans(out, plan->sans);
    buffer_add_text(out, "</dict>\n</dict>\n");
}

/* What stands in the order, or the default; shapes were checked when it was made. */
static const char *text_of(const struct json *object, const char *name, const char *value) {
    const struct json *member = json_get(object, name);
    return member == NULL || member->text == NULL ? value : member->text;
}

/* Apple's ACME payload: a key in the Secure Enclave, shown by device-attest-01. */
static void put_acme(struct buffer *out, struct arena *arena, const struct apple_plan *plan) {
    bool hardware = true;
    if (!json_bool(plan->acme, "hardwareBound", &hardware, &(struct error){0})) /* checked when the order was taken */
        hardware = true;
    buffer_add_text(out, "<dict>\n");
    put_head_as(out, plan->identity_uuid, "com.apple.security.acme", plan->name,
                arena_printf(arena, "%s.acme", plan->identifier));
    put_string(out, "DirectoryURL", text_of(plan->acme, "directory", ""));
    put_string(out, "ClientIdentifier", text_of(plan->acme, "clientIdentifier", ""));
    put_string(out, "KeyType", hardware ? "ECSECPrimeRandom" : "RSA");
    put_number(out, "KeySize", hardware ? 384 : plan->key_bits);
    put_bool(out, "HardwareBound", hardware);
    put_bool(out, "Attest", true);
    put_number(out, "UsageFlags", hardware ? 1 : 5); /* signing; and encryption, where the key can */
    buffer_add_text(out, "<key>ExtendedKeyUsage</key><array><string>1.3.6.1.5.5.7.3.2</string></array>\n");
    put_subject(out, plan->subject);
    if (plan->sans != NULL && plan->sans->count > 0)
        put_sans(out, plan->sans);
    buffer_add_text(out, "</dict>\n");
}

/* EAP-TLS with the certificate of this profile, to servers of these names under this root. */
static void put_wifi(struct buffer *out, struct arena *arena, const struct apple_plan *plan) {
    const struct json *servers = json_get(plan->wifi, "serverNames");
    buffer_add_text(out, "<dict>\n");
    put_head(out, arena, "com.apple.wifi.managed", "Wi-Fi", arena_printf(arena, "%s.wifi", plan->identifier));
    put_string(out, "SSID_STR", text_of(plan->wifi, "ssid", ""));
    put_bool(out, "HIDDEN_NETWORK", false);
    put_bool(out, "AutoJoin", true);
    put_string(out, "EncryptionType", text_of(plan->wifi, "encryption", "WPA2"));
    put_string(out, "PayloadCertificateUUID", plan->identity_uuid);
    buffer_add_text(out, "<key>EAPClientConfiguration</key><dict>\n"
                         "<key>AcceptEAPTypes</key><array><integer>13</integer></array>\n"
                         "<key>PayloadCertificateAnchorUUID</key><array>");
    put_string(out, NULL, plan->root_uuid);
    buffer_add_text(out, "</array>\n");
    if (servers != NULL && servers->count > 0)
        put_strings(out, "TLSTrustedServerNames", servers);
    buffer_add_text(out, "</dict>\n</dict>\n");
}

static void put_vpn(struct buffer *out, struct arena *arena, const struct apple_plan *plan) {
    const char *server = text_of(plan->vpn, "server", "");
    buffer_add_text(out, "<dict>\n");
    put_head(out, arena, "com.apple.vpn.managed", "VPN", arena_printf(arena, "%s.vpn", plan->identifier));
    put_string(out, "UserDefinedName", text_of(plan->vpn, "name", plan->name));
    put_string(out, "VPNType", "IKEv2");
    buffer_add_text(out, "<key>IKEv2</key><dict>\n");
    put_string(out, "RemoteAddress", server);
    put_string(out, "RemoteIdentifier", text_of(plan->vpn, "remoteId", server));
    put_string(out, "LocalIdentifier", text_of(plan->subject, "CN", ""));
    put_string(out, "AuthenticationMethod", "Certificate");
    put_number(out, "ExtendedAuthEnabled", 0);
    put_string(out, "PayloadCertificateUUID", plan->identity_uuid);
    buffer_add_text(out, "</dict>\n</dict>\n");
}

static void put_authorities(struct buffer *out, struct arena *arena, const struct apple_plan *plan) {
    for (size_t i = 0; i < plan->chain_count; i++) {
        bool root = i + 1 == plan->chain_count;
        buffer_add_text(out, "<dict>\n");
        put_head_as(out, root ? plan->root_uuid : new_uuid(arena),
                    root ? "com.apple.security.root" : "com.apple.security.pkcs1", root ? "Root CA" : "Issuing CA",
                    arena_printf(arena, "%s.ca%zu", plan->identifier, i));
        put_data(out, arena, "PayloadContent", plan->chain[i]);
        buffer_add_text(out, "</dict>\n");
    }
}

const char *apple_profile(struct arena *arena, struct apple_plan *plan) {
    struct buffer out = buffer_on(arena);
    plan->identity_uuid = new_uuid(arena);
    plan->root_uuid = new_uuid(arena);
    buffer_add_text(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
                          "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
                          "<plist version=\"1.0\"><dict>\n");
    put_head(&out, arena, "Configuration", plan->name, plan->identifier);
    put_string(&out, "PayloadOrganization", plan->organisation);
    put_string(&out, "PayloadScope", plan->macos ? "System" : "User");
    buffer_add_text(&out, "<key>PayloadContent</key><array>\n");
    put_authorities(&out, arena, plan);
    if (plan->acme != NULL)
        put_acme(&out, arena, plan);
    else
        put_scep(&out, arena, plan);
    if (plan->wifi != NULL)
        put_wifi(&out, arena, plan);
    if (plan->vpn != NULL)
        put_vpn(&out, arena, plan);
    buffer_add_text(&out, "</array>\n</dict></plist>\n");
    return buffer_text(&out);
}
