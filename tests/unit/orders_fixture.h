/* Rows that orders hang on: an account, and objects with short ids. */
#pragma once

#include "store/accounts.h"
#include "store/certificates.h"
#include "store/cleanup.h"
#include "store/orders.h"
#include "tests/unit/store_fixture.h"

#define IDENTIFIERS "[{\"type\":\"dns\",\"value\":\"a.example\"}]"

static inline void put_account(struct place *place, const char *id)
{
	struct account account = { .id = id, .endpoint = "tls", .thumbprint = id, .jwk = "{}", .contact = "[]",
				   .created_s = 1 };
	assert_ok(place->op, account_insert(place->op, place->db, &account));
}

static inline void put_authorization(struct place *place, const char *id, int64_t expires_s)
{
	struct acme_authorization authorization = { .id = id, .account = "acct1", .endpoint = "tls",
						    .identifier = "a.example", .expires_s = expires_s };
	assert_ok(place->op, authorization_insert(place->op, place->db, &authorization));
}

static inline void put_challenge(struct place *place, const char *id, const char *authorization)
{
	struct challenge challenge = { .id = id, .authorization = authorization, .account = "acct1", .type = "http-01",
				       .token = "token" };
	assert_ok(place->op, challenge_insert(place->op, place->db, &challenge));
}

static inline void put_order(struct place *place, const char *id, const char *account, int64_t created_s,
			     int64_t expires_s, const char *authorization)
{
	const char *authorizations[] = { authorization };
	struct order order = { .id = id, .account = account, .endpoint = "tls", .profile = "tls",
			       .identifiers = IDENTIFIERS, .authorizations = authorizations,
			       .n_authorizations = authorization == NULL ? 0 : 1, .created_s = created_s,
			       .expires_s = expires_s };
	assert_ok(place->op, order_insert(place->op, place->db, &order));
}

static inline struct certificate intent_of(const char *serial, const char *order)
{
	return (struct certificate){ .serial = serial, .ca = "issuing", .profile = "tls", .door = "acme", .subject = "",
				     .names = IDENTIFIERS, .spki_hash = BYTES_LITERAL("hash"), .tbs = BYTES_LITERAL("tbs"),
				     .requester = "acct1", .claim_kind = CLAIM_ACME_ORDER, .claim_id = order, .node = "n1",
				     .not_before_s = 1, .not_after_s = 2, .intended_s = 1 };
}

static inline void put_certificate(struct place *place, const char *serial)
{
	struct certificate intent = intent_of(serial, NULL);
	assert_ok(place->op, certificate_intend(place->op, place->db, &intent));
}

/* A whole pass over one kind, in steps of `limit` changes; how many there were. */
static inline uint64_t clean_up(struct place *place, enum cleanup_kind kind, int64_t before_s, unsigned limit)
{
	struct cleanup_window window = { .n_rows = 0 };
	uint64_t changes, sum = 0;
	do {
		struct cleanup_place after = window.last;
		assert_ok(place->op, cleanup_find(place->op, place->db, kind, before_s, &after, limit, &window));
		if (window.n_rows == 0)
			continue;
		assert_ok(place->op, cleanup_apply(place->op, place->db, kind, &window, &changes));
		assert_int_equal(changes, window.n_rows);
		sum += changes;
	} while (!window.is_end);
	return sum;
}
