/*
 * Reading of DNS answers. c-ares has matched server, id and question already;
 * here nothing of that is trusted. A resolver that recurses puts the whole
 * CNAME chain into the answer section (RFC 1034 section 4.3.2), so the chain is
 * followed inside one packet and no name beyond it is asked for.
 */
#include "courier/dns_answer.h"

#include <string.h>

#include "base/text.h"

#define HEADER_SIZE 12
#define MAX_RECORDS 128  /* an answer with more is none of a web server */
#define MAX_CNAMES 16    /* what resolvers follow themselves */
#define MAX_ADDRESSES 16 /* one of each family is tried; the rest is evidence */

#define CLASS_IN 1
#define TYPE_CNAME 5
#define RCODE_NXDOMAIN 3

struct packet {
	struct bytes bytes;
	size_t at;
	const char *wrong; /* the first thing that was */
};

struct cname {
	char owner[DNS_NAME_SIZE], target[DNS_NAME_SIZE];
};

struct owned_address {
	char owner[DNS_NAME_SIZE];
	union address address;
};

struct found {
	struct cname cnames[MAX_CNAMES];
	struct owned_address addresses[MAX_ADDRESSES];
	unsigned n_cnames, n_addresses;
};

static unsigned take_u16(struct packet *packet)
{
	unsigned value;

	if (packet->bytes.n - packet->at < 2) {
		packet->wrong = "cut short";
		return 0;
	}
	value = (unsigned)packet->bytes.p[packet->at] << 8 | packet->bytes.p[packet->at + 1];
	packet->at += 2;
	return value;
}

static void skip(struct packet *packet, size_t n)
{
	if (packet->bytes.n - packet->at < n)
		packet->wrong = "cut short";
	else
		packet->at += n;
}

/* A label goes behind `name`, in lower case; false when it does not fit or could be mistaken for two. */
static bool append_label(char name[DNS_NAME_SIZE], size_t *length, const uint8_t *label, size_t n)
{
	size_t dot = *length > 0 ? 1 : 0;

	if (*length + dot + n >= DNS_NAME_SIZE || memchr(label, '.', n) != NULL || memchr(label, '\0', n) != NULL)
		return false;
	if (dot)
		name[(*length)++] = '.';
	memcpy(name + *length, label, n);
	*length += n;
	name[*length] = '\0';
	return true;
}

/*
 * A name, compressed or not (RFC 1035 section 4.1.4). A pointer must go further
 * back than the one before it, so there is no loop to run in.
 */
static void take_name(struct packet *packet, char out[DNS_NAME_SIZE])
{
	size_t at = packet->at, earliest = packet->at, length = 0;
	bool has_jumped = false;

	out[0] = '\0';
	for (;;) {
		if (at >= packet->bytes.n)
			break;
		size_t n = packet->bytes.p[at];

		if (n == 0) {
			if (!has_jumped)
				packet->at = at + 1;
			text_lower(out);
			return;
		}
		if ((n & 0xc0) == 0xc0 && at + 1 < packet->bytes.n) {
			size_t to = (n & 0x3f) << 8 | packet->bytes.p[at + 1];

			if (to >= earliest)
				break;
			if (!has_jumped)
				packet->at = at + 2;
			has_jumped = true;
			at = earliest = to;
			continue;
		}
		if (n > 63 || at + 1 + n > packet->bytes.n || !append_label(out, &length, packet->bytes.p + at + 1, n))
			break;
		at += 1 + n;
	}
	packet->wrong = "a malformed name";
}

static void keep_cname(struct packet *packet, struct found *found, const char *owner, size_t end)
{
	struct cname *cname;

	if (found->n_cnames == MAX_CNAMES) {
		packet->wrong = "too many CNAME records";
		return;
	}
	cname = &found->cnames[found->n_cnames++];
	memcpy(cname->owner, owner, DNS_NAME_SIZE);
	take_name(packet, cname->target);
	if (packet->wrong == NULL && packet->at != end)
		packet->wrong = "a malformed CNAME record";
}

static void keep_address(struct packet *packet, struct found *found, const char *owner, enum dns_type type, size_t size)
{
	const uint8_t *p = packet->bytes.p + packet->at;
	struct owned_address *kept;

	if (size != (type == DNS_A ? 4U : 16U)) {
		packet->wrong = "a malformed address record";
		return;
	}
	skip(packet, size);
	if (found->n_addresses == MAX_ADDRESSES)
		return;
	kept = &found->addresses[found->n_addresses++];
	memcpy(kept->owner, owner, DNS_NAME_SIZE);
	kept->address.any.sa_family = type == DNS_A ? AF_INET : AF_INET6;
	if (type == DNS_A)
		memcpy(&kept->address.v4.sin_addr, p, 4);
	else
		memcpy(&kept->address.v6.sin6_addr, p, 16);
}

