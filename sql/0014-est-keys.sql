-- Keys that EST's serverkeygen had made, until the client has them (store/est.h).
CREATE TABLE IF NOT EXISTS est_keys (
    request_id BINARY(16) NOT NULL,
    sealed MEDIUMTEXT NOT NULL,
    proof VARCHAR(500) NOT NULL,
    created_us BIGINT NOT NULL,
    delivered_us BIGINT NOT NULL,
    PRIMARY KEY (request_id),
    KEY est_keys_by_delivery (delivered_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
