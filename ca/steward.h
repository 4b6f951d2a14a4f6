/*
 * The clock of the house: CRL rounds, responder renewal, the server's own
 * certificate, checkpoints, recovery, clean-up of ACME objects. Work is found in
 * rows, so that a node that dies leaves nothing behind that another does not see.
 */
#pragma once

#include "ca/authority.h"

struct steward;

/* One kind of work: `run` is called every `period_s`, first after `first_s`, on the steward's thread, with a fresh op. */
struct steward_task {
	const char *name;
	int64_t first_s, period_s;
	result (*run)(struct op *op, void *arg);
	void *arg;
};

struct steward *steward_new(void);
void steward_add(struct steward *steward, const struct steward_task *task);
void steward_start(struct steward *steward);
/* Runs the named task now, besides its schedule ("crl"). */
void steward_poke(struct steward *steward, const char *name);
/* Waits for the task under way; none is begun after it. Poking stays harmless until the steward is freed. */
void steward_stop(struct steward *steward);
void steward_free(struct steward **steward); /* stops it first */

/* The tasks of the CA floor. */
void steward_add_ca(struct steward *steward, struct authority *authority);
