#include "ca/anchors.h"

#include "base/clock.h"
#include "base/encode.h"
#include "store/cas.h"
#include "store/templates.h"
#include "x509/certificate.h"
#include "x509/name.h"

#include <openssl/err.h>
#include <string.h>

#define DUE_AFTER_US (3600 * US_PER_SECOND)

const char *anchor_role_name(enum anchor_role role) {
    return role == ANCHOR_RA ? "ra" : "device";
}

enum anchor_role anchor_role_from_name(const char *name) {
    return strcmp(name, "device") == 0 ? ANCHOR_DEVICE : strcmp(name, "ra") == 0 ? ANCHOR_RA : 0;
}

static const char *const check_names[] = {"none", "ifAvailable", "required"};

const char *anchor_crl_check_name(enum anchor_crl_check check) {
    return check_names[check <= ANCHOR_CRL_REQUIRED ? check : ANCHOR_CRL_REQUIRED];
}

bool anchor_crl_check_from_name(const char *name, enum anchor_crl_check *ret) {
    for (size_t i = 0; i < sizeof check_names / sizeof check_names[0]; i++)
        if (strcmp(name, check_names[i]) == 0) {
            *ret = (enum anchor_crl_check)i;
            return true;
        }
    return false;
}

struct place {
    struct template_record template;
    struct ca_record ca;
};

static bool find_place(struct tx *tx, struct arena *arena, const struct actor *actor, const char *slug,
                       bool change, struct place *ret, struct error *err) {
    struct scope scope;
    actor_scope(arena, actor, MAY_READ_TEMPLATES, &scope);
    TRY(template_by_slug(tx, arena, &scope, slug, &ret->template, err));
    TRY(ca_by_id(tx, arena, &scope, ret->template.ca_id, &ret->ca, err));
    return !change ||
           actor_may(actor, MAY_MANAGE_TEMPLATES, ret->ca.organisation_id, ret->ca.id, err);
}

static bool note(struct tx *tx, struct arena *arena, const struct actor *actor, const struct place *place,
                 const char *code, const struct anchor_record *anchor, const char *crl_issuer,
                 struct error *err) {
    struct json_writer w = json_writer_on(arena);
    json_open_object(&w);
    json_put_string(&w, "anchor", anchor->name);
    json_put_string(&w, "subject", anchor->subject);
    json_put_string(&w, "fingerprint", hex_encode(arena, view_of(anchor->fingerprint_sha256, 32)));
    if (crl_issuer != NULL)
        json_put_string(&w, "crlIssuer", crl_issuer);
    json_close_object(&w);
    return access_note(tx, actor,
                       &(struct event_note){.code = code,
                                            .organisation_id = place->ca.organisation_id,
                                            .ca_id = place->ca.id,
                                            .object_kind = "template",
                                            .object = place->template.slug,
                                            .details = json_written(&w)},
                       err);
}

/* --- anchors ---------------------------------------------------------------------------------------- */

static bool check_urls(struct arena *arena, const struct anchor_order *order, const char **ret,
                       struct error *err) {
    struct json_writer w = json_writer_on(arena);
    if (order->crl_url_count > ANCHOR_CRL_URLS_MAX)
        return fail(err, ERROR_POLICY, "bad-url", "A trust anchor has at most %d CRL URLs.",
                    ANCHOR_CRL_URLS_MAX);
    json_open_array(&w);
    for (size_t i = 0; i < order->crl_url_count; i++) {
        const char *url = order->crl_urls[i];
        if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) || strlen(url) > 1000)
            return fail(err, ERROR_POLICY, "bad-url",
                        "The CRL URL \"%.100s\" is not fetched: use http:// or https://, at most 1000 octets.",
                        url);
        json_add_string(&w, url);
    }
    json_close_array(&w);
    *ret = json_written(&w);
    return true;
}

static bool check_certificate(struct arena *arena, const struct anchor_order *order,
                              struct anchor_record *anchor, struct error *err) {
    X509 *certificate = NULL;
    struct certificate_facts facts;
    TRY(certificate_decode(arena, order->certificate, &certificate, err));
    keep_X509(arena, certificate);
    TRY(certificate_read(arena, certificate, &facts, err));
    if (order->role == ANCHOR_DEVICE && X509_check_ca(certificate) == 0)
        return fail(err, ERROR_POLICY, "wrong-certificate",
                    "The certificate \"%.200s\" is no CA's: in the role \"device\" a trust anchor is the CA that "
                    "issued the devices' certificates. A single certificate can be trusted as \"ra\".",
                    facts.subject);
    if (facts.not_after_us <= clock_now_us())
        return fail(err, ERROR_POLICY, "wrong-certificate",
                    "The certificate \"%.200s\" has expired; nothing below it would be trusted.",
                    facts.subject);
    anchor->certificate = certificate_der(arena, certificate);
    anchor->subject = facts.subject;
    anchor->not_after_us = facts.not_after_us;
    for (size_t i = 0; i < 32; i++)
        anchor->fingerprint_sha256[i] = facts.fingerprint_sha256[i];
    if (order->name == NULL)
        anchor->name = facts.common_name != NULL ? facts.common_name : "trust anchor";
    return true;
}

