/* csrattrs: what it says, byte for byte, and that it is what enrolment takes (E10, E12). */
#include "tests/unit/est_scene.h"

#include <string.h>

#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/der.h"
#include "protocols/est/csr_attributes.h"
#include "tests/fake/x509_maker.h"

#define BIT(kind) IDENTIFIER_BIT(IDENTIFIER_##kind)
#define MAX_ITEMS 16

static const struct bytes oid_password = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07");
static const struct bytes oid_san = BYTES_LITERAL("\x55\x1d\x11");
static const struct bytes oid_template = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3d");
static const struct bytes oid_extension_template = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3e");

/* What a client understands, by the list or by the template. */
struct wishes {
	struct bytes key, parameter; /* OID; whole value: curve or size; empty: none */
	unsigned bits;               /* of the RSA key that stands there for its size */
	struct bytes subject[MAX_ITEMS];
	unsigned n_subject;
	bool has_san, has_password;
	struct bytes signature;
};

static void take_oid(struct bytes oid, struct wishes *out)
{
	if (bytes_equal(oid, oid_password)) {
		assert_false(out->has_password);
		out->has_password = true;
	} else if (bytes_equal(oid, oid_san)) {
		assert_false(out->has_san);
		out->has_san = true;
	} else if (bytes_has_prefix(oid, "\x55\x04")) {
		out->subject[out->n_subject++] = oid;
	} else {
		assert_int_equal(out->signature.n, 0);
		out->signature = oid;
	}
}

static void read_name_template(struct bytes name, struct wishes *out)
{
	struct bytes rdn, attribute, oid;
	while (name.n > 0) {
		assert_true(der_take(&name, DER_SET, &rdn) && der_take(&rdn, DER_SEQUENCE, &attribute) && rdn.n == 0);
		assert_true(der_take(&attribute, DER_OID, &oid) && attribute.n == 0); /* the value is the client's */
		out->subject[out->n_subject++] = oid;
	}
}

static void read_key_template(struct op *op, struct bytes info, struct wishes *out)
{
	struct bytes algorithm, whole = info;
	struct der_value parameter;
	assert_true(der_take(&info, DER_SEQUENCE, &algorithm) && der_take(&algorithm, DER_OID, &out->key));
	if (der_next(&algorithm, &parameter) && parameter.tag != DER_NULL)
		out->parameter = parameter.whole;
	if (info.n == 0)
		return;
	/* As an implicit tag has it, it is a SubjectPublicKeyInfo but for that. */
	struct bytes spki = MAKER_DER(op, DER_SEQUENCE, whole);
	const uint8_t *p = spki.p;
	AUTO(EVP_PKEY) *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	assert_non_null(key);
	out->bits = (unsigned)EVP_PKEY_get_bits(key);
}

static void read_attribute_templates(struct bytes attributes, struct wishes *out)
{
	struct bytes attribute, oid, values, list, extension;
	while (attributes.n > 0) {
		assert_true(der_take(&attributes, DER_SEQUENCE, &attribute) && der_take(&attribute, DER_OID, &oid) &&
			    der_take(&attribute, DER_SET, &values) && attribute.n == 0);
		if (bytes_equal(oid, oid_extension_template)) {
			assert_true(der_take(&values, DER_SEQUENCE, &list) && values.n == 0);
			assert_true(der_take(&list, DER_SEQUENCE, &extension) && list.n == 0);
			assert_true(der_take(&extension, DER_OID, &oid) && extension.n == 0);
			assert_true(bytes_equal(oid, oid_san));
		}
		take_oid(oid, out);
	}
}

static void read_template(struct op *op, struct bytes values, struct wishes *out)
{
	struct bytes template, version, part;
	assert_true(der_take(&values, DER_SEQUENCE, &template) && values.n == 0);
	assert_true(der_take(&template, DER_INTEGER, &version) && bytes_equal(version, BYTES_LITERAL("\0")));
	if (der_take(&template, DER_SEQUENCE, &part))
		read_name_template(part, out);
	assert_true(der_take(&template, DER_CONTEXT_CONSTRUCTED(0), &part));
	read_key_template(op, part, out);
	assert_true(der_take(&template, DER_CONTEXT_CONSTRUCTED(1), &part));
	read_attribute_templates(part, out);
	assert_int_equal(template.n, 0);
}

