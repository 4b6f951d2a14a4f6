/*
 * TBSCertList by hand (RFC 5280 section 5.1): an entry is a row of known size
 * put behind the last one, and what stands before the entries is written into
 * room left in front of them, so that a million entries are written once and
 * never moved.
 *
 * There is no issuingDistributionPoint. RFC 5280 section 5.2.5 wants it critical,
 * a full CRL for one CA does not need it, and NSS refuses to load a CRL that has
 * it (SEC_ERROR_CRL_UNKNOWN_CRITICAL_EXTENSION, NSS 3.87; OpenSSL and GnuTLS
 * take it). It comes with sharded CRLs, where it says something (L6).
 */
#include "ca/crl.h"

#include <stdlib.h>
#include <string.h>

#include "ca/der.h"
#include "ca/tbs.h"

#define OID_AUTHORITY_KEY_IDENTIFIER BYTES_LITERAL("\x55\x1d\x23")
#define OID_CRL_NUMBER BYTES_LITERAL("\x55\x1d\x14")

/* All before the entries but the issuer's name: headers, version, algorithm, times. */
#define FRONT_MAX 128
#define FIRST_CAPACITY 8192
#define SERIAL_MAX 20
#define TIME_MAX_S INT64_C(253402300799) /* the year 9999 ends */
/* Header, serial, GeneralizedTime, reason: the largest entry. */
#define ENTRY_MAX (2 + 2 + SERIAL_MAX + 17 + sizeof reason_extension)

/* crlEntryExtensions with reasonCode alone; its last octet is the reason (RFC 5280 section 5.3.1). */
static const uint8_t reason_extension[] = { DER_SEQUENCE, 12, DER_SEQUENCE, 10, DER_OID, 3, 0x55, 0x1d, 0x15,
					    DER_OCTET_STRING, 3, DER_ENUMERATED, 1, 0 };

/* Room for `n` octets more at the end. */
static uint8_t *reserve(struct crl_writer *writer, size_t n)
{
	if (writer->capacity - writer->n < n) {
		size_t capacity = writer->capacity * 2 + n;
		uint8_t *list = realloc(writer->list, capacity);
		ASSERT(list != NULL);
		writer->list = list;
		writer->capacity = capacity;
	}
	return writer->list + writer->n;
}

void crl_writer_begin(struct crl_writer *writer, struct op *op, const struct ca *issuer)
{
	*writer = (struct crl_writer){ .op = op, .issuer = issuer, .room = issuer->subject.n + FRONT_MAX };
	reserve(writer, writer->room + FIRST_CAPACITY);
	writer->n = writer->room;
}

void crl_writer_free(struct crl_writer *writer)
{
	free(writer->list);
	writer->list = NULL;
}

/*
 * A digit's value, and a bit that says that it is one. A table without branches:
 * random digits are guessed wrong half the time, which once was most of the cost.
 */
#define IS_DIGIT 0x10
#define D(value) (IS_DIGIT | (value))
static const uint8_t hex_digits[256] = {
	['0'] = D(0), ['1'] = D(1), ['2'] = D(2),  ['3'] = D(3),  ['4'] = D(4),	 ['5'] = D(5),	['6'] = D(6),  ['7'] = D(7),
	['8'] = D(8), ['9'] = D(9), ['a'] = D(10), ['b'] = D(11), ['c'] = D(12), ['d'] = D(13), ['e'] = D(14), ['f'] = D(15),
};

/* Lower-case hex of the row to octets; their number, 0 when it is no serial. */
static size_t read_serial(const char *hex, uint8_t serial[SERIAL_MAX])
{
	const uint8_t *digits = (const uint8_t *)hex;
	size_t n = strlen(hex) / 2;
	uint8_t all = IS_DIGIT;
	if (n > SERIAL_MAX || hex[2 * n] != '\0')
		return 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t high = hex_digits[digits[2 * i]], low = hex_digits[digits[2 * i + 1]];
		all &= high & low;
		serial[i] = (uint8_t)(high << 4 | (low & 0x0f));
	}
	return all == IS_DIGIT && der_is_serial((struct bytes){ serial, n }) ? n : 0;
}

static uint8_t *put_two_digits(uint8_t *p, uint32_t number)
{
	p[0] = (uint8_t)('0' + number / 10);
	p[1] = (uint8_t)('0' + number % 10);
	return p + 2;
}

/*
 * UTCTime through 2049, GeneralizedTime from 2050 (C3). der_put_time with its
 * gmtime and printf costs more than all the rest of an entry; this is the usual
 * arithmetic of days in years that begin in March.
 */
static uint8_t *put_time(uint8_t *p, int64_t time_s)
{
	uint32_t second = (uint32_t)((uint64_t)time_s % 86400);
	uint32_t day = (uint32_t)((uint64_t)time_s / 86400) + 719468; /* since 1 March of year 0 */
	uint32_t era = day / 146097, day_of_era = day % 146097;        /* of 400 years */
	uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint32_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
	uint32_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
	bool is_utc = year < 2050;

	*p++ = is_utc ? DER_UTC_TIME : DER_GENERALIZED_TIME;
	*p++ = is_utc ? 13 : 15;
	if (!is_utc)
		p = put_two_digits(p, year / 100);
	p = put_two_digits(p, year % 100);
	p = put_two_digits(p, month < 10 ? month + 3 : month - 9);
	p = put_two_digits(p, day_of_year - (153 * month + 2) / 5 + 1);
	p = put_two_digits(p, second / 3600);
	p = put_two_digits(p, second / 60 % 60);
	p = put_two_digits(p, second % 60);
	*p++ = 'Z';
	return p;
}

