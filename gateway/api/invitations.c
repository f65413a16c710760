/* A claim link by mail, to the person whom a certificate is for. */
#include "api/request_parts.h"

#include "api/handlers.h"
#include "base/clock.h"
#include "mail/mail.h"

bool invitation_read(struct core *core, struct arena *arena, const struct json *document, const char **ret_email,
                     struct error *err) {
    bool possible;
    *ret_email = NULL;
    TRY(json_string(document, "email", ret_email, err));
    if (*ret_email == NULL)
        return true;
    TRY(mail_address_check(*ret_email, err));
    TRY(mail_possible(core, arena, &possible, err));
    return possible ||
           fail(err, ERROR_CONFLICT, "no-mail-server",
                "No mail server is set up; set one up, or leave \"email\" out and pass on the link.");
}

bool invitation_send(struct core *core, struct arena *arena, const struct request_record *request,
                     const struct claim_link *link, const char *email, struct error *err) {
    char expires[TIME_TEXT_SIZE];
    if (email == NULL || link->secret == NULL)
        return true;
    time_format(link->expires_us / US_PER_SECOND * US_PER_SECOND, expires);
    const struct mail_variable variables[] = {
        {"link", link->url},
        {"subject", request->subject[0] == '\0' ? request->sans : request->subject},
        {"sans", request->sans},
        {"template", request->template_slug},
        {"ca", request->ca_slug},
        {"expires", expires},
    };
    struct mail mail = {.template = "request.invited",
                        .organisation_id = request->organisation_id,
                        .to = email,
                        .variables = variables,
                        .variable_count = sizeof variables / sizeof variables[0]};
    return mail_send(core, arena, &mail, err);
}
