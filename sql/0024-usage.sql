-- Certificates given on a day (since 1970-01-01, UTC) to an API token or an organisation that has a limit.
CREATE TABLE IF NOT EXISTS usage_days (
    who BINARY(16) NOT NULL,
    day INT NOT NULL,
    certificates BIGINT NOT NULL,
    PRIMARY KEY (who, day)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
