# What is installed beside the program, and what only the distribution has.
dist_man_MANS += docs/chancery.1
dist_doc_DATA += docs/chancery.service docs/configuration.md docs/est.md docs/operators.md \
	docs/haproxy.cfg docs/postgresql.md docs/postgresql-grants.sql docs/postgresql-once.sql docs/scep.md docs/scep-intune.md
EXTRA_DIST += \
	docs/architecture.md \
	docs/benchmarks.md \
	docs/store.md \
	docs/store-plans.md \
	docs/decisions/0001-own-http-gate.md \
	docs/decisions/0002-nonces.md \
	docs/decisions/0003-doubt-orphans.md \
	docs/decisions/0004-typed-audit-entries.md \
	docs/decisions/0005-operators-by-socket.md \
	docs/decisions/0006-keys-in-memory.md \
	docs/decisions/0007-pipelined-channels.md \
	docs/decisions/0008-libyaml-beside-libcyaml.md \
	docs/decisions/0009-changed-profiles.md \
	docs/decisions/0010-recovery-journal.md \
	docs/decisions/0011-failover.md \
	docs/decisions/0013-scep.md \
	docs/decisions/0012-cmc-answers.md
