-- The first schema.
--
-- Rules of every migration (docs in gateway/store/migrate.h):
--   * each statement can run twice (IF NOT EXISTS ...): a migration that was interrupted goes on where it stood;
--   * the previous release keeps working beside it: only add, contract one release later;
--   * an applied file never changes again: its checksum is in schema_migrations.
--
-- Conventions: ids are UUIDv7 in BINARY(16); times are microseconds since 1970 in BIGINT, named ..._us, and
-- 0 means never; text is utf8mb4_nopad_bin (bytes decide, trailing spaces count); hashes and DER are binary.
-- Indexes that lists walk newest first are descending: the walk goes forward then, twice as quick.
-- There is no auto-increment anywhere. Rows of certificates, revocations and events are only ever added.

CREATE TABLE IF NOT EXISTS organisations (
    id BINARY(16) NOT NULL,
    slug VARCHAR(63) NOT NULL,
    name VARCHAR(200) NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY organisations_by_slug (slug)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Slugs of CAs (kind 1) and templates (kind 2), kept for life: a deleted object's slug is never used again.
CREATE TABLE IF NOT EXISTS slugs (
    kind TINYINT NOT NULL,
    slug VARCHAR(63) NOT NULL,
    owner_id BINARY(16) NOT NULL,
    PRIMARY KEY (kind, slug)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS settings (
    name VARCHAR(100) NOT NULL,
    value MEDIUMTEXT NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS leases (
    name VARCHAR(100) NOT NULL,
    holder BINARY(16) NOT NULL,
    until_us BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- username_folded is the user name in lower case (Unicode simple mapping, made by the program).
CREATE TABLE IF NOT EXISTS users (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    username VARCHAR(190) NOT NULL,
    username_folded VARCHAR(190) NOT NULL,
    display_name VARCHAR(200) NOT NULL,
    email VARCHAR(254) NOT NULL,
    password_hash VARCHAR(500) NOT NULL,
    must_change_password TINYINT NOT NULL,
    state TINYINT NOT NULL,
    failed_logins INT NOT NULL,
    retry_after_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    last_login_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY users_by_name (username_folded),
    KEY users_by_organisation (organisation_id, username_folded),
    CONSTRAINT users_organisation FOREIGN KEY (organisation_id) REFERENCES organisations (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- object_id: the organisation or CA; sixteen zero octets for the instance.
CREATE TABLE IF NOT EXISTS role_grants (
    user_id BINARY(16) NOT NULL,
    role TINYINT NOT NULL,
    scope TINYINT NOT NULL,
    object_id BINARY(16) NOT NULL,
    PRIMARY KEY (user_id, role, scope, object_id),
    KEY role_grants_by_role (role, scope, user_id),
    CONSTRAINT role_grants_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS sessions (
    hash BINARY(32) NOT NULL,
    user_id BINARY(16) NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (hash),
    KEY sessions_by_user (user_id),
    KEY sessions_by_expiry (expires_us),
    CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS api_tokens (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    label VARCHAR(200) NOT NULL,
    hash BINARY(32) NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    last_used_us BIGINT NOT NULL,
    revoked TINYINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY api_tokens_by_hash (hash),
    KEY api_tokens_by_user (user_id, id),
    CONSTRAINT api_tokens_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A managed key's home (wrapped, by the token's key-encryption key) or the RFC 7512 URI of a key in a token.
CREATE TABLE IF NOT EXISTS private_keys (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NULL,
    key_type VARCHAR(64) NOT NULL,
    purpose INT NOT NULL,
    wrapped MEDIUMBLOB NOT NULL,
    uri VARCHAR(2000) NOT NULL,
    spki MEDIUMBLOB NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- state: 1 active, 2 waiting for its certificate, 3 disabled.
CREATE TABLE IF NOT EXISTS cas (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    slug VARCHAR(63) NOT NULL,
    name VARCHAR(200) NOT NULL,
    issuer_id BINARY(16) NULL,
    state TINYINT NOT NULL,
    key_id BINARY(16) NOT NULL,
    key_type VARCHAR(64) NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    chain MEDIUMBLOB NOT NULL,
    csr MEDIUMBLOB NOT NULL,
    subject VARCHAR(2000) NOT NULL,
    not_before_us BIGINT NOT NULL,
    not_after_us BIGINT NOT NULL,
    settings MEDIUMTEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    deleted_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY cas_by_slug (slug),
    KEY cas_by_organisation (organisation_id, slug),
    KEY cas_by_issuer (issuer_id),
    KEY cas_by_key (key_id),
    CONSTRAINT cas_organisation FOREIGN KEY (organisation_id) REFERENCES organisations (id),
    CONSTRAINT cas_issuer FOREIGN KEY (issuer_id) REFERENCES cas (id),
    CONSTRAINT cas_key FOREIGN KEY (key_id) REFERENCES private_keys (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Apart from cas: issuing takes shared locks on the CA's row (foreign keys), a revocation an exclusive one here.
CREATE TABLE IF NOT EXISTS ca_epochs (
    ca_id BINARY(16) NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (ca_id),
    CONSTRAINT ca_epochs_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- purpose: 1 OCSP, 2 TSA, 3 SCEP, 4 TLS. ca_id NULL: the instance's own.
CREATE TABLE IF NOT EXISTS service_certificates (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NULL,
    purpose TINYINT NOT NULL,
    key_id BINARY(16) NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    chain MEDIUMBLOB NOT NULL,
    not_before_us BIGINT NOT NULL,
    not_after_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    deleted_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY service_certificates_current (ca_id, purpose, not_after_us, id),
    KEY service_certificates_by_key (key_id),
    CONSTRAINT service_certificates_ca FOREIGN KEY (ca_id) REFERENCES cas (id),
    CONSTRAINT service_certificates_key FOREIGN KEY (key_id) REFERENCES private_keys (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS templates (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    slug VARCHAR(63) NOT NULL,
    name VARCHAR(200) NOT NULL,
    version BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    deleted_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY templates_by_slug (slug),
    KEY templates_by_ca (ca_id, slug),
    CONSTRAINT templates_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS template_versions (
    template_id BINARY(16) NOT NULL,
    version BIGINT NOT NULL,
    name VARCHAR(200) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (template_id, version),
    CONSTRAINT template_versions_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- state: 1 pending, 2 approved once, 3 issued, 4 declined, 5 cancelled.
CREATE TABLE IF NOT EXISTS requests (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    template_version BIGINT NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    state TINYINT NOT NULL,
    door VARCHAR(32) NOT NULL,
    csr MEDIUMBLOB NOT NULL,
    proposal MEDIUMTEXT NOT NULL,
    subject VARCHAR(2000) NOT NULL,
    sans MEDIUMTEXT NOT NULL,
    key_type VARCHAR(64) NOT NULL,
    requester_id BINARY(16) NULL,
    requester VARCHAR(200) NOT NULL,
    approver_id BINARY(16) NULL,
    reason VARCHAR(1000) NOT NULL,
    certificate_id BINARY(16) NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY requests_by_ca (ca_id, id DESC),
    KEY requests_by_ca_state (ca_id, state, id DESC),
    KEY requests_by_state (state, id DESC, ca_id),
    KEY requests_by_time (id DESC, ca_id),
    KEY requests_by_requester (requester_id, id DESC, ca_id, state),
    KEY requests_by_template (template_id, state),
    CONSTRAINT requests_ca FOREIGN KEY (ca_id) REFERENCES cas (id),
    CONSTRAINT requests_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- purpose: 1 end entity, 2 CA, 3 OCSP, 4 TSA, 5 SCEP, 6 TLS. The walks of lists read only the narrow indexes
-- (by_time, by_ca, by_expiry); the wide row is read for what is shown.
CREATE TABLE IF NOT EXISTS certificates (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    issuer_key_id BINARY(16) NOT NULL,
    template_id BINARY(16) NULL,
    template_version BIGINT NOT NULL,
    request_id BINARY(16) NULL,
    purpose TINYINT NOT NULL,
    serial VARBINARY(20) NOT NULL,
    subject VARCHAR(2000) NOT NULL,
    common_name VARCHAR(500) NOT NULL,
    sans MEDIUMTEXT NOT NULL,
    key_type VARCHAR(64) NOT NULL,
    requester VARCHAR(200) NOT NULL,
    not_before_us BIGINT NOT NULL,
    not_after_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    fingerprint_sha256 BINARY(32) NOT NULL,
    spki_sha256 BINARY(32) NOT NULL,
    der MEDIUMBLOB NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY certificates_by_serial (serial, issuer_key_id),
    KEY certificates_by_time (id DESC, not_after_us, ca_id),
    KEY certificates_by_ca (ca_id, id DESC, not_after_us),
    KEY certificates_by_expiry (not_after_us, id, ca_id),
    KEY certificates_by_fingerprint (fingerprint_sha256),
    KEY certificates_by_template (template_id, not_after_us, id),
    CONSTRAINT certificates_ca FOREIGN KEY (ca_id) REFERENCES cas (id),
    CONSTRAINT certificates_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What the text search walks: common name, subject and SANs in lower case, in pieces that overlap by the length
-- of the longest search text. Nearly always it is one piece. Short, and no BLOB: the server copies rows at their
-- greatest length, so this walks four times as quick as wide rows do.
CREATE TABLE IF NOT EXISTS certificate_search (
    ca_id BINARY(16) NOT NULL,
    certificate_id BINARY(16) NOT NULL,
    piece SMALLINT NOT NULL,
    words VARBINARY(600) NOT NULL,
    PRIMARY KEY (ca_id, certificate_id DESC, piece)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The newest ordinal of a certificate counts; reason 6 holds, 8 releases. serial and not_after_us are copies
-- of the certificate's, so that a CRL is made from this table alone.
CREATE TABLE IF NOT EXISTS revocations (
    certificate_id BINARY(16) NOT NULL,
    ordinal BIGINT NOT NULL,
    ca_id BINARY(16) NOT NULL,
    serial VARBINARY(20) NOT NULL,
    not_after_us BIGINT NOT NULL,
    reason TINYINT NOT NULL,
    revoked_us BIGINT NOT NULL,
    invalidity_us BIGINT NOT NULL,
    PRIMARY KEY (certificate_id, ordinal),
    KEY revocations_by_ca (ca_id, certificate_id DESC, ordinal, reason, not_after_us),
    KEY revocations_by_expiry (ca_id, not_after_us),
    CONSTRAINT revocations_certificate FOREIGN KEY (certificate_id) REFERENCES certificates (id),
    CONSTRAINT revocations_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS crls (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    number BIGINT NOT NULL,
    this_update_us BIGINT NOT NULL,
    next_update_us BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY crls_by_number (ca_id, number),
    CONSTRAINT crls_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS crl_chunks (
    crl_id BINARY(16) NOT NULL,
    ordinal INT NOT NULL,
    content MEDIUMBLOB NOT NULL,
    PRIMARY KEY (crl_id, ordinal),
    CONSTRAINT crl_chunks_crl FOREIGN KEY (crl_id) REFERENCES crls (id) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- No foreign keys: an event may speak of anything, also of what never came to be.
CREATE TABLE IF NOT EXISTS events (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NULL,
    ca_id BINARY(16) NULL,
    at_us BIGINT NOT NULL,
    code VARCHAR(64) NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    actor_id BINARY(16) NULL,
    actor VARCHAR(200) NOT NULL,
    address VARCHAR(64) NOT NULL,
    object_kind VARCHAR(32) NOT NULL,
    object VARCHAR(200) NOT NULL,
    request_id VARCHAR(64) NOT NULL,
    details MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    KEY events_by_time (at_us DESC, id DESC, code),
    KEY events_by_organisation (organisation_id, at_us DESC, id DESC, code),
    KEY events_by_ca (ca_id, at_us DESC, id DESC, code),
    KEY events_by_object (object, at_us DESC, id DESC)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
