-- What has been told already, and to whom: SHA-256 of rule, occasion and target. Old ones go.
CREATE TABLE IF NOT EXISTS notice_marks (
    once BINARY(32) NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (once),
    KEY notice_marks_by_time (at_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
