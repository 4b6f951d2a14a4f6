/*
 * A SoftHSM token of our own in DIR, for `chancery init` without an HSM. The
 * module is mapped in a short-lived role, as always; over its socket go paths
 * and the label. The PIN is in pin_file alone, where that role reads it. The
 * security officer's PIN is made there and forgotten: all that it could do is
 * wipe the token or set a new PIN beside the one that the file holds.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/files.h"
#include "base/random.h"
#include "base/secret.h"
#include "ipc/channel.h"
#include "ipc/role.h"
#include "token/module.h"
#include "token/token_wire.h"

/* 128 bits in hex: what SoftHSM's own limit of 255 and everybody's terminal can take. */
#define PIN_DIGITS 32
#define LEAVE_MS 5000

static void random_pin(uint8_t pin[PIN_DIGITS])
{
	static const char digits[] = "0123456789abcdef";

	random_bytes(pin, PIN_DIGITS);
	for (size_t i = 0; i < PIN_DIGITS; i++)
		pin[i] = (uint8_t)digits[pin[i] & 15];
}

static result write_pin(struct op *op, const char *pin_file)
{
	uint8_t pin[PIN_DIGITS + 1];

	random_pin(pin);
	pin[PIN_DIGITS] = '\n';
	result r = files_write(op, pin_file, 0600, (struct bytes)BYTES_ARRAY(pin));
	OPENSSL_cleanse(pin, sizeof(pin));
	return r;
}

static result write_conf(struct op *op, const char *dir)
{
	const char *tokens = files_join(op->arena, dir, "tokens");
	struct buf conf;

	TRY(files_make_folder(op, tokens, 0700));
	buf_init(&conf, op->arena, 512);
	buf_text(&conf, "# SoftHSM2 keeps the CA's token below this folder. Back it up; keep it private.\n");
	buf_printf(&conf, "directories.tokendir = %s\n", tokens);
	buf_text(&conf, "objectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n");
	return files_write(op, files_join(op->arena, dir, "softhsm2.conf"), 0600, buf_as_bytes(&conf));
}

/* The module path, label and PIN file to the role; its answer back. */
static result ask_role(struct op *op, const char *dir, const char *module, const char *label, const char *pin_file)
{
	struct role_process process;
	struct frame answer = { 0 };
	struct buf request;

	buf_init(&request, op->arena, 512);
	message_put_text(&request, module);
	message_put_text(&request, label);
	message_put_text(&request, pin_file);
	TRY(role_start(op, "token-init", dir, &process));
	result r = frame_write(op, process.fd, TOKEN_INIT, 1, buf_as_bytes(&request));
	if (r.err == ERR_NONE)
		r = frame_read(op, process.fd, &answer);
	role_end(&process, LEAVE_MS);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_BACKEND, "the process that makes the token ended early; the PKCS#11 module may have crashed");
	TRY(r);
	return answer.type == FRAME_FAILURE ? frame_failure(op, "making the token", answer.payload) : OK;
}

static result make(struct op *op, const char *dir, const char *module, const char *label, const char *pin_file)
{
	TRY(write_conf(op, dir));
	TRY(write_pin(op, pin_file));
	return ask_role(op, dir, module, label, pin_file);
}

result token_make_softhsm(struct op *op, const char *dir, const char *module, const char *label, const char *pin_file)
{
	char absolute[PATH_MAX];

	/* SoftHSM's configuration is read by processes in other working directories. */
	if (realpath(dir, absolute) == NULL)
		return FAIL(op, ERR_NOT_FOUND, "the folder %s: %s", dir, strerrordesc_np(errno));
	if (files_exists(pin_file) || files_exists(files_join(op->arena, absolute, "softhsm2.conf")))
		return FAIL(op, ERR_CONFLICT, "%s holds a token already; keep it, or choose another folder", absolute);
	result r = make(op, absolute, module, label, pin_file);
	if (r.err != ERR_NONE) {
		/* So that the same command can be given again. */
		unlink(pin_file);
		unlink(files_join(op->arena, absolute, "softhsm2.conf"));
	}
	return r;
}

static result make_token(struct op *op, const char *module_path, const char *label, const char *pin_file)
{
	uint8_t so_digits[PIN_DIGITS];
	struct secret *pin = NULL;
	struct module module;

	TRY(secret_read_file(op, pin_file, &pin));
	random_pin(so_digits);
	struct secret *so_pin = secret_new((struct bytes)BYTES_ARRAY(so_digits));
	OPENSSL_cleanse(so_digits, sizeof(so_digits));
	result r = module_open(op, module_path, &module);
	if (r.err == ERR_NONE)
		r = module_make_token(op, &module, label, so_pin, pin);
	module_close(&module);
	secret_free(&so_pin);
	secret_free(&pin);
	return r;
}

static result serve_once(struct op *op, uint64_t *id)
{
	struct message_reader reader;
	struct frame request;

	TRY(frame_read(op, ROLE_FD, &request));
	*id = request.id;
	message_read(&reader, request.payload);
	const char *module = message_take_text(&reader, op->arena);
	const char *label = message_take_text(&reader, op->arena);
	const char *pin_file = message_take_text(&reader, op->arena);
	TRY(message_end(op, &reader));
	if (request.type != TOKEN_INIT || module == NULL || label == NULL || pin_file == NULL)
		return FAIL(op, ERR_MALFORMED, "the role token-init got something else than its one request");
	return make_token(op, module, label, pin_file);
}

int token_init_main(const char *dir)
{
	struct op *op = op_new();
	uint64_t id = 0;

	secret_harden_process();
	module_use_softhsm_conf(dir);
	result r = serve_once(op, &id);
	result sent = r.err == ERR_NONE ? frame_write(op, ROLE_FD, TOKEN_DONE, id, BYTES_NONE) :
					  frame_write_failure(op, ROLE_FD, id, op);
	op_free(&op);
	return r.err == ERR_NONE && sent.err == ERR_NONE ? EXIT_SUCCESS : EXIT_FAILURE;
}