/* Both at once; the list has one attribute of a key, and one template (E12). */
static void read_both(struct op *op, struct bytes der, struct wishes *list, struct wishes *template)
{
	struct bytes items, attribute, oid, values;
	struct der_value item;
	unsigned n_templates = 0;
	memset(list, 0, sizeof *list);
	memset(template, 0, sizeof *template);
	assert_true(der_is_strict(der) && der_take(&der, DER_SEQUENCE, &items));
	while (der_next(&items, &item)) {
		attribute = item.content;
		if (item.tag == DER_OID) {
			take_oid(item.content, list);
			continue;
		}
		assert_true(item.tag == DER_SEQUENCE && der_take(&attribute, DER_OID, &oid) &&
			    der_take(&attribute, DER_SET, &values) && attribute.n == 0);
		if (bytes_equal(oid, oid_template)) {
			read_template(op, values, template);
			n_templates++;
			continue;
		}
		assert_int_equal(list->key.n, 0);
		list->key = oid;
		list->parameter = values;
	}
	assert_int_equal(n_templates, 1);
	assert_int_equal(items.n, 0);
}

/* The same is asked for in both forms. */
static void check_consistency(const struct wishes *list, const struct wishes *template)
{
	uint64_t bits;
	struct bytes number, size = list->parameter;
	assert_true(bytes_equal(list->key, template->key));
	if (template->bits > 0)
		assert_true(der_take(&size, DER_INTEGER, &number) && der_read_number(number, &bits) && bits == template->bits);
	else
		assert_true(bytes_equal(list->parameter, template->parameter));
	assert_int_equal(list->n_subject, template->n_subject);
	for (unsigned i = 0; i < list->n_subject; i++) {
		assert_true(bytes_equal(list->subject[i], template->subject[i]));
		for (unsigned k = 0; k < i; k++)
			assert_false(bytes_equal(list->subject[i], list->subject[k]));
	}
	assert_int_equal(list->has_san, template->has_san);
	assert_int_equal(list->has_password, template->has_password);
}

static const struct config_profile profiles[] = {
	{ .key_types = { KEY_P256, KEY_RSA2048 }, .n_key_types = 2, .names = BIT(DNS) | BIT(IP), .subject = BIT(CN) | BIT(SERIAL_NUMBER) },
	{ .key_types = { KEY_P384 }, .n_key_types = 1, .names = BIT(DNS),
	  .subject = BIT(C) | BIT(O) | BIT(OU) | BIT(CN) | BIT(SERIAL_NUMBER) },
	{ .key_types = { KEY_ED25519 }, .n_key_types = 1, .names = BIT(URI) },
	{ .key_types = { KEY_RSA2048 }, .n_key_types = 1, .names = BIT(DNS) },
	{ .key_types = { KEY_RSA3072, KEY_P256 }, .n_key_types = 2, .names = BIT(DNS), .subject = BIT(CN) },
	{ .key_types = { KEY_RSA4096 }, .n_key_types = 1, .names = BIT(EMAIL), .subject = BIT(O) },
};
#define N_PROFILES (sizeof profiles / sizeof *profiles)

/* Held against `openssl asn1parse` and RFC 9908's own example when they were written down. */
static void test_golden_E12(void **state)
{
	(void)state;
	static const struct {
		unsigned profile;
		bool needs_binding;
		const char *hex;
	} golden[] = {
		/* ecPublicKey { prime256v1 }, serialNumber, commonName, SAN, ecdsa-with-SHA256, template */
		{ 0, false,
		  "30818d301506072a8648ce3d0201310a06082a8648ce3d030107060355040506035504030603551d1106082a8648ce3d040302305b060b2a"
		  "864886f70d010910023d314c304a0201003012310730050603550405310730050603550403a015301306072a8648ce3d020106082a8648ce"
		  "3d030107a11a3018060b2a864886f70d010910023e3109300730050603551d11" },
		/* challengePassword, ecPublicKey { secp384r1 }, all of a subject, SAN, ecdsa-with-SHA384, template */
		{ 1, true,
		  "3081cc06092a864886f70d010907301206072a8648ce3d0201310706052b810400220603550406060355040a060355040b06035504050603"
		  "5504030603551d1106082a8648ce3d040303308182060b2a864886f70d010910023d31733071020100302d31073005060355040631073005"
		  "060355040a31073005060355040b310730050603550405310730050603550403a012301006072a8648ce3d020106052b81040022a129300d"
		  "06092a864886f70d01090731003018060b2a864886f70d010910023e3109300730050603551d11" },
		/* Ed25519 {}, SAN, template without a subject */
		{ 2, false,
		  "3049300706032b657031000603551d113039060b2a864886f70d010910023d312a3028020100a007300506032b6570a11a3018060b2a8648"
		  "86f70d010910023e3109300730050603551d11" },
	};
	struct op *op = op_new();
	for (unsigned i = 0; i < sizeof golden / sizeof *golden; i++)
		assert_string_equal(bytes_to_hex(op->arena, csr_attributes(op->arena, &profiles[golden[i].profile], golden[i].needs_binding)),
				    golden[i].hex);
	op_free(&op);
}

