/* Chance enters the program here only. Aborts when the system has none to give. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

void random_bytes(uint8_t *p, size_t n);

/* 128 random bits as base64url text (22 characters): ids of ACME objects. */
#define RANDOM_ID_SIZE 23
void random_id(char id[RANDOM_ID_SIZE]);
