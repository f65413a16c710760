-- Least privilege for the account of a validation node (option mode = validation): it can read what OCSP answers, CRLs
-- and certificates of CAs are made of, and change nothing. Of private keys it gets, still wrapped, those of OCSP
-- certificates and validators alone, through a view: neither keys of CAs, nor settings, users or secrets. Run by the
-- server's administrator in the database of Gatehouse, after `gatehouse migrate`; again after every upgrade:
--
--   mariadb gatehouse < validation.sql
--   mariadb -e "CREATE USER 'gatehouse_edge'@'10.0.0.9' IDENTIFIED BY '...';
--               GRANT gatehouse_validation TO 'gatehouse_edge'@'10.0.0.9';
--               SET DEFAULT ROLE gatehouse_validation FOR 'gatehouse_edge'@'10.0.0.9'"
--
-- On a replica: run it at its source, the replica gets it, too. The view is made anew by this file alone, so it is in no
-- backup.

CREATE OR REPLACE SQL SECURITY DEFINER VIEW validation_keys AS
    SELECT k.id, k.organisation_id, k.key_type, k.purpose, k.wrapped, k.uri, k.spki, k.created_us FROM private_keys k
    WHERE k.id IN (SELECT s.key_id FROM service_certificates s WHERE s.purpose = 1 AND s.deleted_us = 0)
    OR k.id IN (SELECT v.key_id FROM validators v WHERE v.deleted_us = 0);

CREATE ROLE IF NOT EXISTS gatehouse_validation;
REVOKE ALL PRIVILEGES, GRANT OPTION FROM gatehouse_validation;

GRANT SELECT ON validation_keys TO gatehouse_validation;
GRANT SELECT ON schema_migrations TO gatehouse_validation;
GRANT SELECT ON cas TO gatehouse_validation;
GRANT SELECT ON ca_epochs TO gatehouse_validation;
GRANT SELECT ON ca_generations TO gatehouse_validation;
GRANT SELECT ON ca_certificates TO gatehouse_validation;
GRANT SELECT ON certificates TO gatehouse_validation;
GRANT SELECT ON certificate_scts TO gatehouse_validation;
GRANT SELECT ON revocations TO gatehouse_validation;
GRANT SELECT ON crls TO gatehouse_validation;
GRANT SELECT ON crl_chunks TO gatehouse_validation;
GRANT SELECT ON service_certificates TO gatehouse_validation;
GRANT SELECT ON validators TO gatehouse_validation;
GRANT SELECT ON validator_lists TO gatehouse_validation;
GRANT SELECT ON validator_chunks TO gatehouse_validation;

-- Parts of the others: the age of what is read, names of templates, and how many requests wait (metrics).
GRANT SELECT (seen_us) ON kek_nodes TO gatehouse_validation;
GRANT SELECT (id, slug) ON templates TO gatehouse_validation;
GRANT SELECT (certificate_id, owner, tags, fields, archived_us, revision) ON certificate_notes TO gatehouse_validation;
GRANT SELECT (state) ON requests TO gatehouse_validation;