/* The places of a subject, in its order; accounts of Windows: a UPN stands in the SAN, and a SID is not asked for. */
static void test_accounts_E12(void **state)
{
	(void)state;
	static const struct config_profile account = { .key_types = { KEY_P256 },
						       .n_key_types = 1,
						       .names = BIT(UPN) | BIT(SID),
						       .subject = BIT(C) | BIT(ST) | BIT(L) | BIT(O) };
	struct config_profile sid_only = account;
	static const char last[] = { 6, 8, 7, 10 };
	struct op *op = op_new();
	struct wishes list, template;
	read_both(op, csr_attributes(op->arena, &account, false), &list, &template);
	check_consistency(&list, &template);
	assert_true(list.has_san);
	assert_int_equal(list.n_subject, sizeof last);
	for (unsigned i = 0; i < sizeof last; i++)
		assert_int_equal(list.subject[i].p[2], last[i]);
	sid_only.names = BIT(SID);
	read_both(op, csr_attributes(op->arena, &sid_only, false), &list, &template);
	check_consistency(&list, &template);
	assert_false(list.has_san);
	op_free(&op);
}

static void test_both_forms_say_the_same_E12(void **state)
{
	(void)state;
	static const unsigned sizes[N_PROFILES] = { 0, 0, 0, 2048, 3072, 4096 };
	struct op *op = op_new();
	for (unsigned i = 0; i < 2 * N_PROFILES; i++) {
		struct wishes list, template;
		read_both(op, csr_attributes(op->arena, &profiles[i / 2], i % 2 == 1), &list, &template);
		check_consistency(&list, &template);
		assert_int_equal(template.bits, sizes[i / 2]);
		assert_int_equal(list.has_password, i % 2 == 1);
		assert_true(list.has_san);
	}
	op_free(&op);
}

static struct bytes fetch(struct est_house *h, const char *label)
{
	struct bytes der;
	struct est_answer a = ASSERT_SENT(h, 200, .path = arena_printf(h->op->arena, "%s/csrattrs", label));
	assert_string_equal(a.content_type, "application/csrattrs");
	assert_null(strpbrk(a.body, "\r\n"));
	assert_ok(h->op, bytes_from_base64(h->op, bytes_of_text(a.body), &der));
	return der;
}

/* E10: whoever asks; each label says its own. */
static void test_anybody_may_ask_E10(void **state)
{
	struct est_house *h = *state;
	static const char *const labels[] = { "default", "manual", "both", "open", "bound", "maker", "rooted" };
	for (unsigned i = 0; i < sizeof labels / sizeof *labels; i++) {
		const struct config_est *label = config_est(h->fake->config, labels[i]);
		struct bytes expected = csr_attributes(h->op->arena, config_profile(h->fake->config, label->profile), label->needs_binding);
		assert_true(bytes_equal(fetch(h, labels[i]), expected));
	}
	assert_true(bytes_equal(fetch(h, "default"), fetch(h, "open")));
	assert_false(bytes_equal(fetch(h, "default"), fetch(h, "bound")));
	ASSERT_SENT(h, 200, .path = "csrattrs");
	ASSERT_SENT(h, 405, .path = "csrattrs", .method = HTTP_POST);
	ASSERT_SENT(h, 404, .path = "nolabel/csrattrs");
}

static const char binding_text[] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
static const struct bytes binding = BYTES_LITERAL("0123456789abcdef0123456789abcdef");

/* A key as it is asked for. */
static EVP_PKEY *obey_key(const struct wishes *w)
{
	if (bytes_equal(w->key, BYTES_LITERAL("\x2b\x65\x70")))
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (bytes_equal(w->key, BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")))
		return maker_key(KEY_RSA2048);
	const uint8_t *p = w->parameter.p;
	AUTO(ASN1_OBJECT) *curve = d2i_ASN1_OBJECT(NULL, &p, (long)w->parameter.n);
	return EVP_EC_gen(OBJ_nid2sn(OBJ_obj2nid(curve)));
}

static struct bytes obey_subject(struct op *op, const struct wishes *w)
{
	struct bytes out = BYTES_LITERAL("");
	for (unsigned i = 0; i < w->n_subject; i++) {
		bool is_country = bytes_equal(w->subject[i], BYTES_LITERAL("\x55\x04\x06"));
		struct bytes value = maker_text(op, DER_PRINTABLE_STRING, is_country ? "DE" : "unit-1");
		struct bytes attribute = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, w->subject[i]), value);
		out = MAKER_JOIN(op, out, MAKER_DER(op, DER_SET, attribute));
	}
	return out;
}

