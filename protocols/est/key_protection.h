/*
 * How a client wants the key that is made for it to be encrypted, beyond the TLS
 * of the connection: attributes of its request (RFC 7030 section 4.4.1). They are
 * DecryptKeyIdentifier (a shared secret, RFC 4108 section 2.2.5), or
 * AsymmetricDecryptKeyIdentifier (section 4.4.1.2), and SMIMECapabilities
 * (RFC 8551 section 2.5.2) with what it can decrypt.
 */
#pragma once

#include "base/op.h"

struct key_protection {
	bool is_wanted;          /* any of them is there */
	bool is_symmetric;       /* by a shared secret */
	struct bytes key_id;     /* of the public key to encrypt to; a view; empty: none */
	bool has_capabilities;
	bool takes_aes256_cbc;   /* among the capabilities */
	const char *oaep_digest; /* RSAES-OAEP is among them, with this digest; NULL: not, or not in a form that we have */
};

/* From csr->attributes. ERR_MALFORMED: one of the three is not what its RFC says. */
result key_protection_read(struct op *op, struct bytes attributes, struct key_protection *out);
