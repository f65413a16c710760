-- Keys that were made in tokens from here, by the hash of their public key: what the token's maker attested of them.
-- attestation: the DER certificates, one after the other; attested: 1 when they led to the root that was given.
CREATE TABLE IF NOT EXISTS token_keys (
    spki_hash BINARY(32) NOT NULL,
    uri VARCHAR(2000) NOT NULL,
    key_type VARCHAR(64) NOT NULL,
    attestation MEDIUMBLOB NOT NULL,
    attested TINYINT NOT NULL,
    created_by VARCHAR(200) NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (spki_hash)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
