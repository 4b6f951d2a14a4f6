/*
 * The curve equation -x^2 + y^2 = 1 + d x^2 y^2 gives x^2 = (y^2 - 1) / (d y^2 + 1):
 * a point with this y exists when that is a square modulo p = 2^255 - 19.
 *
 * The order of a point divides 8 when doubling it three times gives the neutral
 * element; in terms of y alone: y = 1 (order 1), y = -1 (2), y = 0 (4), or y is
 * the y of a point that doubles to y = 0, which is when x^2 = -y^2, so
 * d y^4 + 2 y^2 - 1 = 0 (8).
 */
#include "ca/ed25519_point.h"

#include "base/openssl_auto.h"

static const char prime_hex[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
static const char d_hex[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";

struct field {
	BN_CTX *ctx;
	BIGNUM *p, *d;
	BIGNUM *y, *y2;
	BIGNUM *a, *b; /* scratch */
};

static bool field_open(struct field *field, BN_CTX *ctx, const uint8_t point[ED25519_POINT_SIZE])
{
	uint8_t y[ED25519_POINT_SIZE];
	for (int i = 0; i < ED25519_POINT_SIZE; i++)
		y[i] = point[i];
	y[ED25519_POINT_SIZE - 1] &= 0x7f; /* the highest bit is the sign of x */
	field->ctx = ctx;
	field->p = BN_CTX_get(ctx);
	field->d = BN_CTX_get(ctx);
	field->y = BN_CTX_get(ctx);
	field->y2 = BN_CTX_get(ctx);
	field->a = BN_CTX_get(ctx);
	field->b = BN_CTX_get(ctx); /* NULL when any before it was */
	return field->b != NULL && BN_hex2bn(&field->p, prime_hex) != 0 && BN_hex2bn(&field->d, d_hex) != 0 &&
	       BN_lebin2bn(y, sizeof y, field->y) != NULL && BN_mod_sqr(field->y2, field->y, field->p, ctx) == 1;
}

/* Orders 1, 2 and 4: y^3 = y. Order 8: d y^4 + 2 y^2 = 1. Failing counts as small. */
static bool has_small_order(const struct field *f)
{
	if (BN_mod_mul(f->a, f->y2, f->y, f->p, f->ctx) != 1 || BN_cmp(f->a, f->y) == 0)
		return true;
	return BN_mod_sqr(f->a, f->y2, f->p, f->ctx) != 1 || BN_mod_mul(f->a, f->a, f->d, f->p, f->ctx) != 1 ||
	       BN_mod_add(f->a, f->a, f->y2, f->p, f->ctx) != 1 || BN_mod_add(f->a, f->a, f->y2, f->p, f->ctx) != 1 ||
	       BN_is_one(f->a);
}

/* u / v is a square exactly when u * v is: v^2 is one. */
static bool is_on_curve(const struct field *f)
{
	if (BN_mod_sub(f->a, f->y2, BN_value_one(), f->p, f->ctx) != 1 ||
	    BN_mod_mul(f->b, f->y2, f->d, f->p, f->ctx) != 1 || BN_add_word(f->b, 1) != 1 ||
	    BN_mod_mul(f->a, f->a, f->b, f->p, f->ctx) != 1)
		return false;
	return BN_kronecker(f->a, f->p, f->ctx) == 1;
}

bool ed25519_point_is_fit(const uint8_t point[ED25519_POINT_SIZE])
{
	AUTO(BN_CTX) *ctx = BN_CTX_new();
	struct field field;
	if (ctx == NULL)
		return false;
	BN_CTX_start(ctx);
	bool is_fit = field_open(&field, ctx, point) && BN_cmp(field.y, field.p) < 0 && !has_small_order(&field) &&
		      is_on_curve(&field);
	BN_CTX_end(ctx);
	return is_fit;
}
