/* Beginning a new epoch: what a restore, a migration, and a source that was set back do. */
#ifndef SP_STORE_RECORDS_EPOCH_H
#define SP_STORE_RECORDS_EPOCH_H

#include "base/arena.h"

struct sp_write;

/* Begins an epoch above `above` and not below the time, so that it is above the epochs of stores
 * that are not known here, with the next number and an audit entry of `method`, made offline by
 * `command`. `arena` is scratch. */
enum sp_status sp_write_begin_epoch(struct sp_write *write, uint64_t above, const char *command, const char *method,
                                    int64_t now_s, struct sp_arena *arena) SP_MUST_USE;

#endif
