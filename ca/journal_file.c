/* Batches of lines: to bytes and back. Who decides what is in them is journal.c. */
#include "ca/journal_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"

#define FILE_BYTES (UINT64_C(1) << 32) /* some 30 million revocations of certificates that have not ended */
#define BATCH_BYTES 1048576
#define FIELDS_MAX 7
#define LAST_LINE "log "

/* Fields of a line, parted by one blank each; 0: not one of ours. */
static unsigned split(struct op *op, struct bytes line, const char *fields[FIELDS_MAX])
{
	char *text = arena_text_n(op->arena, (const char *)line.p, line.n);
	unsigned n = 0;
	for (char *blank; n < FIELDS_MAX; text = blank + 1) {
		fields[n++] = text;
		blank = strchr(text, ' ');
		if (blank == NULL)
			return n;
		*blank = '\0';
	}
	return 0;
}

static bool read_revoked(struct op *op, const char *const *f, struct revocation *out, struct bytes *blocked)
{
	uint64_t revoked_s, reason, not_after_s;
	if (!text_parse_u64(f[3], 0, INT64_MAX, &revoked_s) || !text_parse_u64(f[4], 0, 10, &reason) ||
	    !text_parse_u64(f[5], 0, INT64_MAX, &not_after_s))
		return false;
	*out = (struct revocation){ f[1], f[2], (int64_t)revoked_s, (int)reason, (int64_t)not_after_s };
	*blocked = BYTES_NONE;
	return text_equal(f[6], "-") || bytes_from_hex(op, f[6], blocked).err == ERR_NONE;
}

/* False: not one of ours. `*r` is what the reader says. */
static bool read_line(struct op *op, struct bytes line, const struct journal_reader *reader, result *r)
{
	const char *f[FIELDS_MAX];
	unsigned n = split(op, line, f);
	struct revocation revocation;
	struct bytes blocked;
	uint64_t number;
	*r = OK;
	if (n == 7 && text_equal(f[0], "revoked") && read_revoked(op, f, &revocation, &blocked)) {
		if (reader != NULL)
			*r = reader->revoked(op, reader->arg, &revocation, blocked);
		return true;
	}
	if (n == 3 && text_equal(f[0], "crl") && text_parse_u64(f[2], 0, INT64_MAX, &number)) {
		if (reader != NULL)
			*r = reader->crl(op, reader->arg, f[1], number);
		return true;
	}
	return false;
}

/* "log SIZE ROOT SHA256", and the digest is that of the batch. */
static bool read_last_line(struct op *op, struct bytes batch, struct bytes line, struct journal_head *head)
{
	const char *f[FIELDS_MAX];
	struct bytes root, digest;
	uint8_t computed[SHA256_SIZE];
	uint64_t size;
	if (split(op, line, f) != 4 || !text_parse_u64(f[1], 0, INT64_MAX, &size) ||
	    bytes_from_hex(op, f[2], &root).err != ERR_NONE || bytes_from_hex(op, f[3], &digest).err != ERR_NONE ||
	    root.n != sizeof head->root.b)
		return false;
	bytes_sha256((struct bytes){ batch.p, batch.n - strlen(f[3]) - 1 }, computed);
	if (!bytes_equal(digest, (struct bytes)BYTES_ARRAY(computed)))
		return false;
	head->size = size;
	memcpy(head->root.b, root.p, root.n);
	return true;
}

static bool next_line(struct bytes *left, struct bytes *line)
{
	const uint8_t *end = left->n > 0 ? memchr(left->p, '\n', left->n) : NULL;
	if (end == NULL)
		return false;
	*line = (struct bytes){ left->p, (size_t)(end - left->p) };
	left->p += line->n + 1;
	left->n -= line->n + 1;
	return true;
}

/* Up to and with its last line; false: the rest is no whole batch. */
static bool next_batch(struct bytes *left, struct bytes *batch, struct bytes *last)
{
	struct bytes ahead = *left;
	while (next_line(&ahead, last)) {
		if (!bytes_has_prefix(*last, LAST_LINE))
			continue;
		*batch = (struct bytes){ left->p, left->n - ahead.n };
		*left = ahead;
		return true;
	}
	return false;
}