static bool insert_bounded(struct tx *tx, struct arena *arena, const struct anchor_record *anchor,
                           struct error *err) {
    struct anchor_record *others;
    size_t count;
    TRY(anchor_list(tx, arena, anchor->template_id, &others, &count, err));
    if (count >= ANCHORS_MAX)
        return fail(err, ERROR_CONFLICT, "too-many",
                    "The template has %d trust anchors already; remove one first.", ANCHORS_MAX);
    return anchor_insert(tx, anchor, err);
}

bool anchor_create(struct core *core, struct arena *arena, const struct actor *actor,
                   const char *template_slug, const struct anchor_order *order,
                   struct anchor_record *ret, struct error *err) {
    struct anchor_record anchor = {.id = uuid_new(),
                                   .role = order->role,
                                   .name = order->name,
                                   .crl_check = order->crl_check,
                                   .created_us = clock_now_us()};
    if (order->name != NULL && (order->name[0] == '\0' || strlen(order->name) > 100))
        return fail(err, ERROR_POLICY, "bad-name", "A trust anchor's name has 1 to 100 bytes.");
    TRY(check_urls(arena, order, &anchor.crl_urls, err));
    TRY(check_certificate(arena, order, &anchor, err));
    if (strlen(anchor.name) > 100)
        anchor.name = "trust anchor";
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct place place;
        tx.ok = find_place(tx.tx, arena, actor, template_slug, true, &place, err);
        if (tx.ok) {
            anchor.template_id = place.template.id;
            tx.ok = insert_bounded(tx.tx, arena, &anchor, err) &&
                    note(tx.tx, arena, actor, &place, "anchor.created", &anchor, NULL, err);
        }
    }
    TRY(done);
    *ret = anchor;
    return true;
}

bool anchor_all(struct core *core, struct arena *arena, const struct actor *actor,
                const char *template_slug, struct anchor_record **ret_items, size_t *ret_count,
                struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct place place;
        tx.ok = find_place(tx.tx, arena, actor, template_slug, false, &place, err) &&
                anchor_list(tx.tx, arena, place.template.id, ret_items, ret_count, err);
    }
    return done;
}

bool anchor_get(struct core *core, struct arena *arena, const struct actor *actor,
                const char *template_slug, struct uuid id, struct anchor_record *ret,
                struct anchor_crl_record **ret_crls, size_t *ret_crl_count, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct place place;
        tx.ok = find_place(tx.tx, arena, actor, template_slug, false, &place, err) &&
                anchor_by_id(tx.tx, arena, place.template.id, id, ret, err) &&
                anchor_crl_list(tx.tx, arena, id, false, ret_crls, ret_crl_count, err);
    }
    return done;
}

bool anchor_remove(struct core *core, struct arena *arena, const struct actor *actor,
                   const char *template_slug, struct uuid id, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct place place;
        struct anchor_record anchor;
        tx.ok = find_place(tx.tx, arena, actor, template_slug, true, &place, err) &&
                anchor_by_id(tx.tx, arena, place.template.id, id, &anchor, err) &&
                anchor_delete(tx.tx, place.template.id, id, err) &&
                note(tx.tx, arena, actor, &place, "anchor.removed", &anchor, NULL, err);
    }
    return done;
}

/* --- their CRLs ------------------------------------------------------------------------------------- */

static bool check_signature(const struct anchor_record *anchor, X509_CRL *crl, struct error *err) {
    AUTO(X509) *issuer = NULL;
    const unsigned char *at = anchor->certificate.at;
    if (anchor->certificate.len > 0)
        issuer = d2i_X509(NULL, &at, (long)anchor->certificate.len);
    if (issuer == NULL || X509_NAME_cmp(X509_get_subject_name(issuer), X509_CRL_get_issuer(crl)) != 0)
        return true; /* of a CA below the anchor: checked with the path, when it is used */
    if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1)
        return true;
    ERR_clear_error();
    return fail(err, ERROR_POLICY, "crl-signature", "The CRL names \"%.200s\" as its issuer, whose signature "
                "it does not have.", anchor->subject);
}

