-- Timestamping: issuers of a CA (name "" is the one at /tsa/{ca}; without a row it has the defaults), certificates
-- for them that come from elsewhere, the last time given by issuers that keep an order, and logged tokens.
CREATE TABLE IF NOT EXISTS tsa_issuers (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    name VARCHAR(63) NOT NULL,
    version BIGINT NOT NULL,
    document MEDIUMTEXT NOT NULL,
    certificate_id BINARY(16) NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY tsa_issuers_by_name (ca_id, name),
    KEY tsa_issuers_by_certificate (certificate_id),
    CONSTRAINT tsa_issuers_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- certificate and chain are empty until they have come.
CREATE TABLE IF NOT EXISTS tsa_certificates (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    name VARCHAR(200) NOT NULL,
    key_id BINARY(16) NOT NULL,
    csr MEDIUMBLOB NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    chain MEDIUMBLOB NOT NULL,
    not_before_us BIGINT NOT NULL,
    not_after_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY tsa_certificates_by_organisation (organisation_id, id),
    CONSTRAINT tsa_certificates_key FOREIGN KEY (key_id) REFERENCES private_keys (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- owner_id: the CA's id for the issuer without a name, else the issuer's.
CREATE TABLE IF NOT EXISTS tsa_order (
    owner_id BINARY(16) NOT NULL,
    last_us BIGINT NOT NULL,
    PRIMARY KEY (owner_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS tsa_tokens (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    issuer VARCHAR(63) NOT NULL,
    serial VARBINARY(20) NOT NULL,
    at_us BIGINT NOT NULL,
    address VARCHAR(64) NOT NULL,
    imprint VARBINARY(64) NOT NULL,
    token MEDIUMBLOB NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY tsa_tokens_by_serial (ca_id, issuer, serial),
    KEY tsa_tokens_by_ca (ca_id, id DESC),
    KEY tsa_tokens_by_imprint (ca_id, imprint, id),
    CONSTRAINT tsa_tokens_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Evidence records (RFC 4998): the imprints of one archive timestamp, sorted, in runs of up to 1024; `first` is the
-- first of its run, `root` the root of the run's own tree.
CREATE TABLE IF NOT EXISTS evidences (
    id BINARY(16) NOT NULL,
    ca_id BINARY(16) NOT NULL,
    issuer VARCHAR(63) NOT NULL,
    digest VARCHAR(16) NOT NULL,
    imprints BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    token MEDIUMBLOB NOT NULL,
    PRIMARY KEY (id),
    KEY evidences_by_ca (ca_id, id DESC),
    CONSTRAINT evidences_ca FOREIGN KEY (ca_id) REFERENCES cas (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS evidence_runs (
    evidence_id BINARY(16) NOT NULL,
    ordinal INT NOT NULL,
    first VARBINARY(64) NOT NULL,
    root VARBINARY(64) NOT NULL,
    content MEDIUMBLOB NOT NULL,
    PRIMARY KEY (evidence_id, ordinal),
    KEY evidence_runs_by_first (evidence_id, first),
    CONSTRAINT evidence_runs_evidence FOREIGN KEY (evidence_id) REFERENCES evidences (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
