/*
 * The file of the recovery journal (journal.h): lines in batches. A batch ends
 * with a line that has the SHA-256 of the whole of it, so it is there whole or
 * not at all; what a power cut leaves behind the last whole one was never
 * acknowledged and counts for nothing.
 *
 *	revoked SERIAL CA REVOKED_S REASON NOT_AFTER_S BLOCKED-KEY-HASH|-
 *	crl CA NUMBER
 *	log SIZE ROOT SHA256
 *
 * The last line of a batch says up to which size of the log, with which root,
 * the file tells all.
 */
#pragma once

#include "base/merkle.h"
#include "store/certificates.h"

/* What to do with lines as they are read; texts and bytes live in op's arena. */
struct journal_reader {
	result (*revoked)(struct op *op, void *arg, const struct revocation *revocation, struct bytes blocked);
	result (*crl)(struct op *op, void *arg, const char *ca, uint64_t number);
	void *arg;
};

struct journal_head {
	uint64_t size; /* of the log; 0: nothing is known of it yet */
	struct merkle_hash root;
	uint64_t end;  /* where the next batch goes: bytes of whole batches */
};

/* ERR_NOT_FOUND: there is none. ERR_BACKEND: damaged elsewhere than at its end, or without any whole batch. */
result journal_file_read(struct op *op, const char *path, const struct journal_reader *reader, struct journal_head *out);

/*
 * Writing: create or open, any number of put, then seal. A batch that grows
 * large is written before its time, with the head of before. Nothing is
 * promised until journal_writer_seal has returned.
 */
struct journal_writer {
	struct op *op;
	int fd;                   /* the caller's */
	struct journal_head head; /* as of the last batch */
	struct buf batch;
};
void journal_writer_begin(struct journal_writer *writer, struct op *op, int fd, const struct journal_head *head);
result journal_put_revoked(struct journal_writer *writer, const struct revocation *revocation, struct bytes blocked);
result journal_put_crl(struct journal_writer *writer, const char *ca, uint64_t number);
/* Writes the batch and returns when it is on disk; writer->head is then the new one. */
result journal_writer_seal(struct journal_writer *writer, uint64_t size, const struct merkle_hash *root);
