/* Keys that are made here for those who cannot make one. */
#include "base/clock.h"
#include "ca/person_key.h"
#include "ca/request_link.h"
#include "ca/user_keys.h"

bool made_key_check(const struct made_key *wanted, struct error *err) {
    return person_key_type_check(wanted->key_type, err) &&
           pkcs12_password_check(wanted->password, err);
}

/* A key, and a CSR for it without names: they come beside it. */
static bool key_and_csr(struct core *core, struct arena *arena, const struct made_key *wanted,
                        struct person_key *ret_key, struct view *ret_csr, struct error *err) {
    TRY(person_key_make(core, arena, wanted->key_type, ret_key, err));
    return person_key_csr(core, arena, ret_key, NULL, NULL, ret_csr, err);
}

static bool pack(struct core *core, struct arena *arena, const struct person_key *key,
                 const struct certificate_record *certificate, const struct made_key *wanted,
                 struct view *ret_pkcs12, struct error *err) {
    struct person_file file = {
        .name = certificate->common_name[0] == '\0' ? NULL : certificate->common_name,
        .password = wanted->password,
        .protection = wanted->protection};
    struct view *ders;
    TRY(certificate_chain(core, arena, certificate, &ders, &file.count, err));
    file.ders = ders;
    return person_key_pkcs12(core, arena, key, &file, ret_pkcs12, err);
}

/* A key that is to be kept is there before its certificate is: none is lost. */
static bool submit_kept(struct core *core, struct arena *arena, const struct actor *actor,
                        const struct submission *whole, const struct made_key *wanted,
                        const struct person_key *key, struct request_record *ret_request,
                        struct certificate_record *ret_certificate, struct error *err) {
    struct user_key_record kept;
    if (!wanted->keep)
        return request_submit(core, arena, actor, whole, ret_request, ret_certificate, err);
    char when[TIME_TEXT_SIZE];
    time_format(clock_now_us(), when);
    const char *name = arena_printf(arena, "%.150s, %s", whole->template_slug, when);
    TRY(user_key_keep(core, arena, actor, name, key, &kept, err));
    if (request_submit(core, arena, actor, whole, ret_request, ret_certificate, err))
        return true;
    user_key_forget(core, arena, actor, &kept);
    return false;
}

bool request_with_key(struct core *core, struct arena *arena, const struct actor *actor,
                      const struct submission *submission, const struct made_key *wanted,
                      struct request_record *ret_request,
                      struct certificate_record *ret_certificate, struct view *ret_pkcs12,
                      struct error *err) {
    struct person_key key;
    struct submission whole = *submission;
    TRY(made_key_check(wanted, err));
    TRY(key_and_csr(core, arena, wanted, &key, &whole.csr, err));
    whole.now_or_never = true;
    TRY(submit_kept(core, arena, actor, &whole, wanted, &key, ret_request, ret_certificate, err));
    return pack(core, arena, &key, ret_certificate, wanted, ret_pkcs12, err);
}

bool claim_with_key(struct core *core, struct arena *arena, const struct actor *actor,
                    const char *secret, const struct made_key *wanted,
                    struct request_record *ret_request, struct certificate_record *ret_certificate,
                    struct view *ret_pkcs12, struct error *err) {
    struct person_key key;
    struct claim_offer offer;
    struct view csr;
    TRY(made_key_check(wanted, err));
    /* A key costs time: nobody makes one without a link that opens. */
    TRY(claim_look(core, arena, secret, &offer, err));
    TRY(key_and_csr(core, arena, wanted, &key, &csr, err));
    TRY(claim_deliver(core, arena, actor, secret, csr, ret_request, ret_certificate, err));
    return pack(core, arena, &key, ret_certificate, wanted, ret_pkcs12, err);
}
