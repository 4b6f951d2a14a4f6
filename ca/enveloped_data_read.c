/* ContentInfo -> EnvelopedData, from the outside to the inside (RFC 5652 sections 3 and 6), and its content. */
#include "ca/enveloped_data.h"

#include <openssl/err.h>

#include "base/openssl_auto.h"
#include "ca/cms.h"
#include "ca/content_cipher.h"
#include "ca/der.h"

/*
 * KeyTransRecipientInfo ::= SEQUENCE { version, rid, keyEncryptionAlgorithm,
 * encryptedKey } (section 6.2.1). Version 2 goes with the identifier of a key, and is
 * passed over, as is another algorithm than RSAES-PKCS1-v1_5.
 */
static bool take_key_transport(struct bytes fields, struct enveloped_data *out)
{
	struct bytes version, algorithm, key;
	struct der_value rid;
	uint64_t number;
	if (!der_take(&fields, DER_INTEGER, &version) || !der_read_number(version, &number) || !der_next(&fields, &rid) ||
	    !der_take(&fields, DER_SEQUENCE, &algorithm) || !der_take(&fields, DER_OCTET_STRING, &key) || fields.n != 0)
		return false;
	if (number == 2 && rid.tag == DER_CONTEXT(0))
		return true;
	if (number != 0 || rid.tag != DER_SEQUENCE)
		return false;
	if (cms_is_algorithm(algorithm, cms_rsa_oid)) {
		out->recipients[out->n_recipients].issuer_and_serial = rid.content;
		out->recipients[out->n_recipients++].encrypted_key = key;
	}
	return true;
}

/* RecipientInfo ::= CHOICE: the other kinds have tags of their own, [1] to [4]. */
static bool take_recipients(struct bytes *in, struct enveloped_data *out)
{
	struct bytes list;
	struct der_value value;
	unsigned n = 0;
	if (!der_take(in, DER_SET, &list))
		return false;
	while (der_next(&list, &value)) {
		if (++n > ENVELOPED_DATA_RECIPIENTS)
			return false;
		if (value.tag == DER_SEQUENCE && !take_key_transport(value.content, out))
			return false;
	}
	return out->n_recipients > 0;
}

/*
 * [0] IMPLICIT OCTET STRING. Go's pkcs7, of which scepclient is made, writes a
 * constructed one with the whole content in one piece; more pieces are refused.
 */
static bool take_encrypted(struct bytes *in, struct bytes *content)
{
	struct bytes pieces;
	if (der_take(in, DER_CONTEXT(0), content))
		return true;
	return der_take(in, DER_CONTEXT_CONSTRUCTED(0), &pieces) && der_take(&pieces, DER_OCTET_STRING, content) && pieces.n == 0;
}

/* EncryptedContentInfo ::= SEQUENCE { contentType, contentEncryptionAlgorithm, encryptedContent [0] } */
static bool take_content(struct bytes *in, struct bytes *algorithm, struct enveloped_data *out)
{
	struct bytes fields, type;
	return der_take(in, DER_SEQUENCE, &fields) && der_take(&fields, DER_OID, &type) && bytes_equal(type, cms_data_oid) &&
	       der_take(&fields, DER_SEQUENCE, algorithm) && take_encrypted(&fields, &out->content) && fields.n == 0;
}

/*
 * EnvelopedData ::= SEQUENCE { version, originatorInfo [0], recipientInfos SET,
 * encryptedContentInfo, unprotectedAttrs [1] }: version 0, or 2 with recipients of
 * other kinds and unprotected attributes, which are of no use here (section 6.1).
 */
static bool split(struct bytes der, struct bytes *algorithm, struct enveloped_data *out)
{
	struct bytes fields, version, attributes;
	uint64_t number;
	if (!cms_open(der, cms_enveloped_data_oid, &fields) || !der_take(&fields, DER_INTEGER, &version) ||
	    !der_read_number(version, &number) || (number != 0 && number != 2) || !take_recipients(&fields, out) ||
	    !take_content(&fields, algorithm, out))
		return false;
	return fields.n == 0 || (number == 2 && der_take(&fields, DER_CONTEXT_CONSTRUCTED(1), &attributes) && fields.n == 0);
}

