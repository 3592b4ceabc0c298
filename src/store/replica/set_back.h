/* After the source went back behind a store, which means that it was restored from a backup: its
 * revisions of before are assigned a second time until a new epoch begins. Meta "set_back" keeps
 * the newest of them, so that restarts do not forget it, and so that decision servers know. */
#ifndef SP_STORE_REPLICA_SET_BACK_H
#define SP_STORE_REPLICA_SET_BACK_H

#include "store/records/head.h"

struct sp_write;

/* Notes that the store had `had` before the source went back. *ret_newest: the newest that is
 * noted, which may be of an earlier time that it went back. SP_ERR_CORRUPT. */
enum sp_status sp_replica_note_set_back(struct sp_write *write, struct sp_revision had,
                                        struct sp_revision *ret_newest) SP_MUST_USE;

/* The newest revision that the store had before the source went back, unless an epoch above its own
 * has begun since; otherwise zero. SP_ERR_CORRUPT. */
enum sp_status sp_view_set_back(struct sp_view *view, struct sp_revision *ret_newest) SP_MUST_USE;

#endif
