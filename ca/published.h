/*
 * What is served as it is: CRLs and CA certificates, immutable and counted by
 * references, looked up by path on the loops.
 */
#pragma once

#include "base/op.h"

struct published;

struct published_object {
	struct bytes content;
	const char *content_type;
	uint64_t number;   /* of a CRL; 0: has none */
	int64_t modified_s;
	int64_t expires_s; /* 0: does not */
	char etag[2 * SHA256_SIZE + 3]; /* quoted SHA-256 hex; published_put makes it */
};

struct published *published_new(void);
void published_free(struct published **published);
/* Copies; replaces what stood at `path` ("/crl/issuing.crl") at once for all readers, unless that has a higher number. */
void published_put(struct published *published, const char *path, const struct published_object *object);
/* Pinned; NULL: nothing there. Never blocks for long. Any thread. */
const struct published_object *published_pin(struct published *published, struct bytes path);
void published_unpin(void *object);
/* Certificates of all CAs, in the forms of the addresses table: .cer, .pem, -chain.pem, roots.pem. */
struct hierarchy;
void published_put_hierarchy(struct op *op, struct published *published, const struct hierarchy *hierarchy);
