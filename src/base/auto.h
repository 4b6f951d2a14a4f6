/*
 * Cleanup by scope. AUTO(X509) *certificate = NULL; is freed when the scope
 * ends, however it ends; TAKE(certificate) hands the object on and leaves NULL.
 */
#pragma once

#define AUTO_DEFINE(type, free_function)                             \
	static inline void auto_free_##type(type **object)           \
	{                                                            \
		if (*object != NULL)                                 \
			free_function(*object);                      \
	}                                                            \
	struct auto_needs_semicolon_##type

#define AUTO(type) __attribute__((cleanup(auto_free_##type))) type

#define TAKE(pointer)                                   \
	__extension__({                                 \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL;                       \
		taken_;                                 \
	})
