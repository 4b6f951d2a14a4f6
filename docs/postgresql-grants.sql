-- What the servers' role may do. Run by chancery_owner with psql, after chancery
-- init and after each upgrade that migrated the store; running it again is fine.
-- The audit log, certificates and revocations can be added to and never taken
-- from; of a certificate's row only its way from intent to end may change.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM chancery;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO chancery;

-- The log
GRANT INSERT ON audit_entry, audit_tile, audit_checkpoint TO chancery;
GRANT INSERT, UPDATE (size, peaks) ON audit_head TO chancery;

-- Keys, CAs, certificates
GRANT INSERT ON token_key, authority, certificate_name, revocation, blocked_key TO chancery;
GRANT INSERT, UPDATE (number, builder, builder_epoch, builder_until_s) ON crl_number TO chancery;
GRANT INSERT, UPDATE (this_update_s, next_update_s, der), DELETE ON crl TO chancery;
GRANT INSERT, UPDATE (status, der, issued_s) ON certificate TO chancery;

-- ACME
GRANT INSERT, UPDATE (status, contact) ON acme_account TO chancery;
GRANT INSERT, UPDATE (status, expires_s), DELETE ON acme_authorization TO chancery;
GRANT INSERT, UPDATE (status, error, serial), DELETE ON acme_order TO chancery;
GRANT INSERT, DELETE ON order_authorization TO chancery;
GRANT INSERT, UPDATE (status, thumbprint, validated_s, error, attempts, due_s), DELETE ON acme_challenge TO chancery;

GRANT INSERT, DELETE ON acme_nonce_key, acme_nonce TO chancery;

-- Enrollment by EST
GRANT INSERT, UPDATE (status, csr, decided_by, reason, serial, changed_s), DELETE ON enrollment TO chancery;
GRANT INSERT, UPDATE (verifier, digest_ha1, is_enabled, failures, locked_until_s) ON enrollment_user TO chancery;
GRANT INSERT, UPDATE (used_s, used_for), DELETE ON enrollment_token TO chancery;

-- SCEP
GRANT INSERT, UPDATE (maker, maker_until_s, key_label, serial) ON scep_ra TO chancery;
GRANT INSERT, DELETE ON scep_transaction TO chancery;
GRANT INSERT, UPDATE (attempts, due_s), DELETE ON intune_notice TO chancery;

-- Nodes, small facts
GRANT INSERT, UPDATE (epoch, seen_s) ON node TO chancery;
GRANT INSERT, UPDATE (value) ON meta TO chancery;
