-- Who comes in, and how: roles of one's own, sessions that can be told apart, tokens with less than their owner's
-- rights, certificates that log in, second factors, users from outside.

-- provider: '' for a local user, else the slug of the identity provider that vouches for it; subject: its name there.
ALTER TABLE users
    ADD COLUMN IF NOT EXISTS provider VARCHAR(63) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS subject VARCHAR(255) NOT NULL DEFAULT '',
    ADD KEY IF NOT EXISTS users_by_subject (provider, subject);

-- number: what role_grants.role holds, 16 to 127. permissions: bits of enum permission (gateway/ca/access.h).
CREATE TABLE IF NOT EXISTS roles (
    number TINYINT NOT NULL,
    slug VARCHAR(63) NOT NULL,
    name VARCHAR(200) NOT NULL,
    permissions BIGINT NOT NULL,
    own_only TINYINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (number),
    UNIQUE KEY roles_by_slug (slug)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- method: password, certificate, passkey or the slug of an identity provider. idle_us: the longest pause between
-- two requests, 0 for none. strong: a second factor was shown.
ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS method VARCHAR(63) NOT NULL DEFAULT 'password',
    ADD COLUMN IF NOT EXISTS strong TINYINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS address VARCHAR(64) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS agent VARCHAR(200) NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS idle_us BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS last_seen_us BIGINT NOT NULL DEFAULT 0;

-- A JSON document of roles and CAs that the token is limited to; '' for all its owner has.
ALTER TABLE api_tokens
    ADD COLUMN IF NOT EXISTS limits TEXT NOT NULL DEFAULT '';

-- Certificates by which a user comes in on the listener that asks for one.
CREATE TABLE IF NOT EXISTS user_certificates (
    fingerprint BINARY(32) NOT NULL,
    user_id BINARY(16) NOT NULL,
    label VARCHAR(200) NOT NULL,
    subject VARCHAR(2000) NOT NULL,
    not_after_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (fingerprint),
    KEY user_certificates_by_user (user_id),
    CONSTRAINT user_certificates_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- kind: 1 TOTP (secret sealed), 2 WebAuthn (public key as SubjectPublicKeyInfo). handle: SHA-256 of the credential's
-- id, of the factor's own for TOTP. counter: the last time step or signature counter that was seen.
CREATE TABLE IF NOT EXISTS user_factors (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    kind TINYINT NOT NULL,
    label VARCHAR(200) NOT NULL,
    confirmed TINYINT NOT NULL,
    secret VARCHAR(500) NOT NULL,
    handle BINARY(32) NOT NULL,
    credential VARBINARY(1023) NOT NULL,
    public_key BLOB NOT NULL,
    counter BIGINT NOT NULL,
    details TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    last_used_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY user_factors_by_handle (handle),
    KEY user_factors_by_user (user_id),
    CONSTRAINT user_factors_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS user_recovery_codes (
    user_id BINARY(16) NOT NULL,
    hash BINARY(32) NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (user_id, hash),
    CONSTRAINT user_recovery_codes_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- The state between two steps of a log-in: found by the hash of its secret, used once, short-lived.
CREATE TABLE IF NOT EXISTS login_tickets (
    hash BINARY(32) NOT NULL,
    kind TINYINT NOT NULL,
    user_id BINARY(16) NULL,
    document TEXT NOT NULL,
    tries INT NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (hash),
    KEY login_tickets_by_expiry (expires_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Who vouches for users: kind 1 LDAP, 2 OpenID Connect. secret: sealed password or client secret.
CREATE TABLE IF NOT EXISTS identity_providers (
    slug VARCHAR(63) NOT NULL,
    kind TINYINT NOT NULL,
    name VARCHAR(200) NOT NULL,
    enabled TINYINT NOT NULL,
    settings MEDIUMTEXT NOT NULL,
    secret TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (slug)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
