-- Acts on many certificates in the background: what is to be done and how far it is. document: the act's members as they
-- were asked for. state: 1 counting, 2 running, 3 done, 4 cancelled, 5 failed. Items before `position` are done with.
CREATE TABLE IF NOT EXISTS bulk_jobs (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    user_name VARCHAR(200) NOT NULL,
    token_id BINARY(16) NULL,
    action VARCHAR(16) NOT NULL,
    document MEDIUMTEXT NOT NULL,
    filter VARCHAR(2000) NOT NULL,
    state TINYINT NOT NULL,
    expected BIGINT NOT NULL,
    total BIGINT NOT NULL,
    position BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    page_cursor VARCHAR(400) NOT NULL,
    problem_kind TINYINT NOT NULL,
    problem VARCHAR(64) NOT NULL,
    message VARCHAR(1000) NOT NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    finished_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY bulk_jobs_by_state (state, id),
    KEY bulk_jobs_by_user (user_id, id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Which certificates, and how it went for each. outcome: 0 waits, 1 done, 2 failed.
CREATE TABLE IF NOT EXISTS bulk_items (
    job_id BINARY(16) NOT NULL,
    ordinal INT NOT NULL,
    certificate_id BINARY(16) NOT NULL,
    outcome TINYINT NOT NULL,
    problem_kind TINYINT NOT NULL,
    problem VARCHAR(64) NOT NULL,
    message VARCHAR(1000) NOT NULL,
    PRIMARY KEY (job_id, ordinal),
    KEY bulk_items_by_outcome (job_id, outcome, ordinal)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
