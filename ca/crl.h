/*
 * CRLs (RFC 5280 section 5, rows L1-L15): taken from the store in one pass,
 * written by a streaming encoder, signed, linted, recorded, published.
 */
#pragma once

#include "ca/authority.h"
#include "store/authorities.h"
#include "store/certificates.h"

/* Makes the next CRL of a CA and publishes it; out->der may be empty (it is published). One at a time per CA; a second caller waits and gets a newer one. */
result crl_publish(struct op *op, struct authority *authority, const struct ca *ca, struct crl_row *out);
/* Publishes what the store has; makes what is missing or due. At start and by the steward. */
result crl_refresh(struct op *op, struct authority *authority, bool may_sign);

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
