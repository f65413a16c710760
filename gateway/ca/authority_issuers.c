/* The CA's own certificate among those that came, and its issuers up to the root. */
#include "ca/authority_material.h"

#include "base/clock.h"
#include "ca/issuer_fetch.h"
#include "ca/validation.h"
#include "x509/der.h"

#include <openssl/err.h>

#define MAX_CHAIN 10

static X509 *take_own(struct ca_material *m, EVP_PKEY *key) {
    for (size_t i = 0; i < m->count; i++)
        if (key == NULL || EVP_PKEY_eq(X509_get0_pubkey(m->certificates[i]), key) == 1) {
            X509 *own = m->certificates[i];
            m->certificates[i] = m->certificates[--m->count];
            return own;
        }
    ERR_clear_error();
    return NULL;
}

/* Where issuers are looked for. */
struct known {
    X509 *certificate;
    struct view der;
    struct uuid ca_id; /* of this instance, or nil */
};
struct pool {
    struct known *items;
    size_t count, capacity;
};

static void add(struct arena *arena, struct pool *pool, struct known one) {
    if (pool->count == pool->capacity) {
        size_t capacity = pool->capacity == 0 ? 32 : 2 * pool->capacity;
        struct known *items = arena_array(arena, capacity, sizeof *items);
        for (size_t i = 0; i < pool->count; i++)
            items[i] = pool->items[i];
        pool->items = items;
        pool->capacity = capacity;
    }
    pool->items[pool->count++] = one;
}

static bool add_der(struct arena *arena, struct pool *pool, struct view der, struct uuid ca_id, struct error *err) {
    X509 *certificate;
    TRY(certificate_decode(arena, der, &certificate, err));
    add(arena, pool, (struct known){keep_X509(arena, certificate), der, ca_id});
    return true;
}

/* The issuers of CAs here, of which many have the same. */
static bool add_chain(struct arena *arena, struct pool *pool, struct view chain, struct error *err) {
    struct uuid elsewhere = {{0}};
    struct view der;
    while (chain.len > 0 && der_next(&chain, &der)) {
        bool is_there = false;
        for (size_t i = 0; i < pool->count && !is_there; i++)
            is_there = view_equal(pool->items[i].der, der);
        if (!is_there)
            TRY(add_der(arena, pool, der, elsewhere, err));
    }
    return true;
}

/* The CAs of this instance, what was given, the issuers of those CAs, the foreign CAs of the validators. */
static bool open_pool(struct core *core, struct arena *arena, const struct ca_material *given,
                      const struct ca_record *self, struct pool *pool, struct error *err) {
    struct ca_record *all;
    struct validator_record *validators;
    struct uuid elsewhere = {{0}};
    size_t count, validator_count;
    TRY(authority_public_list(core, arena, &all, &count, err));
    TRY(validation_all(core, arena, &actor_system, &validators, &validator_count, err));
    for (size_t i = 0; i < count; i++)
        if (!uuid_equal(all[i].id, self->id))
            TRY(add_der(arena, pool, all[i].certificate, all[i].id, err));
    for (size_t i = 0; i < given->count; i++)
        add(arena, pool, (struct known){given->certificates[i], certificate_der(arena, given->certificates[i]), elsewhere});
    for (size_t i = 0; i < count; i++)
        TRY(add_chain(arena, pool, all[i].chain, err));
    for (size_t i = 0; i < validator_count; i++)
        TRY(add_der(arena, pool, validators[i].certificate, elsewhere, err));
    return true;
}

/* A chain on its way: own certificate first. */
struct path {
    X509 *items[MAX_CHAIN + 2];
    size_t count;
};

/* CAs that certify each other make circles. */
static bool is_on(const struct path *path, const X509 *certificate) {
    for (size_t i = 0; i < path->count; i++)
        if (X509_cmp(path->items[i], certificate) == 0)
            return true;
    return false;
}

static X509 *find_issuer(const struct pool *pool, const struct path *path, struct uuid *ret_id) {
    X509 *subject = path->items[path->count - 1];
    for (size_t i = 0; i < pool->count; i++)
        if (certificate_is_issued(pool->items[i].certificate, subject) && !is_on(path, pool->items[i].certificate)) {
            *ret_id = pool->items[i].ca_id;
            return pool->items[i].certificate;
        }
    return NULL;
}

