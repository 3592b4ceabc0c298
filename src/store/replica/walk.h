/* The three spaces of records of a store, walked. */
#ifndef SP_STORE_REPLICA_WALK_H
#define SP_STORE_REPLICA_WALK_H

#include "store/records/journal.h"

struct sp_view;

/* Visits the records of a space in the order of their keys, beginning after `after` (size 0:
 * with the first). The visitor returns as that of sp_entity_walk does; key and value are
 * borrowed, the key for the visit only. */
typedef enum sp_status sp_replica_visit(void *context, struct sp_bytes key, struct sp_bytes value);
enum sp_status sp_replica_walk(struct sp_view *view, enum sp_replica_space space, struct sp_bytes after,
                               sp_replica_visit *visit, void *context) SP_MUST_USE;

#endif
