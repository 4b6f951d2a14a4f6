/*
 * The main() of a replay program: runs every file of a corpus through the fuzz
 * target that it is linked with, so that `make check` repeats what the fuzzer
 * once found, with any compiler. Prints TAP, one test for each folder.
 *
 * For a parser P, a local.mk says:
 *
 *	check_PROGRAMS += tests/fuzz/replay_P
 *	tests_fuzz_replay_P_SOURCES = tests/fuzz/fuzz_P.c tests/fuzz/replay.c
 *	tests_fuzz_replay_P_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/P\"
 *	tests_fuzz_replay_P_LDADD = $(BASE_LIBS)
 *	EXTRA_DIST += tests/fuzz/corpus/P
 *
 *	EXTRA_PROGRAMS += tests/fuzz/fuzz_P
 *	tests_fuzz_fuzz_P_SOURCES = tests/fuzz/fuzz_P.c
 *	tests_fuzz_fuzz_P_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
 *	tests_fuzz_fuzz_P_LDADD = $(BASE_LIBS)
 *
 * The last four lines are for the fuzzer itself: configure --enable-fuzzing
 * CC=clang, then make tests/fuzz/fuzz_P. Folders given as arguments to a replay
 * program take the place of CORPUS.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In memory of exactly its size, so that a sanitizer sees the first byte read beyond it. */
static bool replay_file(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		return false;
	size_t size = (size_t)ftell(file);
	rewind(file);
	uint8_t *data = malloc(size == 0 ? 1 : size);
	bool whole = data != NULL && fread(data, 1, size, file) == size;
	fclose(file);
	if (whole) {
		printf("# %s\n", name); /* the last one printed is the one that crashed */
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, size);
	}
	free(data);
	return whole;
}

/* How many files were run; -1 when one of them could not be read. */
static int replay_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_visible, alphasort);
	bool all = n >= 0;
	for (int i = 0; i < n; i++) {
		all = replay_file(folder, entries[i]->d_name) && all;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return all ? n : -1;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

int main(int argc, char **argv)
{
	static char corpus[] = CORPUS;
	char *standard[] = { corpus };
	char **folders = argc > 1 ? argv + 1 : standard;
	int n_folders = argc > 1 ? argc - 1 : 1;
	int failed = 0;

	printf("1..%d\n", n_folders);
	for (int i = 0; i < n_folders; i++) {
		int n = replay_folder(folders[i]);
		bool good = n > 0; /* an empty corpus proves nothing */
		printf("%s %d - %s (%d files)\n", good ? "ok" : "not ok", i + 1, last_part(folders[i]), n);
		failed += !good;
	}
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
