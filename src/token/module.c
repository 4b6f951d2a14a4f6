/* Loading a PKCS#11 module, slots and tokens (PKCS #11 v2.40, sections 5.4 and 5.5). */
#include "token/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/text.h"

const char *module_error(CK_RV rv)
{
	static _Thread_local char unknown[32];
	const char *name = pkcs11h_getMessage(rv);

	if (strncmp(name, "CKR_", 4) == 0 && strcmp(name, "CKR_VENDOR_DEFINED") != 0)
		return name;
	snprintf(unknown, sizeof(unknown), "error 0x%lx", (unsigned long)rv);
	return unknown;
}

void module_use_softhsm_conf(const char *dir)
{
	struct op *op = op_new();
	const char *path = files_join(op->arena, dir, "softhsm2.conf");

	if (files_exists(path))
		setenv("SOFTHSM2_CONF", path, 1);
	op_free(&op);
}

static result load(struct op *op, const char *path, struct module *module)
{
	CK_C_GetFunctionList get_list = NULL;

	module->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (module->handle == NULL)
		return FAIL(op, ERR_NOT_FOUND, "the PKCS#11 module cannot be loaded (%s); install it or correct token.module",
			    dlerror());
	void *symbol = dlsym(module->handle, "C_GetFunctionList");
	memcpy(&get_list, &symbol, sizeof(symbol)); /* ISO C knows no cast from object to function pointer */
	if (get_list == NULL || get_list(&module->f) != CKR_OK || module->f == NULL)
		return FAIL(op, ERR_MALFORMED, "%s is no PKCS#11 module; correct token.module", path);
	/* libpkcs11-helper has a mutex and a thread may run inside the module itself. */
	CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };
	CK_RV rv = module->f->C_Initialize(&arguments);
	if (rv != CKR_OK)
		return FAIL(op, ERR_BACKEND, "the PKCS#11 module %s does not start (%s); see its own configuration", path,
			    module_error(rv));
	return OK;
}

result module_open(struct op *op, const char *path, struct module *out)
{
	*out = (struct module){ 0 };
	result r = load(op, path, out);
	if (r.err != ERR_NONE && out->handle != NULL)
		dlclose(out->handle);
	if (r.err != ERR_NONE)
		*out = (struct module){ 0 };
	return r;
}

void module_close(struct module *module)
{
	if (module->handle == NULL)
		return;
	module->f->C_Finalize(NULL);
	/* Not unloaded: modules leave threads and exit handlers behind, and the process ends soon. */
	*module = (struct module){ 0 };
}

/* PKCS#11 texts are padded with blanks and have no NUL. */
static void unpad(char *to, const CK_UTF8CHAR *from, size_t n)
{
	while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\0'))
		n--;
	memcpy(to, from, n);
	to[n] = '\0';
	text_make_printable(to);
}

static void describe(CK_SLOT_ID slot, const CK_TOKEN_INFO *info, struct module_token *out)
{
	*out = (struct module_token){ .slot = slot, .flags = info->flags };
	unpad(out->label, info->label, sizeof(info->label));
	unpad(out->manufacturer, info->manufacturerID, sizeof(info->manufacturerID));
	unpad(out->model, info->model, sizeof(info->model));
	unpad(out->serial, info->serialNumber, sizeof(info->serialNumber));
	out->firmware_major = info->firmwareVersion.major;
	out->firmware_minor = info->firmwareVersion.minor;
}

static result list_slots(struct op *op, const struct module *module, CK_SLOT_ID **out, CK_ULONG *n)
{
	/* The first call, without a buffer, is also what makes modules look for new tokens. */
	CK_RV rv = module->f->C_GetSlotList(CK_TRUE, NULL, n);
	if (rv == CKR_OK) {
		*out = arena_alloc_array(op->arena, *n + 1, sizeof(CK_SLOT_ID));
		rv = module->f->C_GetSlotList(CK_TRUE, *out, n);
	}
	return rv == CKR_OK ? OK : FAIL(op, ERR_BACKEND, "the slots of the token cannot be listed (%s)", module_error(rv));
}

