/* What the things that were pasted together have to do with each other. */
#include "x509/certificate.h"
#include "x509/inspect_items.h"
#include "x509/internal.h"

#define MAX_CHAIN 12
#define MAX_CHAINS 50
/* Signatures are checked for so many pairs at most: two hundred certificates of one name are an
 * attack. */
#define MAX_VERIFICATIONS 1000

static const X509_NAME *issuer_of(const struct inspect_item *item) {
    return item->kind == KIND_CRL ? X509_CRL_get_issuer(item->object)
                                  : X509_get_issuer_name(item->object);
}

static bool verifies(const struct inspect_item *item, EVP_PKEY *key) {
    int done = item->kind == KIND_CRL ? X509_CRL_verify(item->object, key)
                                      : X509_verify(item->object, key);
    ERR_clear_error();
    return done == 1;
}

static void find_signer(struct inspection *in, struct inspect_item *item, unsigned *verifications) {
    item->signer = -1;
    for (size_t i = 0; i < in->count && item->signer < 0; i++) {
        const struct inspect_item *candidate = &in->items[i];
        if (candidate->kind != KIND_CERTIFICATE || candidate->key == NULL ||
            X509_NAME_cmp(issuer_of(item), X509_get_subject_name(candidate->object)) != 0)
            continue;
        item->issuer_named = true;
        if (++*verifications <= MAX_VERIFICATIONS && verifies(item, candidate->key))
            item->signer = (int)i;
    }
}

void inspect_find_signers(struct inspection *in) {
    unsigned verifications = 0;
    for (size_t i = 0; i < in->count; i++)
        if (in->items[i].kind == KIND_CERTIFICATE || in->items[i].kind == KIND_CRL)
            find_signer(in, &in->items[i], &verifications);
}

static bool same_certificate(const struct inspect_item *a, const struct inspect_item *b) {
    return view_equal(a->der, b->der);
}

/* Pasted twice: the first stands for both. */
static bool is_double(const struct inspection *in, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (in->items[i].kind == KIND_CERTIFICATE &&
            same_certificate(&in->items[i], &in->items[at]))
            return true;
    return false;
}

static void check_link(struct json_writer *w, const struct inspection *in, int below, int above) {
    const X509 *certificate = in->items[below].object, *issuer = in->items[above].object;
    struct certificate_facts facts;
    struct error err;
    int64_t from, to;
    if (certificate_read(in->arena, issuer, &facts, &err) && !facts.is_ca)
        json_add_string(w, arena_printf(in->arena,
                                        "Item %d signed item %d, but is no CA (rfc5280#4.2.1.9).",
                                        above, below));
    AUTO(ASN1_OCTET_STRING) *named = NULL;
    AUTO(AUTHORITY_KEYID) *authority =
        X509_get_ext_d2i(certificate, NID_authority_key_identifier, NULL, NULL);
    named = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
    if (authority != NULL && authority->keyid != NULL && named != NULL &&
        ASN1_OCTET_STRING_cmp(authority->keyid, named) != 0)
        json_add_string(
            w, arena_printf(in->arena,
                            "The authority key identifier of item %d is not the subject key "
                            "identifier of item %d (rfc5280#4.2.1.1).",
                            below, above));
    if (asn1_time_to_us(X509_get0_notAfter(certificate), &from, &err) &&
        asn1_time_to_us(X509_get0_notAfter(issuer), &to, &err) && from > to)
        json_add_string(w, arena_printf(in->arena, "Item %d ends later than its issuer, item %d.",
                                        below, above));
    ERR_clear_error();
}

/* path: the items of the chain, the first one given. */
static void write_chain(struct json_writer *w, const struct inspection *in, int leaf) {
    int path[MAX_CHAIN] = {leaf};
    size_t count = 1;
    bool complete = false;
    while (count < MAX_CHAIN) {
        int above = in->items[path[count - 1]].signer;
        if (above == path[count - 1])
            complete = true;
        for (size_t i = 0; i < count && above >= 0; i++)
            if (path[i] == above)
                above = -1; /* cross-certificates may go round */
        if (above < 0)
            break;
        path[count++] = above;
    }
    json_open_object(w);
    json_name(w, "items");
    json_open_array(w);
    for (size_t i = 0; i < count; i++)
        json_add_int(w, path[i]);
    json_close_array(w);
    json_put_bool(w, "complete", complete);
    json_name(w, "problems");
    json_open_array(w);
    for (size_t i = 0; i + 1 < count; i++)
        check_link(w, in, path[i], path[i + 1]);
    if (!complete)
        json_add_string(
            w,
            arena_printf(in->arena,
                         in->items[path[count - 1]].issuer_named
                             ? "Item %d has the issuer's name of a pasted certificate, but is not "
                               "signed by its key."
                             : "The issuer of item %d is not among what was pasted.",
                         path[count - 1]));
    json_close_array(w);
    json_close_object(w);
}

/* Those that have signed another one stand in its chain, not at the beginning of their own. */
static void find_leaves(const struct inspection *in, bool *signer) {
    for (size_t i = 0; i < in->count; i++) {
        int above = in->items[i].kind == KIND_CERTIFICATE ? in->items[i].signer : -1;
        if (above >= 0 && !same_certificate(&in->items[above], &in->items[i]))
            signer[above] = true;
    }
}

static void write_chains(struct json_writer *w, const struct inspection *in) {
    bool *signer = arena_array(in->arena, in->count + 1, sizeof *signer);
    size_t written = 0;
    find_leaves(in, signer);
    json_name(w, "chains");
    json_open_array(w);
    for (size_t i = 0; i < in->count && written < MAX_CHAINS; i++)
        if (in->items[i].kind == KIND_CERTIFICATE && !signer[i] && !is_double(in, i)) {
            write_chain(w, in, (int)i);
            written++;
        }
    json_close_array(w);
}

static bool same_key(const struct inspect_item *a, const struct inspect_item *b) {
    bool same = a->key != NULL && b->key != NULL && EVP_PKEY_eq(a->key, b->key) == 1;
    ERR_clear_error();
    return same;
}

static void write_same_keys(struct json_writer *w, const struct inspection *in) {
    bool *shown = arena_array(in->arena, in->count + 1, sizeof *shown);
    json_name(w, "sameKey");
    json_open_array(w);
    for (size_t i = 0; i < in->count; i++) {
        bool open = false;
        for (size_t j = i + 1; j < in->count && !shown[i]; j++) {
            if (shown[j] || !same_key(&in->items[i], &in->items[j]))
                continue;
            if (!open) {
                json_open_array(w);
                json_add_int(w, (int64_t)i);
            }
            json_add_int(w, (int64_t)j);
            open = shown[j] = true;
        }
        if (open)
            json_close_array(w);
    }
    json_close_array(w);
}

void inspect_relate(struct json_writer *w, const struct inspection *in) {
    write_chains(w, in);
    write_same_keys(w, in);
}
