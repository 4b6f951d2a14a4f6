/*
 * A PKCS#11 module that stands before another one (P11PROXY_MODULE), writes down
 * what is asked of it (P11PROXY_TRACE) and fails on demand (P11PROXY_CONTROL).
 *
 * The control file is read again at every call, so a running process can be made
 * to fail. Its lines are: FUNCTION [nth=N | from=N] FAULT…, where N counts the
 * calls of that function since the control file was made, by all processes
 * together (the counts are in P11PROXY_CONTROL.count), and without either every
 * call is meant. Faults:
 *   rv=0x30        return this instead of calling the module
 *   after rv=0x30  call the module and return this all the same
 *   delay_ms=50    wait first
 *   hang           never return
 *   corrupt        flip a bit of the signature (C_Sign)
 *   short          return one byte less of it (C_Sign)
 *   strip          leave out the zeros that the block begins with (C_Decrypt)
 *   flags=0x40000  set these flags as well (C_GetTokenInfo); have these only (C_GetMechanismInfo)
 * A line of the trace is: nanoseconds, pid, function, session, SHA-256 of the
 * data or the mechanism (C_DecryptInit) or "-", return value.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <pkcs11-helper-1.0/pkcs11.h>

#define WATCHED(X)                                                                                                   \
	X(C_Initialize) X(C_Finalize) X(C_GetSlotList) X(C_GetTokenInfo) X(C_GetMechanismInfo) X(C_OpenSession)      \
	X(C_CloseSession) X(C_GetSessionInfo) X(C_Login) X(C_Logout) X(C_GetAttributeValue)                          \
	X(C_FindObjectsInit) X(C_FindObjects)                                                                        \
	X(C_SignInit) X(C_Sign) X(C_DecryptInit) X(C_Decrypt) X(C_GenerateKeyPair) X(C_DestroyObject)

#define AS_INDEX(name) AT_##name,
enum { WATCHED(AS_INDEX) WATCHED_COUNT };

#define AS_NAME(name) #name,
static const char *const names[] = { WATCHED(AS_NAME) };

static CK_FUNCTION_LIST *real, ours;
static _Atomic uint64_t *counts; /* of WATCHED_COUNT, shared by all processes */

struct fault {
	bool has_rv, is_after, is_hang, is_corrupt, is_short, is_strip;
	CK_RV rv;
	CK_FLAGS flags;
	unsigned long delay_ms;
};

static void map_counts(const char *control)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.count", control);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, WATCHED_COUNT * sizeof(*counts)) != 0)
		abort();
	void *p = mmap(NULL, WATCHED_COUNT * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	counts = p;
}

/* One word of a line. False: this call is not meant. */
static bool apply_word(const char *word, uint64_t count, struct fault *fault)
{
	const char *value = strchr(word, '=');
	uint64_t number = value == NULL ? 0 : strtoull(value + 1, NULL, 0);

	if (strncmp(word, "nth=", 4) == 0)
		return count == number;
	if (strncmp(word, "from=", 5) == 0)
		return count >= number;
	if (strncmp(word, "rv=", 3) == 0) {
		fault->has_rv = true;
		fault->rv = (CK_RV)number;
	} else if (strncmp(word, "flags=", 6) == 0) {
		fault->flags = (CK_FLAGS)number;
	} else if (strncmp(word, "delay_ms=", 9) == 0) {
		fault->delay_ms = (unsigned long)number;
	} else if (strcmp(word, "after") == 0) {
		fault->is_after = true;
	} else if (strcmp(word, "hang") == 0) {
		fault->is_hang = true;
	} else if (strcmp(word, "corrupt") == 0) {
		fault->is_corrupt = true;
	} else if (strcmp(word, "short") == 0) {
		fault->is_short = true;
	} else if (strcmp(word, "strip") == 0) {
		fault->is_strip = true;
	} else {
		abort(); /* a test with a typing error must not pass */
	}
	return true;
}