/* How many initialized tokens carry the label; the last of them in `out`. */
static result count_tokens(struct op *op, const struct module *module, const char *label, unsigned *count,
			   struct module_token *out)
{
	CK_SLOT_ID *slots;
	CK_ULONG n;

	*count = 0;
	TRY(list_slots(op, module, &slots, &n));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;
		struct module_token token;
		/* A slot that does not answer is another's trouble. */
		if (module->f->C_GetTokenInfo(slots[i], &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) == 0)
			continue;
		describe(slots[i], &info, &token);
		if (!text_equal(token.label, label))
			continue;
		*out = token;
		(*count)++;
	}
	return OK;
}

static bool has_raw_rsa(const struct module *module, CK_SLOT_ID slot)
{
	CK_MECHANISM_INFO info = { 0 };

	return module->f->C_GetMechanismInfo(slot, CKM_RSA_X_509, &info) == CKR_OK && (info.flags & CKF_DECRYPT) != 0;
}

result module_find_token(struct op *op, const struct module *module, const char *label, struct module_token *out)
{
	unsigned count;

	TRY(count_tokens(op, module, label, &count, out));
	if (count == 0)
		return FAIL(op, ERR_NOT_FOUND,
			    "no token is labelled \"%s\"; plug it in, initialize it, or correct token.label", label);
	if (count > 1)
		return FAIL(op, ERR_CONFLICT, "%u tokens are labelled \"%s\"; give them different labels", count, label);
	out->has_raw_rsa = has_raw_rsa(module, out->slot);
	return OK;
}

static result find_empty_slot(struct op *op, const struct module *module, CK_SLOT_ID *out)
{
	CK_SLOT_ID *slots;
	CK_ULONG n;

	TRY(list_slots(op, module, &slots, &n));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;
		if (module->f->C_GetTokenInfo(slots[i], &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) != 0)
			continue;
		*out = slots[i];
		return OK;
	}
	return FAIL(op, ERR_NOT_FOUND, "the PKCS#11 module has no slot with an uninitialized token");
}

/* PKCS#11 takes PINs as writable; no module writes to them. */
static CK_UTF8CHAR_PTR pin_of(const struct secret *pin)
{
	return (CK_UTF8CHAR_PTR)secret_bytes(pin).p;
}

/* The session of the security officer, from log-in to the user's PIN. */
static CK_RV set_user_pin(const struct module *module, CK_SLOT_ID slot, const struct secret *so_pin,
			  const struct secret *pin)
{
	CK_SESSION_HANDLE session;
	CK_RV rv = module->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);

	if (rv != CKR_OK)
		return rv;
	rv = module->f->C_Login(session, CKU_SO, pin_of(so_pin), secret_bytes(so_pin).n);
	if (rv == CKR_OK)
		rv = module->f->C_InitPIN(session, pin_of(pin), secret_bytes(pin).n);
	module->f->C_Logout(session);
	module->f->C_CloseSession(session);
	return rv;
}

result module_make_token(struct op *op, const struct module *module, const char *label, const struct secret *so_pin,
			 const struct secret *pin)
{
	CK_UTF8CHAR padded[32];
	struct module_token token;
	CK_SLOT_ID slot = 0;
	unsigned count;

	if (label[0] == '\0' || strlen(label) > sizeof(padded))
		return FAIL(op, ERR_MALFORMED, "a token's label has 1 to 32 characters");
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, label, strlen(label));
	TRY(count_tokens(op, module, label, &count, &token));
	if (count > 0)
		return FAIL(op, ERR_CONFLICT, "a token labelled \"%s\" exists already", label);
	TRY(find_empty_slot(op, module, &slot));
	CK_RV rv = module->f->C_InitToken(slot, pin_of(so_pin), secret_bytes(so_pin).n, padded);
	if (rv != CKR_OK)
		return FAIL(op, ERR_BACKEND, "the token cannot be initialized (%s)", module_error(rv));
	/* It may stand in another slot now. */
	TRY(module_find_token(op, module, label, &token));
	rv = set_user_pin(module, token.slot, so_pin, pin);
	return rv == CKR_OK ? OK : FAIL(op, ERR_BACKEND, "the token's PIN cannot be set (%s)", module_error(rv));
}
