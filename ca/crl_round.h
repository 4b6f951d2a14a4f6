/*
 * Whose turn it is to make a CA's next CRL: parts of CRL rounds that crl.c,
 * crl_round.c and crl_refresh.c share, and tests look at.
 */
#pragma once

#include <pthread.h>

#include "base/merkle.h"
#include "ca/crl.h"

/* What the threads of a process share of one CA. */
struct crl_round {
	pthread_mutex_t mutex; /* held by who looks whether a CRL is due, and by who makes one; guards the next two */
	/* The log, and the number of the CRL, when they were compared and nothing was missing. */
	struct merkle_hash compared_log;
	uint64_t compared_number;
};
struct crl_round *crl_round_enter(struct authority *authority, const struct ca *ca);
void crl_round_leave(struct crl_round **round);
#define CRL_ROUND(name) __attribute__((cleanup(crl_round_leave))) struct crl_round *name = NULL

/* What the store has of a CA's CRLs, at one moment. */
struct crl_standing {
	struct crl_turn turn;
	bool is_of_another;     /* the turn: another node is making one */
	struct crl_row last;    /* without the DER; number 0: there is none yet */
	struct merkle_hash log; /* its root */
};
result crl_standing_load(struct op *op, struct authority *authority, const struct ca *ca, struct crl_standing *out);

/*
 * Makes one, in the round, unless somebody has taken a number since the caller
 * read `basis`, or takes the turn away meanwhile (*is_elsewhere; the failure is
 * then ERR_BUSY or ERR_CONFLICT, and nothing was recorded or published).
 */
result crl_make(struct op *op, struct authority *authority, const struct ca *ca, uint64_t basis, bool *is_elsewhere,
		struct crl_row *out);

/* Where it is served: "/crl/NAME.crl". */
const char *crl_path(struct op *op, const char *ca);
/*
 * Hands a CRL of the store to those who serve it, once the journal has its number
 * and what is on it; a lower number than what is served changes nothing.
 */
result crl_put(struct op *op, struct authority *authority, const struct crl_row *row);
/* The same with the latest one of the store, read only if it is not served already. `last`: its number. */
result crl_adopt(struct op *op, struct authority *authority, const struct crl_row *last);

/* Every revocation of a certificate that has not ended is on it. */
result crl_is_complete(struct op *op, struct authority *authority, const struct crl_row *crl, bool *out);
bool crl_is_old(const struct config_ca *config, const struct crl_row *crl, int64_t now_s);
