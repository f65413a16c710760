/* Every route of the API, its gate and its permission. The OpenAPI document has the same list; a
 * test compares them.
 *
 * The permission is looked at twice: by the router, whether the caller has it anywhere at all, and in the
 * core, for the object in question. */
#include "api/api.h"
#include "api/handlers.h"

/* Secrets travel here, and browsers send the Secure cookie over TLS alone. */
#define LISTENERS (1u << LISTENER_HTTPS | 1u << LISTENER_MTLS)
#define MUST_CHANGE_TOO (GATE_ACTOR | GATE_ADMIN_PASSWORD_CHANGE | GATE_FACTOR_ENROL)

#define NO_BODY ((size_t)1024)
#define SMALL ((size_t)16 * 1024)
#define MEDIUM ((size_t)256 * 1024)
#define HUGE_BODY ((size_t)4 * 1024 * 1024) /* what a CA signed elsewhere; it can come in parts */
#define LARGE ((size_t)1024 * 1024) /* CSRs and certificates with SLH-DSA signatures, as JSON */

/* clang-format off */
#define OPEN_ROUTES(X) \
    X("GET", "", GATE_OPEN, NO_BODY, describe_page, NULL) \
    X("GET", "/", GATE_OPEN, NO_BODY, describe_page, NULL) \
    X("GET", "/openapi.json", GATE_OPEN, NO_BODY, describe_document, NULL) \
    X("POST", "/claims", GATE_OPEN, LARGE, claims_create, NULL) \
    X("POST", "/claims/show", GATE_OPEN, SMALL, claims_show, NULL) \
    X("POST", "/session", GATE_OPEN, SMALL, session_create, NULL) \
    X("POST", "/session/certificate", GATE_OPEN, NO_BODY, session_certificate, NULL) \
    X("POST", "/session/second-factor", GATE_OPEN, SMALL * 2, session_second, NULL) \
    X("POST", "/session/openid", GATE_OPEN, SMALL, session_openid, NULL) \
    X("POST", "/session/openid/finish", GATE_OPEN, SMALL, session_openid_finish, NULL) \
    X("POST", "/session/passkey", GATE_OPEN, NO_BODY, session_passkey, NULL) \
    X("POST", "/session/passkey/finish", GATE_OPEN, SMALL * 2, session_passkey_finish, NULL)

