/*
 * fillstore sqlite|postgresql CERTIFICATES HASH <LEAVES >SQL
 *
 * A store as it looks after years: SQL that adds that many certificates, issued
 * evenly over 900 days, to one that `chancery init` made and that has issued a
 * certificate. HASH is the SHA-256 of that certificate, LEAVES are the leaf hashes
 * of the log so far, a line of hex each. bench/stores.sh calls it (fill_store).
 * What is made, and what is not:
 *
 *   certificate, certificate_name   each with one DNS name and a random serial; TBS and
 *                                   DER are those of the store's own certificate
 *   revocation                      every hundredth
 *   acme_account                    one for every thousand certificates
 *   acme_order, order_authorization, acme_authorization, acme_challenge
 *                                   for the last 40 days: clean-up leaves 37 of them
 *   audit_entry, audit_tile, audit_head
 *                                   an entry for each certificate and each revocation, in a
 *                                   valid tree; a real issuance leaves four entries
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/audit_event.h"
#include "store/audit_rows.h"

#define DAY_S 86400
#define SPAN_S (INT64_C(900) * DAY_S)
#define RECENT_S (INT64_C(40) * DAY_S)
#define VALIDITY_S (INT64_C(90) * DAY_S)
#define PER_ACCOUNT 1000
#define PER_REVOCATION 100
#define ROWS_AT_ONCE 500
#define LEVELS 8

struct fill {
	bool is_postgresql;
	int64_t now_s;
	uint64_t n;
	struct bytes certificate_hash;
	struct merkle_frontier frontier;
	struct merkle_hash run[LEVELS][AUDIT_TILE_WIDTH];
	unsigned run_n[LEVELS];
	uint64_t tiles[LEVELS];
	struct merkle_hash leaves[2 * ROWS_AT_ONCE]; /* of the entries that were written last */
	unsigned n_leaves;
};

/* One generated issuance: everything follows from its number. */
struct issuance {
	uint64_t i;
	char serial[33], id[23], name[64], account[32];
	uint8_t spki_hash[SHA256_SIZE];
	int64_t issued_s;
};

/* splitmix64 of a number: the same issuance looks the same in every statement. */
static uint64_t mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void make_issuance(const struct fill *fill, uint64_t i, struct issuance *out)
{
	uint64_t high = mix(2 * i), low = mix(2 * i + 1);

	out->i = i;
	/* As issue() draws them: positive, sixteen bytes. */
	(void)snprintf(out->serial, sizeof out->serial, "%016llx%016llx",
		       (unsigned long long)((high & UINT64_C(0x3fffffffffffffff)) | UINT64_C(0x4000000000000000)),
		       (unsigned long long)low);
	(void)snprintf(out->id, sizeof out->id, "%016llx%06llx", (unsigned long long)low, (unsigned long long)(high & 0xffffff));
	(void)snprintf(out->name, sizeof out->name, "host-%08llx.dept-%llu.bench.test", (unsigned long long)(low & 0xffffffff),
		       (unsigned long long)(high % 100));
	(void)snprintf(out->account, sizeof out->account, "account-%llu", (unsigned long long)(i / PER_ACCOUNT));
	for (unsigned k = 0; k < SHA256_SIZE; k++)
		out->spki_hash[k] = (uint8_t)(mix(high + k / 8) >> (k % 8 * 8));
	out->issued_s = fill->now_s - SPAN_S + (int64_t)((double)SPAN_S * (double)i / (double)fill->n);
}

/* ---- SQL of the two ---- */

static void put_hex(struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < bytes.n; i++) {
		putchar_unlocked(digits[bytes.p[i] >> 4]);
		putchar_unlocked(digits[bytes.p[i] & 15]);
	}
}

static void put_blob(const struct fill *fill, struct bytes bytes)
{
	fputs(fill->is_postgresql ? "'\\x" : "x'", stdout);
	put_hex(bytes);
	fputs(fill->is_postgresql ? "'::bytea" : "'", stdout);
}

