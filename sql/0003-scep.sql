-- Credentials of devices (challenge passwords, MAC secrets, one-time codes) and what SCEP keeps.

-- kind: 1 challenge password, 2 MAC secret, 3 one-time code. One of hash (SHA-256 of a made secret),
-- password_hash (Argon2id of a chosen one) and sealed (a MAC secret, which must be used again) is there.
-- claimed_name is the name while the credential is not revoked, so that a revoked one's name is free again.
-- bound: what it is good for, JSON.
CREATE TABLE IF NOT EXISTS credentials (
    id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    kind TINYINT NOT NULL,
    name VARCHAR(200) NOT NULL,
    claimed_name VARCHAR(200) NULL,
    label VARCHAR(200) NOT NULL,
    hash BINARY(32) NULL,
    password_hash VARCHAR(500) NOT NULL,
    sealed VARCHAR(2000) NOT NULL,
    uses BIGINT NOT NULL,
    used BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    last_used_us BIGINT NOT NULL,
    maker_id BINARY(16) NULL,
    maker VARCHAR(200) NOT NULL,
    bound MEDIUMTEXT NOT NULL,
    revoked TINYINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY credentials_by_hash (template_id, kind, hash),
    UNIQUE KEY credentials_by_name (template_id, kind, claimed_name),
    KEY credentials_by_template (template_id, kind, id DESC),
    CONSTRAINT credentials_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Who guesses waits, on every node. place: what is guessed at and from where.
CREATE TABLE IF NOT EXISTS guess_delays (
    place VARCHAR(160) NOT NULL,
    failures INT NOT NULL,
    retry_after_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (place),
    KEY guess_delays_by_time (changed_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Which request a SCEP transaction is about: who polls names it by transaction id and key (poll_key is their
-- SHA-256), and may use both again for a later enrolment; the newest request counts.
CREATE TABLE IF NOT EXISTS scep_transactions (
    template_id BINARY(16) NOT NULL,
    poll_key BINARY(32) NOT NULL,
    request_id BINARY(16) NOT NULL,
    credential_id BINARY(16) NULL,
    details MEDIUMTEXT NOT NULL,
    PRIMARY KEY (template_id, poll_key, request_id DESC),
    KEY scep_transactions_by_request (request_id),
    CONSTRAINT scep_transactions_template FOREIGN KEY (template_id) REFERENCES templates (id),
    CONSTRAINT scep_transactions_request FOREIGN KEY (request_id) REFERENCES requests (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What a device-management service still has to be told: sent again until it is taken or too old.
CREATE TABLE IF NOT EXISTS scep_outbox (
    id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    attempts INT NOT NULL,
    next_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY scep_outbox_by_time (next_us, id),
    CONSTRAINT scep_outbox_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Messages of a template that is being debugged, decoded, secrets blanked.
CREATE TABLE IF NOT EXISTS scep_captures (
    id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    at_us BIGINT NOT NULL,
    address VARCHAR(64) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    KEY scep_captures_by_template (template_id, id DESC),
    KEY scep_captures_by_time (at_us),
    CONSTRAINT scep_captures_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Configuration profiles waiting to be downloaded. hash: SHA-256 of the secret in the link.
CREATE TABLE IF NOT EXISTS scep_profiles (
    id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    hash BINARY(32) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    maker_id BINARY(16) NULL,
    maker VARCHAR(200) NOT NULL,
    uses BIGINT NOT NULL,
    used BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    revoked TINYINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY scep_profiles_by_hash (hash),
    KEY scep_profiles_by_template (template_id, id DESC),
    CONSTRAINT scep_profiles_template FOREIGN KEY (template_id) REFERENCES templates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
