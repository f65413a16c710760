-- The inventory: who owns a certificate, its tags and fields, and quick look-ups by name, key, door and requester.
-- Conventions and rules: 0001-first.sql.

-- By which door it was asked for; '' for what the instance makes for itself and what is older than this column.
ALTER TABLE certificates ADD COLUMN IF NOT EXISTS door VARCHAR(32) NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS certificates_by_template_time ON certificates (template_id, id DESC, not_after_us);
CREATE INDEX IF NOT EXISTS certificates_by_key_type ON certificates (key_type, id DESC, not_after_us);
CREATE INDEX IF NOT EXISTS certificates_by_requester ON certificates (requester, id DESC, not_after_us);
CREATE INDEX IF NOT EXISTS certificates_by_door ON certificates (door, id DESC, not_after_us);
CREATE INDEX IF NOT EXISTS requests_by_renewed ON requests (renews_id);

-- Names as people look for them: lower case, the first 255 octets; reversed, so that a suffix is a prefix.
-- kind: 1 common name, 2 DNS, 3 e-mail, 4 IP address, 5 URI, 6 other. Only added to.
CREATE TABLE IF NOT EXISTS certificate_names (
    certificate_id BINARY(16) NOT NULL,
    ordinal SMALLINT NOT NULL,
    kind TINYINT NOT NULL,
    name VARBINARY(255) NOT NULL,
    reversed VARBINARY(255) NOT NULL,
    PRIMARY KEY (certificate_id DESC, ordinal),
    KEY certificate_names_by_name (name, certificate_id DESC, kind),
    KEY certificate_names_by_reversed (reversed, certificate_id DESC, kind)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What people write about a certificate, which is not part of it. tags: a JSON array, the same as the rows of
-- certificate_tags; fields: a JSON object. A certificate without a row has none of it.
CREATE TABLE IF NOT EXISTS certificate_notes (
    certificate_id BINARY(16) NOT NULL,
    owner VARCHAR(254) NOT NULL,
    owner_folded VARCHAR(254) NOT NULL,
    tags MEDIUMTEXT NOT NULL,
    fields MEDIUMTEXT NOT NULL,
    archived_us BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (certificate_id),
    KEY certificate_notes_by_owner (owner_folded, certificate_id DESC),
    KEY certificate_notes_by_archive (archived_us, certificate_id),
    CONSTRAINT certificate_notes_certificate FOREIGN KEY (certificate_id) REFERENCES certificates (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS certificate_tags (
    tag VARCHAR(64) NOT NULL,
    certificate_id BINARY(16) NOT NULL,
    PRIMARY KEY (tag, certificate_id DESC),
    KEY certificate_tags_by_certificate (certificate_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Which fields an organisation's certificates may have: one JSON document.
CREATE TABLE IF NOT EXISTS certificate_fields (
    organisation_id BINARY(16) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    version BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id),
    CONSTRAINT certificate_fields_organisation FOREIGN KEY (organisation_id) REFERENCES organisations (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A user's saved views: a list and its filter.
CREATE TABLE IF NOT EXISTS saved_views (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    name VARCHAR(200) NOT NULL,
    filter VARCHAR(2000) NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY saved_views_by_user (user_id, id),
    CONSTRAINT saved_views_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- A claim link's secret, by its hash: who holds it delivers the CSR of a request that was made without one. One
-- use: spent_us is set in the transaction of the delivery.
CREATE TABLE IF NOT EXISTS request_claims (
    hash BINARY(32) NOT NULL,
    request_id BINARY(16) NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    spent_us BIGINT NOT NULL,
    PRIMARY KEY (hash),
    KEY request_claims_by_request (request_id),
    CONSTRAINT request_claims_request FOREIGN KEY (request_id) REFERENCES requests (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS request_comments (
    id BINARY(16) NOT NULL,
    request_id BINARY(16) NOT NULL,
    author_id BINARY(16) NULL,
    author VARCHAR(200) NOT NULL,
    text VARCHAR(4000) NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY request_comments_by_request (request_id, id),
    CONSTRAINT request_comments_request FOREIGN KEY (request_id) REFERENCES requests (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
