/*
 * RSA moduli that somebody else can factor (row N6). The figures, primes below
 * 752 and 110 rounds of Fermat, are those of Let's Encrypt's goodkey.
 *
 * Lists of Debian's weak keys of 2008 (CVE-2008-0166) are not here: those for
 * 2048 bits and more are large, and no package carries them any longer.
 */
#include "base/openssl_auto.h"
#include "ca/key_check.h"

#define SMALL_PRIMES_BELOW 752
#define FERMAT_ROUNDS 110
#define ROCA_PRIMES_TO 167

static bool is_prime(unsigned n)
{
	for (unsigned d = 2; d * d <= n; d++) {
		if (n % d == 0)
			return false;
	}
	return n >= 2;
}

bool key_has_small_factor(const BIGNUM *n)
{
	for (unsigned p = 2; p < SMALL_PRIMES_BELOW; p++) {
		if (is_prime(p) && BN_mod_word(n, p) == 0)
			return true;
	}
	return false;
}

/* `residue` is a power of 65537 modulo p. */
static bool is_in_subgroup(unsigned residue, unsigned p)
{
	unsigned power = 1;
	do {
		if (power == residue)
			return true;
		power = power * (65537 % p) % p;
	} while (power != 1);
	return false;
}

/*
 * Nemec et al., "The Return of Coppersmith's Attack" (CCS 2017), section 2: the
 * broken generator made primes k * M + 65537^a mod M, M being a primorial, so
 * that the modulus, too, is a power of 65537 modulo every small prime. A random
 * modulus is that for all of them once in about 2^28.
 */
bool key_is_roca(const BIGNUM *n)
{
	for (unsigned p = 3; p <= ROCA_PRIMES_TO; p++) {
		if (is_prime(p) && !is_in_subgroup((unsigned)BN_mod_word(n, p), p))
			return false;
	}
	return true;
}

/* Floor of the square root, by Newton from above. False: out of memory. */
static bool square_root(BIGNUM *root, const BIGNUM *n, BN_CTX *ctx)
{
	AUTO(BIGNUM) *next = BN_new();
	if (next == NULL || BN_one(root) != 1 || BN_lshift(root, root, (BN_num_bits(n) + 1) / 2) != 1)
		return false;
	for (;;) { /* next = (root + n / root) / 2, until it no longer falls */
		if (BN_div(next, NULL, n, root, ctx) != 1 || BN_add(next, next, root) != 1 || BN_rshift1(next, next) != 1)
			return false;
		if (BN_cmp(next, root) >= 0)
			return true;
		BN_swap(next, root);
	}
}

/* Cheap refusals first: squares have few residues, so one number in about 120 costs a root. */
static bool may_be_square(const BIGNUM *n)
{
	static const unsigned moduli[] = { 64, 63, 65, 11 };
	for (size_t i = 0; i < sizeof moduli / sizeof *moduli; i++) {
		unsigned m = moduli[i], residue = (unsigned)BN_mod_word(n, m);
		bool is_residue = false;
		for (unsigned x = 0; x < m && !is_residue; x++)
			is_residue = x * x % m == residue;
		if (!is_residue)
			return false;
	}
	return true;
}

static bool is_square(const BIGNUM *n, BIGNUM *root, BIGNUM *square, BN_CTX *ctx)
{
	if (!may_be_square(n))
		return false;
	if (!square_root(root, n, ctx) || BN_sqr(square, root, ctx) != 1)
		return true; /* cannot tell: treated as weak */
	return BN_cmp(square, n) == 0;
}

/*
 * Fermat: n = a^2 - b^2 with a little above the root of n when the primes are
 * close. From one a to the next, a^2 - n grows by 2a + 1. Anything that fails
 * here counts as weak, because a refusal is the safe answer.
 */
bool key_has_close_primes(const BIGNUM *n)
{
	AUTO(BN_CTX) *ctx = BN_CTX_new();
	AUTO(BIGNUM) *a = BN_new();
	AUTO(BIGNUM) *difference = BN_new();
	AUTO(BIGNUM) *root = BN_new();
	AUTO(BIGNUM) *square = BN_new();
	if (ctx == NULL || a == NULL || difference == NULL || root == NULL || square == NULL)
		return true;
	if (!square_root(a, n, ctx) || BN_sqr(difference, a, ctx) != 1)
		return true;
	if (BN_cmp(difference, n) == 0)
		return true; /* n = p^2 */
	if (BN_add_word(a, 1) != 1 || BN_sqr(difference, a, ctx) != 1 || BN_sub(difference, difference, n) != 1)
		return true;
	for (unsigned round = 0; round < FERMAT_ROUNDS; round++) {
		if (is_square(difference, root, square, ctx))
			return true;
		if (BN_add(difference, difference, a) != 1 || BN_add_word(a, 1) != 1 ||
		    BN_add(difference, difference, a) != 1)
			return true;
	}
	return false;
}
