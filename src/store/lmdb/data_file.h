/* Inside the store: what the first pages of an LMDB data file say, read before LMDB maps it.
 *
 * LMDB trusts its two meta pages: one flipped bit in either can bring back the state before the
 * last commit, or make it read past the file's end. Each commit writes the meta page that the
 * one before did not, so their transaction ids always differ by one; and the head of either state
 * holds the id of its transaction. */
#ifndef SP_STORE_LMDB_DATA_FILE_H
#define SP_STORE_LMDB_DATA_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct sp_data_file {
    uint64_t file_bytes;
    uint64_t page_bytes;
    uint64_t used_pages;     /* of the newest state, also those that were never written */
    uint64_t map_bytes;      /* as the newest state has it */
    uint64_t transaction_id; /* of the newest state */
};

/* Reads and checks `folder`/data.mdb. `accept_altered`: also if its meta pages do not fit each
 * other or the states that they lead to. SP_ERR_NOT_FOUND: there is none, or it is empty;
 * SP_ERR_PRECONDITION: LMDB 1.0 or a development version wrote it; SP_ERR_CORRUPT: it is no LMDB
 * file, is damaged or is cut off; SP_ERR_IO. Any process may commit meanwhile. */
enum sp_status sp_data_file_read(const char *folder, bool accept_altered, struct sp_data_file *ret_file,
                                 struct sp_error *error) SP_MUST_USE;

#endif
