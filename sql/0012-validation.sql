-- Validation authority: answers for authorities that are not ours, from lists they publish.
--
-- A list (complete, delta, or of the serial numbers that were issued) is one document in chunks; validators point to the
-- present ones. epoch grows with every change of them.
CREATE TABLE IF NOT EXISTS validators (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    slug VARCHAR(63) NOT NULL,
    name VARCHAR(200) NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    settings MEDIUMTEXT NOT NULL,
    key_id BINARY(16) NOT NULL,
    csr MEDIUMBLOB NOT NULL,
    responder MEDIUMBLOB NOT NULL,
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    list_id BINARY(16) NULL,
    delta_id BINARY(16) NULL,
    issued_id BINARY(16) NULL,
    checked_us BIGINT NOT NULL,
    problem VARCHAR(1000) NOT NULL,
    created_us BIGINT NOT NULL,
    deleted_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY validators_by_slug (slug),
    KEY validators_by_organisation (organisation_id, slug),
    CONSTRAINT validators_organisation FOREIGN KEY (organisation_id) REFERENCES organisations (id),
    CONSTRAINT validators_key FOREIGN KEY (key_id) REFERENCES private_keys (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- kind: 1 complete, 2 delta, 3 issued serial numbers.
CREATE TABLE IF NOT EXISTS validator_lists (
    id BINARY(16) NOT NULL,
    validator_id BINARY(16) NOT NULL,
    kind TINYINT NOT NULL,
    number VARBINARY(21) NOT NULL,
    base_number VARBINARY(21) NOT NULL,
    this_update_us BIGINT NOT NULL,
    next_update_us BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    size BIGINT NOT NULL,
    fingerprint BINARY(32) NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY validator_lists_by_validator (validator_id, kind),
    CONSTRAINT validator_lists_validator FOREIGN KEY (validator_id) REFERENCES validators (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS validator_chunks (
    list_id BINARY(16) NOT NULL,
    ordinal INT NOT NULL,
    content MEDIUMBLOB NOT NULL,
    PRIMARY KEY (list_id, ordinal),
    CONSTRAINT validator_chunks_list FOREIGN KEY (list_id) REFERENCES validator_lists (id) ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
