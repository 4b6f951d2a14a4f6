/*
 * Signatures per second through N signer processes, beside N processes that
 * call C_Sign of the same module themselves and do nothing else (S6: at least
 * 0.95 of it). Both sides run in turns, several times, and the middle ratio
 * counts, so that the machine's moods hit both. The second line is the CPU time
 * of those processes alone for one signature, which others on the machine do not
 * touch; its ratio is what the rate's would be with cores to spare.
 *
 *   signbench [SIGNERS [SECONDS [MODULE]]]
 *
 * prints: name value unit | reference value unit | ratio
 */
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "ipc/role.h"
#include "ipc/supervisor.h"
#include "token/module.h"
#include "token/token.h"

#define LABEL "signbench"
#define ROUNDS 5
#define SIGNERS_MAX 64
/* Requests under way per signer: enough that the next one always waits in its socket. */
#define CALLERS_PER_SIGNER 4

#define MUST(call) must((call), op, #call)

static void must(result r, const struct op *op, const char *what)
{
	if (r.err == ERR_NONE)
		return;
	fprintf(stderr, "signbench: %s: %s\n", what, op->detail);
	exit(1);
}

/* ---- the reference: role "raw-N" ---- */

/* Request: key id, milliseconds. Answer: signatures made in that time. */
static uint64_t sign_raw(struct op *op, const char *dir, const char *module_path, struct bytes id, int64_t for_ms)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, (void *)id.p, id.n } };
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	struct secret *pin = NULL;
	struct module module;
	struct module_token token;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	CK_ULONG found = 0;
	uint64_t n = 0;

	module_use_softhsm_conf(dir);
	MUST(secret_read_file(op, files_join(op->arena, dir, "pin"), &pin));
	MUST(module_open(op, module_path, &module));
	MUST(module_find_token(op, &module, LABEL, &token));
	CK_FUNCTION_LIST *f = module.f;
	ASSERT(f->C_OpenSession(token.slot, CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK);
	ASSERT(f->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin).p, secret_bytes(pin).n) == CKR_OK);
	ASSERT(f->C_FindObjectsInit(session, like, 2) == CKR_OK && f->C_FindObjects(session, &key, 1, &found) == CKR_OK);
	ASSERT(found == 1 && f->C_FindObjectsFinal(session) == CKR_OK);
	MUST(frame_write(op, ROLE_FD, SUPERVISOR_READY, 0, BYTES_NONE));
	struct frame go;
	MUST(frame_read(op, ROLE_FD, &go));
	for (int64_t end_ms = clock_monotonic_ms() + for_ms; clock_monotonic_ms() < end_ms; n++) {
		uint8_t digest[32] = { (uint8_t)n }, signature[128];
		CK_ULONG size = sizeof(signature);
		ASSERT(f->C_SignInit(session, &mechanism, key) == CKR_OK);
		ASSERT(f->C_Sign(session, digest, sizeof(digest), signature, &size) == CKR_OK);
	}
	secret_free(&pin);
	return n; /* the token is closed with the process: its CPU time is not of interest */
}

static int raw_main(const char *dir)
{
	struct op *op = op_new();
	struct message_reader reader;
	struct frame request;
	struct buf answer;

	MUST(frame_read(op, ROLE_FD, &request));
	message_read(&reader, request.payload);
	const char *module = message_take_text(&reader, op->arena);
	struct bytes id = message_take_bytes(&reader);
	int64_t for_ms = message_take_u32(&reader);
	MUST(message_end(op, &reader));
	uint64_t n = sign_raw(op, dir, module, id, for_ms);
	buf_init(&answer, op->arena, 8);
	message_put_u64(&answer, n);
	MUST(frame_write(op, ROLE_FD, 1, 1, buf_as_bytes(&answer)));
	/* Until its CPU time has been read. */
	IGNORE(frame_read(op, ROLE_FD, &request));
	_exit(0);
}

/* ---- the bench ---- */

