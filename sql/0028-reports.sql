-- Reports that are kept for a while besides being mailed.
CREATE TABLE IF NOT EXISTS kept_reports (
    id BINARY(16) NOT NULL,
    report VARCHAR(63) NOT NULL,
    format VARCHAR(8) NOT NULL,
    row_count BIGINT NOT NULL,
    made_us BIGINT NOT NULL,
    until_us BIGINT NOT NULL,
    content LONGBLOB NOT NULL,
    PRIMARY KEY (id),
    KEY kept_reports_by_report (report, made_us),
    KEY kept_reports_by_end (until_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
