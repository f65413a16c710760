-- Keys of people that are kept for recovery: who asked, who agreed, when it was given out (store/user_keys.h).
-- state: 1 asked, 2 approved, 3 declined, 4 given out.
CREATE TABLE IF NOT EXISTS user_key_recoveries (
    id BINARY(16) NOT NULL,
    key_id BINARY(16) NOT NULL,
    asker_id BINARY(16) NOT NULL,
    asker VARCHAR(200) NOT NULL,
    reason VARCHAR(1000) NOT NULL,
    decider_id BINARY(16) NULL,
    decider VARCHAR(200) NOT NULL,
    state TINYINT NOT NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY user_key_recoveries_by_key (key_id, id),
    CONSTRAINT user_key_recoveries_key FOREIGN KEY (key_id) REFERENCES user_keys (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
CREATE INDEX IF NOT EXISTS user_keys_by_organisation ON user_keys (organisation_id, purpose, id);
