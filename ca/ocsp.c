/*
 * From request to answer: what the store says of each serial, when the answer
 * ends, who signs it, and whether it is kept.
 *
 * A serial that we never issued is `unknown` (RFC 6960 section 2.2; O3, V46),
 * not revoked as section 4.4.8 would allow: unknown is the plain truth, it lets
 * the client ask elsewhere, and a certificate whose intent is just under way
 * does not look revoked to a fast client and then come back to life.
 */
#include "ca/ocsp.h"

#include "base/clock.h"
#include "base/text.h"
#include "ca/ocsp_response.h"

#define UNKNOWN_LIFETIME_S 300 /* a serial may be issued in a moment: good within 15 minutes at most (O15) */

/*
 * Certificate first, revocation after: what is revoked between the two reads is
 * seen as revoked. A serial of another CA of ours is as unknown as any.
 */
static result read_status(struct op *op, struct db *db, const struct ocsp_cert_id *id, struct ocsp_single *out)
{
	const char *serial = bytes_to_hex(op->arena, id->serial);
	struct certificate certificate;
	struct revocation revocation;
	out->status = OCSP_UNKNOWN;
	result r = certificate_load(op, db, serial, &certificate);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	if (!text_equal(certificate.ca, id->ca->name))
		return OK;
	r = revocation_load(op, db, serial, &revocation);
	if (r.err == ERR_NONE) {
		*out = (struct ocsp_single){ OCSP_REVOKED, revocation.revoked_s, revocation.reason };
		return OK;
	}
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	if (certificate.status == CERTIFICATE_ISSUED)
		out->status = OCSP_GOOD;
	return OK;
}

static result read_statuses(struct op *op, struct authority *a, struct ocsp_response *response, bool *are_all_known)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	*are_all_known = true;
	for (unsigned i = 0; i < response->request->n_ids; i++) {
		struct ocsp_single *single = &response->singles[i];
		TRY(read_status(op, lease.db, &response->request->ids[i], single));
		*are_all_known = *are_all_known && single->status != OCSP_UNKNOWN;
	}
	return OK;
}

static int64_t lifetime_of(const struct authority *a, const struct ca *ca, bool are_all_known)
{
	int64_t lifetime_s = config_ca(authority_config(a), ca->name)->ocsp_lifetime_s;
	return are_all_known || lifetime_s < UNKNOWN_LIFETIME_S ? lifetime_s : UNKNOWN_LIFETIME_S;
}

static result sign_response(struct op *op, struct authority *a, const struct ocsp_response *response,
			    const struct responder *responder, struct bytes *der)
{
	struct bytes data = ocsp_response_data(op, response, responder);
	struct bytes signature;
	TRY(responder_sign(op, a, responder, data, &signature));
	*der = ocsp_response_whole(op, data, responder, signature);
	return OK;
}

/* Kept is only what the next one who asks would get just so. */
static bool may_be_kept(const struct ocsp_request *request, bool are_all_known)
{
	return request->n_ids == 1 && !request->has_nonce && are_all_known;
}

static result make_answer(struct op *op, struct authority *a, const struct ocsp_request *request, struct ocsp_answer **out)
{
	const struct ca *ca = request->ids[0].ca;
	struct ocsp_cache *cache = ocsp_signers_cache(a->ocsp);
	/* Before the store is read: a revocation from here on keeps this answer out of the cache. */
	uint64_t generation = ocsp_cache_generation(cache, request->ids[0].serial);
	struct ocsp_response response = { .request = request, .this_update_s = clock_now_s() };
	RESPONDER_PIN(responder);
	responder = responder_pin(a->ocsp, ca, response.this_update_s);
	if (responder == NULL)
		return FAIL(op, ERR_BUSY, "CA %s has no OCSP responder just now; the token has to be back first", ca->name);

	bool are_all_known;
	TRY(read_statuses(op, a, &response, &are_all_known));
	response.next_update_s = response.this_update_s + lifetime_of(a, ca, are_all_known);
	if (response.next_update_s > responder->not_after_s) /* nobody could verify it longer than that */
		response.next_update_s = responder->not_after_s;

	struct bytes der;
	TRY(sign_response(op, a, &response, responder, &der));
	struct ocsp_answer face = { .this_update_s = response.this_update_s, .next_update_s = response.next_update_s };
	bool is_kept = may_be_kept(request, are_all_known);
	if (is_kept) /* renewed with a quarter of its life left: whoever keeps it until then has time to come back */
		face.fresh_until_s = face.next_update_s - (face.next_update_s - face.this_update_s + 3) / 4;
	*out = ocsp_answer_new(der, &face);
	if (is_kept)
		ocsp_cache_put(cache, &request->ids[0], generation, *out);
	return OK;
}

/*
 * With the store or the token away, what was signed before is as good as it says
 * itself, until its nextUpdate; a nonce is left out, as RFC 9654 section 2.1 lets us (F25).
 */
result ocsp_answer(struct op *op, struct authority *a, const struct ocsp_request *request, struct ocsp_answer **out)
{
	result r = make_answer(op, a, request, out);
	if ((r.err != ERR_BUSY && r.err != ERR_BACKEND) || request->n_ids != 1)
		return r;
	*out = ocsp_cache_find_valid(ocsp_signers_cache(a->ocsp), &request->ids[0], clock_now_s());
	if (*out == NULL)
		return r;
	op_clear_failure(op);
	return OK;
}

struct ocsp_answer *ocsp_cached(struct authority *a, const struct ocsp_request *request)
{
	if (request->n_ids != 1 || request->has_nonce || a->ocsp == NULL)
		return NULL;
	return ocsp_cache_find(ocsp_signers_cache(a->ocsp), &request->ids[0], clock_now_s());
}

void ocsp_forget_all(struct authority *a)
{
	if (a->ocsp != NULL)
		ocsp_cache_clear(ocsp_signers_cache(a->ocsp));
}

void ocsp_forget(struct authority *a, const char *serial)
{
	if (a->ocsp == NULL) /* a command without a server keeps no answers */
		return;
	struct op *op = op_new();
	struct bytes content;
	if (bytes_from_hex(op, serial, &content).err == ERR_NONE)
		ocsp_cache_forget(ocsp_signers_cache(a->ocsp), content);
	op_free(&op);
}
