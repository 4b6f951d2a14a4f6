# Unit tests are listed by the folder that they test; here is what is left: what
# ./quickstart and ./runtests need, so that they run from a release, too.
EXTRA_DIST += tests/local.mk tests/run_one tests/tap.sh tests/tsan.supp tests/lint tests/tools \
	tests/fault/check_history.sh tests/fault/rounds.sh tests/fault/rounds_paused.sh conformance scripts m4/.gitkeep \
	quickstart runtests LICENSE CHANGELOG.md CONTRIBUTING.md SECURITY.md .clang-format .ci/run
