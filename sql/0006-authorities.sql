-- Keys and certificates of authorities over time, and the keys of users.

-- generation: the key that signs now is the generation-th of the CA. expiry_warned: the number of days before
-- the end of the CA's certificate that was warned of last; 0: none yet.
ALTER TABLE cas ADD COLUMN IF NOT EXISTS generation INT NOT NULL DEFAULT 1;
ALTER TABLE cas ADD COLUMN IF NOT EXISTS expiry_warned INT NOT NULL DEFAULT 0;

-- One row for each key that a CA had before its present one. Its CRL and OCSP answers go on until
-- last_expiry_us, when the last certificate under it has expired.
CREATE TABLE IF NOT EXISTS ca_generations (
    ca_id BINARY(16) NOT NULL,
    ordinal INT NOT NULL,
    key_id BINARY(16) NOT NULL,
    key_type VARCHAR(64) NOT NULL,
    subject VARCHAR(2000) NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    chain MEDIUMBLOB NOT NULL,
    not_before_us BIGINT NOT NULL,
    not_after_us BIGINT NOT NULL,
    retired_us BIGINT NOT NULL,
    last_expiry_us BIGINT NOT NULL,
    PRIMARY KEY (ca_id, ordinal),
    KEY ca_generations_by_key (key_id),
    CONSTRAINT ca_generations_ca FOREIGN KEY (ca_id) REFERENCES cas (id),
    CONSTRAINT ca_generations_key FOREIGN KEY (key_id) REFERENCES private_keys (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Further certificates of a CA's keys: those before a renewal, and cross-certificates. kind: 1 renewed since,
-- 2 cross-certificate, 3 another certificate by the same issuer or a new one of an issuer.
CREATE TABLE IF NOT EXISTS ca_certificates (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    generation INT NOT NULL,
    kind TINYINT NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    chain MEDIUMBLOB NOT NULL,
    not_before_us BIGINT NOT NULL,
    not_after_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY ca_certificates_by_ca (ca_id, id),
    CONSTRAINT ca_certificates_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The key that signed; NULL: the CA's first one.
ALTER TABLE crls ADD COLUMN IF NOT EXISTS key_id BINARY(16) NULL;
ALTER TABLE service_certificates ADD COLUMN IF NOT EXISTS issuer_key_id BINARY(16) NULL;

-- A user's own keys: wrapped by the managed token, given out to their owner alone. certificate: the newest
-- self-signed one, or empty.
CREATE TABLE IF NOT EXISTS user_keys (
    id BINARY(16) NOT NULL,
    owner_id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    name VARCHAR(200) NOT NULL,
    key_type VARCHAR(64) NOT NULL,
    purpose INT NOT NULL,
    wrapped MEDIUMBLOB NOT NULL,
    spki MEDIUMBLOB NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    created_us BIGINT NOT NULL,
    deleted_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY user_keys_by_owner (owner_id, id),
    CONSTRAINT user_keys_owner FOREIGN KEY (owner_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
