-- The ID token that opened the session, sealed: the provider asks for it as a hint when the session ends there, too.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS hint TEXT NOT NULL DEFAULT '';
