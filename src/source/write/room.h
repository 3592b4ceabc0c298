/* How much room etcd has: it refuses every put once its database has reached its quota, so that
 * nothing could be taken away from anybody any more. The last part of the quota is kept for
 * that. */
#ifndef SP_SOURCE_WRITE_ROOM_H
#define SP_SOURCE_WRITE_ROOM_H

#include "source/shared/state.h"

/* Asks etcd once a second at most, once a minute if it does not tell; the next time at `*due_ms`.
 * Whether there is little room stays as it was if etcd does not tell, as before 3.6. */
void sp_source_measure_room(const struct sp_source_link *link, int64_t *due_ms);

#endif
