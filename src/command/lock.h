/*
 * DIR/lock: held by the server for its life, or by a command that changes
 * something while no server runs. Two writers on one folder would each take the
 * other's intents for its own.
 */
#pragma once

#include "base/op.h"

/* ERR_BUSY when another process holds it. *fd stays open as long as it is held. */
result lock_take(struct op *op, const char *dir, int *fd);
