/* The rules of host_name.h, label by label. */
#include "courier/host_name.h"

#include <string.h>

#include "base/text.h"

#define HOST_NAME_MAX_LENGTH 253 /* RFC 1035 section 2.3.4, without the root's dot */
#define LABEL_MAX_LENGTH 63

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *label_refusal(const char *label, size_t n)
{
	if (n == 0)
		return "an empty label";
	if (n > LABEL_MAX_LENGTH)
		return "a label longer than 63 characters";
	if (label[0] == '-' || label[n - 1] == '-')
		return "a label with a hyphen at its end";
	for (size_t i = 0; i < n; i++)
		if (!is_digit(label[i]) && !is_letter(label[i]) && label[i] != '-')
			return "characters that no host name has";
	return NULL;
}

/* 127.0.0.1, 2130706433, 0x7f.1: many a parser takes a name that ends in a number for an IPv4 address. */
static bool is_number(const char *label)
{
	const char *digits = "0123456789";

	if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) {
		digits = "0123456789abcdefABCDEF";
		label += 2;
	}
	return label[strspn(label, digits)] == '\0';
}

const char *host_name_refusal(const char *host)
{
	size_t length = strlen(host);
	const char *label = host;

	if (length == 0)
		return "no host";
	if (length > HOST_NAME_MAX_LENGTH)
		return "a name longer than 253 characters";
	if (host[0] == '[' || strchr(host, ':') != NULL)
		return "an address";
	if (host[length - 1] == '.')
		return "a trailing dot";
	for (;;) {
		size_t n = strcspn(label, ".");
		const char *refusal = label_refusal(label, n);

		if (refusal != NULL)
			return refusal;
		if (label[n] == '\0')
			break;
		label += n + 1;
	}
	if (is_number(label))
		return "an address";
	/* RFC 6761 section 6.3: never a name of somebody else. */
	if (text_equal_nocase(label, "localhost"))
		return "localhost";
	return NULL;
}
