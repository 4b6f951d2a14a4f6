/*
 * The decoder of RFC 3492 section 6.2 without its output: which code point comes
 * next does not depend on where the earlier ones went, so counting them is
 * enough to find overflow and code points that cannot be.
 */
#include "ca/punycode.h"

/* Section 5: parameter values for Punycode. */
enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, INITIAL_BIAS = 72, INITIAL_N = 0x80 };

#define CODE_POINT_MAX 0x10ffff
/* A label has at most 59 octets after "xn--": every honest delta stays far below. */
#define DELTA_MAX ((uint64_t)CODE_POINT_MAX * 64)

static int digit_value(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '0' && c <= '9')
		return c - '0' + 26;
	return -1;
}

/* Section 6.1. */
static unsigned adapt(uint64_t delta, unsigned n_points, bool is_first)
{
	unsigned k = 0;
	delta = is_first ? delta / DAMP : delta / 2;
	delta += delta / n_points;
	for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (unsigned)((BASE - TMIN + 1) * delta / (delta + SKEW));
}

/* Section 3.3: a generalized variable-length integer, least significant digit first. */
static bool take_delta(struct bytes *in, unsigned bias, uint64_t *out)
{
	uint64_t weight = 1;
	*out = 0;
	for (unsigned k = BASE;; k += BASE) {
		if (in->n == 0)
			return false;
		int digit = digit_value(in->p[0]);
		in->p++;
		in->n--;
		if (digit < 0)
			return false;
		unsigned threshold = k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
		*out += (uint64_t)digit * weight;
		if (*out > DELTA_MAX)
			return false;
		if ((unsigned)digit < threshold)
			return true;
		weight *= BASE - threshold;
		if (weight > DELTA_MAX)
			return false;
	}
}

static bool is_character(uint64_t code_point)
{
	bool is_control = code_point < 0xa0;
	bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
	return !is_control && !is_surrogate && code_point <= CODE_POINT_MAX;
}

bool punycode_is_valid(struct bytes text)
{
	/* What stands before the last hyphen are the ASCII characters, as they are. */
	size_t n_ascii = text.n;
	while (n_ascii > 0 && text.p[n_ascii - 1] != '-')
		n_ascii--;
	struct bytes rest = { text.p + n_ascii, text.n - n_ascii };
	if (n_ascii == 1 || rest.n == 0) /* a delimiter with nothing before it, or nothing but ASCII */
		return false;

	unsigned n_points = n_ascii == 0 ? 0 : (unsigned)n_ascii - 1;
	unsigned bias = INITIAL_BIAS;
	uint64_t n = INITIAL_N, i = 0;
	for (bool is_first = true; rest.n > 0; is_first = false) {
		uint64_t delta;
		if (!take_delta(&rest, bias, &delta))
			return false;
		n_points++;
		bias = adapt(delta, n_points, is_first);
		i += delta;
		n += i / n_points;
		i = i % n_points + 1;
		if (!is_character(n))
			return false;
	}
	return true;
}
