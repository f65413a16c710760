/* How SCEP treats a template: one JSON document, kept by store/protocols.h under "scep".
 *
 * {
 *   "validation": {"passphrase":false,"challenge":true,"insecureAcceptAnyone":false},
 *   "renewal": {"enabled":true,"windowDays":0,"sameSubject":true},
 *   "legacyAlgorithms": false,                 3DES and SHA-1, too
 *   "stripRoot": false,                        GetCACert leaves the root out
 *   "nextCa": null,                            the CA that GetNextCACert announces
 *   "access": {"scep":[],"ndes":[]},           addresses and CIDR ranges; empty: from anywhere
 *   "ndes": {"enabled":false,"minutes":60,"utf16":false,"insecureHttp":false},
 *   "webhook": null or {"url":"https://...","secret":"...","notify":true},
 *   "intune": null or {"tenant":"...","clientId":"...","secret":"...", ...},
 *   "captureUntil": null,                      messages are kept until then, see capture.c
 *   "mdm": null or {"digitalId":"...","minutes":60,"rdnFormat":"CN=<deviceid>",...}
 * }
 * What is secret is sealed in the stored document and never shown. */
#ifndef GATEHOUSE_SCEP_SETTINGS_H
#define GATEHOUSE_SCEP_SETTINGS_H

#include "base/json.h"
#include "ca/core.h"

#define SCEP_PROTOCOL "scep"

struct scep_webhook {
    const char *url;    /* NULL: none */
    const char *secret; /* of the signature; sealed in the stored form */
    const char *ca_file; /* PEM file of who vouches for it; "": the system's */
    bool notify;        /* tells what became of a request */
};

struct scep_intune {
    const char *tenant, *client_id; /* tenant NULL: none */
    const char *secret;             /* client secret; sealed in the stored form; "" with a certificate */
    const char *pkcs12;             /* base64 of the client certificate and key; sealed; or "" */
    const char *pkcs12_password;    /* sealed; or "" */
    int64_t secret_expires_us;      /* for a warning before; 0: not known */
    /* National clouds and tests. */
    const char *login_url;          /* "https://login.microsoftonline.com" */
    const char *graph_url;          /* "https://graph.microsoft.com" */
    const char *graph_version;      /* "v1.0" */
    const char *intune_app_id;      /* "0000000a-0000-0000-c000-000000000000" */
    const char *intune_resource;    /* "https://api.manage.microsoft.com/" */
    const char *proxy;              /* URL, or "" for the instance's */
    const char *ca_file;            /* PEM file of who vouches for them; "": the system's */
};

struct scep_mdm {
    bool enabled;
    int64_t minutes;         /* life of a challenge */
    const char *digital_id;  /* the configuration's name that MDMs ask for */
    const char *parent_dn;   /* RFC 4514, appended to every subject; or "" */
    const char *rdn_format;  /* "CN=<deviceid>+UID=<user>": variables in angle brackets */
    struct text_list san_formats;
    bool pkcs12;             /* keys are made here, too, and given out as PKCS#12 */
    const char *key_type;    /* of those */
    int64_t keep_days;       /* so long can the same key be had again; 0: it is kept nowhere */
};

struct scep_settings {
    bool passphrase, challenge, anyone;
    struct {
        bool enabled, same_subject;
        int64_t window_days; /* 0: any time */
    } renewal;
    bool legacy, strip_root;
    const char *next_ca; /* slug, or NULL */
    int64_t capture_until_us; /* 0: no capture */
    struct text_list scep_access, ndes_access;
    struct {
        bool enabled, utf16, insecure_http;
        int64_t minutes;
    } ndes;
    struct scep_webhook webhook;
    struct scep_intune intune;
    struct scep_mdm mdm;
};

/* Absent members get the defaults above. Unknown members, bad ranges and impossible combinations are errors
 * that name the member. */
MUST_USE bool scep_settings_read(struct arena *arena, const struct json *document,
                                 struct scep_settings *ret, struct error *err);
/* The complete document. Secrets are written as they are (sealed, in the stored form), or, when shown, only
 * as "secretSet":true. */
const char *scep_settings_write(struct arena *arena, const struct scep_settings *settings, bool shown);

/* --- access lists ------------------------------------------------------------------------------------- */

/* "192.0.2.1", "10.0.0.0/8", "2001:db8::/32"; host bits must be zero. ERROR_POLICY "bad-address-range". */
MUST_USE bool scep_range_check(const char *range, struct error *err);
/* Is the address in one of the ranges? An empty list has everybody. An IPv4 address in an IPv6 socket counts
 * as what it is. What is no address is in none. */
bool scep_access_allows(const struct text_list *ranges, const char *address);

#endif
