-- Requests of strangers on the public pages. Conventions and rules: 0001-first.sql.

-- What somebody sent, and what has been told about it. request_id NULL: the address is not confirmed yet; told: the
-- state of the request that was last written about (0: none); open 0: nothing more will happen.
CREATE TABLE IF NOT EXISTS public_requests (
    id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    request_id BINARY(16) NULL,
    email VARCHAR(254) NOT NULL,
    name VARCHAR(200) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    address VARCHAR(64) NOT NULL,
    told TINYINT NOT NULL,
    open TINYINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY public_requests_by_request (request_id),
    KEY public_requests_by_address (address, created_us),
    KEY public_requests_by_email (email, created_us),
    KEY public_requests_open (open, id),
    CONSTRAINT public_requests_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Puzzles and challenges that were used: each counts once.
CREATE TABLE IF NOT EXISTS public_spent (
    hash BINARY(32) NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (hash),
    KEY public_spent_by_expiry (expires_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
