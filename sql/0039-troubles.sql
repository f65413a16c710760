-- What a node cannot use or do just now (tokens, agents, jobs), and what it could not until lately: notices are made of
-- it, see gateway/notices/troubles.c. since_us: when it began to ail, or to be well again.
CREATE TABLE IF NOT EXISTS troubles (
    node VARCHAR(255) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    object VARCHAR(191) NOT NULL,
    ailing BOOLEAN NOT NULL,
    reason VARCHAR(255) NOT NULL,
    since_us BIGINT NOT NULL,
    seen_us BIGINT NOT NULL,
    PRIMARY KEY (node, kind, object)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
