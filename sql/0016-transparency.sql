-- Certificate transparency (RFC 6962): timestamps that OCSP answers carry, and requests that wait for logs.

CREATE TABLE IF NOT EXISTS certificate_scts (
    certificate_id BINARY(16) NOT NULL,
    scts MEDIUMBLOB NOT NULL,
    PRIMARY KEY (certificate_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Approved, but the logs gave too few timestamps: signed again at due_us, on behalf of who approved.
CREATE TABLE IF NOT EXISTS request_retries (
    request_id BINARY(16) NOT NULL,
    actor_id BINARY(16) NULL,
    actor VARCHAR(200) NOT NULL,
    overrides MEDIUMTEXT NOT NULL,
    tries BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    due_us BIGINT NOT NULL,
    PRIMARY KEY (request_id),
    KEY request_retries_by_due (due_us),
    CONSTRAINT request_retries_request FOREIGN KEY (request_id) REFERENCES requests (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
