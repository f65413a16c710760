-- Least privilege for the account that `gatehouse serve` uses. Run by the server's administrator in the
-- database of Gatehouse, after `gatehouse migrate` has run as the owner of the schema; again after every
-- upgrade (it can run any number of times):
--
--   mariadb gatehouse < grants.sql
--   mariadb -e "CREATE USER 'gatehouse_app'@'localhost' IDENTIFIED BY '...';
--               GRANT gatehouse_application TO 'gatehouse_app'@'localhost';
--               SET DEFAULT ROLE gatehouse_application FOR 'gatehouse_app'@'localhost'"
--
-- What was issued, revoked and recorded cannot be changed or removed by this account: whoever takes over the
-- gateway can add rows, but not rewrite history.

CREATE ROLE IF NOT EXISTS gatehouse_application;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM gatehouse_application;

GRANT SELECT ON * TO gatehouse_application;

-- Only added to.
GRANT INSERT ON certificates TO gatehouse_application;
GRANT INSERT ON certificate_search TO gatehouse_application;
GRANT INSERT ON certificate_names TO gatehouse_application;
GRANT INSERT ON revocations TO gatehouse_application;
GRANT INSERT ON events TO gatehouse_application;
GRANT INSERT ON event_seals TO gatehouse_application;
GRANT INSERT ON slugs TO gatehouse_application;
GRANT INSERT ON template_versions TO gatehouse_application;
GRANT INSERT, UPDATE ON organisations TO gatehouse_application;
GRANT INSERT ON request_transactions TO gatehouse_application;
GRANT INSERT ON ca_generations TO gatehouse_application;
GRANT INSERT ON ca_certificates TO gatehouse_application;
GRANT INSERT ON tsa_tokens TO gatehouse_application;
GRANT INSERT ON evidences TO gatehouse_application;
GRANT INSERT ON evidence_runs TO gatehouse_application;
GRANT INSERT ON evidence_renewals TO gatehouse_application;

-- Changed, never removed. private_keys: a rewrapped key (another key-encryption key) replaces the blob.
GRANT INSERT, UPDATE ON private_keys TO gatehouse_application;
GRANT INSERT, UPDATE ON cas TO gatehouse_application;
GRANT INSERT, UPDATE ON ca_epochs TO gatehouse_application;
GRANT INSERT, UPDATE ON service_certificates TO gatehouse_application;
GRANT INSERT, UPDATE ON user_keys TO gatehouse_application;
GRANT INSERT, UPDATE ON user_key_recoveries TO gatehouse_application;
GRANT INSERT, UPDATE ON templates TO gatehouse_application;
GRANT INSERT, UPDATE ON requests TO gatehouse_application;
GRANT INSERT, UPDATE ON users TO gatehouse_application;
GRANT INSERT, UPDATE ON api_tokens TO gatehouse_application;
GRANT INSERT, UPDATE ON settings TO gatehouse_application;
GRANT INSERT, UPDATE ON certificate_notes TO gatehouse_application;
GRANT INSERT, UPDATE ON certificate_fields TO gatehouse_application;
GRANT INSERT, UPDATE ON request_claims TO gatehouse_application;
GRANT INSERT ON certificate_scts TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON request_retries TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON token_keys TO gatehouse_application;
GRANT INSERT, UPDATE ON leases TO gatehouse_application;
GRANT INSERT, UPDATE ON template_protocols TO gatehouse_application;
GRANT INSERT, UPDATE ON tsa_order TO gatehouse_application;
GRANT INSERT ON scep_transactions TO gatehouse_application;

-- Comes, changes and goes.
GRANT INSERT, UPDATE, DELETE ON tsa_issuers TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON est_keys TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON mdm_keys TO gatehouse_application;
GRANT INSERT, DELETE ON mdm_keys TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON agents TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON tsa_certificates TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON kek_nodes TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON troubles TO gatehouse_application;

-- Comes and goes.
GRANT INSERT, DELETE ON role_grants TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON sessions TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON roles TO gatehouse_application;
GRANT INSERT, DELETE ON user_certificates TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON user_factors TO gatehouse_application;
GRANT INSERT, DELETE ON user_recovery_codes TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON login_tickets TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON event_streams TO gatehouse_application;
GRANT INSERT, DELETE ON notice_marks TO gatehouse_application;
GRANT INSERT, DELETE ON commit_marks TO gatehouse_application;
GRANT INSERT, DELETE ON kept_reports TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON usage_days TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON identity_providers TO gatehouse_application;
GRANT INSERT, DELETE ON certificate_tags TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON bulk_jobs TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON bulk_items TO gatehouse_application;
GRANT INSERT, DELETE ON request_comments TO gatehouse_application;
GRANT INSERT, DELETE ON saved_views TO gatehouse_application;
GRANT INSERT, DELETE ON crls TO gatehouse_application;
GRANT INSERT, DELETE ON crl_chunks TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON credentials TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON guess_delays TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON scep_outbox TO gatehouse_application;
GRANT INSERT, DELETE ON scep_captures TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON scep_profiles TO gatehouse_application;
GRANT INSERT, DELETE ON template_anchors TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON anchor_crls TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON cmp_transactions TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON cmp_certificates TO gatehouse_application;
GRANT INSERT, DELETE ON cmp_messages TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON mail_queue TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON public_requests TO gatehouse_application;
GRANT INSERT, DELETE ON public_spent TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON mail_templates TO gatehouse_application;
GRANT INSERT, UPDATE ON validators TO gatehouse_application;
GRANT INSERT, DELETE ON validator_lists TO gatehouse_application;
GRANT INSERT, DELETE ON validator_chunks TO gatehouse_application;

-- ACME. Accounts and bindings stay; orders without a certificate, authorizations and used nonces go.
GRANT INSERT, UPDATE ON acme_policies TO gatehouse_application;
GRANT INSERT, UPDATE ON acme_eabs TO gatehouse_application;
GRANT INSERT, UPDATE ON acme_accounts TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON acme_orders TO gatehouse_application;
GRANT INSERT, UPDATE, DELETE ON acme_authorizations TO gatehouse_application;
GRANT INSERT, DELETE ON acme_order_names TO gatehouse_application;
GRANT INSERT, DELETE ON acme_nonces TO gatehouse_application;
