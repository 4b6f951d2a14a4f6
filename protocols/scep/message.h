/*
 * The outside of a pkiMessage (RFC 8894 section 3): SignedData with the attributes
 * of a transaction, from bytes to a struct. What is encrypted inside is unwrap.h's,
 * and who the signer is to us is judged elsewhere. A pure function, fuzzed.
 */
#pragma once

#include "base/config.h"
#include "ca/signed_data.h"

enum scep_message_type { /* section 3.2.1.2 */
	SCEP_CERT_REP = 3,
	SCEP_RENEWAL_REQ = 17,
	SCEP_PKCS_REQ = 19,
	SCEP_CERT_POLL = 20,
	SCEP_GET_CERT = 21,
	SCEP_GET_CRL = 22
};

enum scep_fail_info { /* section 3.2.1.4 */
	SCEP_BAD_ALG = 0, SCEP_BAD_MESSAGE_CHECK = 1, SCEP_BAD_REQUEST = 2, SCEP_BAD_TIME = 3, SCEP_BAD_CERT_ID = 4
};
/* What op->code holds where a failure has a failInfo of its own; 0 stands for none there. */
#define SCEP_CODE(info) ((int)(info) + 1)

/* Parts of the message's own bytes, which must live as long, or of what it was rewritten to, in op's arena. */
struct scep_message {
	struct signed_data signed_data;
	int type;                    /* enum scep_message_type, or any other number; -1: none */
	const char *transaction_id;  /* NULL: none that could be repeated */
	struct bytes sender_nonce;   /* of any size up to SCEP_NONCE_MAX; empty: none */
	int64_t signing_time_s;
	bool has_signing_time;
	struct bytes signer;         /* its certificate, whole */
	struct bytes spki;           /* its key */
	bool is_self_issued;         /* subject and issuer of the certificate are the same */
	bool is_ber;                 /* its outside was rewritten in DER */
};

#define SCEP_NONCE_SIZE 16 /* section 3.2.1.5 */
#define SCEP_NONCE_MAX 64  /* of what is repeated in a refusal */

/*
 * A failure with transaction_id NULL cannot be answered by a CertRep. Otherwise *out
 * has what the answer repeats, whatever is wrong: ERR_MALFORMED in always the same
 * words for all that CMS can have wrong, a signature that does not fit among it
 * (SP15); ERR_POLICY: an algorithm that is not taken, also a signer's key that
 * nothing could be encrypted to. `compatibility`: bits of enum scep_compatibility.
 */
result scep_message_read(struct op *op, struct bytes message, unsigned compatibility, struct scep_message *out);

/* Contents of the OIDs of the attributes. */
extern const struct bytes scep_message_type_oid, scep_pki_status_oid, scep_fail_info_oid, scep_sender_nonce_oid,
	scep_recipient_nonce_oid, scep_transaction_id_oid, scep_fail_info_text_oid;

/*
 * The message, or the EnvelopedData in it, for readers of strict DER: as it is, or
 * rewritten (ber.h) where the endpoint takes BER; *is_ber when it had to be.
 */
result scep_message_to_der(struct op *op, struct bytes message, unsigned compatibility, struct bytes *der, bool *is_ber);

/* The one answer to messages that cannot be opened, verified or understood (S5, SP15). */
result scep_bad_message(struct op *op);