static result damaged(struct op *op, const char *path, uint64_t at)
{
	return FAIL(op, ERR_BACKEND,
		    "%s is damaged after byte %" PRIu64 ": put a copy of it back; moved away it is made anew from the store, and "
		    "only what an older copy of the store lacks is lost with it",
		    path, at);
}

static result read_batch(struct op *op, const char *path, struct bytes batch, const struct journal_reader *reader, uint64_t at)
{
	struct bytes line;
	while (next_line(&batch, &line) && batch.n > 0) {
		result r;
		if (!read_line(op, line, reader, &r))
			return damaged(op, path, at);
		TRY(r);
	}
	return OK;
}

result journal_file_read(struct op *op, const char *path, const struct journal_reader *reader, struct journal_head *out)
{
	struct bytes content, batch, last;
	TRY(files_read(op, path, FILE_BYTES, &content));
	*out = (struct journal_head){ .size = 0 };
	for (struct bytes left = content; next_batch(&left, &batch, &last);) {
		if (!read_last_line(op, batch, last, out)) {
			op_clear_failure(op);
			if (left.n > 0 || out->end == 0)
				return damaged(op, path, out->end);
			break; /* the last one: its blocks reached the disk in another order, and not all of them */
		}
		TRY(read_batch(op, path, batch, reader, out->end));
		out->end += batch.n;
	}
	return out->end > 0 ? OK : damaged(op, path, 0);
}

void journal_writer_begin(struct journal_writer *writer, struct op *op, int fd, const struct journal_head *head)
{
	*writer = (struct journal_writer){ .op = op, .fd = fd, .head = *head };
	buf_init(&writer->batch, op->arena, 1024);
}

static result write_batch(struct journal_writer *w, const struct journal_head *head)
{
	struct op *op = w->op;
	uint8_t digest[SHA256_SIZE];
	buf_printf(&w->batch, LAST_LINE "%" PRIu64 " %s ", head->size,
		   bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(head->root.b)));
	bytes_sha256(buf_as_bytes(&w->batch), digest);
	buf_printf(&w->batch, "%s\n", bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(digest)));
	uint64_t at = w->head.end;
	for (struct bytes left = buf_as_bytes(&w->batch); left.n > 0;) {
		ssize_t put = pwrite(w->fd, left.p, left.n, (off_t)at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return FAIL(op, ERR_BACKEND, "the recovery journal cannot be written: %s", strerrordesc_np(errno));
		at += (uint64_t)put;
		left.p += put;
		left.n -= (size_t)put;
	}
	w->head = *head;
	w->head.end = at;
	w->batch.n = 0;
	return OK;
}

static result flush_if_large(struct journal_writer *w)
{
	struct journal_head as_before = w->head;
	return w->batch.n < BATCH_BYTES ? OK : write_batch(w, &as_before);
}

result journal_put_revoked(struct journal_writer *w, const struct revocation *revocation, struct bytes blocked)
{
	buf_printf(&w->batch, "revoked %s %s %" PRId64 " %d %" PRId64 " %s\n", revocation->serial, revocation->ca,
		   revocation->revoked_s, revocation->reason, revocation->not_after_s,
		   blocked.n > 0 ? bytes_to_hex(w->op->arena, blocked) : "-");
	return flush_if_large(w);
}

result journal_put_crl(struct journal_writer *w, const char *ca, uint64_t number)
{
	buf_printf(&w->batch, "crl %s %" PRIu64 "\n", ca, number);
	return flush_if_large(w);
}

result journal_writer_seal(struct journal_writer *w, uint64_t size, const struct merkle_hash *root)
{
	const struct journal_head head = { .size = size, .root = *root };
	TRY(write_batch(w, &head));
	if (fdatasync(w->fd) != 0)
		return FAIL(w->op, ERR_BACKEND, "the recovery journal cannot be made durable: %s", strerrordesc_np(errno));
	return OK;
}
