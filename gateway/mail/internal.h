/* What the files of this room share. No other room includes it. */
#ifndef GATEHOUSE_MAIL_INTERNAL_H
#define GATEHOUSE_MAIL_INTERNAL_H

#include "base/buffer.h"
#include "mail/mail.h"
#include "net/smtp.h"
#include "rest/handler.h"

/* -- catalogue.c -- */

#define MAIL_MAX_VARIABLES 16
struct mail_template {
    const char *name, *about;
    const char *variables[MAIL_MAX_VARIABLES + 1]; /* beside {instance}; NULL-terminated */
    const char *subject, *text;
};
/* NULL when there is none of that name. */
const struct mail_template *mail_template_find(const char *name);
const struct mail_template *mail_template_at(size_t index); /* NULL past the end */

/* -- render.c -- */

struct mail_text {
    const char *subject, *text, *html;
};
/* Sets the variables: {name}. A line of text or HTML whose variables are all empty is left out. html "" is made from the text. */
struct mail_text mail_render(struct arena *arena, const struct mail_text *wording,
                             const struct mail_variable *variables, size_t count);
/* ERROR_POLICY "mail-template": an unknown variable or a length. */
MUST_USE bool mail_text_check(struct arena *arena, const struct mail_template *template,
                              const struct mail_text *wording, struct error *err);

/* -- address.c -- */

/* "Name <a@b>" or "a@b". ERROR_POLICY "bad-email". */
struct mail_sender {
    const char *name, *address; /* name "" for none */
};
MUST_USE bool mail_sender_parse(struct arena *arena, const char *text, struct mail_sender *ret,
                                struct error *err);

/* -- mime.c -- */

struct mail_envelope {
    struct mail_sender from;
    const char *reply_to, *to; /* reply_to "" for none */
    struct uuid id;            /* for Message-ID */
    int64_t now_us;
    const struct mail_attachment *attachment;
};
/* RFC 5322 with MIME (RFC 2045-2047): text and HTML, and the attachment. Lines end in CRLF. */
struct view mail_compose(struct arena *arena, const struct mail_envelope *envelope,
                         const struct mail_text *text);

/* -- settings.c -- */

struct mail_settings {
    bool there;      /* a server is set up */
    bool configured; /* by the configuration, not by the API */
    const char *host;
    int64_t port;
    enum smtp_security security;
    const char *username, *from, *reply_to, *ca_pem;
    const char *password; /* only after mail_settings_open */
    const char *sealed;   /* "" for none */
    int64_t version;
};
const char *mail_security_name(enum smtp_security security);
MUST_USE bool mail_settings_read(struct core *core, struct arena *arena, struct mail_settings *ret,
                                 struct error *err);
/* The password too: it may ask the signer. */
MUST_USE bool mail_settings_open(struct core *core, struct arena *arena, struct mail_settings *settings,
                                 struct error *err);
/* From a document of the API; the password that is not in it stays as it is. */
MUST_USE bool mail_settings_put(struct core *core, struct arena *arena, const struct actor *actor,
                                const struct json *document, int64_t version, struct error *err);

/* -- send.c -- */

/* Ready to smtp_open. */
struct smtp_server mail_server_of(struct core *core, struct arena *arena,
                                  const struct mail_settings *settings);
bool mail_send_due(void *core, struct arena *arena, struct error *err);
bool mail_clean(void *core, struct arena *arena, struct error *err);

/* -- manage.c, wording.c -- */
HANDLER(mail_settings_show);
HANDLER(mail_settings_change);
HANDLER(mail_test);
HANDLER(mail_messages);
HANDLER(mail_retry);
HANDLER(mail_templates_list);
HANDLER(mail_templates_show);
HANDLER(mail_templates_change);
HANDLER(mail_templates_reset);
HANDLER(mail_templates_preview);

#endif
