/*
 * The vendor's PKCS#11 module itself: loading it, finding the token by its
 * label, making a token. What libpkcs11-helper does (sessions, log-in, signing)
 * is in session.h. In this process only; nothing here may be used in a process
 * that forks afterwards.
 */
#pragma once

#include <pkcs11-helper-1.0/pkcs11h-core.h>

#include "base/secret.h"

struct module {
	void *handle;
	CK_FUNCTION_LIST *f;
};

struct module_token {
	CK_SLOT_ID slot;
	CK_FLAGS flags;
	char label[33], manufacturer[33], model[17], serial[17]; /* without the padding */
	unsigned firmware_major, firmware_minor;
	bool has_raw_rsa; /* decrypts with CKM_RSA_X_509 */
};

/* "CKR_DEVICE_REMOVED" or a number; static text. */
const char *module_error(CK_RV rv);

/* Loads and initializes. `path` as in the configuration. */
result module_open(struct op *op, const char *path, struct module *out);
void module_close(struct module *module);

/* Slots are numbered anew as tokens come and go: a token is what carries its label, and only one may. */
result module_find_token(struct op *op, const struct module *module, const char *label, struct module_token *out);

/* Makes a token in the first slot that has an uninitialized one. The label is free. */
result module_make_token(struct op *op, const struct module *module, const char *label, const struct secret *so_pin,
			 const struct secret *pin);

/* The SOFTHSM2_CONF of this process: DIR/softhsm2.conf where that exists. Before module_open. */
void module_use_softhsm_conf(const char *dir);
