-- Secrets that end soon are looked for by their end alone.
ALTER TABLE credentials ADD KEY IF NOT EXISTS credentials_by_expiry (expires_us);
