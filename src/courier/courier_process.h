/* The courier process without its process: for tests, which bring a socket and a configuration of their own. */
#pragma once

#include "courier/probe.h"

/* Serves the socket until its other end closes (OK). Takes it. Fails when the configuration cannot be used. */
result courier_serve(struct op *op, int own_fd, const struct config *config, const struct courier_tuning *tuning);
