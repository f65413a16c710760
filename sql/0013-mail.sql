-- Mail: what waits to be sent, and the wording. Conventions and rules: 0001-first.sql.

-- state: 1 waiting, 2 sent, 3 given up. content: the message (RFC 5322), sealed under the data key, since links in it
-- open things; emptied when it is sent. once: SHA-256 of what the mail is about and to whom, NULL when it may come twice.
CREATE TABLE IF NOT EXISTS mail_queue (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NULL,
    template VARCHAR(64) NOT NULL,
    recipient VARCHAR(254) NOT NULL,
    once BINARY(32) NULL,
    content MEDIUMTEXT NOT NULL,
    state TINYINT NOT NULL,
    attempts INT NOT NULL,
    next_us BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    done_us BIGINT NOT NULL,
    problem VARCHAR(1000) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY mail_queue_once (once),
    KEY mail_queue_due (state, next_us, id),
    KEY mail_queue_by_state (state, id DESC)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- organisation_id: sixteen zero octets for the instance. What is not here has the built-in wording.
CREATE TABLE IF NOT EXISTS mail_templates (
    organisation_id BINARY(16) NOT NULL,
    name VARCHAR(64) NOT NULL,
    subject VARCHAR(500) NOT NULL,
    body MEDIUMTEXT NOT NULL,
    html MEDIUMTEXT NOT NULL,
    version BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