static void put_prologue(const struct fill *fill)
{
	/* No foreign keys here: each row has its parent, and asking for it would take as long as writing it. */
	puts(fill->is_postgresql ? "SET session_replication_role = replica; SET synchronous_commit = off; SET client_min_messages = warning;" :
				   "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -3000000;");
	puts("BEGIN;");
	puts("CREATE TEMP TABLE template AS SELECT tbs, der FROM certificate WHERE ca = 'issuing' AND der IS NOT NULL LIMIT 1;");
}

/* ---- rows ---- */

static bool each(const struct fill *fill UNUSED, const struct issuance *issuance UNUSED)
{
	return true;
}

static bool first_of_account(const struct fill *fill UNUSED, const struct issuance *issuance)
{
	return issuance->i % PER_ACCOUNT == 0;
}

static bool revoked(const struct fill *fill UNUSED, const struct issuance *issuance)
{
	return issuance->i % PER_REVOCATION == 0;
}

static bool recent(const struct fill *fill, const struct issuance *issuance)
{
	return issuance->issued_s >= fill->now_s - RECENT_S;
}

static void put_certificate(const struct fill *fill, const struct issuance *c)
{
	printf("'%s','issuing','server','acme','issued','%s','[{\"type\":\"dns\",\"value\":\"%s\"}]',", c->serial, c->name, c->name);
	put_blob(fill, (struct bytes)BYTES_ARRAY(c->spki_hash));
	printf(",'account:%s','acme-order','%s','n1',%lld,%lld,%lld,%lld", c->account, c->id, (long long)c->issued_s - 60,
	       (long long)(c->issued_s + VALIDITY_S), (long long)c->issued_s, (long long)c->issued_s);
}

static void put_name(const struct fill *fill UNUSED, const struct issuance *c)
{
	printf("'%s','%s'", c->name, c->serial);
}

static void put_revocation(const struct fill *fill, const struct issuance *c)
{
	printf("'%s','issuing',%lld,%llu,%lld", c->serial, (long long)(c->issued_s + (fill->now_s - c->issued_s) / 10),
	       (unsigned long long)(c->i / PER_REVOCATION % 2 * 4), (long long)(c->issued_s + VALIDITY_S));
}

static void put_account(const struct fill *fill UNUSED, const struct issuance *c)
{
	printf("'%s','default','valid','%s','{}','[]',1,%lld", c->account, c->id, (long long)c->issued_s);
}

static void put_authorization(const struct fill *fill, const struct issuance *c)
{
	int64_t expires_s = c->issued_s + 30 * DAY_S;
	printf("'z%s','%s','default','%s',0,'%s',%lld", c->id, c->account, c->name, expires_s > fill->now_s ? "valid" : "expired",
	       (long long)expires_s);
}

static void put_challenge(const struct fill *fill UNUSED, const struct issuance *c)
{
	printf("'c%s','z%s','%s','http-01','t%s','%s','valid',%lld,1,0", c->id, c->id, c->account, c->id, c->id, (long long)c->issued_s);
}

static void put_order(const struct fill *fill UNUSED, const struct issuance *c)
{
	printf("'%s','%s','default','server','valid','[{\"type\":\"dns\",\"value\":\"%s\"}]',%lld,%lld,0,0,'%s'", c->id, c->account, c->name,
	       (long long)c->issued_s, (long long)c->issued_s + 7 * DAY_S, c->serial);
}

static void put_link(const struct fill *fill UNUSED, const struct issuance *c)
{
	printf("'%s',0,'z%s'", c->id, c->id);
}

