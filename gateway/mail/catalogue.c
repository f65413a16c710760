/* Every mail that is sent, with its built-in wording. */
#include "mail/internal.h"

#include <string.h>

#define SIGNATURE "\n\n-- \n{instance}\n"
#define WHAT "\nSubject: {subject}\nNames: {sans}\nKind: {template}, signed by {ca}\n"

static const struct mail_template templates[] = {
    {"test", "Sent by the test of the settings.", {NULL}, "Test mail from {instance}",
     "This is the test mail that was asked for. Mail works." SIGNATURE},
    {"request.verify",
     "To who asks on the public page: proves the address.",
     {"link", "template", "ca", "expires", NULL},
     "Please confirm your address",
     "Somebody, probably you, asked {ca} for a certificate of the kind {template} and gave this address.\n\n"
     "Open this page and confirm, and the request goes on:\n{link}\n\n"
     "The link works until {expires}. If it was not you, do nothing: the request is forgotten then." SIGNATURE},
    {"request.submitted",
     "To who asks on the public page: the request has arrived.",
     {"link", "subject", "sans", "template", "ca", NULL},
     "Your certificate request has arrived",
     "Your request is here and waits for a decision.\n" WHAT
     "\nThis page shows how it stands; keep the link for yourself:\n{link}" SIGNATURE},
    {"request.waiting",
     "To those who can approve: a request waits.",
     {"link", "requester", "subject", "sans", "template", "ca", NULL},
     "A certificate request waits: {subject}",
     "{requester} asks for a certificate.\n" WHAT "\nDecide here:\n{link}" SIGNATURE},
    {"request.approved",
     "To who asked: approved, with the link that makes the certificate.",
     {"link", "subject", "sans", "template", "ca", "expires", NULL},
     "Your certificate request is approved",
     "Your request is approved.\n" WHAT "\nGet the certificate on this page:\n{link}\n\n"
     "The link works once, and until {expires}. Who has it gets the certificate: do not pass it on." SIGNATURE},
    {"request.invited",
     "To a person who is to get a certificate that was approved beforehand.",
     {"link", "subject", "sans", "template", "ca", "expires", NULL},
     "A certificate is ready for you",
     "A certificate has been approved for you.\n" WHAT "\nGet it on this page:\n{link}\n\n"
     "The link works once, and until {expires}. Who has it gets the certificate: do not pass it on." SIGNATURE},
    {"device.profile",
     "To the owner of an Apple device: the link to its configuration profile.",
     {"link", "name", "subject", "ca", "expires", NULL},
     "A profile for your device: {name}",
     "A certificate for {subject} is ready for your device.\n\n"
     "Open this page on the device, download the profile, and install it in the settings:\n{link}\n\n"
     "The link works until {expires}. Who has it gets the certificate: do not pass it on." SIGNATURE},
    {"request.declined",
     "To who asked: declined.",
     {"link", "subject", "sans", "template", "ca", "reason", NULL},
     "Your certificate request was declined",
     "Your request was declined.\nReason: {reason}\n" WHAT SIGNATURE},
    {"request.cancelled",
     "To who asked: cancelled.",
     {"link", "subject", "sans", "template", "ca", "reason", NULL},
     "Your certificate request was cancelled",
     "Your request was cancelled.\nReason: {reason}\n" WHAT SIGNATURE},
    {"certificate.issued",
     "To who asked or owns it: the certificate is made.",
     {"link", "subject", "sans", "template", "ca", "serial", "notAfter", NULL},
     "Certificate issued: {subject}",
     "The certificate is made.\n" WHAT
     "Serial number: {serial}\nValid until: {notAfter}\n\nIt is here:\n{link}" SIGNATURE},
    {"certificate.revoked",
     "To the owner: the certificate is revoked or on hold.",
     {"link", "subject", "sans", "template", "ca", "serial", "reason", NULL},
     "Certificate revoked: {subject}",
     "The certificate is revoked: nobody should trust it any more.\nReason: {reason}\n" WHAT
     "Serial number: {serial}\n\n{link}" SIGNATURE},
    {"certificate.expiring",
     "To the owner: the certificate ends soon.",
     {"link", "subject", "sans", "template", "ca", "serial", "notAfter", "days", NULL},
     "Certificate ends in {days} days: {subject}",
     "The certificate ends in {days} days. Renew it in time, and put the new one in its place.\n" WHAT
     "Serial number: {serial}\nValid until: {notAfter}\n\n{link}" SIGNATURE},
    {"authority.expiring",
     "To administrators: a CA, service or TLS certificate of the instance ends soon.",
     {"link", "subject", "kind", "notAfter", "days", NULL},
     "{kind} ends in {days} days: {subject}",
     "A certificate of the instance itself ends in {days} days.\n\nKind: {kind}\nSubject: {subject}\n"
     "Valid until: {notAfter}\n\n{link}" SIGNATURE},
    {"job.failed",
     "To administrators: something that happens by itself has failed.",
     {"link", "name", "reason", NULL},
     "Failed: {name}",
     "{name} has failed. It is tried again by itself.\n\nReason: {reason}\n\n{link}" SIGNATURE},
    {"digest",
     "Several notices in one mail.",
     {"link", "count", "items", NULL},
     "{count} notices from {instance}",
     "What happened since the last digest:\n\n{items}\n\n{link}" SIGNATURE},
    {"report",
     "A scheduled report; the file is attached.",
     {"link", "name", "count", NULL},
     "Report: {name}",
     "The report {name} is attached. It has {count} rows.\n\n{link}" SIGNATURE},
};

const struct mail_template *mail_template_at(size_t index) {
    return index < sizeof templates / sizeof templates[0] ? &templates[index] : NULL;
}

const struct mail_template *mail_template_find(const char *name) {
    const struct mail_template *t;
    for (size_t i = 0; (t = mail_template_at(i)) != NULL; i++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}
