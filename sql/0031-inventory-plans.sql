-- What few certificates have, found among a million: what a certificate is for, and the states that few are in.
-- Conventions and rules: 0001-first.sql.
CREATE INDEX IF NOT EXISTS certificates_by_use ON certificates (purpose, ca_id, not_after_us, id);
CREATE INDEX IF NOT EXISTS revocations_by_reason ON revocations (reason, certificate_id DESC, ordinal);
