/* What the files of this room share: handlers, and the JSON forms that more than one of them
 * writes. */
#ifndef GATEHOUSE_API_HANDLERS_H
#define GATEHOUSE_API_HANDLERS_H

#include "ca/factors.h"
#include "ca/issue.h"
#include "rest/certificate_filter.h"
#include "rest/handler.h"
#include "rest/organisation.h"

/* session.c */
HANDLER(session_create);
HANDLER(session_certificate);
HANDLER(session_second);
HANDLER(session_passkey);
HANDLER(session_passkey_finish);
HANDLER(session_show);
HANDLER(session_end);
HANDLER(session_password);
/* A session's cookie and description, or what the second step needs. */
MUST_USE bool session_reply(struct core *core, struct http_request *request, struct http_response *response,
                            const struct login_result *result, struct error *err);
struct login_order session_order(const struct http_request *request);
/* openid.c */
HANDLER(session_openid);
HANDLER(session_openid_finish);
/* api_tokens.c */
HANDLER(api_tokens_list);
HANDLER(api_tokens_create);
HANDLER(api_tokens_revoke);
HANDLER(api_tokens_revoke_all);
HANDLER(users_tokens);
HANDLER(users_tokens_revoke);
/* cas.c, ca_documents.c */
HANDLER(cas_list);
HANDLER(cas_create);
HANDLER(cas_get);
HANDLER(cas_change);
HANDLER(cas_remove);
HANDLER(cas_import_certificate);
HANDLER(cas_csr);
HANDLER(cas_certificate);
HANDLER(cas_urls);
HANDLER(cas_crl);
/* ca_renewals.c */
HANDLER(cas_renew);
HANDLER(cas_rekey);
HANDLER(cas_chains);
HANDLER(cas_chains_add);
HANDLER(cas_chains_use);
HANDLER(cas_generations);
/* ca_imports.c */
HANDLER(cas_import);
HANDLER(cas_history);
HANDLER(cas_publish_crl);
/* anchors.c */
HANDLER(anchors_list);
HANDLER(anchors_create);
HANDLER(anchors_get);
HANDLER(anchors_remove);
HANDLER(anchors_crl);
/* templates.c */
HANDLER(templates_list);
HANDLER(templates_create);
HANDLER(templates_get);
HANDLER(templates_change);
HANDLER(templates_remove);
HANDLER(templates_clone);
HANDLER(templates_export);
HANDLER(templates_openssl);
HANDLER(templates_openssl_check);
HANDLER(templates_openssl_change);
HANDLER(templates_import);
HANDLER(templates_versions);
HANDLER(templates_diff);
/* template_preview.c */
HANDLER(templates_preview);
HANDLER(key_challenges_create);
/* starters.c */
HANDLER(starters_list);
HANDLER(starter_sets_list);
HANDLER(starter_sets_of_ca);
HANDLER(starter_sets_on);
HANDLER(starter_sets_off);
/* requests.c, decisions.c */
HANDLER(requests_create);
HANDLER(requests_list);
HANDLER(requests_count);
HANDLER(requests_of_ca);
HANDLER(requests_get);
HANDLER(requests_sign);
HANDLER(requests_decline);
HANDLER(requests_cancel);
HANDLER(requests_batch);
/* request_more.c */
HANDLER(requests_create_form);
HANDLER(requests_create_key);
HANDLER(requests_approve);
HANDLER(requests_resend);
HANDLER(requests_move);
HANDLER(requests_comments);
HANDLER(requests_comment);
HANDLER(claims_show);
HANDLER(claims_create);
HANDLER(certificates_renew);
/* certificates.c */
HANDLER(certificates_list);
HANDLER(certificates_of_ca);
HANDLER(certificates_get);
HANDLER(certificates_revoke);
HANDLER(certificates_unhold);
/* inventory.c, certificate_batch.c, certificate_export.c */
HANDLER(certificates_count);
HANDLER(certificates_edit);
HANDLER(certificates_batch);
HANDLER(certificates_export);
/* bulk.c */
HANDLER(certificate_jobs_create);
HANDLER(certificate_jobs_list);
HANDLER(certificate_jobs_get);
HANDLER(certificate_jobs_items);
HANDLER(certificate_jobs_cancel);
HANDLER(certificate_jobs_file);
HANDLER(fields_show);
HANDLER(fields_replace);
HANDLER(views_list);
HANDLER(views_create);
HANDLER(views_remove);
/* credentials.c */
HANDLER(credentials_list);
HANDLER(credentials_create);
HANDLER(credentials_rotate);
HANDLER(credentials_remove);
HANDLER(credentials_get);
HANDLER(credentials_revoke);
/* users.c */
HANDLER(users_list);
HANDLER(users_create);
HANDLER(users_get);
HANDLER(users_change);
HANDLER(users_reset);
/* events.c */
HANDLER(events_list);
/* instance.c */
HANDLER(tokens_list);
/* ca_imports.c: a field of PEM, or of base64 of DER; empty when it is not there. */
MUST_USE bool ask_bytes(struct arena *arena, const struct json *document, const char *name, struct view *ret,
                        struct error *err);
