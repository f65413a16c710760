-- Lists and answers: deltas, partitions, lists in the order of their index, lists of foreign authorities.
--
-- revocations.epoch: of the CA after the row came, so that what has changed since a list is a range; 0 in rows from
-- before this migration: they are older than every list that a delta can continue.
-- slice: the last octet of the serial number; partition p of n holds slices 256*p/n to 256*(p+1)/n - 1.
-- revocations_for_crl holds all of a list's columns, certificate by certificate: a list is read from it in one go.
ALTER TABLE revocations
    ADD COLUMN IF NOT EXISTS epoch BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS slice SMALLINT UNSIGNED AS (ASCII(RIGHT(serial, 1))) PERSISTENT;
ALTER TABLE revocations
    ADD KEY IF NOT EXISTS revocations_for_crl (ca_id, not_after_us, certificate_id, ordinal, serial, reason,
        revoked_us, invalidity_us),
    ADD KEY IF NOT EXISTS revocations_by_epoch (ca_id, epoch),
    ADD KEY IF NOT EXISTS revocations_by_slice (ca_id, slice);

-- scope: 0 all certificates; n + p: partition p of n (n is a power of two from 2 to 256).
-- base_number: -1 for a complete list, else the number of the list that this delta continues.
ALTER TABLE crls
    ADD COLUMN IF NOT EXISTS scope SMALLINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS base_number BIGINT NOT NULL DEFAULT -1;
ALTER TABLE crls
    ADD KEY IF NOT EXISTS crls_by_scope (ca_id, scope, number DESC, base_number);
