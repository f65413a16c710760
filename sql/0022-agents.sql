-- Agents: processes elsewhere that sign with tokens there (store/agents.h). Without a certificate: invited; without a
-- code: nobody can enrol as this one.
CREATE TABLE IF NOT EXISTS agents (
    id BINARY(16) NOT NULL,
    name VARCHAR(100) NOT NULL,
    code_hash BINARY(32) NULL,
    code_until_us BIGINT NOT NULL,
    certificate MEDIUMBLOB NULL,
    fingerprint BINARY(32) NULL,
    created_us BIGINT NOT NULL,
    enrolled_us BIGINT NOT NULL,
    seen_us BIGINT NOT NULL,
    address VARCHAR(100) NOT NULL,
    program VARCHAR(64) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY agents_by_name (name),
    UNIQUE KEY agents_by_code (code_hash),
    UNIQUE KEY agents_by_fingerprint (fingerprint)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
