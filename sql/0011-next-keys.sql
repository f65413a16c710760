-- next_key_id: the key that the CSR in `csr` is for, when somebody else must sign a re-key; the CA goes on with its
-- present key until the certificate is there.
ALTER TABLE cas ADD COLUMN IF NOT EXISTS next_key_id BINARY(16) NULL;
