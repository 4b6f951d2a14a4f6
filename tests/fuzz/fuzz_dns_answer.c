/* A packet from a resolver: whatever is in it, the answer is bounded and consistent (V41). */
#include "courier/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };
	struct op *op = op_new();

	for (size_t i = 0; i < 2; i++) {
		struct dns_answer answer;

		dns_answer_read(op, (struct bytes){ data, size }, "a.example", types[i], &answer);
		ASSERT((answer.kind == DNS_FOUND) == (answer.n_addresses > 0));
		ASSERT((answer.kind == DNS_MALFORMED) == (answer.why != NULL));
		ASSERT(answer.n_addresses <= 16 && dns_answer_name(&answer) != NULL);
		for (unsigned k = 0; k < answer.n_addresses; k++)
			ASSERT(answer.addresses[k].any.sa_family == (types[i] == DNS_A ? AF_INET : AF_INET6));
	}
	op_free(&op);
	return 0;
}