/* rfc5280#6.1.4 (l), (m): below a path length of n at most n CAs that do not issue themselves. */
static bool check_path_length(struct arena *arena, X509 *issuer, int below, struct error *err) {
    struct certificate_facts facts;
    TRY(certificate_read(arena, issuer, &facts, err));
    if (facts.path_length < 0 || facts.path_length >= below)
        return true;
    return fail(err, ERROR_POLICY, "wrong-certificate",
                "CA certificate: the issuer \"%.100s\" has path length %d, and %d CA%s would stand below it "
                "(rfc5280#4.2.1.9).",
                facts.subject, facts.path_length, below, below == 1 ? "" : "s");
}

static const char *missing(struct arena *arena, const X509 *subject, const char *why) {
    struct certificate_facts facts;
    struct error err;
    if (!certificate_read(arena, subject, &facts, &err))
        return why;
    return arena_printf(arena, "The issuer \"%.150s\" of \"%.150s\" is not known: %.600s", facts.issuer, facts.subject, why);
}

static X509 *next_issuer(struct arena *arena, const struct pool *pool, struct issuer_fetches *fetches,
                         const struct path *path, struct ca_own *own) {
    X509 *subject = path->items[path->count - 1];
    struct uuid id = {{0}};
    const char *why = "what is there to be fetched goes in a circle.";
    X509 *issuer = find_issuer(pool, path, &id);
    if (issuer == NULL)
        issuer = issuer_fetch(arena, fetches, subject, &why);
    if (issuer == NULL || is_on(path, issuer)) {
        own->missing = missing(arena, subject, why);
        return NULL;
    }
    if (path->count == 1)
        own->issuer_id = id;
    return issuer;
}

/* The issuers, nearest first, up to a self-signed one or as far as they are found. */
static bool build_chain(struct core *core, struct arena *arena, const struct pool *pool, struct ca_own *own,
                        X509 **ret_issuer, struct error *err) {
    struct buffer chain = buffer_on(arena);
    struct path path = {{own->certificate}, 1};
    struct issuer_fetches fetches;
    issuer_fetches_begin(core, &fetches);
    for (X509 *at = own->certificate; !certificate_is_issued(at, at); at = path.items[path.count - 1]) {
        X509 *issuer = next_issuer(arena, pool, &fetches, &path, own);
        if (issuer == NULL)
            break;
        if (path.count > MAX_CHAIN)
            return fail(err, ERROR_POLICY, "chain-too-long", "The chain is longer than %d.", MAX_CHAIN);
        TRY(check_path_length(arena, issuer, (int)path.count, err));
        struct view der = certificate_der(arena, issuer);
        buffer_add(&chain, der.at, der.len);
        path.items[path.count++] = issuer;
    }
    *ret_issuer = path.items[1];
    own->chain = buffer_view(&chain);
    return true;
}

bool material_choose(struct core *core, struct arena *arena, struct ca_material *m, EVP_PKEY *key,
                     const struct ca_record *ca, struct ca_own *ret, struct error *err) {
    struct pool pool = {0};
    struct ca_own own = {.certificate = take_own(m, key)};
    X509 *issuer = NULL;
    if (own.certificate == NULL)
        return fail(err, ERROR_POLICY, "key-mismatch",
                    "None of the certificates has the key of the authority %s; have the CSR that it "
                    "offers signed.",
                    ca->slug);
    if (key == NULL)
        key = X509_get0_pubkey(own.certificate);
    if (X509_NAME_cmp(X509_get_issuer_name(own.certificate), X509_get_subject_name(own.certificate)) != 0)
        TRY(certificate_check_ca(own.certificate, key, NULL, clock_now_us(), err)); /* before anything is fetched for it */
    TRY(open_pool(core, arena, m, ca, &pool, err));
    TRY(build_chain(core, arena, &pool, &own, &issuer, err));
    TRY(certificate_check_ca(own.certificate, key, issuer, clock_now_us(), err));
    *ret = own;
    return true;
}