static void take_record(struct packet *packet, struct found *found, enum dns_type wanted)
{
	char owner[DNS_NAME_SIZE];
	unsigned type, class;
	size_t size;

	take_name(packet, owner);
	if (packet->wrong != NULL)
		return;
	type = take_u16(packet);
	class = take_u16(packet);
	skip(packet, 4); /* TTL: nothing is kept */
	size = take_u16(packet);
	if (packet->wrong != NULL)
		return;
	if (packet->bytes.n - packet->at < size)
		packet->wrong = "cut short";
	else if (class == CLASS_IN && type == TYPE_CNAME)
		keep_cname(packet, found, owner, packet->at + size);
	else if (class == CLASS_IN && type == wanted)
		keep_address(packet, found, owner, wanted, size);
	else
		skip(packet, size);
}

static const struct cname *cname_of(const struct found *found, const char *owner)
{
	for (unsigned i = 0; i < found->n_cnames; i++)
		if (text_equal_nocase(found->cnames[i].owner, owner))
			return &found->cnames[i];
	return NULL;
}

/* From the name that was asked to the one that has the addresses. Each record serves once, or it is a loop. */
static const char *follow_cnames(struct packet *packet, const struct found *found, const char *name)
{
	const struct cname *cname;

	for (unsigned hops = 0; (cname = cname_of(found, name)) != NULL; hops++) {
		if (hops == found->n_cnames) {
			packet->wrong = "a CNAME loop";
			break;
		}
		name = cname->target;
	}
	return name;
}

static void take_question(struct packet *packet, const char *name, enum dns_type type)
{
	char asked[DNS_NAME_SIZE];
	unsigned asked_type, asked_class;

	take_name(packet, asked);
	asked_type = take_u16(packet);
	asked_class = take_u16(packet);
	if (packet->wrong == NULL &&
	    (!text_equal_nocase(asked, name) || asked_type != type || asked_class != CLASS_IN))
		packet->wrong = "an answer to another question";
}

/* Id, flags and counts; leaves the number of answer records. */
static unsigned take_header(struct packet *packet, unsigned *rcode)
{
	unsigned flags, questions, answers;

	skip(packet, 2);
	flags = take_u16(packet);
	questions = take_u16(packet);
	answers = take_u16(packet);
	skip(packet, 4);
	*rcode = flags & 0xf;
	if (packet->wrong != NULL)
		return 0;
	if ((flags & 0xf800) != 0x8000 || questions != 1)
		packet->wrong = "no answer to a query";
	else if (flags & 0x0200)
		packet->wrong = "truncated over TCP too";
	else if (answers > MAX_RECORDS)
		packet->wrong = "more records than a host has";
	return answers;
}

static void keep_answer(struct op *op, const struct found *found, const char *owner, struct dns_answer *out)
{
	out->addresses = arena_alloc_array(op->arena, MAX_ADDRESSES, sizeof(*out->addresses));
	for (unsigned i = 0; i < found->n_addresses; i++)
		if (text_equal_nocase(found->addresses[i].owner, owner))
			out->addresses[out->n_addresses++] = found->addresses[i].address;
	out->kind = out->n_addresses > 0 ? DNS_FOUND : DNS_NO_DATA;
}

void dns_answer_read(struct op *op, struct bytes bytes, const char *name, enum dns_type type, struct dns_answer *out)
{
	struct packet packet = { .bytes = bytes };
	struct found found = { .n_cnames = 0 };
	unsigned n_records;

	*out = (struct dns_answer){ .kind = DNS_MALFORMED };
	n_records = take_header(&packet, &out->rcode);
	if (packet.wrong == NULL)
		take_question(&packet, name, type);
	if (packet.wrong == NULL && out->rcode != 0) {
		out->kind = out->rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_FAILED;
		return;
	}
	for (unsigned i = 0; i < n_records && packet.wrong == NULL; i++)
		take_record(&packet, &found, type);
	if (packet.wrong == NULL)
		name = follow_cnames(&packet, &found, name);
	if (packet.wrong == NULL)
		keep_answer(op, &found, name, out);
	out->why = packet.wrong;
}

static const char *rcode_name(unsigned rcode)
{
	switch (rcode) {
	case 1:
		return "FORMERR";
	case 2:
		return "SERVFAIL";
	case 4:
		return "NOTIMP";
	case 5:
		return "REFUSED";
	default:
		return "an error";
	}
}

const char *dns_answer_name(const struct dns_answer *answer)
{
	switch (answer->kind) {
	case DNS_FOUND:
		return "found";
	case DNS_NO_NAME:
		return "NXDOMAIN";
	case DNS_NO_DATA:
		return "no data";
	case DNS_FAILED:
		return rcode_name(answer->rcode);
	case DNS_SILENT:
		return "no answer";
	case DNS_MALFORMED:
		break;
	}
	return answer->why;
}
