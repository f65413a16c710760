-- Pending authorizations of an account are counted with each new one: without looking at its others.
CREATE INDEX IF NOT EXISTS acme_authorizations_by_state ON acme_authorizations (account_id, state, expires_us);
