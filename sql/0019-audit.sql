-- The audit trail: events are sealed in batches, chained and signed; streams carry them elsewhere.

-- ids: the events of the batch, 16 octets each, in the order of the tree's leaves. root: the tree over them.
-- statement: what is signed; it names number, count, times, root and the statement before. token: RFC 3161.
CREATE TABLE IF NOT EXISTS event_seals (
    number BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    first_us BIGINT NOT NULL,
    last_us BIGINT NOT NULL,
    events INT NOT NULL,
    ids MEDIUMBLOB NOT NULL,
    root BINARY(32) NOT NULL,
    statement TEXT NOT NULL,
    key_id BINARY(16) NOT NULL,
    signature BLOB NOT NULL,
    token MEDIUMBLOB NOT NULL,
    PRIMARY KEY (number),
    KEY event_seals_by_time (last_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- What was moved into a file: the events of these seals are no longer in the database.
CREATE TABLE IF NOT EXISTS event_archives (
    first_seal BIGINT NOT NULL,
    last_seal BIGINT NOT NULL,
    events BIGINT NOT NULL,
    sha256 BINARY(32) NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (first_seal)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- position: the last seal whose events were delivered. The database is the spool.
CREATE TABLE IF NOT EXISTS event_streams (
    slug VARCHAR(63) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    enabled TINYINT NOT NULL,
    settings MEDIUMTEXT NOT NULL,
    secret TEXT NOT NULL,
    position BIGINT NOT NULL,
    failure VARCHAR(500) NOT NULL,
    failed_us BIGINT NOT NULL,
    delivered_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (slug)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