static bool is_taken(const struct enveloped_rules *rules, enum content_cipher cipher)
{
	return cipher == CIPHER_3DES ? rules->takes_3des : cipher == CIPHER_DES ? rules->takes_des : true;
}

result enveloped_data_read(struct op *op, struct bytes der, const struct enveloped_rules *rules, struct enveloped_data *out)
{
	struct bytes algorithm, oid;
	*out = (struct enveloped_data){ .n_recipients = 0 };
	if (!der_is_strict(der))
		return FAIL(op, ERR_MALFORMED, "the message is not one value in strict DER (X.690): BER, or bytes behind its end");
	if (!split(der, &algorithm, out) || !der_take(&algorithm, DER_OID, &oid))
		return FAIL(op, ERR_MALFORMED, "the message is not a CMS EnvelopedData of octets for the holder of an RSA key, by "
					       "RSAES-PKCS1-v1_5 and the certificate's issuer and serial number");
	if (!content_cipher_find(oid, &out->cipher) || !is_taken(rules, out->cipher))
		return FAIL(op, ERR_POLICY, "the message has to be encrypted with AES in CBC mode%s%s",
			    rules->takes_3des ? ", triple DES" : "", rules->takes_des ? ", DES" : "");
	if (!der_take(&algorithm, DER_OCTET_STRING, &out->iv) || algorithm.n != 0 || out->iv.n != content_cipher_block(out->cipher))
		return FAIL(op, ERR_MALFORMED, "the message's cipher needs an initialization vector of one block");
	return OK;
}

bool enveloped_data_is_for(const struct enveloped_data *message, unsigned i, struct bytes certificate)
{
	return cms_names(message->recipients[i].issuer_and_serial, certificate);
}

/* Without padding, which is looked at below. `out` has room for the whole content. */
static bool decrypt(const struct enveloped_data *message, const uint8_t *key, uint8_t *out)
{
	AUTO(EVP_CIPHER_CTX) *context = EVP_CIPHER_CTX_new();
	uint8_t wide[CONTENT_KEY_MAX];
	int n = 0, last = 0;
	content_cipher_widen(message->cipher, key, wide);
	bool is_read = context != NULL &&
		       EVP_DecryptInit_ex(context, content_cipher_evp(message->cipher), NULL, wide, message->iv.p) == 1 &&
		       EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
		       EVP_DecryptUpdate(context, out, &n, message->content.p, (int)message->content.n) == 1 &&
		       EVP_DecryptFinal_ex(context, out + n, &last) == 1 && (size_t)n + (size_t)last == message->content.n;
	OPENSSL_cleanse(wide, sizeof wide);
	return is_read;
}

/* All ones for a < b, both below 256; else zero. */
static unsigned mask_less(unsigned a, unsigned b)
{
	return 0 - ((a - b) >> 31);
}

/*
 * Section 6.3: n octets of the value n, 1 to a block. How many they are, and which one
 * is wrong, changes neither the steps nor the addresses. 0: none such.
 */
static unsigned padding(const uint8_t *last_block, unsigned block)
{
	unsigned n = last_block[block - 1];
	unsigned wrong = mask_less(block, n);
	for (unsigned i = 0; i < block; i++)
		wrong |= mask_less(block - 1 - i, n) & (last_block[i] ^ n);
	return n & mask_less(wrong & 0xff, 1);
}

result enveloped_data_open(struct op *op, const struct enveloped_data *message, const uint8_t *key, struct bytes *content)
{
	size_t n = message->content.n, block = content_cipher_block(message->cipher);
	unsigned n_padding = 0;
	*content = BYTES_NONE;
	arena_wipe_when_freed(op->arena);
	if (n > 0 && n % block == 0 && n <= INT32_MAX - EVP_MAX_BLOCK_LENGTH) {
		uint8_t *p = arena_alloc(op->arena, n + EVP_MAX_BLOCK_LENGTH);
		n_padding = decrypt(message, key, p) ? padding(p + n - block, (unsigned)block) : 0;
		*content = (struct bytes){ p, n - n_padding };
	}
	if (n_padding == 0) {
		*content = BYTES_NONE;
		ERR_clear_error();
		return FAIL(op, ERR_MALFORMED, "the message could not be decrypted");
	}
	return OK;
}
