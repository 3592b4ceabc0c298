/* Inside the writer: jobs that are applied in one transaction and committed together (sync/writer.h
 * says what becomes of those that fail). The writer's thread only. */
#ifndef SP_SYNC_BATCH_H
#define SP_SYNC_BATCH_H

#include "sync/writer_state.h"

/* Takes the jobs that wait, as many as one commit should serve, and settles each. Returns how many
 * there were. */
size_t sp_batch_run_next(struct sp_writer *writer);

#endif
