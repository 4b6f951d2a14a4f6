/*
 * CRLs (RFC 5280 section 5, rows L1-L15): taken from the store in one pass,
 * written by a streaming encoder, signed, linted, recorded, published.
 */
#pragma once

#include "ca/authority.h"
#include "store/authorities.h"
#include "store/certificates.h"

/*
 * A CRL that began after this call is in the store and published here: made by
 * the caller, or by another thread or node that was at it, for which is waited
 * until the op's deadline (ERR_BUSY). out->der may be empty.
 */
result crl_publish(struct op *op, struct authority *authority, const struct ca *ca, struct crl_row *out);
/*
 * Publishes what the store has; with `may_sign`, at the start and by the steward,
 * makes what is missing or due and leaves alone what another node is making.
 * Without it never waits for a CRL that is being made.
 */
result crl_refresh(struct op *op, struct authority *authority, bool may_sign);

/* What authority_open() makes for the two. */
struct crl_rounds *crl_rounds_new(void);
void crl_rounds_free(struct crl_rounds **rounds);

/*
 * The encoder: begin, one call per entry in order of serial, end, free. Exposed
 * for tests and the benchmark. The list is the writer's own memory and not the
 * op's arena: it grows to megabytes, and large blocks grow in place.
 */
struct crl_writer {
	struct op *op;
	const struct ca *issuer;
	uint8_t *list;     /* room for what comes before the entries, then the entries */
	size_t room, n, capacity;
	uint64_t entries;
	int64_t newest_s;  /* latest revocationDate so far: thisUpdate must not be before it (L9) */
};
void crl_writer_begin(struct crl_writer *writer, struct op *op, const struct ca *issuer);
/* ERR_BUG: a row that cannot be written; it must not be left out in silence. */
result crl_writer_entry(struct crl_writer *writer, const struct revocation *revocation);
/* DER of TBSCertList; lives until crl_writer_free. The writer takes no more entries. */
result crl_writer_end(struct crl_writer *writer, uint64_t number, int64_t this_update_s, int64_t next_update_s,
		      struct bytes *tbs);
void crl_writer_free(struct crl_writer *writer);
#define CRL_WRITER(name) __attribute__((cleanup(crl_writer_free))) struct crl_writer name = { .op = NULL }
