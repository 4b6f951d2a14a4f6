/* The folder, the configuration and the roles of token tests. */
#include "token_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/openssl_auto.h"
#include "check.h"
#include "ipc/channel.h"
#include "ipc/supervisor.h"

bool house_is_role(int argc, char **argv, int *status)
{
	if (argc != 5 || strcmp(argv[1], "--role") != 0)
		return false;
	*status = strcmp(argv[2], "token-init") == 0 ? token_init_main(argv[4]) : signer_main(argv[2], argv[4]);
	return true;
}

const char *house_softhsm(void)
{
	static const char *const paths[] = { "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
					     "/usr/local/lib/softhsm/libsofthsm2.so", NULL };

	for (size_t i = 0; paths[i] != NULL; i++)
		if (files_exists(paths[i]))
			return paths[i];
	return NULL;
}

void house_configure(struct op *op, const struct house *house, const char *module, const char *label,
		     const char *pin_file)
{
	const struct config_seed seed = { .organization = "Test",
					  .host = "ca.test",
					  .store = "sqlite:chancery.db",
					  .module = module,
					  .token_label = label,
					  .pin_file = pin_file,
					  .https_port = 8443,
					  .http_port = 8080, .mutual_port = 8444,
					  .listen_address = "127.0.0.1",
					  .validation_http_port = 80 };
	char *yaml = config_template(op->arena, &seed);

	assert_ok(op, files_write(op, files_join(op->arena, house->dir, "chancery.yaml"), 0600, bytes_of_text(yaml)));
}

void house_make(struct op *op, struct house *house)
{
	*house = (struct house){ .dir = "/tmp/chancery-test-XXXXXX" };
	assert_non_null(mkdtemp(house->dir));
	snprintf(house->pin_file, sizeof(house->pin_file), "%s/pin", house->dir);
	snprintf(house->module, sizeof(house->module), "%s", house_softhsm());
	house_configure(op, house, house->module, HOUSE_LABEL, house->pin_file);
	assert_ok(op, token_make_softhsm(op, house->dir, house->module, HOUSE_LABEL, house->pin_file));
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void house_remove(struct house *house)
{
	nftw(house->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct role_process house_start_signer(struct op *op, const struct house *house, unsigned index)
{
	struct role_process process;
	struct frame frame;
	char name[24];

	snprintf(name, sizeof(name), "signer-%u", index);
	assert_ok(op, role_start(op, name, house->dir, &process));
	assert_ok(op, frame_read(op, process.fd, &frame));
	if (frame.type == FRAME_FAILURE)
		assert_ok(op, frame_failure(op, name, frame.payload));
	assert_int_equal(frame.type, SUPERVISOR_READY);
	return process;
}

bool house_verifies(const struct token_key *key, struct bytes message, struct bytes signature)
{
	const uint8_t *p = key->spki.p;
	AUTO(EVP_PKEY) *pkey = d2i_PUBKEY(NULL, &p, (long)key->spki.n);
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	const EVP_MD *digest = key->type == KEY_P384 ? EVP_sha384() : EVP_sha256();

	assert_non_null(pkey);
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, digest, NULL, pkey), 1);
	return EVP_DigestVerify(context, signature.p, signature.n, message.p, message.n) == 1;
}