static void apply_line(char *line, int index, uint64_t count, struct fault *fault)
{
	struct fault wanted = *fault;
	char *rest;
	char *word = strtok_r(line, " \n", &rest);

	if (word == NULL || strcmp(word, names[index]) != 0)
		return;
	while ((word = strtok_r(NULL, " \n", &rest)) != NULL)
		if (!apply_word(word, count, &wanted))
			return;
	*fault = wanted;
}

static struct fault fault_of(int index)
{
	const char *control = getenv("P11PROXY_CONTROL");
	struct fault fault = { 0 };
	char line[256];

	if (counts == NULL)
		return fault;
	uint64_t count = ++counts[index];
	FILE *file = fopen(control, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		apply_line(line, index, count, &fault);
	if (file != NULL)
		fclose(file);
	return fault;
}

/* `what` is in the line as it is. */
static void trace_words(int index, CK_SESSION_HANDLE session, const char *what, CK_RV rv)
{
	const char *path = getenv("P11PROXY_TRACE");
	char line[256];
	struct timespec now;

	if (path == NULL)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	int length = snprintf(line, sizeof(line), "%lld%09ld %d %s %lu %s 0x%lx\n", (long long)now.tv_sec, now.tv_nsec,
			      (int)getpid(), names[index], session, what, rv);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, (size_t)length) != length)
		abort();
	close(fd);
}

static void trace(int index, CK_SESSION_HANDLE session, const CK_BYTE *data, CK_ULONG n, CK_RV rv)
{
	char hex[65] = "-";
	unsigned char digest[32];

	if (data != NULL) {
		SHA256(data, n, digest);
		for (size_t i = 0; i < sizeof(digest); i++)
			snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	}
	trace_words(index, session, hex, rv);
}

/* What comes before every call: true when the module is to be called. */
static bool before(int index, CK_SESSION_HANDLE session, const CK_BYTE *data, CK_ULONG n, struct fault *fault)
{
	*fault = fault_of(index);
	if (fault->delay_ms > 0)
		usleep((useconds_t)(fault->delay_ms * 1000));
	if (fault->is_hang)
		trace(index, session, data, n, (CK_RV)-1);
	while (fault->is_hang)
		pause();
	return !fault->has_rv || fault->is_after;
}

/* CALL: a function whose data is of no interest. */
#define CALL(name, session, arguments, ...)                                       \
	static CK_RV our_##name(__VA_ARGS__)                                      \
	{                                                                         \
		struct fault fault;                                               \
		CK_RV rv = CKR_OK;                                                \
		if (before(AT_##name, session, NULL, 0, &fault))                  \
			rv = real->name arguments;                                \
		if (fault.has_rv)                                                 \
			rv = fault.rv;                                            \
		trace(AT_##name, session, NULL, 0, rv);                           \
		return rv;                                                        \
	}

CALL(C_Initialize, 0, (a), void *a)
CALL(C_Finalize, 0, (a), void *a)
CALL(C_GetSlotList, 0, (a, b, c), unsigned char a, CK_SLOT_ID *b, unsigned long *c)
CALL(C_OpenSession, 0, (a, b, c, d, e), CK_SLOT_ID a, CK_FLAGS b, void *c, CK_NOTIFY d, CK_SESSION_HANDLE *e)
CALL(C_CloseSession, a, (a), CK_SESSION_HANDLE a)
CALL(C_GetSessionInfo, a, (a, b), CK_SESSION_HANDLE a, CK_SESSION_INFO *b)
CALL(C_Login, a, (a, b, c, d), CK_SESSION_HANDLE a, CK_USER_TYPE b, unsigned char *c, unsigned long d)
CALL(C_Logout, a, (a), CK_SESSION_HANDLE a)
CALL(C_GetAttributeValue, a, (a, b, c, d), CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, unsigned long d)
CALL(C_FindObjectsInit, a, (a, b, c), CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, unsigned long c)
CALL(C_FindObjects, a, (a, b, c, d), CK_SESSION_HANDLE a, CK_OBJECT_HANDLE *b, unsigned long c, unsigned long *d)
CALL(C_SignInit, a, (a, b, c), CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c)
CALL(C_GenerateKeyPair, a, (a, b, c, d, e, f, g, h), CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c,
     unsigned long d, CK_ATTRIBUTE *e, unsigned long f, CK_OBJECT_HANDLE *g, CK_OBJECT_HANDLE *h)
CALL(C_DestroyObject, a, (a, b), CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b)

static CK_RV our_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	struct fault fault;
	CK_RV rv = CKR_OK;

	if (before(AT_C_GetTokenInfo, 0, NULL, 0, &fault))
		rv = real->C_GetTokenInfo(slot, info);
	if (fault.has_rv)
		rv = fault.rv;
	if (rv == CKR_OK)
		info->flags |= fault.flags;
	trace(AT_C_GetTokenInfo, 0, NULL, 0, rv);
	return rv;
}

static CK_RV our_C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	struct fault fault;
	CK_RV rv = CKR_OK;

	if (before(AT_C_GetMechanismInfo, 0, NULL, 0, &fault))
		rv = real->C_GetMechanismInfo(slot, type, info);
	if (fault.has_rv)
		rv = fault.rv;
	if (rv == CKR_OK && fault.flags != 0)
		info->flags = fault.flags;
	trace(AT_C_GetMechanismInfo, 0, NULL, 0, rv);
	return rv;
}

static CK_RV our_C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	struct fault fault;
	CK_RV rv = CKR_OK;
	char what[64];

	if (before(AT_C_DecryptInit, session, NULL, 0, &fault))
		rv = real->C_DecryptInit(session, mechanism, key);
	if (fault.has_rv)
		rv = fault.rv;
	snprintf(what, sizeof(what), "mechanism=0x%lx", mechanism->mechanism);
	trace_words(AT_C_DecryptInit, session, what, rv);
	return rv;
}

