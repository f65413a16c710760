-- Evidence that was renewed (RFC 4998, 5.2): further timestamps in its chain, each over the token before it. Conventions
-- and rules: 0001-first.sql.
CREATE TABLE IF NOT EXISTS evidence_renewals (
    evidence_id BINARY(16) NOT NULL,
    ordinal INT NOT NULL,
    at_us BIGINT NOT NULL,
    token MEDIUMBLOB NOT NULL,
    PRIMARY KEY (evidence_id, ordinal),
    CONSTRAINT evidence_renewals_evidence FOREIGN KEY (evidence_id) REFERENCES evidences (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
