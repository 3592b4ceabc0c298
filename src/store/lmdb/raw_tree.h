/* Inside the store: reads one value of an LMDB file without LMDB, which can only show the newest
 * of the two states that the file holds. Nothing in the file is trusted. */
#ifndef SP_STORE_LMDB_RAW_TREE_H
#define SP_STORE_LMDB_RAW_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct sp_raw_file {
    int fd;
    size_t page_bytes; /* at most SP_RAW_PAGE_MAX */
};

enum { SP_RAW_PAGE_MAX = 32768, SP_RAW_VALUE_MAX = 512 };

/* Reads the value of `key` in the named database `database` of the state whose main database has
 * its root on page `main_root`. SP_ERR_NOT_FOUND: there is none, or it is longer than
 * SP_RAW_VALUE_MAX; SP_ERR_CORRUPT: the pages make no sense; SP_ERR_IO. */
enum sp_status sp_raw_tree_get(const struct sp_raw_file *file, uint64_t main_root, const char *database,
                               const char *key, uint8_t ret_value[static SP_RAW_VALUE_MAX],
                               size_t *ret_size) SP_MUST_USE;

#endif
