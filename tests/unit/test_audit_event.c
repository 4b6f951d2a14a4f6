/* Entries of the log as canonical JSON: what stands in them, in which order, what is left out. */
#include "store/audit_event.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

static const struct audit_frame frame = { .seq = 7, .time_ns = 1795253400123456789, .node = "n1", .build = "chancery 0.1.0" };

static void assert_entry(struct op *op, const struct audit_event *event, const char *expected)
{
	struct bytes entry = audit_event_encode(op, event, &frame);
	assert_string_equal(arena_text_n(op->arena, (const char *)entry.p, entry.n), expected);
}

static void smallest_entry(void **state)
{
	struct op *op = *state;
	op->request_id[0] = '\0';
	struct audit_event event = { .type = AUDIT_SERVER_STARTED };
	assert_entry(op, &event,
		     "{\"actor_kind\":\"system\",\"build\":\"chancery 0.1.0\",\"node\":\"n1\",\"seq\":7,"
		     "\"time\":\"2026-11-21T09:30:00.123456789Z\",\"type\":\"server.started\",\"v\":1}");
}

static void fullest_entry(void **state)
{
	struct op *op = *state;
	static const uint8_t digest[] = { 0x00, 0xab };
	static const char *const names[] = { "dns:a.example", "dns:b.example" };
	struct bytes hash = BYTES_ARRAY(digest);
	op->actor.kind = ACTOR_ACCOUNT;
	(void)text_copy(op->actor.id, sizeof(op->actor.id), "acct1");
	(void)text_copy(op->actor.remote, sizeof(op->actor.remote), "192.0.2.7");
	(void)text_copy(op->request_id, sizeof(op->request_id), "req1");
	struct audit_event event = {
		.type = AUDIT_ISSUED, .account = "acct1", .authorization = "authz1", .ca = "issuing", .door = "acme",
		.order = "order1", .profile = "tls", .profile_hash = "00ab", .serial = "0a0b", .names = names, .n_names = 2,
		.config_hash = hash, .csr_hash = hash, .tbs_hash = hash, .spki_hash = hash, .certificate_hash = hash, .key = "issuing-1",
		.reason = "superseded", .outcome = "issued", .evidence_json = "{\"addresses\":[\"192.0.2.1\"]}",
		.facts = { { "attempt", "1" }, { "rule", NULL }, { "size", "9" } },
	};
	assert_entry(op, &event,
		     "{\"account\":\"acct1\",\"actor\":\"acct1\",\"actor_kind\":\"account\",\"authorization\":\"authz1\","
		     "\"build\":\"chancery 0.1.0\",\"ca\":\"issuing\",\"certificate_hash\":\"00ab\",\"config_hash\":\"00ab\","
		     "\"csr_hash\":\"00ab\",\"door\":\"acme\",\"evidence\":{\"addresses\":[\"192.0.2.1\"]},"
		     "\"facts\":{\"attempt\":\"1\",\"size\":\"9\"},\"key\":\"issuing-1\","
		     "\"names\":[\"dns:a.example\",\"dns:b.example\"],\"node\":\"n1\",\"order\":\"order1\","
		     "\"outcome\":\"issued\",\"profile\":\"tls\",\"profile_hash\":\"00ab\","
		     "\"reason\":\"superseded\",\"remote\":\"192.0.2.7\","
		     "\"request\":\"req1\",\"seq\":7,\"serial\":\"0a0b\",\"spki_hash\":\"00ab\",\"tbs_hash\":\"00ab\","
		     "\"time\":\"2026-11-21T09:30:00.123456789Z\",\"type\":\"certificate.issued\",\"v\":1}");
}

/* RFC 8785 section 3.2.2.2; V31: what a client sends cannot break out of its text. */
static void characters_are_escaped(void **state)
{
	struct op *op = *state;
	op->request_id[0] = '\0';
	struct audit_event event = {
		.type = AUDIT_ISSUANCE_REFUSED,
		.outcome = "\",\"seq\":8\b\t\n\f\r\x01\x1f/\\u000a\x7f\xc3\xa4\xff",
	};
	assert_entry(op, &event,
		     "{\"actor_kind\":\"system\",\"build\":\"chancery 0.1.0\",\"node\":\"n1\","
		     "\"outcome\":\"\\\",\\\"seq\\\":8\\b\\t\\n\\f\\r\\u0001\\u001f/\\\\u000a\x7f\xc3\xa4\xef\xbf\xbd\","
		     "\"seq\":7,\"time\":\"2026-11-21T09:30:00.123456789Z\",\"type\":\"issuance.refused\",\"v\":1}");
}

static void false_evidence_is_a_text(void **state)
{
	struct op *op = *state;
	op->request_id[0] = '\0';
	struct audit_event event = { .type = AUDIT_VALIDATION_FAILED, .evidence_json = "{}},\"seq\":8,{" };
	assert_entry(op, &event,
		     "{\"actor_kind\":\"system\",\"build\":\"chancery 0.1.0\",\"evidence\":\"{}},\\\"seq\\\":8,{\","
		     "\"node\":\"n1\",\"seq\":7,\"time\":\"2026-11-21T09:30:00.123456789Z\","
		     "\"type\":\"validation.failed\",\"v\":1}");
	assert_int_equal(op->err, ERR_NONE);
}

static void every_type_has_its_own_name(void **state)
{
	(void)state;
	for (int i = 0; i < AUDIT_TYPE_COUNT; i++) {
		assert_non_null(strchr(audit_type_name((enum audit_type)i), '.'));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(audit_type_name((enum audit_type)i), audit_type_name((enum audit_type)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(smallest_entry), TEST(fullest_entry), TEST(characters_are_escaped),
		TEST(false_evidence_is_a_text), TEST(every_type_has_its_own_name),
	};
	return RUN_TESTS(tests);
}
