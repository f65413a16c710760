-- What the protocols that devices speak need in common. Conventions and rules: 0001-first.sql.

-- proof: 1 the CSR's own signature, 2 the protocol has checked possession of the key (the CSR may be unsigned).
-- renews_id: the certificate that this request renews.
ALTER TABLE requests
    ADD COLUMN IF NOT EXISTS proof TINYINT NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS renews_id BINARY(16) NULL;

-- A device that repeats itself finds the request it made: (template, door, transaction) is unique.
CREATE TABLE IF NOT EXISTS request_transactions (
    template_id BINARY(16) NOT NULL,
    door VARCHAR(32) NOT NULL,
    transaction VARBINARY(128) NOT NULL,
    request_id BINARY(16) NOT NULL,
    fingerprint BINARY(32) NOT NULL,
    PRIMARY KEY (template_id, door, transaction),
    KEY request_transactions_by_request (request_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- How a protocol treats a template: one JSON document, read and written whole.
CREATE TABLE IF NOT EXISTS template_protocols (
    template_id BINARY(16) NOT NULL,
    protocol VARCHAR(32) NOT NULL,
    version BIGINT NOT NULL,
    document MEDIUMTEXT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (template_id, protocol),
    CONSTRAINT template_protocols_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
