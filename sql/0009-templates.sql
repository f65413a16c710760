-- Which starter a template was made from, and what policy left out of a request.

ALTER TABLE templates ADD COLUMN IF NOT EXISTS starter VARCHAR(63) NOT NULL DEFAULT '';
ALTER TABLE templates ADD KEY IF NOT EXISTS templates_by_starter (ca_id, starter);
ALTER TABLE requests ADD COLUMN IF NOT EXISTS notes MEDIUMTEXT NOT NULL DEFAULT '[]';
