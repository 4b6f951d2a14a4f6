/* A generation of a SCEP endpoint's RA: when it is time for the next one, and how it is made. A part of scep_ras.h. */
#pragma once

#include "ca/authority.h"
#include "store/scep_ras.h"

/* What the configuration wants. */
struct scep_ra_wish {
	const char *endpoint;
	enum key_type key_type;
	const struct ca *ca;
};

/* From then on there should be a new one: at two thirds of its life. */
int64_t scep_ra_renew_s(const struct scep_ra_row *row);
/* `newest` NULL: there is none yet. */
bool scep_ra_is_due(const struct scep_ra_wish *wish, const struct scep_ra_row *newest, int64_t now_s);

/*
 * The generation after `newest`: with the same key if that is as it should be, else with a new one. OK and not
 * *is_mine: another node makes it or has made it.
 */
result scep_ra_make(struct op *op, struct authority *authority, const struct scep_ra_wish *wish,
		    const struct scep_ra_row *newest, bool *is_mine);

/* The token has the key, signs with it, and decrypts what was encrypted to it. */
result scep_ra_prove(struct op *op, struct token *token, const struct token_key *key);