result crl_writer_entry(struct crl_writer *writer, const struct revocation *revocation)
{
	uint8_t serial[SERIAL_MAX];
	size_t serial_n = read_serial(revocation->serial, serial);
	if (serial_n == 0 || revocation->revoked_s < 0 || revocation->revoked_s > TIME_MAX_S ||
	    revocation_reason_name(revocation->reason) == NULL)
		return FAIL(writer->op, ERR_BUG, "the revocation of serial %s cannot be written on a CRL", revocation->serial);

	uint8_t *entry = reserve(writer, ENTRY_MAX), *p = entry;
	*p++ = DER_SEQUENCE;
	p++; /* the length, below */
	*p++ = DER_INTEGER;
	*p++ = (uint8_t)serial_n;
	memcpy(p, serial, serial_n);
	p = put_time(p + serial_n, revocation->revoked_s);
	if (revocation->reason != REASON_UNSPECIFIED) { /* 0 is never encoded (L7) */
		memcpy(p, reason_extension, sizeof reason_extension);
		p += sizeof reason_extension;
		p[-1] = (uint8_t)revocation->reason;
	}
	entry[1] = (uint8_t)(p - entry - 2);
	writer->n += (size_t)(p - entry);
	writer->entries++;
	if (revocation->revoked_s > writer->newest_s)
		writer->newest_s = revocation->revoked_s;
	return OK;
}

static void put_extension(struct buf *out, struct bytes oid, struct bytes value)
{
	size_t extension = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid);
	der_put(out, DER_OCTET_STRING, value);
	der_close(out, extension);
}

/* crlExtensions: whose key signed (section 5.2.1) and the number (section 5.2.3), as L4 wants. */
static struct bytes write_extensions(const struct crl_writer *writer, uint64_t number)
{
	struct arena *arena = writer->op->arena;
	struct buf out, key, value;
	buf_init(&key, arena, 64);
	size_t mark = der_open(&key, DER_SEQUENCE);
	der_put(&key, DER_CONTEXT(0), writer->issuer->key_identifier);
	der_close(&key, mark);
	buf_init(&value, arena, 16);
	der_put_number(&value, DER_INTEGER, number);

	buf_init(&out, arena, 128);
	size_t tag = der_open(&out, DER_CONTEXT_CONSTRUCTED(0));
	size_t list = der_open(&out, DER_SEQUENCE);
	put_extension(&out, OID_AUTHORITY_KEY_IDENTIFIER, buf_as_bytes(&key));
	put_extension(&out, OID_CRL_NUMBER, buf_as_bytes(&value));
	der_close(&out, list);
	der_close(&out, tag);
	return buf_as_bytes(&out);
}

/* Tag and length of a SEQUENCE whose content stands elsewhere. */
static void put_sequence_header(struct buf *out, size_t length)
{
	unsigned octets = 1;
	while (length >> 8 * octets != 0)
		octets++;
	buf_byte(out, DER_SEQUENCE);
	if (length >= 0x80)
		buf_byte(out, (uint8_t)(0x80 | octets));
	while (octets-- > 0)
		buf_byte(out, (uint8_t)(length >> 8 * octets));
}

/* TBSCertList up to the first entry; `after_n` octets follow the entries. */
static struct bytes write_front(const struct crl_writer *writer, size_t entries_n, size_t after_n, int64_t this_update_s,
				int64_t next_update_s)
{
	struct buf fields, front;
	buf_init(&fields, writer->op->arena, writer->room);
	der_put_number(&fields, DER_INTEGER, 1); /* v2 (L1) */
	buf_bytes(&fields, tbs_signature_algorithm(writer->issuer->key.type));
	buf_bytes(&fields, writer->issuer->subject);
	der_put_time(&fields, this_update_s);
	der_put_time(&fields, next_update_s); /* always (L3) */
	if (entries_n > 0) /* an empty list is left out, not written as empty (L2) */
		put_sequence_header(&fields, entries_n);

	buf_init(&front, writer->op->arena, writer->room);
	put_sequence_header(&front, fields.n + entries_n + after_n);
	buf_bytes(&front, buf_as_bytes(&fields));
	return buf_as_bytes(&front);
}

result crl_writer_end(struct crl_writer *writer, uint64_t number, int64_t this_update_s, int64_t next_update_s,
		      struct bytes *tbs)
{
	if (number == 0 || this_update_s < 0 || next_update_s <= this_update_s)
		return FAIL(writer->op, ERR_BUG, "a CRL needs a number and must end after it begins");
	size_t entries_n = writer->n - writer->room;
	struct bytes extensions = write_extensions(writer, number);
	struct bytes front = write_front(writer, entries_n, extensions.n, this_update_s, next_update_s);
	ASSERT(front.n <= writer->room);
	memcpy(reserve(writer, extensions.n), extensions.p, extensions.n);
	writer->n += extensions.n;
	size_t start = writer->room - front.n;
	memcpy(writer->list + start, front.p, front.n);
	*tbs = (struct bytes){ writer->list + start, writer->n - start };
	return OK;
}
