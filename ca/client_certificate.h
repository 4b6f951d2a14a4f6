/*
 * What a certificate that a client shows is worth: for mutual TLS, and for
 * messages signed with an earlier certificate. Whoever shows it has proved
 * possession of its key before.
 *
 * A certificate of our own is looked up by its serial in the store, compared
 * octet for octet, and refused when it was revoked, has expired or is not valid
 * yet (V10). One of another issuer must have a path to a named anchor, and be
 * on no CRL that was named with it.
 */
#pragma once

#include "ca/authority.h"
#include "ca/client_anchors.h"

struct client_certificate {
	X509 *x509;             /* of whoever asked, freed by client_certificate_release */
	struct bytes der, spki;
	struct bytes subject;   /* Name, DER */
	struct bytes san;       /* the extension's GeneralNames, DER; empty: it has none */
	const char *serial;     /* lower-case hex */
	const char *ca;         /* ours: which CA signed it; NULL: of a foreign issuer */
	const char *profile;    /* ours: as issued; else NULL */
	bool is_registrar;      /* extendedKeyUsage has id-kp-cmcRA (RFC 6402 section 2.10) */
	int64_t not_before_s, not_after_s;
	uint8_t hash[SHA256_SIZE]; /* of the DER: who it is, in the log and in requests */
};

/*
 * `chain`: leaf first, as shown. `anchors` NULL: only certificates of our own.
 * ERR_UNAUTHENTIC with the reason for people: unknown, expired, revoked, a CA's,
 * not for client authentication, weak key, no path. ERR_BUSY: the store is away.
 */
result client_certificate_judge(struct op *op, struct authority *authority, const struct bytes *chain, unsigned n_chain,
				const struct client_anchors *anchors, struct client_certificate *out);
/*
 * The same for a certificate of our own that has signed a message, whatever else
 * it is for; it may have expired up to `late_s` ago.
 */
result client_certificate_judge_signer(struct op *op, struct authority *authority, struct bytes der, int64_t late_s,
				       struct client_certificate *out);
void client_certificate_release(struct client_certificate *certificate);
#define CLIENT_CERTIFICATE(name) \
	__attribute__((cleanup(client_certificate_release))) struct client_certificate name = { .x509 = NULL }