struct bench {
	char dir[64];
	const char *module;
	unsigned signers;
	int64_t for_ms;
	struct token_key key;
};

/* CPU time that a process has used so far. */
static double cpu_us(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	ASSERT(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0);
	return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

static double cpu_us_of_all(const struct role_process *processes, unsigned n)
{
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += cpu_us(processes[i].pid);
	return sum;
}

/* What one round of one side came to. */
struct figures {
	double per_s, cpu_us;
};

static struct figures run_raw(struct op *op, const struct bench *bench)
{
	struct role_process raw[SIGNERS_MAX];
	struct message_reader reader;
	struct frame frame;
	struct buf request;
	uint64_t n = 0;

	buf_init(&request, op->arena, 64);
	message_put_text(&request, bench->module);
	message_put_bytes(&request, (struct bytes)BYTES_ARRAY(bench->key.id));
	message_put_u32(&request, (uint32_t)bench->for_ms);
	for (unsigned i = 0; i < bench->signers; i++) {
		MUST(role_start(op, "raw", bench->dir, &raw[i]));
		MUST(frame_write(op, raw[i].fd, 1, 1, buf_as_bytes(&request)));
		MUST(frame_read(op, raw[i].fd, &frame)); /* logged in */
	}
	double cpu_before_us = cpu_us_of_all(raw, bench->signers);
	for (unsigned i = 0; i < bench->signers; i++)
		MUST(frame_write(op, raw[i].fd, 1, 1, BYTES_NONE));
	for (unsigned i = 0; i < bench->signers; i++) {
		MUST(frame_read(op, raw[i].fd, &frame));
		message_read(&reader, frame.payload);
		n += message_take_u64(&reader);
	}
	double cpu_us = cpu_us_of_all(raw, bench->signers) - cpu_before_us;
	for (unsigned i = 0; i < bench->signers; i++)
		role_end(&raw[i], 5000);
	return (struct figures){ (double)n * 1000 / (double)bench->for_ms, cpu_us / (double)n };
}

struct caller {
	pthread_t thread;
	struct token *token;
	const struct token_key *key;
	atomic_bool *is_over;
	uint64_t n;
};

static void *caller_main(void *arg)
{
	struct caller *caller = arg;

	while (!atomic_load_explicit(caller->is_over, memory_order_relaxed)) {
		struct op *op = op_new();
		struct bytes signature;
		MUST(token_sign(op, caller->token, caller->key, BYTES_LITERAL("to be signed"), &signature));
		caller->n++;
		op_free(&op);
	}
	return NULL;
}

/* The callers' time counts from the moment that every signer has its key. */
static struct figures count_calls(const struct bench *bench, struct token *token, const struct role_process *signers)
{
	struct caller callers[SIGNERS_MAX * CALLERS_PER_SIGNER] = { 0 };
	unsigned n_callers = bench->signers * CALLERS_PER_SIGNER;
	atomic_bool is_over = false;
	uint64_t n = 0;

	double cpu_before_us = cpu_us_of_all(signers, bench->signers);
	int64_t start_ms = clock_monotonic_ms();
	for (unsigned i = 0; i < n_callers; i++) {
		callers[i] = (struct caller){ .token = token, .key = &bench->key, .is_over = &is_over };
		ASSERT(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]) == 0);
	}
	usleep((useconds_t)bench->for_ms * 1000);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < n_callers; i++) {
		pthread_join(callers[i].thread, NULL);
		n += callers[i].n;
	}
	double cpu_us = cpu_us_of_all(signers, bench->signers) - cpu_before_us;
	return (struct figures){ (double)n * 1000 / (double)(clock_monotonic_ms() - start_ms), cpu_us / (double)n };
}

static struct figures run_signers(struct op *op, const struct bench *bench)
{
	struct token *token = token_new(bench->signers, NULL, NULL);
	struct role_process signers[SIGNERS_MAX];
	struct bytes signature;
	struct frame frame;

