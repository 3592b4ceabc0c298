/* A scratch copy of a store, as it is and as a change leaves it. The original is only read. A copy
 * of a store that follows etcd follows nothing. One thread. */
#ifndef SP_TRIAL_SCRATCH_H
#define SP_TRIAL_SCRATCH_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "store/lmdb/view.h"
#include "store/records/head.h"
#include "trial/state.h"

struct sp_trial_scratch;

/* Copies the store in a folder, which may be in use, or if `store` is NULL a backup. Questions
 * about the copy are asked of any time, also of one before its last change. Statuses and messages
 * are those of opening and backing up a store, and of reading a backup. */
enum sp_status sp_trial_scratch_open(const char *store, const char *backup, struct sp_trial_scratch **ret_scratch,
                                     struct sp_error *error) SP_MUST_USE;

/* Closes and removes it. NULL is allowed. */
void sp_trial_scratch_close(struct sp_trial_scratch *scratch);

/* Calls a method of the admin API that reads or changes, with the key of an operator without limits
 * who comes with the copy, or with `key`. It sees and makes the change. The reply, which may hold a
 * secret, is in the arena. What is refused, and its message, are the server's. */
enum sp_status sp_trial_scratch_call(struct sp_trial_scratch *scratch, const char *key, const char *method,
                                     const ProtobufCMessage *request, struct sp_arena *arena,
                                     ProtobufCMessage **ret_reply, struct sp_error *error) SP_MUST_USE;

/* Ends the change: no calls are made any more, and both states can be read until it is closed.
 * SP_ERR_EXHAUSTED: the change does not fit into the map; SP_ERR_IO. */
enum sp_status sp_trial_scratch_finish(struct sp_trial_scratch *scratch, struct sp_error *error) SP_MUST_USE;

/* The two states, once it is finished. */
struct sp_view *sp_trial_scratch_view(struct sp_trial_scratch *scratch, enum sp_trial_state state);

/* That of the original. */
struct sp_revision sp_trial_scratch_revision(const struct sp_trial_scratch *scratch);

#endif
