/*
 * A folder with a configuration and a fresh SoftHSM token for tests, and the
 * roles that work on it: the test binary starts itself again as token-init and
 * signer, as the real one does.
 */
#pragma once

#include "ipc/role.h"
#include "token/token.h"

#define HOUSE_LABEL "chancery test"

struct house {
	char dir[64];
	char module[256];   /* what the configuration names */
	char pin_file[128];
};

/* First thing in main(): true when the process is a role, with its exit status. */
bool house_is_role(int argc, char **argv, int *status);

/* NULL: SoftHSM is not installed and the tests cannot be run. */
const char *house_softhsm(void);

/* Makes the folder and, with SoftHSM, the token. */
void house_make(struct op *op, struct house *house);
void house_remove(struct house *house);

/* Writes chancery.yaml anew. */
void house_configure(struct op *op, const struct house *house, const char *module, const char *label,
		     const char *pin_file);

/* Starts signer INDEX and waits for its first word; fails the test unless that is READY. */
struct role_process house_start_signer(struct op *op, const struct house *house, unsigned index);

/* Whether OpenSSL takes the signature, with the digest that goes with the key. */
bool house_verifies(const struct token_key *key, struct bytes message, struct bytes signature);