	for (unsigned i = 0; i < bench->signers; i++) {
		char *name = arena_printf(op->arena, "signer-%u", i);
		MUST(role_start(op, name, bench->dir, &signers[i]));
		MUST(frame_read(op, signers[i].fd, &frame));
		ASSERT(frame.type == SUPERVISOR_READY);
		token_attach(token, i, signers[i].fd);
		signers[i].fd = -1;
	}
	MUST(token_sign(op, token, &bench->key, BYTES_LITERAL("first"), &signature));
	struct figures figures = count_calls(bench, token, signers);
	token_free(&token);
	for (unsigned i = 0; i < bench->signers; i++)
		role_end(&signers[i], 5000);
	return figures;
}

static void make_token(struct op *op, struct bench *bench)
{
	const char *pin_file = files_join(op->arena, bench->dir, "pin");
	const struct config_seed seed = { .organization = "Bench",
					  .host = "ca.bench.internal",
					  .store = "sqlite:chancery.db",
					  .module = bench->module,
					  .token_label = LABEL,
					  .pin_file = pin_file,
					  .https_port = 8443,
					  .http_port = 8080,
					  .listen_address = "127.0.0.1",
					  .validation_http_port = 80 };
	struct token *token;

	MUST(files_write(op, files_join(op->arena, bench->dir, "chancery.yaml"), 0600,
			 bytes_of_text(config_template(op->arena, &seed))));
	MUST(token_make_softhsm(op, bench->dir, bench->module, LABEL, pin_file));
	MUST(token_open_here(op, bench->dir, &token));
	MUST(token_generate(op, token, "bench", KEY_P256, &bench->key));
	token_free(&token);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double middle(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(values[0]), compare_doubles);
	return values[ROUNDS / 2];
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void run(struct op *op, struct bench *bench)
{
	double rates[2][ROUNDS], cpu[2][ROUNDS], rate_ratios[ROUNDS], cpu_ratios[ROUNDS];

	make_token(op, bench);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct figures raw = run_raw(op, bench);
		struct figures ours = run_signers(op, bench);
		rates[0][i] = ours.per_s, rates[1][i] = raw.per_s;
		cpu[0][i] = ours.cpu_us, cpu[1][i] = raw.cpu_us;
		rate_ratios[i] = ours.per_s / raw.per_s;
		cpu_ratios[i] = raw.cpu_us / ours.cpu_us;
	}
	printf("signatures-%u-signers %.0f /s | C_Sign in %u processes %.0f /s | %.2f\n", bench->signers, middle(rates[0]),
	       bench->signers, middle(rates[1]), middle(rate_ratios));
	printf("signature-cpu-%u-signers %.1f us | C_Sign in %u processes %.1f us | %.2f\n", bench->signers,
	       middle(cpu[0]), bench->signers, middle(cpu[1]), middle(cpu_ratios));
}

int main(int argc, char **argv)
{
	uint64_t signers = 1, seconds = 2;

	if (argc == 5 && text_equal(argv[1], "--role"))
		return text_equal(argv[2], "raw")	 ? raw_main(argv[4]) :
		       text_equal(argv[2], "token-init") ? token_init_main(argv[4]) :
							   signer_main(argv[2], argv[4]);
	if ((argc > 1 && !text_parse_u64(argv[1], 1, SIGNERS_MAX, &signers)) ||
	    (argc > 2 && !text_parse_u64(argv[2], 1, 600, &seconds))) {
		fprintf(stderr, "usage: signbench [SIGNERS [SECONDS [MODULE]]]\n");
		return 2;
	}
	struct bench bench = { .dir = "/tmp/signbench-XXXXXX",
			       .module = argc > 3 ? argv[3] : "/usr/lib/softhsm/libsofthsm2.so",
			       .signers = (unsigned)signers,
			       .for_ms = (int64_t)seconds * 1000 / ROUNDS };
	struct op *op = op_new();
	ASSERT(mkdtemp(bench.dir) != NULL);
	run(op, &bench);
	nftw(bench.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	op_free(&op);
	return 0;
}
