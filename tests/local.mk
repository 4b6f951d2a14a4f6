# Unit tests are listed by the folder that they test; here is what is left.
EXTRA_DIST += tests/local.mk
