-- Trust anchors of templates (EST, CMP) and CMP transactions (RFC 9810).

-- Certificates from outside whose holders may enrol under a template. role: 1 device, 2 registration authority.
-- crl_check: 0 none, 1 if there is one, 2 required. crl_urls: a JSON array.
CREATE TABLE IF NOT EXISTS template_anchors (
    id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    role TINYINT NOT NULL,
    name VARCHAR(200) NOT NULL,
    crl_check TINYINT NOT NULL,
    crl_urls TEXT NOT NULL,
    fingerprint BINARY(32) NOT NULL,
    subject VARCHAR(2000) NOT NULL,
    not_after_us BIGINT NOT NULL,
    certificate MEDIUMBLOB NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY template_anchors_once (template_id, fingerprint)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The newest CRL of each issuer below an anchor. issuer_hash: SHA-256 of the issuer's name (DER).
CREATE TABLE IF NOT EXISTS anchor_crls (
    anchor_id BINARY(16) NOT NULL,
    issuer_hash BINARY(32) NOT NULL,
    issuer VARCHAR(2000) NOT NULL,
    this_update_us BIGINT NOT NULL,
    next_update_us BIGINT NOT NULL,
    stored_us BIGINT NOT NULL,
    der MEDIUMBLOB NOT NULL,
    PRIMARY KEY (anchor_id, issuer_hash)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- state: 1 waiting for approval, 2 waiting for the confirmation, 3 done, 4 refused, 5 given up (not confirmed
-- in time). body: the tag of the first message's PKIBody. peer_hash: who may send the next message.
-- last_request: SHA-256 of the newest message received, so that a repeated one gets the same answer.
CREATE TABLE IF NOT EXISTS cmp_transactions (
    id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    transaction_id VARBINARY(64) NOT NULL,
    state TINYINT NOT NULL,
    body TINYINT NOT NULL,
    implicit_confirm TINYINT NOT NULL,
    peer VARCHAR(200) NOT NULL,
    peer_hash BINARY(32) NOT NULL,
    credential_id BINARY(16) NULL,
    nonce VARBINARY(64) NOT NULL,
    last_request BINARY(32) NOT NULL,
    reason VARCHAR(1000) NOT NULL,
    revision BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    deadline_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY cmp_transactions_once (template_id, transaction_id),
    KEY cmp_transactions_by_template (template_id, id DESC),
    KEY cmp_transactions_by_deadline (state, deadline_us),
    KEY cmp_transactions_by_age (changed_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- One row per certificate asked for. state: 1 waiting, 2 issued, 3 confirmed, 4 rejected by the client,
-- 5 refused, 6 given up. encrypted: the certificate goes out encrypted to its own key (proof of possession).
-- sealed_key: a private key made here, until it is delivered.
CREATE TABLE IF NOT EXISTS cmp_certificates (
    transaction BINARY(16) NOT NULL,
    cert_req_id BIGINT NOT NULL,
    state TINYINT NOT NULL,
    encrypted TINYINT NOT NULL,
    request_id BINARY(16) NULL,
    certificate_id BINARY(16) NULL,
    renews_id BINARY(16) NULL,
    credential_id BINARY(16) NULL,
    sealed_key MEDIUMTEXT NOT NULL,
    reason VARCHAR(1000) NOT NULL,
    PRIMARY KEY (transaction, cert_req_id),
    KEY cmp_certificates_by_certificate (certificate_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The messages of a transaction, for debugging and for repeating an answer. direction: 1 received, 2 sent.
CREATE TABLE IF NOT EXISTS cmp_messages (
    id BINARY(16) NOT NULL,
    transaction BINARY(16) NOT NULL,
    direction TINYINT NOT NULL,
    body TINYINT NOT NULL,
    at_us BIGINT NOT NULL,
    der MEDIUMBLOB NOT NULL,
    PRIMARY KEY (id),
    KEY cmp_messages_by_transaction (transaction, id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
