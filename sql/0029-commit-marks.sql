-- Where the database is several nodes: a row of each transaction that writes and leaves no event, so that it can be
-- looked up when nobody answered its COMMIT. `abandoned`: the place was claimed before it came, so it never will.
CREATE TABLE IF NOT EXISTS commit_marks (
    id BINARY(16) NOT NULL,
    at_us BIGINT NOT NULL,
    abandoned BOOLEAN NOT NULL,
    PRIMARY KEY (id),
    KEY commit_marks_by_time (at_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
