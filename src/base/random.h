/* Chance enters the program here only. Aborts when the system has none to give. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

void random_bytes(uint8_t *p, size_t n);

/*
 * For what must be different and need not be secret, such as request ids: drawn
 * in advance and kept in memory until they are handed out, once. A process that
 * is forked and does not exec would hand out those of its parent again. At most
 * 1024 bytes.
 */
void random_name_bytes(uint8_t *p, size_t n);

/* 128 random bits as base64url text (22 characters): ids of ACME objects. */
#define RANDOM_ID_SIZE 23
void random_id(char id[RANDOM_ID_SIZE]);
