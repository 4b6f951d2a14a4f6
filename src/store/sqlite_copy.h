/* Copies of SQLite databases. */
#pragma once

#include "base/op.h"

/*
 * Writes the database in the file `from`, as of one moment and while others
 * write to it, into the new file `to`: durable, readable by its owner only, and
 * one file without a WAL. ERR_MALFORMED: `from` is no database; ERR_CONFLICT: `to`
 * exists. After a failure `to` is gone.
 */
result sqlite_copy(struct op *op, const char *from, const char *to);
