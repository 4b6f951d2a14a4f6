/* Payloads of newOrder and newAccount: accepted names are canonical and sorted, accepted contacts can be read again. */
#include "base/json.h"
#include "base/limits.h"
#include "protocols/acme/contact.h"
#include "protocols/acme/new_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_order(struct op *op, struct bytes payload)
{
	struct new_order order;

	if (new_order_parse(op, payload, &order).err != ERR_NONE)
		return;
	ASSERT(order.n + order.n_refused > 0 && order.n <= LIMIT_ORDER_IDENTIFIERS);
	for (unsigned i = 0; i < order.n; i++) {
		struct identifier again;
		result r = identifier_dns(op, bytes_of_text(order.identifiers[i].value), false, &again);
		ASSERT(r.err == ERR_NONE && identifier_equal(&again, &order.identifiers[i]));
		ASSERT(i == 0 || !identifier_equal(&order.identifiers[i - 1], &order.identifiers[i]));
	}
	if (order.n_refused > 0)
		acme_problem_json(op, ACME_COMPOUND, 400, "refused", order.refused, order.n_refused);
}

static void use_account(struct op *op, struct bytes payload)
{
	AUTO(json_t) *object = NULL, *again = NULL;
	const json_t *contacts;
	const char *json;

	if (json_parse_object(op, payload, "payload", &object).err != ERR_NONE ||
	    json_maybe_array(op, object, "contact", &contacts).err != ERR_NONE ||
	    contacts_parse(op, contacts, &json).err != ERR_NONE)
		return;
	result r = json_parse(op, bytes_of_text(json), "stored contacts", &again);
	ASSERT(r.err == ERR_NONE && json_array_size(again) == json_array_size(contacts));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();

	use_order(op, (struct bytes){ data, size });
	op_clear_failure(op);
	use_account(op, (struct bytes){ data, size });
	op_free(&op);
	return 0;
}