/* The request of a client that does what it is told, and nothing else. */
static struct bytes obey(struct op *op, const struct wishes *w)
{
	AUTO(EVP_PKEY) *key = obey_key(w);
	struct bytes password = BYTES_LITERAL(""), extensions = BYTES_LITERAL("");
	if (w->has_password)
		password = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, oid_password),
				     MAKER_DER(op, DER_SET, maker_text(op, DER_PRINTABLE_STRING, binding_text)));
	if (w->has_san)
		extensions = maker_extension_request(op, maker_san(op, MAKER_DER(op, DER_CONTEXT(2), BYTES_LITERAL("unit-1.example"))));
	return maker_request(op, &(struct maker_request){ .key = key,
							  .digest = EVP_PKEY_is_a(key, "ED25519") ? "" : "SHA256",
							  .subject = obey_subject(op, w),
							  .attributes = MAKER_JOIN(op, password, extensions) });
}

/* Profile "device" and the label "open", as the test wants them. */
static struct config_profile *device(struct est_house *h)
{
	return (struct config_profile *)(uintptr_t)config_profile(h->fake->config, "device");
}

static void set_binding(struct est_house *h, bool is_needed)
{
	((struct config_est *)(uintptr_t)config_est(h->fake->config, "open"))->needs_binding = is_needed;
}

/* What it says is taken, in either form. */
static void test_what_is_asked_for_is_taken_E12(void **state)
{
	struct est_house *h = *state;
	struct wishes forms[2];
	for (unsigned i = 0; i < 10; i++) {
		const struct config_profile *like = &profiles[i / 2];
		struct config_profile *profile = device(h);
		memcpy(profile->key_types, like->key_types, sizeof like->key_types);
		profile->n_key_types = like->n_key_types;
		profile->subject = like->subject;
		profile->names = BIT(DNS) | like->names;
		if (profile->key_types[0] == KEY_RSA3072)
			profile->key_types[0] = KEY_RSA2048; /* which the test makes faster */
		set_binding(h, i % 2 == 1);
		read_both(h->op, fetch(h, "open"), &forms[0], &forms[1]);
		for (unsigned f = 0; f < 2; f++)
			ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = obey(h->op, &forms[f]), .exporter = binding);
	}
	assert_int_equal(n_issued(h), 20);
}

static void expect_refusal(struct est_house *h, int status, const struct wishes *w, const char *words)
{
	struct est_answer a = ASSERT_SENT(h, status, .path = "open/simpleenroll", .csr = obey(h->op, w), .exporter = binding);
	if (strstr(a.body, words) == NULL || strstr(a.body, "csrattrs") == NULL)
		fail_msg("\"%s\" does not say \"%s\" and csrattrs", a.body, words);
}

/* What is taken is what it says: other keys, other attributes, no challengePassword are refused, in words that name it. */
static void test_what_is_not_asked_for_is_refused_E12_E5(void **state)
{
	struct est_house *h = *state;
	struct wishes list, honest, w;
	device(h)->n_key_types = 1;
	set_binding(h, true);
	read_both(h->op, fetch(h, "open"), &list, &honest);

	w = honest;
	w.key = BYTES_LITERAL("\x2b\x65\x70");
	expect_refusal(h, 403, &w, "takes no Ed25519 keys");
	w.key = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
	expect_refusal(h, 403, &w, "takes no RSA-2048 keys");
	w = honest;
	w.parameter = BYTES_LITERAL("\x06\x05\x2b\x81\x04\x00\x22");
	expect_refusal(h, 403, &w, "takes no P-384 keys");
	w.parameter = BYTES_LITERAL("\x06\x05\x2b\x81\x04\x00\x23"); /* P-521 */
	expect_refusal(h, 400, &w, "curve");
	w = honest;
	w.has_password = false;
	expect_refusal(h, 403, &w, "challengePassword");
	static const char *const attributes[] = { "\x55\x04\x06", "\x55\x04\x0a", "\x55\x04\x0b", "\x55\x04\x07" };
	for (unsigned i = 0; i < 4; i++) {
		w = honest;
		w.subject[w.n_subject++] = (struct bytes){ (const uint8_t *)attributes[i], 3 };
		expect_refusal(h, 400, &w, "subject");
	}
	device(h)->names = BIT(IP);
	expect_refusal(h, 400, &honest, "a DNS name");
	device(h)->names = BIT(DNS);
	assert_int_equal(n_issued(h), 0);
	ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = obey(h->op, &honest), .exporter = binding);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_E12), cmocka_unit_test(test_accounts_E12),
		cmocka_unit_test(test_both_forms_say_the_same_E12),
		SCENE(test_anybody_may_ask_E10),
		SCENE(test_what_is_asked_for_is_taken_E12),
		SCENE(test_what_is_not_asked_for_is_refused_E12_E5),
	};
	return RUN_SCENES(tests);
}
