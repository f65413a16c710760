#include "ca/credential_rules.h"

#include "base/encode.h"
#include "base/json.h"

#include <arpa/inet.h>
#include <string.h>

#define SHORTEST_CHOSEN 8
#define SHORTEST_MAC 12
#define LONGEST_CHOSEN 1000
#define LEAST_OCTETS 8
#define MOST_OCTETS 64
#define MOST_USES 1000000
#define MAX_BOUND ((size_t)64 * 1024)

static const struct {
    enum credential_kind kind;
    const char *name;
} kinds[] = {{CREDENTIAL_CHALLENGE, "challenge"}, {CREDENTIAL_MAC, "mac"}, {CREDENTIAL_CODE, "code"},
             {CREDENTIAL_KEY, "key"}};

const char *credential_kind_name(enum credential_kind kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "";
}

bool credential_kind_from_name(const char *name, enum credential_kind *ret) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ret = kinds[i].kind;
            return true;
        }
    }
    return false;
}

const char *credential_place(struct arena *arena, struct uuid id) {
    return arena_printf(arena, "credentials/%s/sealed", uuid_text(arena, id));
}

const char *guess_place(struct arena *arena, struct uuid template_id, const char *address) {
    struct in6_addr six;
    const char *from = arena_printf(arena, "%.64s", address == NULL ? "" : address);
    if (inet_pton(AF_INET6, from, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six))
        from = arena_printf(arena, "%s/64", hex_encode(arena, view_of(six.s6_addr, 8)));
    return arena_printf(arena, "credential/%s/%s", uuid_text(arena, template_id), from);
}

bool credential_visible(const struct actor *actor, const struct credential_owner *owner,
                        const struct credential_record *record, struct error *err) {
    if (owner->manages ||
        actor_can(actor, MAY_READ_EVENTS, owner->ca.organisation_id, owner->ca.id) ||
        (!uuid_is_nil(actor->user_id) && uuid_equal(record->maker_id, actor->user_id)))
        return true;
    return fail(err, ERROR_NOT_FOUND, "not-found", "There is no such credential.");
}

static bool check_aes_key(const struct credential_order *order, struct error *err) {
    size_t octets = order->secret == NULL ? order->secret_octets : strlen(order->secret) / 2;
    bool hex = order->secret == NULL ||
               (strlen(order->secret) % 2 == 0 &&
                strspn(order->secret, "0123456789abcdefABCDEF") == strlen(order->secret));
    if (order->name == NULL || order->name[0] == '\0')
        return fail(err, ERROR_POLICY, "bad-name",
                    "An AES key needs a name: devices name it as its identifier.");
    return (hex && (octets == 16 || octets == 24 || octets == 32 ||
                    (octets == 0 && order->secret == NULL))) ||
           fail(err, ERROR_POLICY, "bad-secret",
                "An AES key has 16, 24 or 32 octets, in hexadecimal when it is chosen.");
}

static bool check_secret(const struct credential_order *order, struct error *err) {
    size_t least = order->kind == CREDENTIAL_MAC ? SHORTEST_MAC : SHORTEST_CHOSEN;
    if (order->kind == CREDENTIAL_KEY)
        return check_aes_key(order, err);
    if (order->secret == NULL)
        return order->secret_octets == 0 ||
               (order->secret_octets >= LEAST_OCTETS && order->secret_octets <= MOST_OCTETS) ||
               fail(err, ERROR_POLICY, "bad-secret",
                    "A made secret has %d to %d octets; choose a number in between.", LEAST_OCTETS,
                    MOST_OCTETS);
    size_t len = strlen(order->secret);
    return (len >= least && len <= LONGEST_CHOSEN && utf8_valid(view_text(order->secret))) ||
           fail(err, ERROR_POLICY, "bad-secret",
                "A chosen secret of this kind has %zu to %d octets of UTF-8; choose a longer one, "
                "or leave it out and one is made.",
                least, LONGEST_CHOSEN);
}

static bool check_texts(const struct credential_order *order, struct error *err) {
    const char *texts[] = {order->name, order->label};
    for (size_t i = 0; i < 2; i++) {
        if (texts[i] != NULL &&
            (strlen(texts[i]) > MAX_NAME || !utf8_valid(view_text(texts[i]))))
            return fail(err, ERROR_POLICY, "bad-name",
                        "The %s of a credential has at most %d octets of UTF-8.",
                        i == 0 ? "name" : "label", MAX_NAME);
    }
    return true;
}

static bool check_bound(struct arena *arena, const char *bound, struct error *err) {
    static const char *const members[] = {"subject", "sans", "variables", NULL};
    const struct json *document, *part = NULL;
    if (bound == NULL)
        return true;
    if (strlen(bound) > MAX_BOUND)
        return fail(err, ERROR_POLICY, "too-long",
                    "What a credential is bound to has at most %zu octets.", MAX_BOUND);
    TRY(json_parse(arena, view_text(bound), &document, err));
    TRY(json_only(document, members, err));
    TRY(json_object(document, "subject", &part, err));
    TRY(json_array(document, "sans", &part, err));
    return json_object(document, "variables", &part, err);
}

bool credential_order_check(struct arena *arena, const struct credential_order *order,
                            int64_t now_us, struct error *err) {
    if (credential_kind_name(order->kind)[0] == '\0')
        return fail(err, ERROR_POLICY, "bad-kind",
                    "A credential's kind is \"challenge\", \"mac\", \"code\" or \"key\".");
    if (order->uses < 0 || order->uses > MOST_USES)
        return fail(err, ERROR_POLICY, "bad-uses",
                    "A credential is good for 1 to %d uses, or for any number (0).", MOST_USES);
    if (order->expires_us != 0 && order->expires_us <= now_us)
        return fail(err, ERROR_POLICY, "bad-time", "The credential would expire in the past.");
    TRY(check_secret(order, err));
    TRY(check_texts(order, err));
    return check_bound(arena, order->bound, err);
}
