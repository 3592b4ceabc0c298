/* How much more can be written to a store: of its map, and of the disk.
 *
 * A store keeps a reserve, so that access can be taken away when everything else has to wait for
 * room. In the map it is what ordinary changes leave alone; on disk its blocks are allocated ahead,
 * beyond the end of the data file, so that no other file can take them. */
#ifndef SP_STORE_LMDB_ROOM_H
#define SP_STORE_LMDB_ROOM_H

#include <stdint.h>

#include "base/status.h"

struct sp_store;
struct sp_view;

struct sp_room {
    uint64_t end_bytes;  /* of the pages that were ever used */
    uint64_t map_bytes;  /* of the map behind them */
    uint64_t free_bytes; /* of the pages before, those that the next write may use */
    uint64_t disk_bytes; /* available on the volume, beside what is allocated ahead */
};

/* Measures it, on a snapshot. SP_ERR_IO. */
enum sp_status sp_view_room(struct sp_view *view, struct sp_room *ret_room) SP_MUST_USE;

/* Has the file system allocate the blocks of the data file up to `end_bytes`, whatever its size.
 * SP_ERR_EXHAUSTED: the volume is full; SP_ERR_UNIMPLEMENTED: this file system cannot;
 * SP_ERR_IO. */
enum sp_status sp_store_allocate_ahead(struct sp_store *store, uint64_t end_bytes) SP_MUST_USE;

#endif
