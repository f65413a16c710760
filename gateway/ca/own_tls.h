/* The instance's own TLS certificate: where it comes from, the present one, the next one. Its key is in the signer like
 * every other; one row of the database serves all nodes, so the newest row is what every node shows its clients. */
#ifndef GATEHOUSE_CA_OWN_TLS_H
#define GATEHOUSE_CA_OWN_TLS_H

#include "ca/authority.h"

enum own_tls_source {
    OWN_TLS_SELF_SIGNED,
    OWN_TLS_AUTHORITY, /* an authority of this instance */
    OWN_TLS_ACME,      /* an ACME server elsewhere, see gateway/tls */
    OWN_TLS_GIVEN,     /* imported; nobody renews it */
};

/* The setting "tls": {"source":"self-signed","names":[],"keyType":"P-256","ca":"example-issuing","days":90,
 * "acme":{"directory":"https://...","contact":"mailto:...","ca":"PEM","eab":{"kid":"...","key":"base64url"}}}.
 * As it is stored, eab has "sealed" in place of "key". */
struct own_tls_settings {
    enum own_tls_source source;
    struct text_list names; /* empty: the configured public names */
    const char *key_type;   /* canonical: P-256, P-384, RSA-2048, RSA-3072, RSA-4096 */
    const char *ca;         /* OWN_TLS_AUTHORITY: slug */
    int64_t days;           /* OWN_TLS_AUTHORITY */
    const char *directory, *contact, *anchors; /* OWN_TLS_ACME: URL; "" or "mailto:..."; PEM or "" */
    const char *kid, *sealed;                  /* external account binding, or NULL */
};
const char *own_tls_source_name(enum own_tls_source source); /* "self-signed" ... */
/* What a client sends. ERROR_MALFORMED or ERROR_POLICY "bad-setting" names the member. A binding without its key keeps
 * the key of `before`. */
MUST_USE bool own_tls_settings_read(struct core *core, struct arena *arena, const struct json *document,
                                    const struct own_tls_settings *before, struct own_tls_settings *ret,
                                    struct error *err);
/* "names" and "keyType" of the document alone, where it has them. */
MUST_USE bool own_tls_wish_read(struct arena *arena, const struct json *document, struct own_tls_settings *settings,
                                struct error *err);
/* stored: with what is sealed. */
const char *own_tls_settings_write(struct arena *arena, const struct own_tls_settings *settings, bool stored);
/* Those of the instance. */
MUST_USE bool own_tls_settings(struct core *core, struct arena *arena, struct own_tls_settings *ret, struct error *err);
MUST_USE bool own_tls_binding_key(struct core *core, struct arena *arena, const struct own_tls_settings *settings,
                                  struct view *ret_key, struct error *err);

struct own_tls {
    X509 *certificate; /* the arena drops it */
    EVP_PKEY *key;     /* remote; the arena drops it */
    struct uuid key_id;
    struct view der, chain; /* chain as in ca_record: the issuers, nearest first */
    int64_t not_before_us, not_after_us, created_us;
};
/* ERROR_UNAVAILABLE "not-initialised". */
MUST_USE bool own_tls(struct core *core, struct arena *arena, struct own_tls *ret, struct error *err);
/* From when on somebody should be told that it ends: the renewal should have been, or (given) 30 days before. */
int64_t own_tls_warn_us(enum own_tls_source source, int64_t not_before_us, int64_t not_after_us);

/* Whether it is time for the next one: a third of its life is left, or it does not name what it should. Never true of
 * a given one that is there. */
MUST_USE bool own_tls_due(struct core *core, struct arena *arena, const struct own_tls_settings *settings,
                          bool *ret_due, struct error *err);
/* A new one, by this instance alone: self-signed or of one of its authorities. `settings` (NULL: unchanged) are kept
 * with it in one transaction. */
MUST_USE bool own_tls_make(struct core *core, struct arena *arena, const struct actor *actor,
                           const struct own_tls_settings *use, const struct own_tls_settings *settings,
                           struct error *err);
/* For init and serve: there is one for these names, unless it comes from elsewhere; then any will do for the moment. */
MUST_USE bool own_tls_ensure(struct core *core, struct arena *arena, const char *const *names, size_t count,
                             struct error *err);

/* Names as one list for a certificate or CSR. ERROR_MALFORMED "malformed-san". */
MUST_USE bool own_tls_sans(struct arena *arena, const struct text_list *names, GENERAL_NAMES **ret_sans,
                           struct error *err);
/* A CSR for somebody else to sign. Its key is made now and waits in the signer for the certificate; asked again, the
 * same key is used. */
MUST_USE bool own_tls_csr(struct core *core, struct arena *arena, const struct actor *actor,
                          const struct own_tls_settings *use, struct view *ret_der, struct error *err);
/* A certificate from elsewhere with its issuers (PEM or DER), whose key is given beside it (PEM, DER, PKCS#12), or is
 * that of the CSR, or the present one. From then on it is a given one. ERROR_POLICY "tls-certificate" says what is
 * wrong with it. */
struct own_tls_order {
    struct view certificates, private_key;
    const char *password; /* or NULL */
};
MUST_USE bool own_tls_import(struct core *core, struct arena *arena, const struct actor *actor,
                             const struct own_tls_order *order, struct error *err);

/* What a new one consists of, to be taken over at once. */
struct own_tls_next {
    const struct key_record *key; /* stored with it; NULL: key_id is there already */
    struct uuid key_id;
    X509 *certificate;
    struct view chain;
    const struct certificate_record *issued; /* by an authority of ours; or NULL */
    const struct own_tls_settings *settings; /* NULL: unchanged */
    const char *event;
    bool forget_csr;
};
MUST_USE bool own_tls_adopt(struct core *core, struct arena *arena, const struct actor *actor,
                            const struct own_tls_next *next, struct error *err);
/* Certificate first, its issuers behind it, in the order that clients expect; roots are left out. `first` is among
 * `all`. */
struct view own_tls_order_chain(struct arena *arena, X509 *first, X509 *const *all, size_t count);
/* ERROR_POLICY "tls-certificate" when clients could not use it. */
MUST_USE bool own_tls_check(X509 *certificate, EVP_PKEY *key, struct error *err);

#endif
