-- kek: the id of the key-encryption key that wrapped the key; '' until the job "kek" has looked. fingerprint: SHA-256 of
-- the SubjectPublicKeyInfo. uses, last_used_us: written now and then, not with each use. destroyed_us: `wrapped` is gone.
ALTER TABLE private_keys ADD COLUMN IF NOT EXISTS kek VARBINARY(64) NOT NULL DEFAULT '';
ALTER TABLE private_keys ADD COLUMN IF NOT EXISTS fingerprint BINARY(32) NULL;
ALTER TABLE private_keys ADD COLUMN IF NOT EXISTS uses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE private_keys ADD COLUMN IF NOT EXISTS last_used_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE private_keys ADD COLUMN IF NOT EXISTS destroyed_us BIGINT NOT NULL DEFAULT 0;
UPDATE private_keys SET fingerprint = UNHEX(SHA2(spki, 256)) WHERE fingerprint IS NULL;
CREATE INDEX IF NOT EXISTS private_keys_by_fingerprint ON private_keys (fingerprint);
CREATE INDEX IF NOT EXISTS private_keys_by_kek ON private_keys (kek, id);
ALTER TABLE user_keys ADD COLUMN IF NOT EXISTS kek VARBINARY(64) NOT NULL DEFAULT '';
ALTER TABLE user_keys ADD COLUMN IF NOT EXISTS fingerprint BINARY(32) NULL;
ALTER TABLE user_keys ADD COLUMN IF NOT EXISTS uses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE user_keys ADD COLUMN IF NOT EXISTS last_used_us BIGINT NOT NULL DEFAULT 0;
UPDATE user_keys SET fingerprint = UNHEX(SHA2(spki, 256)) WHERE fingerprint IS NULL;
CREATE INDEX IF NOT EXISTS user_keys_by_fingerprint ON user_keys (fingerprint);
ALTER TABLE est_keys ADD COLUMN IF NOT EXISTS kek VARBINARY(64) NOT NULL DEFAULT '';
ALTER TABLE mdm_keys ADD COLUMN IF NOT EXISTS kek VARBINARY(64) NOT NULL DEFAULT '';
ALTER TABLE cmp_certificates ADD COLUMN IF NOT EXISTS kek VARBINARY(64) NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS user_keys_by_kek ON user_keys (kek, id);
CREATE INDEX IF NOT EXISTS est_keys_by_kek ON est_keys (kek, request_id);
CREATE INDEX IF NOT EXISTS mdm_keys_by_kek ON mdm_keys (kek, request_id);
CREATE INDEX IF NOT EXISTS cmp_certificates_by_kek ON cmp_certificates (kek, transaction);
-- Which key-encryption keys each node's signer holds (store/wrapped.h).
CREATE TABLE IF NOT EXISTS kek_nodes (
    name VARCHAR(255) NOT NULL,
    keks VARBINARY(1200) NOT NULL,
    seen_us BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