static const struct table {
	const char *head, *tail; /* around the rows */
	bool (*has)(const struct fill *fill, const struct issuance *issuance);
	void (*put)(const struct fill *fill, const struct issuance *issuance);
} tables[] = {
	{ "INSERT INTO certificate (serial, ca, profile, door, status, subject, names, spki_hash, requester, claim_kind, claim_id, node,"
	  " not_before_s, not_after_s, intended_s, issued_s, tbs, der) SELECT v.*, t.tbs, t.der FROM (VALUES ",
	  ") AS v, template t;", each, put_certificate },
	{ "INSERT INTO certificate_name (name, serial) VALUES ", ";", each, put_name },
	{ "INSERT INTO revocation (serial, ca, revoked_s, reason, not_after_s) VALUES ", ";", revoked, put_revocation },
	{ "INSERT INTO acme_account (id, endpoint, status, thumbprint, jwk, contact, terms_agreed, created_s) VALUES ", ";",
	  first_of_account, put_account },
	{ "INSERT INTO acme_authorization (id, account_id, endpoint, identifier, is_wildcard, status, expires_s) VALUES ", ";", recent,
	  put_authorization },
	{ "INSERT INTO acme_challenge (id, authorization_id, account_id, type, token, thumbprint, status, validated_s, attempts, due_s)"
	  " VALUES ", ";", recent, put_challenge },
	{ "INSERT INTO acme_order (id, account_id, endpoint, profile, status, identifiers, created_s, expires_s, not_before_s,"
	  " not_after_s, serial) VALUES ", ";", recent, put_order },
	{ "INSERT INTO order_authorization (order_id, place, authorization_id) VALUES ", ";", recent, put_link },
};

static void put_rows(const struct fill *fill, const struct table *table, uint64_t first, uint64_t end)
{
	bool has_begun = false;

	for (uint64_t i = first; i < end; i++) {
		struct issuance issuance;
		make_issuance(fill, i, &issuance);
		if (!table->has(fill, &issuance))
			continue;
		fputs(has_begun ? ",(" : table->head, stdout);
		if (!has_begun)
			putchar('(');
		table->put(fill, &issuance);
		putchar(')');
		has_begun = true;
	}
	if (has_begun)
		puts(table->tail);
}

/* ---- the log ---- */

/* Up the levels, as audit_tiles_complete() does it; a tile that the store has already is not written again. */
static void add_hash(struct fill *fill, unsigned level, const struct merkle_hash *hash, bool is_new)
{
	struct merkle_hash *run = fill->run[level];

	run[fill->run_n[level]++] = *hash;
	if (fill->run_n[level] < AUDIT_TILE_WIDTH)
		return;
	struct merkle_frontier tile = { .size = 0 };
	struct merkle_hash root;
	for (unsigned i = 0; i < AUDIT_TILE_WIDTH; i++)
		merkle_append(&tile, &run[i]);
	merkle_root(&tile, &root);
	if (is_new) {
		printf("INSERT INTO audit_tile (level, tile, root, hashes) VALUES (%u,%llu,", level, (unsigned long long)fill->tiles[level]);
		put_blob(fill, (struct bytes)BYTES_ARRAY(root.b));
		putchar(',');
		put_blob(fill, (struct bytes){ run[0].b, sizeof fill->run[level] });
		puts(");");
	}
	fill->tiles[level]++;
	fill->run_n[level] = 0;
	add_hash(fill, level + 1, &root, is_new);
}

static struct bytes encode_entry(struct op *op, const struct fill *fill, const struct issuance *c, enum audit_type type,
				 int64_t time_ns)
{
	struct bytes hash = BYTES_ARRAY(c->spki_hash);
	const char *name = arena_printf(op->arena, "dns:%s", c->name);
	struct audit_event issued = {
		.type = type, .account = c->account, .ca = "issuing", .door = "acme", .order = c->id, .profile = "server",
		.serial = c->serial, .names = &name, .n_names = 1, .config_hash = hash, .csr_hash = hash, .tbs_hash = hash,
		.spki_hash = hash, .certificate_hash = fill->certificate_hash, .key = "issuing",
	};
	struct audit_event gone = { .type = type, .ca = "issuing", .serial = c->serial, .reason = "superseded" };
	struct audit_frame frame = { .seq = fill->frontier.size, .time_ns = time_ns, .node = "n1", .build = "chancery bench" };
	return audit_event_encode(op, type == AUDIT_ISSUED ? &issued : &gone, &frame);
}

