/* Files of the configuration directory, and secrets in them (V14, V24). */
#include "check.h"
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/secret.h"
#include "base/text.h"

static char folder[64];

static int make_folder(void **state)
{
	text_copy(folder, sizeof folder, "/tmp/chancery-test-XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : op_setup(state);
}

static int remove_folder(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	closedir(dir);
	rmdir(folder);
	return op_teardown(state);
}

#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

static char *in_folder(struct op *op, const char *name)
{
	return files_join(op->arena, folder, name);
}

static unsigned mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_written_file_is_read_back(void **state)
{
	struct op *op = *state;
	const char *path = in_folder(op, "a");
	struct bytes out;
	mode_t old = umask(077);
	assert_ok(op, files_write(op, path, 0644, BYTES_LITERAL("one\0two")));
	umask(old);
	assert_int_equal(mode_of(path), 0644);
	assert_ok(op, files_write(op, path, 0600, BYTES_LITERAL("three")));
	assert_int_equal(mode_of(path), 0600);
	assert_ok(op, files_read(op, path, 5, &out));
	assert_true(bytes_equal_text(out, "three"));
	assert_true(files_exists(path));
	assert_ok(op, files_write(op, path, 0600, BYTES_NONE));
	assert_ok(op, files_read(op, path, 0, &out));
	assert_int_equal(out.n, 0);
}

/* Nothing but the file itself is left, whether the write succeeded or not. */
static void test_failed_write_leaves_nothing(void **state)
{
	struct op *op = *state;
	const char *path = in_folder(op, "taken");
	assert_ok(op, files_make_folder(op, path, 0700));
	assert_err(op, ERR_BACKEND, files_write(op, path, 0600, BYTES_LITERAL("x")));
	assert_err(op, ERR_NOT_FOUND, files_write(op, in_folder(op, "no/such"), 0600, BYTES_LITERAL("x")));
	DIR *dir = opendir(folder);
	int n = 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	assert_int_equal(n, 3); /* ".", ".." and the folder */
}

static void test_reads_are_bounded_and_only_of_files(void **state)
{
	struct op *op = *state;
	struct bytes out;
	const char *path = in_folder(op, "a");
	assert_ok(op, files_write(op, path, 0600, BYTES_LITERAL("12345")));
	assert_err(op, ERR_LIMIT, files_read(op, path, 4, &out));
	assert_err(op, ERR_NOT_FOUND, files_read(op, in_folder(op, "absent"), 4, &out));
	assert_err(op, ERR_MALFORMED, files_read(op, folder, 4, &out));
	const char *fifo = in_folder(op, "fifo");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_err(op, ERR_MALFORMED, files_read(op, fifo, 4, &out)); /* and does not hang */
}

static void test_folders_and_paths(void **state)
{
	struct op *op = *state;
	const char *path = in_folder(op, "sub");
	assert_ok(op, files_make_folder(op, path, 0750));
	assert_int_equal(mode_of(path), 0750);
	assert_ok(op, files_make_folder(op, path, 0700));
	assert_ok(op, files_write(op, in_folder(op, "file"), 0600, BYTES_LITERAL("x")));
	assert_err(op, ERR_CONFLICT, files_make_folder(op, in_folder(op, "file"), 0700));
	assert_string_equal(files_join(op->arena, "/a", "b"), "/a/b");
	assert_string_equal(files_join(op->arena, "/a/", "b"), "/a/b");
	assert_string_equal(files_join(op->arena, "/a", "/b"), "/b");
	assert_false(files_exists(in_folder(op, "absent")));
}

static void test_secret_keeps_its_bytes(void **state)
{
	(void)state;
	struct secret *secret = secret_new(BYTES_LITERAL("1234"));
	assert_true(bytes_equal_text(secret_bytes(secret), "1234"));
	assert_int_equal(secret_bytes(secret).p[4], '\0');
	secret_free(&secret);
	assert_null(secret);
	secret_free(&secret);
	secret = secret_new(BYTES_NONE);
	assert_int_equal(secret_bytes(secret).n, 0);
	secret_free(&secret);
}

static void test_secret_file_is_read_without_its_newline(void **state)
{
	struct op *op = *state;
	const char *path = in_folder(op, "pin");
	struct secret *secret = NULL;
	assert_ok(op, files_write(op, path, 0600, BYTES_LITERAL("12 34\n")));
	assert_ok(op, secret_read_file(op, path, &secret));
	assert_true(bytes_equal_text(secret_bytes(secret), "12 34"));
	secret_free(&secret);
	char longest[1026];
	memset(longest, 'x', sizeof longest);
	longest[1024] = '\n';
	assert_ok(op, files_write(op, path, 0400, (struct bytes){ (uint8_t *)longest, 1025 }));
	assert_ok(op, secret_read_file(op, path, &secret));
	assert_int_equal(secret_bytes(secret).n, 1024);
	secret_free(&secret);
	/* A key in PEM may be longer, and has lines. */
	static uint8_t key[16386];
	memset(key, 'x', sizeof key);
	key[70] = '\n';
	assert_ok(op, files_write(op, path, 0400, (struct bytes){ key, 16384 }));
	assert_ok(op, secret_read_key_file(op, path, &secret));
	assert_true(bytes_equal(secret_bytes(secret), (struct bytes){ key, 16384 }));
	secret_free(&secret);
	assert_ok(op, files_write(op, path, 0400, (struct bytes){ key, 16385 }));
	assert_err(op, ERR_LIMIT, secret_read_key_file(op, path, &secret));
	assert_ok(op, files_write(op, path, 0440, (struct bytes){ key, 100 }));
	assert_err(op, ERR_DENIED, secret_read_key_file(op, path, &secret));
}

static void test_bad_secret_files_are_refused(void **state)
{
	struct op *op = *state;
	const char *path = in_folder(op, "pin");
	struct secret *secret = NULL;
	char long_text[1026];
	memset(long_text, 'x', sizeof long_text);
	assert_err(op, ERR_NOT_FOUND, secret_read_file(op, path, &secret));
	assert_ok(op, files_write(op, path, 0600, BYTES_LITERAL("\n")));
	assert_err(op, ERR_MALFORMED, secret_read_file(op, path, &secret));
	assert_ok(op, files_write(op, path, 0600, BYTES_LITERAL("12\0""34")));
	assert_err(op, ERR_MALFORMED, secret_read_file(op, path, &secret));
	assert_ok(op, files_write(op, path, 0600, (struct bytes){ (uint8_t *)long_text, 1025 }));
	assert_err(op, ERR_LIMIT, secret_read_file(op, path, &secret));
	assert_ok(op, files_write(op, path, 0600, (struct bytes){ (uint8_t *)long_text, 1026 }));
	assert_err(op, ERR_LIMIT, secret_read_file(op, path, &secret));
	assert_err(op, ERR_MALFORMED, secret_read_file(op, folder, &secret));
	assert_null(secret);
}

/* V14: and the refusal says how to mend it, without the secret. */
static void test_secret_that_others_can_read_is_refused_V14(void **state)
{
	struct op *op = *state;
	const char *path = in_folder(op, "pin");
	struct secret *secret = NULL;
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0644 };
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		assert_ok(op, files_write(op, path, modes[i], BYTES_LITERAL("sesame")));
		result r = secret_read_file(op, path, &secret);
		assert_int_equal(r.err, ERR_DENIED);
		assert_non_null(strstr(op->detail, "chmod 600 "));
		assert_null(strstr(op->detail, "sesame"));
	}
	assert_null(secret);
}