/* token_keys.c */
HANDLER(tokens_check);
HANDLER(token_keys_list);
HANDLER(token_keys_create);
HANDLER(token_keys_import);
HANDLER(token_keys_csr);
HANDLER(token_keys_remove);
HANDLER(token_keys_certificate);
HANDLER(cas_set_key);
HANDLER(organisations_list);
HANDLER(organisations_create);
HANDLER(organisations_change);
HANDLER(settings_get);
HANDLER(retention_show);
HANDLER(retention_replace);
HANDLER(retention_run);
HANDLER(configuration_list);
HANDLER(doors_show);
HANDLER(doors_replace);
HANDLER(readiness_list);
HANDLER(templates_hook_secret);
HANDLER(status_get);
/* inspect.c */
HANDLER(inspect_create);
/* describe.c */
HANDLER(describe_document);
HANDLER(describe_page);

#define SESSION_COOKIE "gatehouse_session"


/* cas.c, ca_documents.c: what several handlers answer with. */
MUST_USE bool ca_reply(struct core *core, struct http_request *request, struct http_response *response,
                       int status, const struct ca_record *ca, struct error *err);
/* "key": {"type":...} names a key to make, {"uri":"pkcs11:..."} one that is in a token. */
MUST_USE bool ca_read_key(const struct json *document, struct ca_order *order, struct error *err);
struct crl_document;
void crl_reply_info(struct http_request *request, struct http_response *response, const char *slug,
                    const struct crl_document *crl);

/* names.c: ids of organisations and CAs as slugs and back. One per request; look-ups are
 * remembered. */
struct names {
    struct core *core;
    struct arena *arena;
    struct organisation *organisations; /* NULL: not read yet */
    size_t organisation_count;
    struct known_ca *cas;
};
/* *ret_slug is NULL for nil and for what is gone. */
MUST_USE bool names_organisation(struct names *names, struct uuid id, const char **ret_slug,
                                 struct error *err);
MUST_USE bool names_ca(struct names *names, struct uuid id, const char **ret_slug,
                       struct error *err);
/* ERROR_NOT_FOUND for a slug that nobody has. */
MUST_USE bool names_organisation_id(struct names *names, const char *slug, struct uuid *ret_id,
                                    struct error *err);

/* grants.c: [{"role":"officer","scope":"ca","object":"issuing-ca"}, ...] */
MUST_USE bool grants_from_json(struct names *names, const struct actor *actor,
                               const struct json *document, const char *name,
                               struct grant **ret_grants, size_t *ret_count, struct error *err);
MUST_USE bool grants_write(struct json_writer *w, struct names *names, const char *name,
                           const struct grant *grants, size_t count, struct error *err);

/* certificates.c: members of an open object; the PEM when the record has the DER */
const char *certificate_state_name(const struct certificate_record *certificate);
void reply_certificate(struct http_request *request, struct http_response *response,
                       const struct certificate_record *certificate);
/* All certificates of a filter, newest first; ERROR_POLICY "too-many" when there are more than `most`. */
MUST_USE bool certificate_collect(struct core *core, const struct http_request *request, const char *ca,
                                  struct certificate_filter *filter, size_t most,
                                  struct certificate_record **ret_items, size_t *ret_count,
                                  struct error *err);
void certificate_write(struct json_writer *w, struct arena *arena,
                       const struct certificate_record *certificate);
/* requests.c: the whole object, with its certificate unless that is NULL or has a nil id */
void request_write(struct json_writer *w, struct arena *arena, const struct request_record *request,
                   const struct certificate_record *certificate);

/* documents.c: one certificate and its issuers (ders[0] is the certificate) in the form of
 * ?format=. */
enum document_format { FORMAT_JSON, FORMAT_PEM, FORMAT_DER, FORMAT_P7B, FORMAT_CHAIN, FORMAT_TEXT };
MUST_USE bool document_format(const struct http_request *request, enum document_format *ret_format,
                              struct error *err);
MUST_USE bool document_reply(const struct http_request *request, struct http_response *response,
                             enum document_format format, const char *name, const struct view *ders,
                             size_t count, struct error *err);

struct template_record;
/* The answer with one template, its address and version. */
bool template_reply(struct http_request *request, struct http_response *response, int status,
                    const struct template_record *template);
/* The member "csr" (PEM, or base64 of DER) or "publicKey" of a body. */
MUST_USE bool ask_public_key(struct arena *arena, const char *pem, struct view *ret_spki, struct error *err);
/* "keyProof" of a body; leaves *ret alone when it has none. */
MUST_USE bool ask_key_proof(struct arena *arena, const struct json *document, const struct key_proof **ret,
                            struct error *err);
MUST_USE bool ask_csr(struct arena *arena, const struct json *document, struct view *ret_csr,
                      struct error *err);

#endif