static CK_RV our_C_Decrypt(CK_SESSION_HANDLE session, unsigned char *data, unsigned long data_n, unsigned char *plain,
			   unsigned long *n)
{
	struct fault fault;
	CK_RV rv = CKR_OK;
	unsigned long zeros = 0;

	if (before(AT_C_Decrypt, session, NULL, 0, &fault))
		rv = real->C_Decrypt(session, data, data_n, plain, n);
	if (fault.has_rv)
		rv = fault.rv;
	while (rv == CKR_OK && fault.is_strip && zeros < *n && plain[zeros] == 0)
		zeros++;
	if (zeros > 0)
		memmove(plain, plain + zeros, *n -= zeros);
	trace(AT_C_Decrypt, session, NULL, 0, rv);
	return rv;
}

static CK_RV our_C_Sign(CK_SESSION_HANDLE session, unsigned char *data, unsigned long data_n, unsigned char *signature,
			unsigned long *n)
{
	struct fault fault;
	CK_RV rv = CKR_OK;

	if (before(AT_C_Sign, session, data, data_n, &fault))
		rv = real->C_Sign(session, data, data_n, signature, n);
	if (fault.has_rv)
		rv = fault.rv;
	if (rv == CKR_OK && signature != NULL && fault.is_corrupt)
		signature[*n / 2] ^= 0x10;
	if (rv == CKR_OK && signature != NULL && fault.is_short)
		(*n)--;
	trace(AT_C_Sign, session, data, data_n, rv);
	return rv;
}

static bool load_real(void)
{
	const char *path = getenv("P11PROXY_MODULE");
	CK_C_GetFunctionList get_list = NULL;

	void *module = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = module == NULL ? NULL : dlsym(module, "C_GetFunctionList");
	memcpy(&get_list, &symbol, sizeof(symbol));
	return get_list != NULL && get_list(&real) == CKR_OK;
}

#define AS_OVERRIDE(name) ours.name = our_##name;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	const char *control = getenv("P11PROXY_CONTROL");

	if (real == NULL && !load_real())
		return CKR_GENERAL_ERROR;
	if (counts == NULL && control != NULL)
		map_counts(control);
	ours = *real;
	WATCHED(AS_OVERRIDE)
	*list = &ours;
	return CKR_OK;
}
