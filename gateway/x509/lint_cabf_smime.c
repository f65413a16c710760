/* CA/Browser Forum, Baseline Requirements for S/MIME certificates. */
#include "x509/lint_internal.h"

#include "x509/san.h"

#include <string.h>

#define broken lint_broken
/* 2.23.140.1.5.{validation 1-4}.{generation: 1 legacy, 2 multipurpose, 3 strict} */
#define RESERVED "2.23.140.1.5."
#define SMTP_UTF8 "1.3.6.1.5.5.7.8.9"

static bool generation(const struct lint *l, char which) {
    char oid[] = RESERVED "1.1";
    for (char validation = '1'; validation <= '4'; validation++) {
        oid[sizeof oid - 4] = validation;
        oid[sizeof oid - 2] = which;
        if (lint_has_policy(l, oid))
            return true;
    }
    return false;
}

static bool rule_days(const struct lint *l) {
    int most = generation(l, '1') ? 1185 : 825;
    return l->is_ca || lint_days(l) <= most ||
           broken(l, "it is valid for %d days; %d is the most. Shorten it.", (int)lint_days(l),
                  most);
}

static bool rule_purposes(const struct lint *l) {
    static const int forbidden[] = {NID_server_auth, NID_code_sign, NID_time_stamp,
                                    NID_anyExtendedKeyUsage};
    if (l->is_ca)
        return true;
    if (!lint_has_purpose(l, NID_email_protect))
        return broken(l, "extendedKeyUsage lacks emailProtection.");
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        if (lint_has_purpose(l, forbidden[i]))
            return broken(l, "extendedKeyUsage must not hold %s.", OBJ_nid2sn(forbidden[i]));
    return !generation(l, '3') || sk_ASN1_OBJECT_num(l->purposes) == 1 ||
           broken(l, "a certificate of the strict generation has emailProtection alone.");
}

static bool is_mailbox(const GENERAL_NAME *name) {
    char oid[80];
    if (name->type == GEN_EMAIL)
        return true;
    return name->type == GEN_OTHERNAME &&
           OBJ_obj2txt(oid, sizeof oid, name->d.otherName->type_id, 1) > 0 &&
           strcmp(oid, SMTP_UTF8) == 0;
}

static bool rule_mailbox(const struct lint *l) {
    if (l->is_ca)
        return true;
    for (int i = 0; i < sk_GENERAL_NAME_num(l->sans); i++)
        if (is_mailbox(sk_GENERAL_NAME_value(l->sans, i)))
            return true;
    return broken(l, "subjectAltName must hold a mail address (rfc822Name or SmtpUTF8Mailbox).");
}

static bool rule_subject_mail(const struct lint *l) {
    const char *mail = lint_subject_text(l, NID_pkcs9_emailAddress);
    if (l->is_ca || mail == NULL)
        return true;
    for (int i = 0; i < sk_GENERAL_NAME_num(l->sans); i++) {
        const char *text = san_text(l->arena, sk_GENERAL_NAME_value(l->sans, i), NULL);
        if (strncmp(text, "email:", 6) == 0 && strcasecmp(text + 6, mail) == 0)
            return true;
    }
    return broken(l, "the mail address in the subject must be in subjectAltName, too.");
}

static bool rule_policy(const struct lint *l) {
    int count = 0;
    char oid[] = RESERVED "1.1";
    for (char validation = '1'; validation <= '4'; validation++)
        for (char which = '1'; which <= '3'; which++) {
            oid[sizeof oid - 4] = validation;
            oid[sizeof oid - 2] = which;
            count += lint_has_policy(l, oid);
        }
    return l->is_ca || count == 1 ||
           broken(l, "certificatePolicies must hold exactly one of the reserved policies " RESERVED
                     "x.y.");
}

static bool rule_usage(const struct lint *l) {
    const unsigned allowed = KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION | KU_KEY_ENCIPHERMENT |
                             KU_KEY_AGREEMENT | KU_DATA_ENCIPHERMENT | KU_ENCIPHER_ONLY |
                             KU_DECIPHER_ONLY;
    if (l->is_ca)
        return true;
    if (!l->has_key_usage)
        return broken(l, "keyUsage must be there.");
    return (l->key_usage & ~allowed) == 0 || broken(l, "keyUsage holds a bit of authorities.");
}

static bool rule_crl(const struct lint *l) {
    return l->is_ca || X509_get_ext_by_NID(l->x, NID_crl_distribution_points, -1) >= 0 ||
           broken(l, "cRLDistributionPoints must be there.");
}

static bool rule_serial(const struct lint *l) {
    return ASN1_STRING_length(X509_get0_serialNumber(l->x)) >= 8 ||
           broken(l, "the serial number must hold 64 random bits; it is shorter than 8 octets.");
}

const struct lint_rule lint_rules_cabf_smime[] = {
    {"smime-days", "CABF S/MIME BR 6.3.2", LINT_ERROR, rule_days},
    {"smime-purposes", "CABF S/MIME BR 7.1.2.3(f)", LINT_ERROR, rule_purposes},
    {"smime-mailbox", "CABF S/MIME BR 7.1.4.2.1", LINT_ERROR, rule_mailbox},
    {"smime-subject-mail", "CABF S/MIME BR 7.1.4.2.2(h)", LINT_ERROR, rule_subject_mail},
    {"smime-policy", "CABF S/MIME BR 7.1.6.1", LINT_ERROR, rule_policy},
    {"smime-key-usage", "CABF S/MIME BR 7.1.2.3(e)", LINT_ERROR, rule_usage},
    {"smime-crl", "CABF S/MIME BR 7.1.2.3(b)", LINT_ERROR, rule_crl},
    {"smime-serial", "CABF S/MIME BR 7.1", LINT_ERROR, rule_serial},
    {NULL, NULL, LINT_NOTICE, NULL},
};
