-- Keys that the MDM web service had made and its template wants kept (store/mdm.h).
CREATE TABLE IF NOT EXISTS mdm_keys (
    request_id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    owner_id BINARY(16) NOT NULL,
    sealed MEDIUMTEXT NOT NULL,
    until_us BIGINT NOT NULL,
    PRIMARY KEY (request_id),
    KEY mdm_keys_by_end (until_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
