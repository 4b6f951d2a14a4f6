/*
 * Encrypted messages: CMS EnvelopedData (RFC 5652 section 6) for holders of RSA keys,
 * as SCEP has them, both ways. Read by hand from strict DER. The recipient's private
 * key is in a token: what it unwraps is between reading and opening, the caller's part.
 *
 * CBC and RSAES-PKCS1-v1_5 tell who asks often enough what is inside, if failures
 * can be told apart (RFC 3218): nothing here lets them.
 */
#pragma once

#include "base/op.h"

#define ENVELOPED_DATA_RECIPIENTS 8 /* clients name one */
#define CONTENT_KEY_MAX 32

/* All in CBC mode with the padding of RFC 5652 section 6.3. */
enum content_cipher { CIPHER_AES128, CIPHER_AES192, CIPHER_AES256, CIPHER_3DES, CIPHER_DES };
size_t content_cipher_key_size(enum content_cipher cipher);
const char *content_cipher_name(enum content_cipher cipher); /* "AES-256-CBC", …; static text */

struct enveloped_rules {
	bool takes_3des, takes_des; /* for clients of SCEP that know nothing newer */
};

/* Parts of the message's own bytes, which must live as long. */
struct enveloped_data {
	struct {
		struct bytes issuer_and_serial; /* content of IssuerAndSerialNumber (cms.h) */
		struct bytes encrypted_key;
	} recipients[ENVELOPED_DATA_RECIPIENTS];
	unsigned n_recipients;
	enum content_cipher cipher;
	struct bytes iv, content; /* encrypted */
};

/*
 * ERR_MALFORMED: BER, bytes behind the end, an originator, a content that is not
 * there, not data or in several pieces, no recipient by RSA (rsaEncryption) and issuer
 * and serial number, or more than ENVELOPED_DATA_RECIPIENTS of any kind. ERR_POLICY: a
 * cipher that does not count. Recipients of other kinds are passed over.
 */
result enveloped_data_read(struct op *op, struct bytes der, const struct enveloped_rules *rules, struct enveloped_data *out);
/* Recipient i is the holder of this certificate. */
bool enveloped_data_is_for(const struct enveloped_data *message, unsigned i, struct bytes certificate);

/*
 * Decrypts the content with a key of content_cipher_key_size() octets. A wrong key, a
 * wrong length and a wrong padding are the same ERR_MALFORMED in the same words; which
 * padding is wrong, and where, takes no other time. The content, which may hold a
 * password, is in op's arena, which is wiped when freed.
 */
result enveloped_data_open(struct op *op, const struct enveloped_data *message, const uint8_t *key, struct bytes *content);

/*
 * ContentInfo in DER, encrypted with a fresh key to the RSA key of this certificate.
 * ERR_POLICY: its key is of another kind or size than this house takes;
 * ERR_MALFORMED: it is no certificate.
 */
result enveloped_data_write(struct op *op, struct bytes content, struct bytes recipient_certificate,
			    enum content_cipher cipher, struct bytes *out);
