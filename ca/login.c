/* Names, realms and H(A1). */
#include "ca/login.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"

bool login_is_user_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@";
	size_t n = strlen(name);
	return n > 0 && n <= LIMIT_USER_NAME && strspn(name, allowed) == n && !text_equal(name, "token");
}

const char *login_realm(struct arena *arena, const char *door, const char *endpoint)
{
	return arena_printf(arena, "%s %s", door, endpoint);
}

void login_digest_ha1(const char *user, const char *realm, struct bytes password, uint8_t ha1[SHA256_SIZE])
{
	const struct bytes colon = BYTES_LITERAL(":");
	const struct bytes parts[] = { bytes_of_text(user), colon, bytes_of_text(realm), colon, password };
	bytes_sha256_parts(parts, 5, ha1);
}