bool anchor_crl_read(struct arena *arena, const struct anchor_record *anchor, struct view bytes,
                     struct anchor_crl_record *ret, struct error *err) {
    struct view der = bytes;
    if (bytes.len > 0 && bytes.at[0] != 0x30 && !pem_decode(arena, bytes, "X509 CRL", &der))
        return fail(err, ERROR_MALFORMED, "malformed-crl", "The CRL is neither DER nor PEM (\"X509 CRL\").");
    if (der.len > MAX_DOCUMENT)
        return fail(err, ERROR_TOO_LARGE, "crl-too-large",
                    "The CRL has %zu octets; at most %zu are kept for a trust anchor.", der.len,
                    MAX_DOCUMENT);
    const unsigned char *at = der.at;
    AUTO(X509_CRL) *crl = der.len == 0 ? NULL : d2i_X509_CRL(NULL, &at, (long)der.len);
    if (crl == NULL || at != der.at + der.len) {
        ERR_clear_error();
        return fail(err, ERROR_MALFORMED, "malformed-crl", "The CRL cannot be read.");
    }
    TRY(check_signature(anchor, crl, err));
    struct anchor_crl_record record = {.anchor_id = anchor->id, .stored_us = clock_now_us(), .der = der};
    TRY(asn1_time_to_us(X509_CRL_get0_lastUpdate(crl), &record.this_update_us, err));
    if (X509_CRL_get0_nextUpdate(crl) != NULL)
        TRY(asn1_time_to_us(X509_CRL_get0_nextUpdate(crl), &record.next_update_us, err));
    record.issuer = name_text(arena, X509_CRL_get_issuer(crl));
    struct view name = name_der(arena, X509_CRL_get_issuer(crl));
    if (EVP_Digest(name.at, name.len, record.issuer_hash, NULL, EVP_sha256(), NULL) != 1)
        return fail_internal(err, "EVP_Digest");
    *ret = record;
    return true;
}

static bool put(struct tx *tx, struct arena *arena, const struct actor *actor, const struct place *place,
                const struct anchor_record *anchor, struct view crl, struct anchor_crl_record *ret,
                struct error *err) {
    return anchor_crl_read(arena, anchor, crl, ret, err) && anchor_crl_put(tx, ret, err) &&
           note(tx, arena, actor, place, "anchor.crl-stored", anchor, ret->issuer, err);
}

bool anchor_put_crl(struct core *core, struct arena *arena, const struct actor *actor,
                    const char *template_slug, struct uuid id, struct view crl,
                    struct anchor_crl_record *ret, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct place place;
        struct anchor_record anchor;
        tx.ok = find_place(tx.tx, arena, actor, template_slug, true, &place, err) &&
                anchor_by_id(tx.tx, arena, place.template.id, id, &anchor, err) &&
                put(tx.tx, arena, actor, &place, &anchor, crl, ret, err);
    }
    return done;
}

static bool is_due(const struct anchor_crl_record *crls, size_t count, int64_t now) {
    for (size_t i = 0; i < count; i++) {
        int64_t life = crls[i].next_update_us - crls[i].this_update_us;
        if (crls[i].stored_us + DUE_AFTER_US <= now ||
            (crls[i].next_update_us != 0 && crls[i].next_update_us - life / 10 <= now))
            return true;
    }
    return count == 0;
}

static struct text_list read_urls(struct arena *arena, const char *text) {
    const struct json *array = NULL;
    struct text_list list = {0};
    if (!json_parse(arena, view_text(text), &array, NULL))
        return list;
    list.items = arena_array(arena, array->count + 1, sizeof *list.items);
    JSON_EACH(item, array)
        if (item->type == JSON_STRING)
            list.items[list.count++] = item->text;
    return list;
}

bool anchors_due(struct core *core, struct arena *arena, struct anchor_due **ret_items,
                 size_t *ret_count, struct error *err) {
    struct anchor_due *items = NULL;
    size_t count = 0;
    int64_t now = clock_now_us();
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct anchor_record *anchors;
        size_t all;
        count = 0;
        tx.ok = anchor_list_with_urls(tx.tx, arena, &anchors, &all, err);
        items = tx.ok ? arena_array(arena, all + 1, sizeof *items) : NULL;
        for (size_t i = 0; tx.ok && i < all; i++) {
            struct anchor_crl_record *crls;
            size_t crl_count;
            tx.ok = anchor_crl_list(tx.tx, arena, anchors[i].id, false, &crls, &crl_count, err);
            if (tx.ok && is_due(crls, crl_count, now))
                items[count++] = (struct anchor_due){anchors[i].id, anchors[i].template_id, anchors[i].name,
                                                     read_urls(arena, anchors[i].crl_urls)};
        }
    }
    TRY(done);
    *ret_items = items;
    *ret_count = count;
    return true;
}

bool anchors_fetched(struct core *core, struct arena *arena, const struct anchor_due *due,
                     struct view crl, struct error *err) {
    bool done = false;
    TX(tx, core_db(core), &done, err) {
        struct place place;
        struct anchor_record anchor;
        struct anchor_crl_record record;
        tx.ok = template_version(tx.tx, arena, due->template_id, 0, &place.template, err) &&
                ca_by_id(tx.tx, arena, &scope_everything, place.template.ca_id, &place.ca, err) &&
                anchor_by_id(tx.tx, arena, due->template_id, due->anchor_id, &anchor, err) &&
                put(tx.tx, arena, &actor_system, &place, &anchor, crl, &record, err);
    }
    return done;
}
