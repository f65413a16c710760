-- ACME. Conventions and rules: 0001-first.sql.

-- A policy: who gets what how. document is the one JSON form of gateway/acme/policy.h.
CREATE TABLE IF NOT EXISTS acme_policies (
    id BINARY(16) NOT NULL,
    organisation_id BINARY(16) NOT NULL,
    name VARCHAR(200) NOT NULL,
    version BIGINT NOT NULL,
    document MEDIUMTEXT NOT NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    deleted_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY acme_policies_by_organisation (organisation_id, id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- External account bindings. secret is sealed (ca/secret.h); uses 0: any number; expires_us 0: never.
-- scope: JSON array of identifier patterns, narrower than the policy's; "[]" is the policy's.
CREATE TABLE IF NOT EXISTS acme_eabs (
    id BINARY(16) NOT NULL,
    policy_id BINARY(16) NOT NULL,
    name VARCHAR(200) NOT NULL,
    secret VARCHAR(500) NOT NULL,
    scope MEDIUMTEXT NOT NULL,
    uses BIGINT NOT NULL,
    used BIGINT NOT NULL,
    revoked TINYINT NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    last_used_us BIGINT NOT NULL,
    maker VARCHAR(200) NOT NULL,
    PRIMARY KEY (id),
    KEY acme_eabs_by_policy (policy_id, id),
    CONSTRAINT acme_eabs_policy FOREIGN KEY (policy_id) REFERENCES acme_policies (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- state: 1 valid, 2 deactivated by its holder, 3 revoked by an administrator. directory_id: the template whose
-- directory it registered at; sixteen zero octets for the directory of all. A key is one account there.
CREATE TABLE IF NOT EXISTS acme_accounts (
    id BINARY(16) NOT NULL,
    directory_id BINARY(16) NOT NULL,
    thumbprint BINARY(32) NOT NULL,
    policy_id BINARY(16) NOT NULL,
    eab_id BINARY(16) NULL,
    state TINYINT NOT NULL,
    jwk MEDIUMTEXT NOT NULL,
    contacts MEDIUMTEXT NOT NULL,
    scope MEDIUMTEXT NOT NULL,
    terms VARCHAR(1000) NOT NULL,
    eab_jws MEDIUMTEXT NOT NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY acme_accounts_by_key (thumbprint, directory_id),
    KEY acme_accounts_by_policy (policy_id, id DESC),
    KEY acme_accounts_by_eab (eab_id, id DESC),
    CONSTRAINT acme_accounts_policy FOREIGN KEY (policy_id) REFERENCES acme_policies (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- state: 1 pending (or ready: told by the authorizations), 2 processing, 3 valid, 4 invalid. authorizations: ids
-- of 16 octets each, in the order of the identifiers.
CREATE TABLE IF NOT EXISTS acme_orders (
    id BINARY(16) NOT NULL,
    account_id BINARY(16) NOT NULL,
    policy_id BINARY(16) NOT NULL,
    template_id BINARY(16) NOT NULL,
    state TINYINT NOT NULL,
    identifiers MEDIUMTEXT NOT NULL,
    authorizations BLOB NOT NULL,
    profile VARCHAR(100) NOT NULL,
    not_before_us BIGINT NOT NULL,
    not_after_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    problem MEDIUMTEXT NOT NULL,
    replaces_id BINARY(16) NULL,
    certificate_id BINARY(16) NULL,
    created_us BIGINT NOT NULL,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY acme_orders_by_replaced (replaces_id),
    KEY acme_orders_by_account (account_id, id DESC),
    KEY acme_orders_by_policy (policy_id, id DESC),
    KEY acme_orders_by_expiry (state, expires_us),
    KEY acme_orders_by_certificate (certificate_id),
    CONSTRAINT acme_orders_account FOREIGN KEY (account_id) REFERENCES acme_accounts (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- state: 1 pending, 2 valid, 3 invalid, 4 deactivated, 5 expired, 6 revoked. challenges: one JSON document.
-- work_us: when a validator has to look at it, 0 never; holder: the validator that does; revision: compare-and-set.
CREATE TABLE IF NOT EXISTS acme_authorizations (
    id BINARY(16) NOT NULL,
    account_id BINARY(16) NOT NULL,
    policy_id BINARY(16) NOT NULL,
    kind TINYINT NOT NULL,
    identifier VARCHAR(255) NOT NULL,
    wildcard TINYINT NOT NULL,
    state TINYINT NOT NULL,
    expires_us BIGINT NOT NULL,
    challenges MEDIUMTEXT NOT NULL,
    work_us BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY acme_authorizations_by_name (account_id, identifier, kind, wildcard, state, expires_us),
    KEY acme_authorizations_by_work (work_us, id),
    KEY acme_authorizations_by_expiry (expires_us),
    CONSTRAINT acme_authorizations_account FOREIGN KEY (account_id) REFERENCES acme_accounts (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Names per order, only where a policy limits orders by identifier.
CREATE TABLE IF NOT EXISTS acme_order_names (
    policy_id BINARY(16) NOT NULL,
    identifier VARCHAR(255) NOT NULL,
    order_id BINARY(16) NOT NULL,
    PRIMARY KEY (policy_id, identifier, order_id),
    KEY acme_order_names_by_order (order_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

-- Nonces are made without the database and come here when they are used: time (8 octets) and 16 random ones.
CREATE TABLE IF NOT EXISTS acme_nonces (
    nonce BINARY(24) NOT NULL,
    PRIMARY KEY (nonce)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
