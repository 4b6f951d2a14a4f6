/* RFC 8555 section 7.3, A19: who can be told about an account. */
#include "protocols/acme/contact.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "protocols/acme/problem.h"

#define INVALID(op, ...) FAIL_CODE((op), ERR_POLICY, ACME_INVALID_CONTACT, __VA_ARGS__)

#define SCHEME "mailto:"
#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
/* atext of RFC 5322 and the dot, without what RFC 6068 section 2 has escaped ('%', '?', '&', '/' …). */
#define LOCAL_PART ALNUM ".!$'*+-=^_`{|}~"
#define DOMAIN ALNUM ".-"

static result check_address(struct op *op, const char *address)
{
	/* Two rules of section 7.3 by name, so that the client reads which one it broke. */
	if (strchr(address, '?') != NULL)
		return INVALID(op, "a contact must not have header fields (\"?…\")");
	if (strchr(address, ',') != NULL)
		return INVALID(op, "a contact must have exactly one address; send two contacts instead");
	size_t n = strlen(address);
	if (n == 0 || n > LIMIT_CONTACT_BYTES)
		return INVALID(op, "an address in a contact must have 1 to %d bytes", LIMIT_CONTACT_BYTES);
	size_t local_n = strspn(address, LOCAL_PART);
	if (local_n == 0 || address[local_n] != '@')
		return INVALID(op, "a contact must be of the form mailto:name@domain");
	const char *domain = address + local_n + 1;
	size_t domain_n = strspn(domain, DOMAIN);
	if (domain_n == 0 || domain[domain_n] != '\0' || domain[0] == '.' || domain[domain_n - 1] == '.' ||
	    strstr(domain, "..") != NULL)
		return INVALID(op, "the domain of a contact is not a domain name");
	return OK;
}

static result check_contact(struct op *op, const char *uri)
{
	if (uri == NULL)
		return FAIL(op, ERR_MALFORMED, "\"contact\" must be an array of texts");
	if (strncasecmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return FAIL_CODE(op, ERR_POLICY, ACME_UNSUPPORTED_CONTACT, "contacts must be mailto: addresses");
	return check_address(op, uri + strlen(SCHEME));
}

result contacts_parse(struct op *op, const json_t *contacts, const char **json)
{
	struct json_writer w;

	if (json_array_size(contacts) > LIMIT_CONTACTS)
		return INVALID(op, "an account can have at most %d contacts", LIMIT_CONTACTS);
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (size_t i = 0; i < json_array_size(contacts); i++) {
		const char *uri = json_string_value(json_array_get(contacts, i));
		TRY(check_contact(op, uri));
		json_write_text(&w, NULL, uri);
	}
	json_write_array_end(&w);
	json_write_done(&w);
	*json = buf_as_text(&w.buf);
	return OK;
}