static void put_entry(struct fill *fill, const struct issuance *c, enum audit_type type)
{
	struct op *op = op_new();
	int64_t time_ns = clock_now_ns(); /* the log never goes back in time, and it has entries of today already */
	struct bytes entry = encode_entry(op, fill, c, type, time_ns);
	struct merkle_hash *leaf = &fill->leaves[fill->n_leaves++];

	merkle_leaf(entry, leaf);
	fputs(fill->n_leaves == 1 ? "INSERT INTO audit_entry (seq, time_ns, type, serial, leaf, entry) VALUES (" : ",(", stdout);
	printf("%llu,%lld,'%s','%s',", (unsigned long long)fill->frontier.size, (long long)time_ns, audit_type_name(type), c->serial);
	put_blob(fill, (struct bytes)BYTES_ARRAY(leaf->b));
	printf(fill->is_postgresql ? ",convert_to('%.*s','UTF8'))" : ",CAST('%.*s' AS BLOB))", (int)entry.n, (const char *)entry.p);
	merkle_append(&fill->frontier, leaf);
	op_free(&op);
}

static void put_entries(struct fill *fill, uint64_t first, uint64_t end)
{
	fill->n_leaves = 0;
	for (uint64_t i = first; i < end; i++) {
		struct issuance issuance;
		make_issuance(fill, i, &issuance);
		put_entry(fill, &issuance, AUDIT_ISSUED);
		if (revoked(fill, &issuance))
			put_entry(fill, &issuance, AUDIT_REVOKED);
	}
	puts(";");
	for (unsigned i = 0; i < fill->n_leaves; i++)
		add_hash(fill, 0, &fill->leaves[i], true);
}

static void read_leaves(struct fill *fill)
{
	struct op *op = op_new();
	char line[256];

	while (fgets(line, sizeof line, stdin) != NULL) {
		struct merkle_hash leaf;
		struct bytes bytes;
		line[strcspn(line, "\n")] = '\0';
		if (bytes_from_hex(op, line, &bytes).err != ERR_NONE || bytes.n != sizeof leaf.b) {
			fprintf(stderr, "fillstore: \"%s\" is no leaf hash\n", line);
			exit(1);
		}
		memcpy(leaf.b, bytes.p, sizeof leaf.b);
		merkle_append(&fill->frontier, &leaf);
		add_hash(fill, 0, &leaf, false);
	}
	op_free(&op);
}

int main(int argc, char **argv)
{
	static struct fill fill;
	struct op *op = op_new();

	if (argc != 4 || !text_parse_u64(argv[2], 1, UINT64_C(100000000), &fill.n) ||
	    (!text_equal(argv[1], "sqlite") && !text_equal(argv[1], "postgresql")) ||
	    bytes_from_hex(op, argv[3], &fill.certificate_hash).err != ERR_NONE || fill.certificate_hash.n != SHA256_SIZE) {
		fprintf(stderr, "usage: fillstore sqlite|postgresql CERTIFICATES HASH <LEAVES >SQL\n");
		return 2;
	}
	fill.is_postgresql = text_equal(argv[1], "postgresql");
	fill.now_s = clock_now_s();
	read_leaves(&fill);
	put_prologue(&fill);
	for (uint64_t first = 0; first < fill.n; first += ROWS_AT_ONCE) {
		uint64_t end = first + ROWS_AT_ONCE < fill.n ? first + ROWS_AT_ONCE : fill.n;
		for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
			put_rows(&fill, &tables[i], first, end);
		put_entries(&fill, first, end);
	}
	printf("UPDATE audit_head SET size = %llu, peaks = ", (unsigned long long)fill.frontier.size);
	put_blob(&fill, (struct bytes){ fill.frontier.peaks[0].b,
					(size_t)__builtin_popcountll(fill.frontier.size) * SHA256_SIZE });
	puts(";\nCOMMIT;");
	op_free(&op);
	return ferror(stdout) != 0 ? 1 : 0;
}