/* method, path, gate, body limit, handler, permission */
#define GATED_ROUTES(X) \
    X("GET", "/status", GATE_ACTOR, NO_BODY, status_get, NULL) \
    X("GET", "/session", MUST_CHANGE_TOO, NO_BODY, session_show, NULL) \
    X("DELETE", "/session", MUST_CHANGE_TOO, NO_BODY, session_end, NULL) \
    X("POST", "/session/password", MUST_CHANGE_TOO, SMALL, session_password, NULL) \
    X("GET", "/session/tokens", GATE_ACTOR, NO_BODY, api_tokens_list, NULL) \
    X("POST", "/session/tokens", GATE_ACTOR, SMALL, api_tokens_create, NULL) \
    X("DELETE", "/session/tokens/{}", GATE_ACTOR, NO_BODY, api_tokens_revoke, NULL) \
    X("DELETE", "/session/tokens", GATE_ACTOR, NO_BODY, api_tokens_revoke_all, NULL) \
    X("GET", "/users/{}/tokens", GATE_ACTOR, NO_BODY, users_tokens, "users:manage") \
    X("DELETE", "/users/{}/tokens", GATE_ACTOR, NO_BODY, users_tokens_revoke, "users:manage") \
    X("GET", "/cas", GATE_ACTOR, NO_BODY, cas_list, "cas:read") \
    X("POST", "/cas", GATE_ACTOR, SMALL, cas_create, "cas:manage") \
    X("GET", "/cas/{}", GATE_ACTOR, NO_BODY, cas_get, "cas:read") \
    X("PATCH", "/cas/{}", GATE_ACTOR, SMALL, cas_change, "cas:manage") \
    X("DELETE", "/cas/{}", GATE_ACTOR, NO_BODY, cas_remove, "cas:manage") \
    X("GET", "/cas/{}/csr", GATE_ACTOR, NO_BODY, cas_csr, "cas:read") \
    X("GET", "/cas/{}/certificate", GATE_ACTOR, NO_BODY, cas_certificate, "cas:read") \
    X("POST", "/cas/{}/certificate", GATE_ACTOR, LARGE, cas_import_certificate, "cas:manage") \
    X("GET", "/cas/{}/urls", GATE_ACTOR, NO_BODY, cas_urls, "cas:read") \
    X("GET", "/cas/{}/crl", GATE_ACTOR, NO_BODY, cas_crl, "cas:read") \
    X("POST", "/cas/{}/renew", GATE_ACTOR, SMALL, cas_renew, "cas:manage") \
    X("POST", "/cas/{}/rekey", GATE_ACTOR, SMALL, cas_rekey, "cas:manage") \
    X("GET", "/cas/{}/chains", GATE_ACTOR, NO_BODY, cas_chains, "cas:read") \
    X("POST", "/cas/{}/chains", GATE_ACTOR, LARGE, cas_chains_add, "cas:manage") \
    X("POST", "/cas/{}/chains/{}/use", GATE_ACTOR, NO_BODY, cas_chains_use, "cas:manage") \
    X("GET", "/cas/{}/generations", GATE_ACTOR, NO_BODY, cas_generations, "cas:read") \
    X("POST", "/cas/{}/crl", GATE_ACTOR, HUGE_BODY, cas_publish_crl, "cas:manage") \
    X("POST", "/cas/import", GATE_ACTOR, HUGE_BODY, cas_import, "cas:manage") \
    X("POST", "/cas/{}/history", GATE_ACTOR, HUGE_BODY, cas_history, "cas:manage") \
    X("GET", "/cas/{}/templates", GATE_ACTOR, NO_BODY, templates_list, "templates:read") \
    X("POST", "/cas/{}/templates", GATE_ACTOR, MEDIUM, templates_create, "templates:manage") \
    X("GET", "/cas/{}/requests", GATE_ACTOR, NO_BODY, requests_of_ca, "requests:read") \
    X("GET", "/cas/{}/certificates", GATE_ACTOR, NO_BODY, certificates_of_ca, "certificates:read") \
    X("GET", "/templates/{}", GATE_ACTOR, NO_BODY, templates_get, "templates:read") \
    X("PUT", "/templates/{}", GATE_ACTOR, MEDIUM, templates_change, "templates:manage") \
    X("DELETE", "/templates/{}", GATE_ACTOR, NO_BODY, templates_remove, "templates:manage") \
    X("POST", "/templates/{}/preview", GATE_ACTOR, LARGE, templates_preview, "requests:create") \
    X("POST", "/templates/{}/key-challenges", GATE_ACTOR, LARGE, key_challenges_create, "requests:create") \
    X("POST", "/templates/{}/requests", GATE_ACTOR, LARGE, requests_create, "requests:create") \
    X("GET", "/templates/{}/credentials", GATE_ACTOR, NO_BODY, credentials_list, "templates:read") \
    X("POST", "/templates/{}/credentials", GATE_ACTOR, MEDIUM, credentials_create, \
      "requests:create") \
    X("POST", "/templates/{}/credentials/rotate", GATE_ACTOR, SMALL, credentials_rotate, \
      "templates:manage") \
    X("POST", "/templates/{}/credentials/remove", GATE_ACTOR, SMALL, credentials_remove, \
      "templates:read") \
    X("GET", "/credentials/{}", GATE_ACTOR, NO_BODY, credentials_get, "templates:read") \
    X("DELETE", "/credentials/{}", GATE_ACTOR, NO_BODY, credentials_revoke, "templates:read") \
    X("GET", "/templates/{}/anchors", GATE_ACTOR, NO_BODY, anchors_list, "templates:read") \
    X("POST", "/templates/{}/anchors", GATE_ACTOR, MEDIUM, anchors_create, "templates:manage") \
    X("GET", "/templates/{}/anchors/{}", GATE_ACTOR, NO_BODY, anchors_get, "templates:read") \
    X("DELETE", "/templates/{}/anchors/{}", GATE_ACTOR, NO_BODY, anchors_remove, \
      "templates:manage") \
    X("PUT", "/templates/{}/anchors/{}/crl", GATE_ACTOR, LARGE, anchors_crl, \
      "templates:manage") \
    X("POST", "/templates/{}/clone", GATE_ACTOR, SMALL, templates_clone, "templates:manage") \
    X("GET", "/templates/{}/export", GATE_ACTOR, NO_BODY, templates_export, "templates:read") \
    X("GET", "/templates/{}/openssl", GATE_ACTOR, NO_BODY, templates_openssl, "templates:read") \
    X("POST", "/templates/{}/openssl", GATE_ACTOR, MEDIUM, templates_openssl_check, \
      "templates:manage") \
    X("PUT", "/templates/{}/openssl", GATE_ACTOR, MEDIUM, templates_openssl_change, \
      "templates:manage") \
    X("GET", "/templates/{}/hook-secret", GATE_ACTOR, NO_BODY, templates_hook_secret, \
      "templates:manage") \
    X("GET", "/templates/{}/versions", GATE_ACTOR, NO_BODY, templates_versions, "templates:read") \
    X("GET", "/templates/{}/diff", GATE_ACTOR, NO_BODY, templates_diff, "templates:read") \
    X("POST", "/cas/{}/templates/import", GATE_ACTOR, MEDIUM, templates_import, "templates:manage") \
    X("GET", "/starter-sets", GATE_ACTOR, NO_BODY, starter_sets_list, "templates:read") \
    X("GET", "/cas/{}/starter-sets", GATE_ACTOR, NO_BODY, starter_sets_of_ca, "templates:read") \
    X("PUT", "/cas/{}/starter-sets/{}", GATE_ACTOR, NO_BODY, starter_sets_on, "templates:manage") \
    X("DELETE", "/cas/{}/starter-sets/{}", GATE_ACTOR, NO_BODY, starter_sets_off, "templates:manage") \
    X("POST", "/templates/{}/requests/form", GATE_ACTOR, MEDIUM, requests_create_form, \
      "requests:create") \
    X("POST", "/templates/{}/requests/key", GATE_ACTOR, MEDIUM, requests_create_key, \
      "requests:create") \
    X("POST", "/requests/{}/approve", GATE_ACTOR, SMALL, requests_approve, "requests:decide") \
    X("POST", "/requests/{}/resend", GATE_ACTOR, SMALL, requests_resend, "requests:decide") \
    X("POST", "/requests/{}/move", GATE_ACTOR, SMALL, requests_move, "requests:decide") \
    X("GET", "/requests/{}/comments", GATE_ACTOR, NO_BODY, requests_comments, "requests:read") \
    X("POST", "/requests/{}/comments", GATE_ACTOR, SMALL, requests_comment, "requests:create") \
    X("POST", "/certificates/{}/renew", GATE_ACTOR, LARGE, certificates_renew, \
      "requests:create") \
    X("GET", "/starters", GATE_ACTOR, NO_BODY, starters_list, "templates:read") \
    X("GET", "/requests", GATE_ACTOR, NO_BODY, requests_list, "requests:read") \
    X("GET", "/requests/count", GATE_ACTOR, NO_BODY, requests_count, "requests:read") \
    X("POST", "/requests/batch", GATE_ACTOR, SMALL, requests_batch, "requests:create") \
    X("GET", "/requests/{}", GATE_ACTOR, NO_BODY, requests_get, "requests:read") \
    X("POST", "/requests/{}/sign", GATE_ACTOR, MEDIUM, requests_sign, "requests:decide") \
    X("POST", "/requests/{}/decline", GATE_ACTOR, SMALL, requests_decline, "requests:decide") \
    X("POST", "/requests/{}/cancel", GATE_ACTOR, SMALL, requests_cancel, "requests:create") \
    X("GET", "/certificates/count", GATE_ACTOR, NO_BODY, certificates_count, "certificates:read") \
    X("GET", "/certificates/export", GATE_ACTOR, NO_BODY, certificates_export, "certificates:read") \
    X("POST", "/certificates/batch", GATE_ACTOR, SMALL * 2, certificates_batch, \
      "certificates:read") \
    X("GET", "/certificate-jobs", GATE_ACTOR, NO_BODY, certificate_jobs_list, "certificates:read") \
    X("POST", "/certificate-jobs", GATE_ACTOR, LARGE, certificate_jobs_create, "certificates:read") \
    X("GET", "/certificate-jobs/{}", GATE_ACTOR, NO_BODY, certificate_jobs_get, "certificates:read") \
    X("GET", "/certificate-jobs/{}/items", GATE_ACTOR, NO_BODY, certificate_jobs_items, "certificates:read") \
    X("POST", "/certificate-jobs/{}/cancel", GATE_ACTOR, NO_BODY, certificate_jobs_cancel, "certificates:read") \
    X("GET", "/certificate-jobs/{}/file", GATE_ACTOR, NO_BODY, certificate_jobs_file, "certificates:read") \
    X("PATCH", "/certificates/{}", GATE_ACTOR, SMALL, certificates_edit, "certificates:edit") \
    X("GET", "/certificate-fields", GATE_ACTOR, NO_BODY, fields_show, "certificates:read") \
    X("PUT", "/certificate-fields", GATE_ACTOR, MEDIUM, fields_replace, "settings:manage") \
    X("GET", "/views", GATE_ACTOR, NO_BODY, views_list, "certificates:read") \
    X("POST", "/views", GATE_ACTOR, SMALL, views_create, "certificates:read") \
    X("DELETE", "/views/{}", GATE_ACTOR, NO_BODY, views_remove, "certificates:read") \
    X("GET", "/certificates", GATE_ACTOR, NO_BODY, certificates_list, "certificates:read") \
    X("GET", "/certificates/{}", GATE_ACTOR, NO_BODY, certificates_get, "certificates:read") \
    X("POST", "/certificates/{}/revoke", GATE_ACTOR, SMALL, certificates_revoke, \
      "certificates:revoke") \
    X("POST", "/certificates/{}/unhold", GATE_ACTOR, SMALL, certificates_unhold, \
      "certificates:revoke") \
    X("GET", "/users", GATE_ACTOR, NO_BODY, users_list, "users:read") \
    X("POST", "/users", GATE_ACTOR, SMALL, users_create, "users:manage") \
    X("GET", "/users/{}", GATE_ACTOR, NO_BODY, users_get, "users:read") \
    X("PATCH", "/users/{}", GATE_ACTOR, SMALL, users_change, "users:manage") \
    X("POST", "/users/{}/reset", GATE_ACTOR, SMALL, users_reset, "users:manage") \
    X("GET", "/events", GATE_ACTOR, NO_BODY, events_list, "events:read") \
    X("GET", "/tokens", GATE_ACTOR, NO_BODY, tokens_list, "tokens:read") \
    X("POST", "/tokens/check", GATE_ACTOR, SMALL, tokens_check, "tokens:read") \
    X("GET", "/token-keys", GATE_ACTOR, NO_BODY, token_keys_list, "tokens:read") \
    X("POST", "/token-keys", GATE_ACTOR, MEDIUM, token_keys_create, "settings:manage") \
    X("POST", "/token-keys/import", GATE_ACTOR, MEDIUM, token_keys_import, "settings:manage") \
    X("POST", "/token-keys/csr", GATE_ACTOR, MEDIUM, token_keys_csr, "settings:manage") \
    X("POST", "/token-keys/delete", GATE_ACTOR, SMALL, token_keys_remove, "settings:manage") \
    X("POST", "/token-keys/certificate", GATE_ACTOR, MEDIUM, token_keys_certificate, \
      "settings:manage") \
    X("PUT", "/cas/{}/key", GATE_ACTOR, SMALL, cas_set_key, "cas:manage") \
    X("GET", "/organisations", GATE_ACTOR, NO_BODY, organisations_list, "cas:read") \
    X("POST", "/organisations", GATE_ACTOR, SMALL, organisations_create, "settings:manage") \
    X("PATCH", "/organisations/{}", GATE_ACTOR, SMALL, organisations_change, "settings:manage") \
    X("POST", "/inspect", GATE_ACTOR, LARGE, inspect_create, NULL) \
    X("GET", "/configuration", GATE_ACTOR, NO_BODY, configuration_list, "settings:read") \
    X("GET", "/settings", GATE_ACTOR, NO_BODY, settings_get, "settings:read") \
    X("GET", "/settings/retention", GATE_ACTOR, NO_BODY, retention_show, "settings:read") \
    X("PUT", "/settings/retention", GATE_ACTOR, SMALL, retention_replace, "settings:manage") \
    X("POST", "/settings/retention/apply", GATE_ACTOR, NO_BODY, retention_run, "settings:manage") \
    X("GET", "/settings/doors", GATE_ACTOR, NO_BODY, doors_show, "settings:read") \
    X("PUT", "/settings/doors", GATE_ACTOR, SMALL, doors_replace, "settings:manage") \
    X("GET", "/post-quantum", GATE_ACTOR, NO_BODY, readiness_list, "cas:read")
/* clang-format on */

#define ROUTE(method, path, gate, limit, handler, permission)                                      \
    {method, API_BASE path, gate, LISTENERS, limit, handler, permission},

static const struct http_route routes[] = {OPEN_ROUTES(ROUTE) GATED_ROUTES(ROUTE)};

struct http_room api_room(struct core *core) {
    return (struct http_room){routes, sizeof routes / sizeof routes[0], core};
}