static void test_systemd_credentials_keep_their_mode(void **state)
{
	struct op *op = *state;
	struct secret *secret = NULL;
	const char *path = in_folder(op, "pin");
	assert_ok(op, files_write(op, path, 0440, BYTES_LITERAL("sesame")));
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	assert_ok(op, secret_read_file(op, path, &secret));
	secret_free(&secret);
	/* A folder whose name only begins like it is another one. */
	setenv("CREDENTIALS_DIRECTORY", arena_text_n(op->arena, folder, strlen(folder) - 1), 1);
	assert_err(op, ERR_DENIED, secret_read_file(op, path, &secret));
	/* Nor does a path through it help that leads out again. */
	const char *sub = in_folder(op, "sub");
	assert_ok(op, files_make_folder(op, sub, 0700));
	setenv("CREDENTIALS_DIRECTORY", sub, 1);
	assert_err(op, ERR_DENIED, secret_read_file(op, files_join(op->arena, sub, "../pin"), &secret));
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_hardened_process_leaves_no_core(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit = { 1, 1 };
		secret_harden_process();
		bool hard = getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 &&
			    prctl(PR_GET_DUMPABLE) == 0;
		_exit(hard ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(test_written_file_is_read_back),
		FOLDER_TEST(test_failed_write_leaves_nothing),
		FOLDER_TEST(test_reads_are_bounded_and_only_of_files),
		FOLDER_TEST(test_folders_and_paths),
		FOLDER_TEST(test_secret_keeps_its_bytes),
		FOLDER_TEST(test_secret_file_is_read_without_its_newline),
		FOLDER_TEST(test_bad_secret_files_are_refused),
		FOLDER_TEST(test_secret_that_others_can_read_is_refused_V14),
		FOLDER_TEST(test_systemd_credentials_keep_their_mode),
		FOLDER_TEST(test_hardened_process_leaves_no_core),
	};
	return RUN_TESTS(tests);
}
